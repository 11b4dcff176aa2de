//! The few lines of DER (X.690) that are needed to find a public key in a certificate and to put a private key into
//! another envelope.
//!
//! Lengths are checked against what is there; nothing is allocated by them.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// Reads one element after another.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element. `None` at the end, and if what follows is none.
    pub(super) fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut len = usize::from(first);
        if first >= 0x80 {
            let bytes = usize::from(first & 0x7f);
            if !(1..=4).contains(&bytes) || bytes > rest.len() {
                return None;
            }
            let (digits, after) = rest.split_at(bytes);
            len = digits.iter().fold(0, |len, &digit| len << 8 | usize::from(digit));
            rest = after;
        }
        let content = rest.get(..len)?;
        let whole = &self.0[..self.0.len() - rest.len() + len];
        self.0 = &rest[len..];
        Some(Element { tag, content, whole })
    }

    /// The next element if it has this tag; otherwise nothing is read.
    pub(super) fn next_if(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element)
    }

    /// What is inside the next element, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.next_if(tag).map(|element| Self(element.content))
    }
}

/// An element made of these parts.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut made = vec![tag];
    let digits = len.to_be_bytes();
    let significant = &digits[digits.iter().position(|&digit| digit != 0).unwrap_or(digits.len())..];
    if len < 0x80 {
        made.push(len as u8);
    } else {
        made.push(0x80 | significant.len() as u8);
        made.extend_from_slice(significant);
    }
    parts.iter().for_each(|part| made.extend_from_slice(part));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let content = vec![7; len];
            let made = element(OCTET_STRING, &[&content[..len / 2], &content[len / 2..]]);
            let mut reader = Reader::new(&made);
            let read = reader.next().unwrap();
            assert!(read.tag == OCTET_STRING && read.content == content && read.whole == made);
            assert!(reader.is_at_end() && reader.next().is_none());
        }
    }

    #[test]
    fn what_is_cut_off_or_claims_too_much_is_nothing() {
        let made = element(SEQUENCE, &[&[7; 300]]);
        (0..made.len()).for_each(|len| assert!(Reader::new(&made[..len]).next().is_none(), "{len}"));
        for bad in [&[0x30, 0x80, 0, 0][..], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0], &[0x30, 0x89, 1, 1, 1, 1]] {
            assert!(Reader::new(bad).next().is_none(), "{bad:x?}");
        }
        let mut reader = Reader::new(&made);
        assert!(reader.next_if(OID).is_none() && reader.next_if(SEQUENCE).is_some());
    }
}
