//! Headers to send, with the case of their names preserved.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// Headers to add to a request or a response, in order.
///
/// Names are sent exactly as they were given, because some servers compare them case-sensitively, contrary to RFC 9110
/// 5.1. This library compares them without regard to case. Functions that take these headers also accept a
/// [`HeaderMap`], whose names are all in lower case.
///
/// `Debug` shows only the names, because values may be secret.
///
/// ```
/// use landline::proto::handshake::Headers;
/// let headers = Headers::new().with("appKey", "6f2a")?.with("X-Retry", "1")?;
/// assert_eq!(headers.get("APPKEY").unwrap(), "6f2a");
/// assert_eq!(headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["appKey", "X-Retry"]);
/// # Ok::<(), landline::proto::handshake::HeaderError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<Header>);

#[derive(Clone, PartialEq, Eq)]
struct Header {
    written: Box<str>,
    name: HeaderName,
    value: HeaderValue,
}

impl Headers {
    /// Makes an empty list of headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header. Existing headers of the same name are kept.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] if the name or the value contains bytes that a header cannot contain.
    pub fn append(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let name = name.as_ref();
        let parsed = HeaderName::try_from(name).map_err(|_| HeaderError::Name(name.to_owned()))?;
        let value = HeaderValue::from_bytes(value.as_ref()).map_err(|_| HeaderError::Value(name.to_owned()))?;
        self.0.push(Header { written: name.into(), name: parsed, value });
        Ok(())
    }

    /// Adds a header as [`append`](Self::append) does, and returns the headers, for chained calls.
    ///
    /// # Errors
    ///
    /// As for [`append`](Self::append).
    pub fn with(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<Self, HeaderError> {
        self.append(name, value)?;
        Ok(self)
    }

    /// These headers, and others behind them.
    pub(super) fn followed_by(&self, others: Self) -> Self {
        let mut all = self.clone();
        all.0.extend(others.0);
        all
    }

    /// These headers, except those with one of the names.
    pub(crate) fn without(&self, names: &[HeaderName]) -> Self {
        Self(self.0.iter().filter(|header| !names.contains(&header.name)).cloned().collect())
    }

    /// Iterates over the names, as they were given, and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.0.iter().map(|header| (&*header.written, &header.value))
    }

    /// Returns the first value of a header. The case of `name` does not matter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.0.iter().find(|header| header.name.as_str().eq_ignore_ascii_case(name)).map(|header| &header.value)
    }

    /// The names in lower case, for comparisons.
    pub(in crate::proto) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|header| &header.name)
    }

    /// How many headers have this name.
    pub(in crate::proto) fn count(&self, name: &HeaderName) -> usize {
        self.names().filter(|other| *other == name).count()
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self::from(&map)
    }
}

impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let header = |(name, value): (&HeaderName, &HeaderValue)| Header {
            written: name.as_str().into(),
            name: name.clone(),
            value: value.clone(),
        };
        Self(map.iter().map(header).collect())
    }
}

impl From<&Headers> for Headers {
    fn from(headers: &Headers) -> Self {
        headers.clone()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|header| &header.written)).finish()
    }
}

/// A header that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not a token.
    #[error("{0:?} is not a valid header name")]
    Name(String),
    /// The value of the header with this name contains control characters.
    #[error("the value of header {0} contains characters that are not allowed in a header")]
    Value(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_case_and_are_compared_without_regard_to_it() {
        let mut headers = Headers::new();
        for name in ["appKey", "APPKEY", "X-Other"] {
            headers.append(name, name).expect("a header");
        }
        let names: Vec<&str> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["appKey", "APPKEY", "X-Other"]);
        assert_eq!(headers.count(&HeaderName::from_static("appkey")), 2);
        assert_eq!(headers.get("aPPkEY").expect("there"), "appKey");
        assert_eq!(headers.get("x-none"), None);
        assert_eq!(
            format!("{:?}", headers.clone().with("a", "secret")),
            r#"Ok(["appKey", "APPKEY", "X-Other", "a"])"#
        );
    }

    #[test]
    fn item_6_nothing_in_a_header_can_end_its_line() {
        for name in ["", "a b", "a:", "a\r\nb", "\u{e4}", "a\0"] {
            assert_eq!(Headers::new().append(name, "x"), Err(HeaderError::Name(name.to_owned())));
        }
        for value in ["a\r\nb: c", "\n", "\r", "\0", "\x7f"] {
            assert_eq!(Headers::new().append("a", value), Err(HeaderError::Value("a".to_owned())));
        }
    }
}
