//! From one attempt to the next: redirects, and challenges of servers.
//!
//! In scope: which answers lead to another request, where it goes and what goes with it, and when to stop. Out of scope:
//! one attempt (`dial.rs`, `upgrade.rs`), challenges of proxies.
//!
//! Invariants: what the program gave for one origin (user and password, tokens, cookies, a `Host` of its own) is sent to
//! no other one, and is not sent again once another one has been involved; `wss` never leads to `ws`; the number of
//! attempts is bounded, and all of them share one budget.

use super::Client;
use super::auth::{AuthRequest, Authorization, Identity};
use super::budget::Budget;
use super::upgrade::{Answer, Visit};
use crate::connection::WebSocket;
use crate::error::{Error, RedirectError, RedirectFault, Result};
use crate::proto::auth::{Challenge, Credentials};
use crate::proto::handshake::{HandshakeError, Refusal, RequestError};
use crate::transport::Transport;
use crate::uri::{Endpoint, UrlError};
use http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};

/// The method of the opening handshake, as credentials take it in.
const METHOD: &str = "GET";

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
        let mut journey = Journey::begin(self, endpoint)?;
        journey.authorize()?;
        Ok(journey.visit)
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
            match self.attempt(&mut journey, ready.take(), can_dial, budget)? {
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

    fn attempt(
        &self,
        journey: &mut Journey<'_>,
        ready: Option<Ready>,
        can_dial: bool,
        budget: Budget<'_>,
    ) -> Result<Answer> {
        let mut visit = journey.authorize()?;
        match ready {
            Some(Ready::Kept(transport)) => {
                match self.shake_hands(visit, self.handshake_for(visit)?, transport, budget) {
                    // The server has closed it after all.
                    Err(error) if can_dial && is_end(&error) => visit = journey.authorize()?,
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
    /// That of the origin where it is; a token is for the first one.
    authorization: Authorization,
    /// The URLs that redirected.
    hops: Vec<String>,
}

impl<'a> Journey<'a> {
    /// Asks for a bearer token, if the client has a supplier.
    fn begin(client: &'a Client, endpoint: Endpoint) -> Result<Self> {
        let mut authorization = match (&client.identity, endpoint.user()) {
            (Identity::None, None) => Authorization::default(),
            (Identity::None, Some((user, password))) => {
                Authorization::new(Some(Credentials::new(user, password)?), None)
            }
            (Identity::Credentials(credentials), None) => Authorization::new(Some(credentials.clone()), None),
            (Identity::Bearer(supplier), None) => Authorization::new(None, Some(supplier.authorization()?)),
            (_, Some(_)) => return Err(RequestError::RepeatedHeader(AUTHORIZATION).into()),
        };
        authorization.begin();
        Ok(Self { client, visit: Visit::new(endpoint), authorization, hops: Vec::new() })
    }

    /// The visit, with the authorization for one request.
    fn authorize(&mut self) -> Result<&Visit> {
        let value = self.authorization.next(METHOD, self.visit.endpoint.target())?;
        self.visit.authorization = value.map(str::to_owned);
        Ok(&self.visit)
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
        let challenges = Challenge::from_headers(&refusal.headers, WWW_AUTHENTICATE);
        let endpoint = &self.visit.endpoint;
        let request = AuthRequest {
            status: refusal.status,
            url: &endpoint.to_string(),
            method: METHOD,
            target: endpoint.target(),
            challenges: &challenges,
            headers: &refusal.headers,
        };
        self.visit.is_answer = self.authorization.answer(&request, self.client.on_challenge.as_ref())?;
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
            (self.authorization, self.visit.is_first_origin) = (Authorization::default(), false);
        }
        // An authorization among the program's headers gives way to them.
        self.visit.is_answer = credentials.is_some();
        if credentials.is_some() {
            self.authorization = Authorization::new(credentials, None);
        }
        self.authorization.begin();
        log::debug!("redirected to {to}");
        self.visit.endpoint = to;
        Ok(true)
    }
}
