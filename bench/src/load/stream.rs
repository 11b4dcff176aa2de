//! A connection to the server that is measured, plain or TLS.

use native_tls::{Certificate, TlsConnector, TlsStream};
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// How long a server may take for anything before it counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to localhost; speaks TLS if there is a certificate to trust.
pub(crate) fn connect(port: u16, certificate: Option<&Path>) -> io::Result<Stream> {
    let tcp = TcpStream::connect(("127.0.0.1", port))?;
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let Some(path) = certificate else { return Ok(Stream::Plain(tcp)) };
    let certificate = Certificate::from_pem(&fs::read(path)?).map_err(io::Error::other)?;
    let connector = TlsConnector::builder().add_root_certificate(certificate).build().map_err(io::Error::other)?;
    let tls = connector.connect("localhost", tcp).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Stream::Tls(Box::new(tls)))
}

impl Stream {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => tls.get_ref(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
