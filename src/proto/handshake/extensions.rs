//! The grammar of the `Sec-WebSocket-Extensions` header (RFC 6455 9.1).
//!
//! In scope: [`parse`] for received headers, [`Extension`] and its `Display` for headers to send. Out of scope: which
//! extensions exist, what their parameters mean, how they are negotiated.
//!
//! The parser goes over the bytes once, without backtracking, so its time is linear in the length of the header for any
//! input.

use std::fmt;

use super::{is_tchar, is_token};

#[cfg(test)]
mod tests;

/// One element of the list: an extension by name, with its parameters in order.
///
/// In a request it is an offer, in a response what was agreed on. Values that [`parse`] returns are always valid.
/// Values built with the functions below are checked when they are written, by
/// [`ClientHandshake::new`](super::ClientHandshake::new) and [`Request::accept`](super::Request::accept).
///
/// ```
/// # use landline::proto::handshake::Extension;
/// let offer = Extension::new("permessage-deflate")
///     .with_flag("client_no_context_takeover")
///     .with_param("server_max_window_bits", "12");
/// assert_eq!(
///     offer.to_string(),
///     "permessage-deflate; client_no_context_takeover; server_max_window_bits=12"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    name: String,
    params: Vec<(String, Option<String>)>,
}

impl Extension {
    /// Makes an extension without parameters.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), params: Vec::new() }
    }

    /// Adds a parameter that has no value.
    #[must_use]
    pub fn with_flag(mut self, name: impl Into<String>) -> Self {
        self.params.push((name.into(), None));
        self
    }

    /// Adds a parameter with a value, which must be a token and is written without quotes.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), Some(value.into())));
        self
    }

    /// The name, with its case preserved.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters in order, including repeated ones. Quotes and escapes have been removed from the values.
    #[must_use]
    pub fn params(&self) -> &[(String, Option<String>)] {
        &self.params
    }

    /// Whether the name and all parameters and values are tokens, so that it can be written.
    pub(super) fn is_valid(&self) -> bool {
        let texts = self.params.iter().flat_map(|(name, value)| [Some(name), value.as_ref()]);
        std::iter::once(&self.name).chain(texts.flatten()).all(|text| is_token(text.as_bytes()))
    }
}

/// Writes the extension as it appears in the header.
impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (name, value) in &self.params {
            match value {
                Some(value) => write!(f, "; {name}={value}")?,
                None => write!(f, "; {name}")?,
            }
        }
        Ok(())
    }
}

/// A `Sec-WebSocket-Extensions` header that breaks the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed sec-websocket-extensions header: {what}")]
pub struct ExtensionError {
    pub(super) what: &'static str,
}

/// Parses all `Sec-WebSocket-Extensions` lines of a head as one list (RFC 6455 9.1).
///
/// Spaces and tabs are allowed around every separator, and elements may be empty, as RFC 9110 5.6.1.2 requires of
/// receivers. A header with only empty elements counts as absent, since some peers send it when they have no extension.
///
/// # Errors
///
/// [`ExtensionError`] for any other violation of the grammar, including a quoted value that is not a token after
/// unquoting. RFC 6455 9.1 requires that the handshake fails then.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Extension>, ExtensionError> {
    let mut extensions = Vec::new();
    for line in lines {
        Cursor { rest: line }.list(&mut extensions)?;
    }
    Ok(extensions)
}

/// The rest of one header line.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn list(&mut self, extensions: &mut Vec<Extension>) -> Result<(), ExtensionError> {
        loop {
            while self.eat(b',') {}
            if self.rest.is_empty() {
                return Ok(());
            }
            extensions.push(self.extension()?);
            if !self.eat(b',') && !self.rest.is_empty() {
                return Err(ExtensionError { what: "a name or value contains a forbidden character" });
            }
        }
    }

    fn extension(&mut self) -> Result<Extension, ExtensionError> {
        let missing_name = ExtensionError { what: "an extension name is missing" };
        let missing_param = ExtensionError { what: "a parameter name is missing after `;`" };
        let missing_value = ExtensionError { what: "a parameter value is missing after `=`" };

        let mut extension = Extension::new(self.token().ok_or(missing_name)?);
        while self.eat(b';') {
            let name = self.token().ok_or(missing_param)?;
            let value = if !self.eat(b'=') {
                None
            } else if self.eat(b'"') {
                Some(self.rest_of_quoted()?)
            } else {
                Some(self.token().ok_or(missing_value)?)
            };
            extension.params.push((name, value));
        }
        Ok(extension)
    }

    /// Parses the text up to the closing quote, and removes escapes.
    fn rest_of_quoted(&mut self) -> Result<String, ExtensionError> {
        let mut text = String::new();
        loop {
            let (byte, rest) = match self.rest {
                [b'"', rest @ ..] if !text.is_empty() => {
                    self.rest = rest;
                    return Ok(text);
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
                [] => {
                    return Err(ExtensionError { what: "a quoted value has no closing quote" });
                }
            };
            if !is_tchar(byte) {
                return Err(ExtensionError { what: "a quoted value is not a token" });
            }
            text.push(char::from(byte));
            self.rest = rest;
        }
    }

    /// Skips whitespace and takes the token after it, if there is one.
    fn token(&mut self) -> Option<String> {
        self.skip_whitespace();
        let len = self.rest.iter().take_while(|&&byte| is_tchar(byte)).count();
        let (token, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        (len > 0).then(|| token.iter().copied().map(char::from).collect())
    }

    /// Skips whitespace, and then `expected` if it comes next. Returns whether it did.
    fn eat(&mut self, expected: u8) -> bool {
        self.skip_whitespace();
        match self.rest {
            [byte, rest @ ..] if *byte == expected => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_whitespace(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}
