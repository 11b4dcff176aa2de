//! The file of a Unix socket that is listened on: who may bind there, and when it is removed.

use crate::deadline::Deadline;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file of a Unix socket, removed with the listener unless another one has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: Option<(u64, u64)>,
}

impl SocketFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), id: Self::id(path) }
    }

    fn id(path: &Path) -> Option<(u64, u64)> {
        std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
    }

    pub(super) fn remove(&self) {
        if self.id.is_some() && Self::id(&self.path) == self.id {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Keeps other listeners from binding in this directory, so that none takes a socket for dead that does not listen yet,
/// or removes one that has just taken a dead one's place.
struct DirectoryLock(File);

impl DirectoryLock {
    /// `None` where the directory cannot be locked: then only that is missing. Others hold it for moments; whoever
    /// holds it for long does not know what it is for.
    fn take(path: &Path) -> Option<Self> {
        use rustix::fs::{FlockOperation, flock};
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new("."))).ok()?;
        let deadline = Deadline::after(Duration::from_secs(1));
        while let Err(error) = flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            let is_held = [rustix::io::Errno::WOULDBLOCK, rustix::io::Errno::INTR].contains(&error);
            if !is_held || deadline.is_over() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Some(Self(directory))
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // Closing is not enough: a child forked meanwhile has the descriptor, too.
        let _ = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}

/// How many clients may wait to be accepted; the system has a limit of its own.
const BACKLOG: i32 = 4096;

/// Binds, in the place of a socket that nobody listens on any more if there is one.
pub(super) fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    if path.as_os_str().is_empty() {
        // To the system this is any address without a file, which nobody could find.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"));
    }
    let _lock = DirectoryLock::take(path);
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_dead(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    let file = SocketFile::new(path);
    if let Some(mode) = mode {
        // Nobody can connect before it listens.
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((UnixListener::from(OwnedFd::from(socket)), file))
}

/// Whether it is a socket, and no link to one, of which the system says that nobody listens. Any other answer, as for a
/// full backlog, for datagrams or without permission, may be that of a living one.
fn is_dead(path: &Path) -> bool {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        && connect().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
