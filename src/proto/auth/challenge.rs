//! Parsing of challenges (RFC 9110 11.6.1).
//!
//! The grammar separates challenges by commas, and their parameters as well: what comes next is a parameter if it is a
//! token followed by `=`, and a new challenge otherwise. Blanks will do for commas, which some devices leave out.
//!
//! A header that breaks the grammar is used as far as it follows it: the challenge in which it breaks, and what comes
//! after that one, are left out. So are values that are not UTF-8.

use crate::proto::handshake::{is_tchar, trim_ows};
use http::header::{HeaderMap, HeaderName};
use std::fmt;

/// What a server or proxy asks for: one challenge of a `WWW-Authenticate` or `Proxy-Authenticate` header.
///
/// `Debug` and `Display` show the scheme only.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    scheme: String,
    token: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The challenges of all headers with this name, in order.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, name: HeaderName) -> Vec<Self> {
        headers.get_all(name).iter().flat_map(|value| Self::parse(value.as_bytes())).collect()
    }

    /// The challenges in the value of one header, in order.
    ///
    /// ```
    /// use landline::proto::auth::Challenge;
    /// let challenges = Challenge::parse(br#"Negotiate YII=, Bearer realm="api", error="expired""#);
    /// assert_eq!(challenges[0].token(), Some("YII="));
    /// assert_eq!(challenges[1].scheme(), "Bearer");
    /// assert_eq!(challenges[1].parameter("error"), Some("expired"));
    /// ```
    #[must_use]
    pub fn parse(value: &[u8]) -> Vec<Self> {
        let mut rest = Rest(value);
        rest.skip_separators();
        std::iter::from_fn(|| rest.challenge()).collect()
    }

    /// The scheme as it was sent, such as `Basic`. It is compared without regard to case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether this is a challenge of the scheme, without regard to case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// What follows the scheme, if that is a single value (`token68`) rather than parameters.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A parameter's value, without quotes. The case of the name does not matter; the first one of that name counts.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut found = self.parameters.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| &**value)
    }

    /// The protection space, if the challenge names one.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.parameter("realm")
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Challenge").field(&self.scheme).finish()
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)
    }
}

/// What is still to be parsed of a header's value.
struct Rest<'a>(&'a [u8]);

/// The header breaks the grammar here.
struct Broken;

impl Rest<'_> {
    /// The next challenge with its parameters; `None` at the end, or if it breaks the grammar.
    fn challenge(&mut self) -> Option<Challenge> {
        let scheme = self.token()?;
        let mut challenge = Challenge { scheme, token: None, parameters: Vec::new() };
        match self.0.first() {
            Some(b' ' | b'\t') => {
                self.skip_blanks();
                challenge.token = self.token68();
            }
            Some(b',') | None => {}
            Some(_) => return None,
        }
        let mut separated = self.skip_separators() || challenge.token.is_none();
        while challenge.token.is_none() && separated {
            let Some(parameter) = self.parameter().ok()? else { break };
            challenge.parameters.push(parameter);
            separated = self.skip_separators();
        }
        (separated || self.0.is_empty()).then_some(challenge)
    }

    /// A value that stands alone after a scheme: a comma or the end follows it.
    fn token68(&mut self) -> Option<String> {
        let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
        let len = self.0.iter().take_while(|byte| is_of_it(byte)).count();
        let padding = self.0[len..].iter().take_while(|byte| **byte == b'=').count();
        let (token, rest) = self.0.split_at(len + padding);
        if len == 0 || !matches!(trim_ows(rest).first(), None | Some(b',')) {
            return None;
        }
        self.0 = rest;
        String::from_utf8(token.to_vec()).ok()
    }

    /// The next parameter, or `None` if something else comes next.
    fn parameter(&mut self) -> Result<Option<(String, String)>, Broken> {
        let start = self.0;
        let name = self.token();
        self.skip_blanks();
        let (Some(name), Some(b'=')) = (name, self.0.first()) else {
            self.0 = start;
            return Ok(None);
        };
        self.0 = &self.0[1..];
        self.skip_blanks();
        let value = match self.0.first() {
            Some(b'"') => self.quoted()?,
            _ => self.token().ok_or(Broken)?,
        };
        Ok(Some((name, value)))
    }

    /// The contents of a quoted string, which begins here.
    fn quoted(&mut self) -> Result<String, Broken> {
        let mut value = Vec::new();
        let mut bytes = self.0[1..].iter();
        loop {
            match bytes.next().ok_or(Broken)? {
                b'"' => break,
                b'\\' => value.push(*bytes.next().ok_or(Broken)?),
                byte => value.push(*byte),
            }
        }
        self.0 = bytes.as_slice();
        String::from_utf8(value).ok().filter(|value| !value.contains(char::is_control)).ok_or(Broken)
    }

    fn token(&mut self) -> Option<String> {
        let len = self.0.iter().take_while(|byte| is_tchar(**byte)).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        String::from_utf8(token.to_vec()).ok().filter(|token| !token.is_empty())
    }

    fn skip_blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Returns whether there was a comma or a blank.
    fn skip_separators(&mut self) -> bool {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b',')) > 0
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) -> usize {
        let len = self.0.iter().take_while(|byte| is_skipped(**byte)).count();
        self.0 = &self.0[len..];
        len
    }
}
