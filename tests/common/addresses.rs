//! Addresses that refuse connections, or do not answer.

use socket2::{Domain, SockAddr, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address on which nothing listens, reserved while the socket exists.
pub(crate) fn refusing(ip: impl Into<IpAddr>, port: u16) -> std::io::Result<(Socket, SocketAddr)> {
    let addr = SocketAddr::new(ip.into(), port);
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&SockAddr::from(addr))?;
    let addr = socket.local_addr()?.as_socket().unwrap();
    Ok((socket, addr))
}

/// An address that does not answer: its queue is full. The listening socket is the first one.
pub(crate) fn unresponsive() -> (Vec<Socket>, SocketAddr) {
    let (listener, addr) = refusing(Ipv4Addr::LOCALHOST, 0).unwrap();
    listener.listen(0).unwrap();
    let mut sockets = vec![listener];
    for _ in 0..4 {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&addr.into());
        sockets.push(socket);
    }
    (sockets, addr)
}
