//! A peer's certificate, and the parts of it that programs look at.
//!
//! The TLS library has verified it, or was told not to. Parts that cannot be read are missing, which is not an error.

use super::der::{INTEGER, OCTET_STRING, OID, Reader, SEQUENCE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;
use std::net::IpAddr;

/// `2.5.29.17` and `2.5.4.3` (RFC 5280 4.2.1.6, appendix A).
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SET: u8 = 0x31;
const BOOLEAN: u8 = 0x01;
/// How a pin begins, as in curl's `--pinnedpubkey`.
pub(super) const PIN: &str = "sha256//";

/// A certificate (X.509).
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
/// let certificate = info.peer_certificate().expect("servers show one");
/// // For TlsConnectorBuilder::pinned_key.
/// assert!(certificate.public_key_pin().starts_with("sha256//"));
/// # serving.join().unwrap();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
}

impl Certificate {
    pub(super) fn from_der(der: Vec<u8>) -> Self {
        Self { der }
    }

    /// All of it in DER form.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The common name of its subject. Empty if it has none.
    #[must_use]
    pub fn common_name(&self) -> String {
        Fields::of(&self.der).and_then(|fields| common_name(fields.subject)).unwrap_or_default()
    }

    /// The names that it is for (RFC 5280 4.2.1.6): DNS names, IP addresses, mail addresses and URIs, in its order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        alternative_names(&self.der).unwrap_or_default()
    }

    /// Its public key in the form that [`pinned_key`](super::TlsConnectorBuilder::pinned_key) takes: `sha256//` and the
    /// SHA-256 of its SubjectPublicKeyInfo in Base64.
    #[must_use]
    pub fn public_key_pin(&self) -> String {
        let key = Fields::of(&self.der).map_or(&[][..], |fields| fields.public_key);
        format!("{PIN}{}", STANDARD.encode(Sha256::digest(key)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("common_name", &self.common_name())
            .field("names", &self.names())
            .finish_non_exhaustive()
    }
}

/// Whether a certificate names itself as its issuer.
#[cfg(feature = "rustls")]
pub(super) fn is_self_issued(der: &[u8]) -> bool {
    Fields::of(der).is_some_and(|fields| fields.issuer == fields.subject)
}

/// Fields of a certificate, each as a whole element (RFC 5280 4.1).
struct Fields<'a> {
    #[cfg(feature = "rustls")]
    issuer: &'a [u8],
    subject: &'a [u8],
    public_key: &'a [u8],
    extensions: Option<Reader<'a>>,
}

impl<'a> Fields<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
        // The version, which has a default.
        fields.next_if(0xa0);
        fields.next_if(INTEGER)?;
        fields.next_if(SEQUENCE)?;
        let _issuer = fields.next_if(SEQUENCE)?.whole;
        fields.next_if(SEQUENCE)?;
        let subject = fields.next_if(SEQUENCE)?.whole;
        let public_key = fields.next_if(SEQUENCE)?.whole;
        // Unique identifiers, of old.
        fields.next_if(0x81);
        fields.next_if(0x82);
        let extensions = fields.enter(0xa3).and_then(|mut inside| inside.enter(SEQUENCE));
        Some(Self {
            #[cfg(feature = "rustls")]
            issuer: _issuer,
            subject,
            public_key,
            extensions,
        })
    }
}

fn common_name(subject: &[u8]) -> Option<String> {
    let mut names = Reader::new(subject).enter(SEQUENCE)?;
    let mut found = None;
    while let Some(mut set) = names.enter(SET) {
        while let Some(mut pair) = set.enter(SEQUENCE) {
            if pair.next_if(OID)?.content == COMMON_NAME {
                // The last one is the most specific.
                found = pair.next().map(|value| String::from_utf8_lossy(value.content).into_owned());
            }
        }
    }
    found
}

fn alternative_names(der: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Fields::of(der)?.extensions?;
    while let Some(mut extension) = extensions.enter(SEQUENCE) {
        if extension.next_if(OID)?.content != SUBJECT_ALT_NAME {
            continue;
        }
        extension.next_if(BOOLEAN);
        let mut names = Reader::new(extension.next_if(OCTET_STRING)?.content).enter(SEQUENCE)?;
        let mut found = Vec::new();
        while let Some(name) = names.next() {
            match name.tag {
                // With a control character, one name could pose as several where names are listed.
                0x81 | 0x82 | 0x86 if name.content.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                    found.push(String::from_utf8_lossy(name.content).into_owned());
                }
                0x87 => found.extend(address(name.content).map(|address| address.to_string())),
                _ => {}
            }
        }
        return Some(found);
    }
    None
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "An organisation");
        params.distinguished_name.push(rcgen::DnType::CommonName, "Some one");
        let key = rcgen::KeyPair::generate().unwrap();
        Certificate::from_der(params.self_signed(&key).unwrap().der().to_vec())
    }

    #[test]
    fn names_and_key_are_found() {
        let names = ["example.com", "*.example.com", "127.0.0.1", "::1"];
        let certificate = certificate(&names);
        assert_eq!(certificate.names(), names);
        assert_eq!(certificate.common_name(), "Some one");
        let pin = certificate.public_key_pin();
        assert_eq!(STANDARD.decode(pin.strip_prefix(PIN).unwrap()).unwrap().len(), 32);
        assert_ne!(pin, super::tests::certificate(&names).public_key_pin());
    }

    #[test]
    fn names_with_control_characters_are_left_out() {
        let uri = rcgen::SanType::URI("x:\nadmin.example.com".try_into().unwrap());
        let mut params = rcgen::CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
        params.subject_alt_names.push(uri);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = Certificate::from_der(params.self_signed(&key).unwrap().der().to_vec());
        assert_eq!(certificate.names(), ["example.com"]);
    }

    #[test]
    fn what_is_cut_off_or_changed_is_missing() {
        let whole = certificate(&["example.com"]);
        for len in 0..whole.der.len() {
            let cut = Certificate::from_der(whole.der[..len].to_vec());
            assert!(cut.names().is_empty() && cut.common_name().is_empty());
        }
        for at in 0..whole.der.len() {
            for value in [0, 0x30, 0x80, 0xff] {
                let mut der = whole.der.clone();
                der[at] = value;
                let changed = Certificate::from_der(der);
                let _ = (changed.names(), changed.common_name(), changed.public_key_pin());
            }
        }
    }
}
