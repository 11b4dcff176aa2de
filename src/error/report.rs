//! The text of errors.
//!
//! `{}` says what happened without repeating the source, so a program that prints an error and its chain of sources
//! says nothing twice. `{:#}` and [`Error::report`] print the whole chain in one line.

use super::{ConfigError, Error, HandshakeError, LimitError, RedirectFault, Refusal, Setting};
use std::error::Error as StdError;
use std::fmt;

/// Returns the program's name of a setting, or `None` if the program does not have the setting.
type Names<'a> = &'a dyn Fn(Setting) -> Option<&'static str>;

impl Error {
    /// The setting that the error is about: one whose value cannot be used, or one that could be changed to avoid the
    /// error.
    #[must_use]
    pub fn setting(&self) -> Option<Setting> {
        match self {
            Self::Limit(LimitError::MessageTooBig { .. }) => Some(Setting::MaxMessageSize),
            Self::Limit(LimitError::TooManyFragments { .. }) => Some(Setting::MaxFragments),
            Self::Connect(error) if error.excluded && error.attempts.is_empty() => Some(Setting::AddressFamily),
            Self::Tls(error) => error.setting(),
            Self::Proxy(error) => error.setting(),
            Self::Config(error) => match **error {
                ConfigError::Setting { setting, .. }
                | ConfigError::Value { setting, .. }
                | ConfigError::Combination { setting, .. }
                | ConfigError::Unsupported { setting, .. } => Some(setting),
                _ => None,
            },
            Self::Handshake(error) => match **error {
                HandshakeError::HeadTooLarge { .. } => Some(Setting::MaxHeadSize),
                HandshakeError::TooManyHeaders { .. } => Some(Setting::MaxHeaders),
                HandshakeError::StartLineTooLong { .. } => Some(Setting::MaxStartLine),
                HandshakeError::Refused(ref refusal) => of_refusal(refusal),
                _ => None,
            },
            Self::Redirect(error) => match error.fault {
                RedirectFault::TooMany { .. } => Some(Setting::MaxRedirects),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns what `{:#}` prints, for a program in which settings have other names: the error, its causes, and what to
    /// do about it, in one line. `name` returns the program's name of a setting, or `None` if the program does not have
    /// it.
    ///
    /// ```
    /// use landline::error::{Error, LimitError, Setting};
    /// let error = Error::Limit(LimitError::MessageTooBig { limit: 10, at_least: 12 });
    /// assert_eq!(
    ///     error.to_string(),
    ///     "message of at least 12 bytes is over the limit of 10; raise max_message_size to accept it"
    /// );
    /// let name = |setting| (setting == Setting::MaxMessageSize).then_some("--max-message");
    /// assert_eq!(
    ///     error.report(name).to_string(),
    ///     "message of at least 12 bytes is over the limit of 10; raise --max-message to accept it"
    /// );
    /// ```
    pub fn report<N: Fn(Setting) -> Option<&'static str>>(&self, name: N) -> impl fmt::Display + use<'_, N> {
        Report { error: self, name }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, name: Names<'_>, with_causes: bool) -> fmt::Result {
        self.write_what(f, name)?;
        if with_causes {
            let mut cause = self.source();
            while let Some(error) = cause {
                f.write_str(": ")?;
                // What to do is said once, at the end, by the name that fits the whole.
                match error.downcast_ref::<Self>() {
                    Some(error) => error.write_what(f, name)?,
                    None => write!(f, "{error}")?,
                }
                cause = error.source();
            }
        }
        self.write_advice(f, name)
    }

    fn write_what(&self, f: &mut fmt::Formatter<'_>, name: Names<'_>) -> fmt::Result {
        match self {
            Self::Usage(error) => write!(f, "{error}"),
            Self::Url(error) => write!(f, "{error}"),
            Self::Config(error) => match &**error {
                ConfigError::Setting { setting, given, .. } => {
                    write!(f, "{} of {given} cannot be used", name(*setting).unwrap_or(setting.name()))
                }
                ConfigError::Value { setting, given, .. } | ConfigError::Combination { setting, given, .. } => {
                    write!(f, "{} of {given} cannot be used", name(*setting).unwrap_or(setting.name()))
                }
                ConfigError::Unsupported { setting, by, .. } => {
                    write!(f, "{} cannot be used with {by}", name(*setting).unwrap_or(setting.name()))
                }
                ConfigError::Address { address, .. } => write!(f, "cannot listen on {address}"),
                error => write!(f, "{error}"),
            },
            Self::Connect(error) => write!(f, "{error}"),
            Self::Proxy(error) => write!(f, "{error}"),
            Self::Tls(error) => write!(f, "{error}"),
            Self::Handshake(error) => write!(f, "{error}"),
            Self::Redirect(error) => write!(f, "{error}"),
            Self::Rejected(rejection) => write!(f, "{rejection}"),
            Self::Protocol(error) => write!(f, "peer broke the protocol: {error} ({})", error.rfc_section()),
            Self::Limit(error) => write!(f, "{error}"),
            Self::Closed(closed) => write!(f, "{closed}"),
            Self::Timeout(timeout) => write!(f, "{timeout}"),
            Self::GaveUp(timeout) => write!(f, "gave up: {timeout}"),
            Self::Interrupted(interrupted) => write!(f, "{interrupted}"),
            Self::WouldBlock => f.write_str(
                "the message cannot be taken without waiting; send it again when the peer has read, or with a time limit",
            ),
            Self::Io { during, .. } => write!(f, "{during} failed"),
        }
    }

    fn write_advice(&self, f: &mut fmt::Formatter<'_>, name: Names<'_>) -> fmt::Result {
        if let Self::Config(error) = self {
            return match **error {
                ConfigError::Setting { advice, .. }
                | ConfigError::Value { advice, .. }
                | ConfigError::Unsupported { advice, .. } => write!(f, ": {advice}"),
                ConfigError::Combination { advice, other, .. } => {
                    write!(f, ": {advice} {}", name(other).unwrap_or(other.name()))
                }
                ConfigError::Address { advice, .. } => write!(f, "; {advice}"),
                _ => Ok(()),
            };
        }
        match self.setting().and_then(|setting| Some((setting, name(setting)?))) {
            Some((Setting::MaxRedirects, name)) if matches!(self, Self::Redirect(_)) => {
                write!(f, "; allow more with {name}")
            }
            Some((setting, name)) => {
                f.write_str("; ")?;
                setting.advise(f, name)
            }
            None => Ok(()),
        }
    }
}

/// What would make the server accept.
fn of_refusal(refusal: &Refusal) -> Option<Setting> {
    if refusal.location().is_some() {
        return Some(Setting::MaxRedirects);
    }
    let asks = |scheme| refusal.challenges().iter().any(|challenge| challenge.is(scheme));
    match refusal.status.as_u16() {
        401 if asks("Basic") || asks("Digest") => Some(Setting::Auth),
        401 if asks("Bearer") => Some(Setting::Bearer),
        _ => None,
    }
}

struct Report<'a, N> {
    error: &'a Error,
    name: N,
}

impl<N: Fn(Setting) -> Option<&'static str>> fmt::Display for Report<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.write(f, &self.name, true)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &|setting| Some(setting.name()), f.alternate())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Config(error) => error.source(),
            Self::Connect(error) => error.source(),
            Self::Proxy(error) => error.source(),
            Self::Tls(error) => error.source(),
            Self::Io { source, .. } => Some(&**source),
            Self::Usage(_) | Self::Url(_) | Self::Handshake(_) | Self::Redirect(_) | Self::Rejected(_) => None,
            Self::Protocol(_)
            | Self::Limit(_)
            | Self::Closed(_)
            | Self::Timeout(_)
            | Self::GaveUp(_)
            | Self::WouldBlock
            | Self::Interrupted(_) => None,
        }
    }
}
