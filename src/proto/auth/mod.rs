//! HTTP authentication of clients, to servers and to proxies (RFC 9110 section 11), without any I/O.
//!
//! In scope: what a `WWW-Authenticate` or `Proxy-Authenticate` header asks for ([`Challenge`]), and answering it with a
//! user name and a password ([`Authenticator`]): Basic (RFC 7617) and Digest (RFC 7616) with MD5 and SHA-256. Out of
//! scope: sending the request again, who may be given the password, randomness, and all other schemes, which programs
//! answer themselves.
//!
//! ```
//! use landline::proto::auth::{Authenticator, Challenge, Credentials};
//!
//! let mut headers = http::HeaderMap::new();
//! headers.append("www-authenticate", r#"Basic realm="a", Digest realm="a", nonce="6f2a", qop="auth""#.parse()?);
//! let challenges = Challenge::from_headers(&headers, http::header::WWW_AUTHENTICATE);
//! let mut authenticator = Authenticator::new(Credentials::new("Mufasa", "Circle of Life")?);
//! let answer = authenticator.answer(&challenges, "GET", "/feed", "0a4f113b").ok_or("no scheme that we know")?;
//! assert!(answer.starts_with(r#"Digest username="Mufasa", realm="a", nonce="6f2a", uri="/feed", response=""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariant: nothing that a peer puts into a challenge can end a line of the answer, or a quoted string in it.

mod authenticator;
mod challenge;
mod digest;
#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, Credentials, CredentialsError};
pub use challenge::Challenge;
