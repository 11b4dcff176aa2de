# `ssh -D` as a SOCKS proxy for SOCKS5, 4 and 4a, in front of an sshd of its own, which connects to the targets. The two talk
# over pipes, with keys that are made here.
set -eu
cd @DIR@
for key in host user; do
    ssh-keygen -q -t ed25519 -N '' -f "$key"
done
exec ssh -N -D 127.0.0.1:@PORT@ -F none -i @DIR@/user -l "$(id -un)" \
    -o IdentitiesOnly=yes -o BatchMode=yes -o ExitOnForwardFailure=yes \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=@DIR@/known_hosts \
    -o ProxyCommand='/usr/sbin/sshd -i -e -f none -h @DIR@/host -o UsePAM=no -o StrictModes=no \
        -o PidFile=none -o AuthorizedKeysFile=@DIR@/user.pub' localhost
