//! Why something is no PEM that can be used.

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

/// Says what `bytes` is if there is no block of what is wanted in it.
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
    bytes.split(|&byte| byte == b'\n').filter_map(|line| {
        let label = line.trim_ascii().strip_prefix(b"-----BEGIN ")?;
        std::str::from_utf8(label).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
