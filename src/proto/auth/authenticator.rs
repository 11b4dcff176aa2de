//! Answering challenges with a user name and a password, and knowing when they have been refused.

use super::Challenge;
use super::digest::{Digest, is_stale};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::fmt;

/// A user name and a password. `Debug` omits the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// Checks that Basic and Digest can send them.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`]: RFC 7617 section 2 allows no control characters in either, and no colon in the name.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Result<Self, CredentialsError> {
        let (user, password) = (user.into(), password.into());
        if user.contains(':') || user.contains(char::is_control) {
            return Err(CredentialsError::User);
        }
        if password.contains(char::is_control) {
            return Err(CredentialsError::Password);
        }
        Ok(Self { user, password })
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The value of the header that sends them by Basic authentication, in UTF-8 (RFC 7617).
    ///
    /// ```
    /// # use landline::proto::auth::Credentials;
    /// let credentials = Credentials::new("Aladdin", "open sesame")?;
    /// assert_eq!(credentials.basic(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    /// # Ok::<(), landline::proto::auth::CredentialsError>(())
    /// ```
    #[must_use]
    pub fn basic(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A user name or password that cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A colon or control character in the user name.
    #[error("invalid user name: HTTP authentication allows no colon or control character in it")]
    User,
    /// A control character in the password.
    #[error("invalid password: HTTP authentication allows no control character in it")]
    Password,
}

/// Answers the challenges of one server or proxy, over several requests.
///
/// `Debug` omits the password and what it has been made into.
#[derive(Clone)]
pub struct Authenticator {
    credentials: Credentials,
    digest: Option<Digest>,
    sent: Sent,
}

/// What the latest request had, as far as the credentials go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    Nothing,
    Basic,
    /// Digest, as the answer to a challenge: if it is refused, the credentials are wrong.
    Answer,
    /// Digest with the nonce of an earlier challenge, which may be out of date.
    Again,
}

impl Authenticator {
    /// Nothing has been sent yet.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self { credentials, digest: None, sent: Sent::Nothing }
    }

    /// The credentials.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The value of `Authorization` or `Proxy-Authorization` for a request that nothing has been answered to yet: Digest
    /// if an earlier request needed it, with the nonce from then, and otherwise Basic.
    ///
    /// `method`, `target` and `cnonce` are as for [`answer`](Self::answer).
    pub fn unasked(&mut self, method: &str, target: &str, cnonce: &str) -> String {
        match &mut self.digest {
            Some(digest) => {
                self.sent = Sent::Again;
                digest.answer(&self.credentials, method, target, cnonce)
            }
            None => {
                self.sent = Sent::Basic;
                self.credentials.basic()
            }
        }
    }

    /// The value of `Authorization` or `Proxy-Authorization` for the next request, which answers the strongest of the
    /// challenges: Digest with SHA-256, then with MD5, then Basic, and the first of several equals.
    ///
    /// Returns `None` if the credentials were refused, or if none of the challenges is of these schemes. Digest is
    /// computed again for a nonce that is out of date (`stale`) and for another realm; Basic is answered only if nothing
    /// was sent before, so that nobody can ask for the password itself by refusing what is stronger. The caller has to
    /// bound the number of requests.
    ///
    /// `target` is the request's target as it is sent. `cnonce` must be new and unpredictable for each call.
    pub fn answer(&mut self, challenges: &[Challenge], method: &str, target: &str, cnonce: &str) -> Option<String> {
        // The last of several equals is the greatest for the standard library.
        let digests = challenges.iter().rev().filter_map(|challenge| Some((Digest::new(challenge)?, challenge)));
        if let Some((mut digest, challenge)) = digests.max_by_key(|(digest, _)| digest.algorithm()) {
            let is_same_realm = self.digest.as_ref().is_some_and(|last| last.realm() == digest.realm());
            if self.sent == Sent::Answer && is_same_realm && !is_stale(challenge) {
                return None;
            }
            digest.continue_from(self.digest.as_ref());
            let value = digest.answer(&self.credentials, method, target, cnonce);
            self.digest = Some(digest);
            self.sent = Sent::Answer;
            return Some(value);
        }
        let asks_basic = challenges.iter().any(|challenge| challenge.is("Basic"));
        (asks_basic && self.sent == Sent::Nothing).then(|| {
            self.sent = Sent::Basic;
            self.credentials.basic()
        })
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("credentials", &self.credentials)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
