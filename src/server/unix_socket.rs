//! The file of a listening Unix socket: when it may be replaced, and when it is removed.

use crate::deadline::Deadline;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file of a Unix socket. Removed with the listener, unless another socket has taken its place.
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

/// Keeps other listeners from binding in this directory, so that none mistakes a socket that does not listen yet for a
/// stale one, or removes one that has just replaced a stale one.
struct DirectoryLock(File);

impl DirectoryLock {
    /// `None` if the directory cannot be locked; binding then works without this protection. Listeners hold the lock only
    /// briefly, so a lock that is held for longer belongs to a program that uses it for something else.
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
        // Closing is not enough: a child that was forked meanwhile also has the descriptor.
        let _ = rustix::fs::flock(&self.0, rustix::fs::FlockOperation::Unlock);
    }
}

/// How many clients may wait to be accepted; the system has a limit of its own.
const BACKLOG: i32 = 4096;

/// Binds, and replaces a stale socket file if there is one.
pub(super) fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<(UnixListener, SocketFile)> {
    if path.as_os_str().is_empty() {
        // The system would choose an address without a file, which no client could find.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is empty"));
    }
    let _lock = DirectoryLock::take(path);
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    let file = SocketFile::new(path);
    if let Some(mode) = mode {
        // No client can connect before the socket listens.
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((UnixListener::from(OwnedFd::from(socket)), file))
}

/// Whether the file is a socket, not a link to one, on which nobody listens according to the system. Any other result, as
/// for a full backlog, a datagram socket or a lack of permission, may come from a socket that is in use.
fn is_stale(path: &Path) -> bool {
    let connect = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        && connect().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
