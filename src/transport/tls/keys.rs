//! Private keys: PKCS#1 and SEC1, the older forms, are put into the envelope of PKCS#8 (RFC 5208), which every library
//! takes.

use super::der::{INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, element};
use super::pem::{Block, KEY, blocks, complaint};

/// rsaEncryption (RFC 8017 A.1), and the NULL that goes with it.
const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
/// id-ecPublicKey (RFC 5480 2.1.1).
const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// The tag of the curve in a key of SEC1 (RFC 5915 3).
const CURVE: u8 = 0xa0;

/// The first private key of a PEM text, as PKCS#8 in DER; or what is wrong with the text.
pub(super) fn pkcs8(pem: &[u8]) -> Result<Vec<u8>, String> {
    if let Some(complaint) = complaint(pem, KEY) {
        return Err(complaint);
    }
    let blocks = blocks(pem);
    let key = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY"));
    let Some(key) = key else { return Err("it is damaged".to_owned()) };
    if key.is_encrypted || key.label.starts_with("ENCRYPTED") {
        return Err("it is encrypted; decrypt it with: openssl pkey -in KEY".to_owned());
    }
    let damaged = || "it is damaged".to_owned();
    let der =
        key.der.as_deref().and_then(|der| Some(Reader::new(der).next_if(SEQUENCE)?.whole)).ok_or_else(damaged)?;
    match key.label {
        "PRIVATE KEY" => Ok(der.to_vec()),
        "RSA PRIVATE KEY" => Ok(envelope(RSA, der)),
        "EC PRIVATE KEY" => sec1(der, &blocks).ok_or_else(damaged),
        label => Err(format!(
            "it is a {}, which is no form that can be used; convert it with: openssl pkcs8 -topk8 -nodes -in KEY",
            label.to_lowercase()
        )),
    }
}

/// A key of SEC1. Its curve is in it, or in a block before it.
fn sec1(key: &[u8], blocks: &[Block<'_>]) -> Option<Vec<u8>> {
    let mut fields = Reader::new(key).enter(SEQUENCE)?;
    fields.next_if(INTEGER)?;
    fields.next_if(OCTET_STRING)?;
    let own = fields.enter(CURVE).and_then(|mut curve| Some(curve.next_if(OID)?.whole.to_vec()));
    let beside = || {
        let parameters = blocks.iter().find(|block| block.label == "EC PARAMETERS")?.der.as_deref()?;
        Some(Reader::new(parameters).next_if(OID)?.whole.to_vec())
    };
    Some(envelope(&[EC, &own.or_else(beside)?].concat(), key))
}

fn envelope(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let version = element(INTEGER, &[&[0]]);
    let algorithm = element(SEQUENCE, &[algorithm]);
    element(SEQUENCE, &[&version, &algorithm, &element(OCTET_STRING, &[key])])
}
