//! What is known about TLS on an open connection.

use super::backend::TlsBackend;
use super::certificate::Certificate;
use super::ciphers;
use super::hello::ServerHello;
use std::borrow::Cow;
use std::fmt;

/// A version of TLS that can be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

/// What is known about TLS on an open connection. Returned by [`WebSocket::tls_info`](crate::WebSocket::tls_info) and
/// [`Request::tls_info`](crate::server::Request::tls_info).
///
/// ```
/// # let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
/// # let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
/// # let identity = landline::transport::Identity::from_pem(cert.as_bytes(), key.as_bytes())?;
/// # let listener = landline::Server::builder().tls(identity).listen("127.0.0.1:0")?;
/// # let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
/// # let serving = std::thread::spawn(move || listener.accept().unwrap().accept().unwrap());
/// # let tls = landline::transport::TlsConnector::builder().ca_pem(cert.as_bytes());
/// # let client = landline::Client::builder().tls_options(tls).build()?;
/// let ws = client.connect(&url)?;
/// let info = ws.tls_info().expect("a connection with TLS");
/// assert_eq!(info.version.to_string(), "TLS 1.3");
/// assert_eq!(info.peer_certificate().unwrap().names(), ["localhost"]);
/// # serving.join().unwrap();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The library that does TLS.
    pub backend: TlsBackend,
    /// The version in use.
    pub version: TlsVersion,
    /// The cipher suite in use, with its number in the registry of IANA: [`cipher_suite_name`](Self::cipher_suite_name).
    pub cipher_suite: u16,
    /// The protocol that was chosen by ALPN (RFC 7301): `http/1.1`, or `None` if one of the ends does not use ALPN.
    pub alpn: Option<String>,
    /// Whether a session was resumed, which saves most of the cost of a handshake. The certificates are then those of the
    /// first handshake, and may be missing on a server.
    pub is_resumed: bool,
    /// The peer's certificate, followed by the others that it sent. Empty on a server if the client showed none.
    /// native-tls shows only the first one to a client.
    pub peer_certificates: Vec<Certificate>,
}

impl TlsInfo {
    pub(super) fn new(
        backend: TlsBackend,
        hello: ServerHello,
        alpn: Option<Vec<u8>>,
        certificates: Vec<Vec<u8>>,
    ) -> Self {
        Self {
            backend,
            version: if hello.version >= 0x0304 { TlsVersion::V1_3 } else { TlsVersion::V1_2 },
            cipher_suite: hello.cipher_suite,
            alpn: alpn.map(|name| String::from_utf8_lossy(&name).into_owned()),
            is_resumed: hello.is_resumed,
            peer_certificates: certificates.into_iter().map(Certificate::from_der).collect(),
        }
    }

    /// The peer's certificate. `None` on a server if the client showed none.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<&Certificate> {
        self.peer_certificates.first()
    }

    /// The name of the cipher suite in the registry of IANA, such as `TLS_AES_256_GCM_SHA384`; its number, such as
    /// `0xC0A0`, if it is none of the usual ones.
    #[must_use]
    pub fn cipher_suite_name(&self) -> Cow<'static, str> {
        ciphers::name(self.cipher_suite).map_or_else(|| format!("{:#06X}", self.cipher_suite).into(), Into::into)
    }
}
