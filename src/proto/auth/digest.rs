//! Answers to Digest challenges (RFC 7616).
//!
//! In scope: MD5 and SHA-256, their `-sess` forms, `qop=auth`, and none, as in RFC 2069. Out of scope: `auth-int`, and
//! SHA-512-256, which the RFC's own example computes in a way that its definition does not.

use super::{Challenge, Credentials};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A challenge that can be answered, and how often that has been done.
#[derive(Clone)]
pub(super) struct Digest {
    algorithm: Algorithm,
    is_session: bool,
    /// The algorithm's name as the challenge had it, which is one that this module knows.
    named: Option<String>,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    has_qop: bool,
    hashes_user: bool,
    nonce_count: u32,
    /// The client's nonce of the first answer, which is part of the key of the `-sess` forms (RFC 7616 3.4.2).
    first_cnonce: Option<String>,
}

/// The stronger one is the greater one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Algorithm {
    Md5,
    Sha256,
}

impl Digest {
    /// `None` if this is not a Digest challenge, or one that asks for more than this module can do.
    pub(super) fn new(challenge: &Challenge) -> Option<Self> {
        let named = challenge.parameter("algorithm");
        let algorithm = named.unwrap_or("MD5").to_ascii_lowercase();
        let (name, is_session) = match algorithm.strip_suffix("-sess") {
            Some(name) => (name, true),
            None => (&*algorithm, false),
        };
        let algorithm = match name {
            "md5" => Algorithm::Md5,
            "sha-256" => Algorithm::Sha256,
            _ => return None,
        };
        let has_qop = match challenge.parameter("qop") {
            Some(offered) if offered.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => true,
            Some(offered) if !offered.trim().is_empty() => return None,
            _ => false,
        };
        challenge.is("Digest").then_some(())?;
        Some(Self {
            algorithm,
            is_session,
            named: named.map(str::to_owned),
            realm: challenge.realm()?.to_owned(),
            nonce: challenge.parameter("nonce")?.to_owned(),
            opaque: challenge.parameter("opaque").map(str::to_owned),
            has_qop,
            hashes_user: is_true(challenge, "userhash"),
            nonce_count: 0,
            first_cnonce: None,
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Goes on with the count of an earlier challenge if this one has the same nonce: a count that comes twice looks like a
    /// request that was recorded and is sent again (RFC 7616 3.4).
    pub(super) fn continue_from(&mut self, earlier: Option<&Self>) {
        if let Some(earlier) = earlier.filter(|earlier| earlier.nonce == self.nonce) {
            self.nonce_count = earlier.nonce_count;
        }
    }

    pub(super) fn realm(&self) -> &str {
        &self.realm
    }

    /// The value of the header that answers the challenge, for the next request with its nonce.
    pub(super) fn answer(&mut self, credentials: &Credentials, method: &str, target: &str, cnonce: &str) -> String {
        self.nonce_count = self.nonce_count.saturating_add(1);
        let nonce_count = format!("{:08x}", self.nonce_count);
        let first_cnonce = &**self.first_cnonce.get_or_insert_with(|| cnonce.to_owned());
        let (user, password) = (credentials.user(), credentials.password());
        let hash = |parts: &[&str]| self.algorithm.hash(&parts.join(":"));
        let mut key = hash(&[user, &self.realm, password]);
        if self.is_session {
            key = hash(&[&key, &self.nonce, first_cnonce]);
        }
        let request = hash(&[method, target]);
        let response = match self.has_qop {
            true => hash(&[&key, &self.nonce, &nonce_count, cnonce, "auth", &request]),
            false => hash(&[&key, &self.nonce, &request]),
        };
        let user = if self.hashes_user { hash(&[user, &self.realm]) } else { user.to_owned() };

        let mut value = format!("Digest username={}", quoted(&user));
        let mut add = |text: &str, shown: String| {
            let _ = write!(value, ", {text}={shown}");
        };
        add("realm", quoted(&self.realm));
        add("nonce", quoted(&self.nonce));
        add("uri", quoted(target));
        add("response", quoted(&response));
        if let Some(named) = &self.named {
            add("algorithm", named.clone());
        }
        if self.has_qop {
            add("qop", "auth".to_owned());
            add("nc", nonce_count);
        }
        if self.has_qop || self.is_session {
            add("cnonce", quoted(cnonce));
        }
        if let Some(opaque) = &self.opaque {
            add("opaque", quoted(opaque));
        }
        if self.hashes_user {
            add("userhash", "true".to_owned());
        }
        value
    }
}

impl Algorithm {
    /// In lower-case hexadecimal.
    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text)),
            Self::Sha256 => hex(&Sha256::digest(text)),
        }
    }
}

/// Whether the challenge says that only its nonce is out of date, not that the credentials are wrong.
pub(super) fn is_stale(challenge: &Challenge) -> bool {
    is_true(challenge, "stale")
}

fn is_true(challenge: &Challenge, name: &str) -> bool {
    challenge.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// As a quoted string (RFC 9110 5.6.4).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
