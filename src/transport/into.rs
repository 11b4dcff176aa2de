//! Conversion of sockets into transports.

use super::{SocketTransport, TcpOptions, Transport};
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// What can be converted into a [`Transport`]: every transport, and the connected stream sockets of [`std`].
pub trait IntoTransport {
    /// Converts `self`. `tcp` is applied to TCP sockets and ignored otherwise.
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
