//! `Sec-WebSocket-Extensions`: its grammar and nothing else (RFC 6455 9.1).
//!
//! In scope: [`parse`] for what came in, [`Extension`] and its `Display` for what goes out.
//! Out of scope: which extensions exist, what their parameters mean, how one is agreed on.
//!
//! The reader walks over the bytes once, without going back, so that its time is linear in the
//! length of the header whatever it holds.

use std::fmt;

use super::{is_tchar, is_token};

#[cfg(test)]
mod tests;

/// One element of the list: an extension by name, with its parameters in order.
///
/// It stands for an offer in a request and for what was agreed on in an answer. A value built here
/// is checked where it is written, by [`ClientHandshake::new`](super::ClientHandshake::new) and
/// [`Request::accept`](super::Request::accept); what [`parse`] returns is always valid.
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
    /// Names an extension, without parameters so far.
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

    /// Adds a parameter with a value, which has to be a token; it is written without quotes.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), Some(value.into())));
        self
    }

    /// The name, in the case it was written in.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters in order, repeated ones included; values without quotes and escapes.
    #[must_use]
    pub fn params(&self) -> &[(String, Option<String>)] {
        &self.params
    }

    /// Whether name, parameters and values are tokens, so that it can be written.
    pub(super) fn is_valid(&self) -> bool {
        let texts = self.params.iter().flat_map(|(name, value)| [Some(name), value.as_ref()]);
        std::iter::once(&self.name).chain(texts.flatten()).all(|text| is_token(text.as_bytes()))
    }
}

/// Writes the form that stands in the header.
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

/// Reads all `Sec-WebSocket-Extensions` lines of a head as one list (RFC 6455 9.1).
///
/// Spaces and tabs may stand around every separator, and elements may be empty as RFC 9110 5.6.1.2
/// asks of receivers. A header without any other element is as good as none: there are peers that
/// send it where they have no extension.
///
/// # Errors
///
/// [`ExtensionError`] for everything else that is not in the grammar, a quoted value that is no
/// token once unquoted included. RFC 6455 9.1 says to fail the handshake then.
pub fn parse<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Extension>, ExtensionError> {
    let mut extensions = Vec::new();
    for line in lines {
        Cursor { rest: line }.list(&mut extensions)?;
    }
    Ok(extensions)
}

/// What is left of one header line.
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
                return Err(ExtensionError { what: "a name or value holds a forbidden character" });
            }
        }
    }

    fn extension(&mut self) -> Result<Extension, ExtensionError> {
        let missing_name = ExtensionError { what: "an extension name is missing" };
        let missing_param = ExtensionError { what: "a parameter name is missing behind `;`" };
        let missing_value = ExtensionError { what: "a parameter value is missing behind `=`" };

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

    /// The text up to the closing quote, with escapes undone.
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
                    return Err(ExtensionError { what: "a quoted value has no end" });
                }
            };
            if !is_tchar(byte) {
                return Err(ExtensionError { what: "a quoted value is not a token" });
            }
            text.push(char::from(byte));
            self.rest = rest;
        }
    }

    /// The token that comes next, if any, without the whitespace ahead of it.
    fn token(&mut self) -> Option<String> {
        self.skip_whitespace();
        let len = self.rest.iter().take_while(|&&byte| is_tchar(byte)).count();
        let (token, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        (len > 0).then(|| token.iter().copied().map(char::from).collect())
    }

    /// Steps over this byte and the whitespace around it; false, and only whitespace skipped, if
    /// another one comes.
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
