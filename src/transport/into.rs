//! What a connection can be opened over.

use super::{SocketTransport, TcpOptions, Transport};
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// What can be made a [`Transport`]: every transport, and the connected sockets of [`std`].
pub trait IntoTransport {
    /// Makes the transport; TCP sockets are set up with `tcp`.
    ///
    /// # Errors
    ///
    /// When a socket option cannot be set.
    fn into_transport(self, tcp: &TcpOptions) -> io::Result<Box<dyn Transport>>;
}

impl<T: Transport + 'static> IntoTransport for T {
    fn into_transport(self, _: &TcpOptions) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(self))
    }
}

impl IntoTransport for TcpStream {
    fn into_transport(self, tcp: &TcpOptions) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(SocketTransport::tcp(self, tcp)?))
    }
}

impl IntoTransport for UnixStream {
    fn into_transport(self, _: &TcpOptions) -> io::Result<Box<dyn Transport>> {
        Ok(Box::new(SocketTransport::unix(self)?))
    }
}
