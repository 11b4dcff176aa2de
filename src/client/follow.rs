//! From one attempt to the next: redirects, and challenges of servers.
//!
//! In scope: which answers lead to another request, where it goes and what goes with it, and when to stop. Out of scope:
//! one attempt (`dial.rs`, `upgrade.rs`), challenges of proxies.
//!
//! Invariants: what the program gave for one origin (user and password, tokens, cookies, a `Host` of its own) is sent to
//! no other one, and not again after another one had a say; `wss` never leads to `ws`; the number of attempts is bounded,
//! and all of them share one budget.

use super::Client;
use super::auth::{AuthRequest, Identity, cnonce};
use super::budget::Budget;
use super::upgrade::{Answer, Visit};
use crate::connection::WebSocket;
use crate::error::{Error, RedirectError, RedirectFault, Result};
use crate::proto::auth::{Authenticator, Challenge, Credentials};
use crate::proto::handshake::{HandshakeError, Refusal, RequestError};
use crate::transport::Transport;
use crate::uri::{Endpoint, UrlError};
use http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};

/// How many challenges are answered for one URL: Digest needs two at most, schemes with several steps three.
pub(super) const MAX_CHALLENGES: u32 = 5;

/// A connection for the next attempt.
pub(super) enum Ready {
    /// One that the program gave, without TLS so far. There is no other.
    Given(Box<dyn Transport>),
    /// One over which the previous attempt was refused, TLS included.
    Kept(Box<dyn Transport>),
}

impl Client {
    /// The first request for a URL.
    pub(super) fn first_visit(&self, endpoint: Endpoint) -> Result<Visit> {
        Ok(Journey::begin(self, endpoint)?.visit)
    }

    /// Opens a connection, with as many attempts as redirects and challenges make necessary. Over a connection that the
    /// program gave, only challenges can be answered, and only if the server keeps it open.
    pub(super) fn follow(
        &self,
        endpoint: Endpoint,
        mut ready: Option<Ready>,
        budget: Budget<'_>,
    ) -> Result<WebSocket> {
        let can_dial = ready.is_none();
        let mut journey = Journey::begin(self, endpoint)?;
        loop {
            let from = journey.visit.endpoint.clone();
            match self.attempt(&journey.visit, ready.take(), can_dial, budget)? {
                Answer::Open(ws) => return Ok(*ws),
                Answer::Refused(refusal, kept) => {
                    let has_way = can_dial || kept.is_some();
                    if !has_way || !journey.goes_on(&refusal, can_dial)? {
                        return Err(HandshakeError::Refused(refusal).into());
                    }
                    ready = kept.filter(|_| from.is_same_origin(&journey.visit.endpoint)).map(Ready::Kept);
                }
            }
        }
    }

    fn attempt(&self, visit: &Visit, ready: Option<Ready>, can_dial: bool, budget: Budget<'_>) -> Result<Answer> {
        match ready {
            Some(Ready::Kept(transport)) => {
                match self.shake_hands(visit, self.handshake_for(visit)?, transport, budget) {
                    // The server has closed it after all.
                    Err(error) if can_dial && is_end(&error) => {}
                    result => return result,
                }
            }
            Some(Ready::Given(transport)) => {
                let tls = self.connector_for(&visit.endpoint, budget)?;
                return self.open(visit, transport, tls, budget);
            }
            None => {}
        }
        let tls = self.connector_for(&visit.endpoint, budget)?;
        let transport = self.reach(visit, budget)?;
        self.open(visit, transport, tls, budget)
    }
}

/// Whether the connection ended before anything of an answer came.
fn is_end(error: &Error) -> bool {
    match error {
        Error::Io { .. } => true,
        Error::Handshake(error) => matches!(**error, HandshakeError::Eof { received: 0 }),
        _ => false,
    }
}

/// Where a client is on its way to an open connection.
struct Journey<'a> {
    client: &'a Client,
    visit: Visit,
    /// Answers challenges of this origin.
    authenticator: Option<Authenticator>,
    /// The authorization by token, for the first origin.
    bearer: Option<String>,
    /// How many challenges were answered for this URL.
    challenges: u32,
    /// The URLs that redirected.
    hops: Vec<String>,
}

impl<'a> Journey<'a> {
    /// Asks for a bearer token, if the client has a supplier.
    fn begin(client: &'a Client, endpoint: Endpoint) -> Result<Self> {
        let (mut authenticator, mut bearer) = (None, None);
        match (&client.identity, endpoint.user()) {
            (Identity::None, None) => {}
            (Identity::None, Some((user, password))) => {
                authenticator = Some(Authenticator::new(Credentials::new(user, password)?));
            }
            (Identity::Credentials(credentials), None) => {
                authenticator = Some(Authenticator::new(credentials.clone()));
            }
            (Identity::Bearer(supplier), None) => bearer = Some(supplier.authorization()?),
            (_, Some(_)) => return Err(RequestError::RepeatedHeader(AUTHORIZATION).into()),
        }
        let mut journey =
            Self { client, visit: Visit::new(endpoint), authenticator, bearer, challenges: 0, hops: Vec::new() };
        journey.arrive()?;
        Ok(journey)
    }

    /// Makes the visit a first one to its URL.
    fn arrive(&mut self) -> Result<()> {
        self.challenges = 0;
        self.visit.is_answer = false;
        self.visit.authorization = match &mut self.authenticator {
            Some(authenticator) => Some(authenticator.unasked("GET", self.visit.endpoint.target(), &cnonce()?)),
            None => self.bearer.clone(),
        };
        Ok(())
    }

    /// Whether there is another request to make after this refusal. If so, the visit is what it asks for.
    fn goes_on(&mut self, refusal: &Refusal, can_move: bool) -> Result<bool> {
        match refusal.status.as_u16() {
            401 => self.answer(refusal),
            301 | 302 | 303 | 307 | 308 if can_move && self.client.max_redirects > 0 => self.redirect(refusal),
            _ => Ok(false),
        }
    }

    fn answer(&mut self, refusal: &Refusal) -> Result<bool> {
        if self.challenges == MAX_CHALLENGES {
            return Ok(false);
        }
        self.challenges += 1;
        let challenges = Challenge::from_headers(&refusal.headers, WWW_AUTHENTICATE);
        let endpoint = &self.visit.endpoint;
        let mut answer = match &mut self.authenticator {
            Some(authenticator) => authenticator.answer(&challenges, "GET", endpoint.target(), &cnonce()?),
            None => None,
        };
        if let (None, Some(callback)) = (&answer, &self.client.on_challenge) {
            answer = callback.answer(&AuthRequest {
                status: refusal.status,
                url: &endpoint.to_string(),
                method: "GET",
                target: endpoint.target(),
                challenges: &challenges,
                headers: &refusal.headers,
            });
        }
        self.visit.is_answer = answer.is_some();
        self.visit.authorization = answer;
        Ok(self.visit.is_answer)
    }

    fn redirect(&mut self, refusal: &Refusal) -> Result<bool> {
        let from = &self.visit.endpoint;
        let location =
            refusal.headers.get(LOCATION).and_then(|location| std::str::from_utf8(location.as_bytes()).ok());
        let Some(location) = location else { return Ok(false) };
        self.hops.push(from.to_string());
        let to = from.redirect(location).map_err(RedirectFault::Location);
        let to = to.and_then(|to| match to.user() {
            _ if from.is_tls() && !to.is_tls() => Err(RedirectFault::LosesTls),
            _ if self.hops.len() > self.client.max_redirects => {
                Err(RedirectFault::TooMany { limit: self.client.max_redirects })
            }
            None => Ok((to, None)),
            Some((user, password)) => match Credentials::new(user, password) {
                Ok(credentials) => Ok((to, Some(credentials))),
                Err(_) => Err(RedirectFault::Location(UrlError::InvalidUser)),
            },
        });
        let (to, credentials) =
            to.map_err(|fault| RedirectError::new(fault, self.hops.clone(), refusal.clone()))?;
        if !from.is_same_origin(&to) {
            (self.authenticator, self.bearer, self.visit.is_first_origin) = (None, None, false);
        }
        let has_credentials = credentials.is_some();
        if let Some(credentials) = credentials {
            self.authenticator = Some(Authenticator::new(credentials));
        }
        log::debug!("redirected to {to}");
        self.visit.endpoint = to;
        self.arrive()?;
        // An authorization among the program's headers gives way to them.
        self.visit.is_answer = has_credentials;
        Ok(true)
    }
}
