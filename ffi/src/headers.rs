//! Headers in the form in which C reads them.

use http::HeaderValue;
use std::ffi::{CStr, CString};

/// A block of headers and a body, each followed by a NUL; and single values.
#[derive(Default)]
pub(crate) struct HeaderTexts {
    block: Vec<u8>,
    body: Vec<u8>,
    values: Vec<(String, CString)>,
}

impl HeaderTexts {
    pub(crate) fn new<'a, N: AsRef<str>>(
        headers: impl IntoIterator<Item = (N, &'a HeaderValue)>,
        body: &[u8],
    ) -> Self {
        let mut texts = Self { body: body.to_vec(), ..Self::default() };
        for (name, value) in headers {
            let name = name.as_ref();
            texts.block.extend_from_slice(name.as_bytes());
            texts.block.extend_from_slice(b": ");
            texts.block.extend_from_slice(value.as_bytes());
            texts.block.extend_from_slice(b"\r\n");
            // A header's value cannot contain a NUL.
            texts.values.push((name.to_owned(), CString::new(value.as_bytes()).unwrap_or_default()));
        }
        texts.block.push(0);
        texts.body.push(0);
        texts
    }

    pub(crate) fn block(&self) -> (*const u8, usize) {
        without_nul(&self.block)
    }

    pub(crate) fn body(&self) -> (*const u8, usize) {
        without_nul(&self.body)
    }

    /// The `index`th value of a header.
    pub(crate) fn value(&self, name: &str, index: usize) -> Option<&CStr> {
        let mut found = self.values.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.nth(index).map(|(_, value)| &**value)
    }
}

/// Appends a NUL. Text from peers may contain NULs itself; then only its length says where it ends.
pub(crate) fn with_nul(bytes: &[u8]) -> Box<[u8]> {
    [bytes, &[0]].concat().into()
}

/// The pointer and length that C gets: the length does not include the NUL at the end.
pub(crate) fn without_nul(bytes: &[u8]) -> (*const u8, usize) {
    if bytes.is_empty() { (c"".as_ptr().cast(), 0) } else { (bytes.as_ptr(), bytes.len() - 1) }
}
