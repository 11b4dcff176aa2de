//! PEM: the blocks in a text, and why something cannot be used as PEM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One block of a PEM text.
pub(super) struct Block<'a> {
    /// Such as `CERTIFICATE`.
    pub(super) label: &'a str,
    /// By a header, as keys in the older forms are (RFC 1421 4.6.1.1).
    pub(super) is_encrypted: bool,
    /// What is in it. `None` if it is damaged.
    pub(super) der: Option<Vec<u8>>,
}

/// The blocks of a PEM text. Whatever is between them does not matter (RFC 7468 5.2).
pub(super) fn blocks(text: &[u8]) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    while let Some(line) = lines.next() {
        let Some(label) = label(line, b"-----BEGIN ") else { continue };
        let mut block = Block { label: label.trim_end_matches('-'), is_encrypted: false, der: None };
        let mut base64 = Vec::new();
        for line in lines.by_ref() {
            if line.starts_with(b"-----") {
                block.der =
                    STANDARD.decode(&base64).ok().filter(|_| self::label(line, b"-----END ") == Some(label));
                break;
            }
            if line.contains(&b':') {
                block.is_encrypted |= line.ends_with(b"ENCRYPTED");
            } else {
                base64.extend_from_slice(line);
            }
        }
        blocks.push(block);
    }
    blocks
}

fn label<'a>(line: &'a [u8], before: &[u8]) -> Option<&'a str> {
    std::str::from_utf8(line.strip_prefix(before)?).ok()
}

/// A block with this in it.
pub(super) fn encode(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in STANDARD.encode(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Such as "certificate".
    pub(super) what: &'static str,
    /// The end of its label: `-----BEGIN … CERTIFICATE-----`.
    pub(super) label: &'static str,
    /// Makes PEM of DER.
    pub(super) from_der: &'static str,
}

pub(super) const CERTIFICATE: Wanted =
    Wanted { what: "certificate", label: "CERTIFICATE-----", from_der: "openssl x509 -inform DER -in FILE" };
pub(super) const KEY: Wanted =
    Wanted { what: "private key", label: "PRIVATE KEY-----", from_der: "openssl pkey -inform DER -in FILE" };

/// Says what `bytes` is if the wanted kind of block is not in it.
pub(super) fn complaint(bytes: &[u8], wanted: Wanted) -> Option<String> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Some("it is empty".to_owned());
    }
    let mut others = labels(bytes);
    if labels(bytes).any(|label| label.ends_with(wanted.label)) {
        return None;
    }
    Some(match others.next() {
        Some(label) => {
            format!("there is no {} in it, but a {}", wanted.what, label.trim_end_matches('-').to_lowercase())
        }
        None if is_der(bytes) => {
            format!("it is not in PEM but in DER form; convert it with: {}", wanted.from_der)
        }
        None => format!("there is no {} in PEM form in it", wanted.what),
    })
}

/// DER begins with a SEQUENCE; its length follows, in one byte or in more.
fn is_der(bytes: &[u8]) -> bool {
    matches!(*bytes, [0x30, length, ..] if length >= 0x80 || usize::from(length) == bytes.len() - 2)
}

/// What begins in the text, such as `CERTIFICATE-----`.
pub(super) fn labels(bytes: &[u8]) -> impl Iterator<Item = &str> {
    bytes.split(|&byte| byte == b'\n').filter_map(|line| label(line.trim_ascii(), b"-----BEGIN "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_a_text_are_found() {
        let (one, other) = (encode("CERTIFICATE", &[1; 100]), encode("PRIVATE KEY", &[2]));
        let text = format!("a comment\n{one}another\r\n{}-----BEGIN X-----\nAAAA\n", other.replace('\n', " \r\n"));
        let blocks = blocks(text.as_bytes());
        let found: Vec<_> = blocks.iter().map(|block| (block.label, block.der.as_deref())).collect();
        assert_eq!(found, [("CERTIFICATE", Some(&[1; 100][..])), ("PRIVATE KEY", Some(&[2])), ("X", None)]);
        let damaged = one.replacen('A', "?", 1);
        assert!(super::blocks(damaged.as_bytes())[0].der.is_none());
        let mixed = "-----BEGIN A-----\nAAAA\n-----END B-----\n";
        assert!(super::blocks(mixed.as_bytes())[0].der.is_none());
        let encrypted = "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,0\n\nAAAA\n-----END A-----\n";
        let block = &super::blocks(encrypted.as_bytes())[0];
        assert!(block.is_encrypted && block.der.is_some());
    }

    #[test]
    fn what_is_no_certificate_is_named() {
        for (bytes, told) in [
            (&b""[..], "it is empty"),
            (b" \r\n", "it is empty"),
            (b"hello", "there is no certificate in PEM form in it"),
            (b"\x30\x82\x01\x0a\x30", "it is not in PEM but in DER form; convert it with: openssl x509"),
            (b"-----BEGIN PRIVATE KEY-----\nMII", "there is no certificate in it, but a private key"),
        ] {
            let complaint = complaint(bytes, CERTIFICATE).unwrap();
            assert!(complaint.starts_with(told), "{complaint}");
        }
        for bytes in ["-----BEGIN CERTIFICATE-----\n", "text\n-----BEGIN TRUSTED CERTIFICATE-----\r\nMII"] {
            assert_eq!(complaint(bytes.as_bytes(), CERTIFICATE), None);
        }
    }
}
