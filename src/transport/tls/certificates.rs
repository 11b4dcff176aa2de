//! Certificates in PEM.

use super::der::{Reader, SEQUENCE};
use super::failure::unusable;
use super::pem::{CERTIFICATE, blocks, complaint};
use crate::error::Result;

/// The certificates in a PEM text, at least one, in DER. `name` is how an error calls the text.
pub(super) fn parse_certificates(pem: &[u8], name: &str) -> Result<Vec<Vec<u8>>> {
    if let Some(complaint) = complaint(pem, CERTIFICATE) {
        return Err(unusable(format!("{name} cannot be used: {complaint}")));
    }
    let blocks = blocks(pem).into_iter().filter(|block| block.label.ends_with("CERTIFICATE"));
    let certificates: Option<Vec<_>> = blocks.map(|block| outer(&block.der?)).collect();
    certificates.ok_or_else(|| unusable(format!("{name} cannot be used: it is damaged")))
}

/// The certificate without what OpenSSL's `TRUSTED CERTIFICATE` adds to it.
fn outer(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Reader::new(der).next_if(SEQUENCE)?;
    // To be signed, the algorithm, the signature.
    let mut parts = Reader::new(certificate.content);
    parts.next_if(SEQUENCE)?;
    parts.next_if(SEQUENCE)?;
    parts.next_if(super::der::BIT_STRING)?;
    parts.is_at_end().then(|| certificate.whole.to_vec())
}
