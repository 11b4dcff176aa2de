//! From a connected transport to an open connection: TLS, and the opening handshake.

use super::budget::Budget;
use super::cookies::Given;
use super::{Client, Tls, heads};
use crate::connection::WebSocket;
use crate::entropy;
use crate::error::{Error, Result};
use crate::opening::{CHUNK, Opening};
use crate::proto::Role;
use crate::proto::handshake::{Accepted, ClientHandshake, ClientRequest, HandshakeError, Headers, Refusal};
use crate::tls_setup;
use crate::transport::{TlsConnector, Transport};
use crate::uri::Endpoint;
use http::StatusCode;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap};
use std::time::SystemTime;

/// What all requests of a client have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) host: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) subprotocols: Vec<String>,
    pub(super) headers: Headers,
    pub(super) cookies: Given,
}

/// What distinguishes one request of a client from its others.
pub(super) struct Visit {
    pub(super) endpoint: Endpoint,
    /// Whether what the program gave for its first URL's origin is for this request, too.
    pub(super) is_first_origin: bool,
    pub(super) authorization: Option<String>,
    /// Whether that answers a challenge: it then goes before a header of the program.
    pub(super) is_answer: bool,
}

impl Visit {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, is_first_origin: true, authorization: None, is_answer: false }
    }
}

/// The outcome of a request.
pub(super) enum Answer {
    Open(Box<WebSocket>),
    /// With the connection, if the server takes another request over it.
    Refused(Box<Refusal>, Option<Box<dyn Transport>>),
}

impl Client {
    /// Returns the TLS connector, if the URL requires TLS. This is done before connecting, so that no server has to
    /// wait for it.
    pub(super) fn connector_for(&self, endpoint: &Endpoint, budget: Budget<'_>) -> Result<Option<TlsConnector>> {
        match &self.tls {
            _ if !endpoint.is_tls() => Ok(None),
            Tls::Connector(connector) => Ok(Some(connector.clone())),
            Tls::Options(options) => {
                let connector = tls_setup::connector(options, budget.deadline, budget.wake)?;
                budget.spend(|timings| &mut timings.tls);
                Ok(Some(connector))
            }
        }
    }

    /// Makes one attempt over a connected transport.
    pub(super) fn open(
        &self,
        visit: &Visit,
        transport: Box<dyn Transport>,
        tls: Option<TlsConnector>,
        budget: Budget<'_>,
    ) -> Result<Answer> {
        // What cannot be sent is reported first.
        let handshake = self.handshake_for(visit)?;
        let server_name = visit.endpoint.server_name();
        let transport = match tls {
            Some(tls) => {
                let secured = match visit.is_first_origin {
                    true => tls.connect(&server_name, transport, budget.deadline, budget.wake)?,
                    false => tls.connect_to(&server_name, transport, budget.deadline, budget.wake)?,
                };
                budget.spend(|timings| &mut timings.tls);
                Box::new(secured)
            }
            None => transport,
        };
        self.shake_hands(visit, handshake, transport, budget)
    }

    pub(super) fn handshake_for(&self, visit: &Visit) -> Result<ClientHandshake> {
        Ok(ClientHandshake::new(&self.request_for(visit), entropy::nonce()?, self.limits)?)
    }

    pub(super) fn request_for(&self, visit: &Visit) -> ClientRequest {
        let (template, endpoint) = (&self.request, &visit.endpoint);
        let host = template.host.clone().filter(|_| visit.is_first_origin);
        let mut request = ClientRequest::new(host.unwrap_or_else(|| endpoint.authority()), endpoint.target());
        request.authorization.clone_from(&visit.authorization);
        request.origin.clone_from(&template.origin);
        request.subprotocols.clone_from(&template.subprotocols);
        request.headers = match (visit.is_first_origin, visit.is_answer) {
            (true, false) => template.headers.clone(),
            (true, true) => template.headers.without(&[AUTHORIZATION]),
            (false, _) => template.headers.without(&[AUTHORIZATION, COOKIE]),
        };
        request.cookies = self.cookies_for(visit);
        request.compression.clone_from(&self.config.compression);
        request
    }

    /// Names and values, those of the program first. A server's cookie replaces one of the program's with the same name.
    fn cookies_for(&self, visit: &Visit) -> Vec<(String, String)> {
        let set = self.jar.as_ref().map(|jar| jar.pairs(&visit.endpoint, SystemTime::now())).unwrap_or_default();
        let given = self.request.cookies.0.iter().filter(|_| visit.is_first_origin);
        let given = given.filter(|(name, _)| set.iter().all(|(other, _)| other != name)).cloned();
        given.chain(set.iter().cloned()).collect()
    }

    fn keep_cookies(&self, visit: &Visit, answer: &HeaderMap) {
        if let Some(jar) = &self.jar {
            jar.keep(&visit.endpoint, answer, SystemTime::now());
        }
    }

    /// The opening handshake over a transport on which TLS has been done.
    pub(super) fn shake_hands(
        &self,
        visit: &Visit,
        mut handshake: ClientHandshake,
        transport: Box<dyn Transport>,
        budget: Budget<'_>,
    ) -> Result<Answer> {
        let mut opening = Opening { transport: &transport, deadline: budget.deadline, wake: budget.wake };
        heads::log_request(handshake.request());
        // A server that refuses need not read the whole request. What it said before it left can still be read.
        let unsent = match opening.write(handshake.request()) {
            Err(error @ Error::Io { .. }) => Some(error),
            sent => sent.map(|()| None)?,
        };
        let mut chunk = vec![0; CHUNK];
        let result = loop {
            let received = match opening.read(&mut chunk) {
                Ok(0) => match unsent {
                    Some(error) => return Err(error),
                    None => Err(handshake.receive_eof()),
                },
                Ok(count) => handshake.receive(&chunk[..count]),
                // A refusal whose body is slow is still a refusal.
                Err(error @ Error::Timeout(_)) => Err(handshake.give_up().ok_or(error)?),
                Err(error @ Error::Io { .. }) => return Err(unsent.unwrap_or(error)),
                Err(error) => return Err(error),
            };
            if let Some(result) = received.transpose() {
                break result;
            }
            if handshake.has_refused() {
                opening.await_body();
            }
        };
        budget.spend(|timings| &mut timings.upgrade);
        match result {
            Ok(Accepted { mut handshake, leftover, .. }) => {
                heads::log_answer(StatusCode::SWITCHING_PROTOCOLS, &handshake.headers);
                log::debug!("connected to {}", visit.endpoint);
                self.keep_cookies(visit, &handshake.headers);
                handshake.url = Some(visit.endpoint.to_string());
                let config = self.config.clone();
                let ws = WebSocket::new(transport, Role::Client, config, &leftover, handshake)?;
                Ok(Answer::Open(Box::new(ws)))
            }
            Err(HandshakeError::Refused(refusal)) => {
                heads::log_answer(refusal.status, &refusal.headers);
                self.keep_cookies(visit, &refusal.headers);
                let kept = handshake.is_reusable().then_some(transport);
                Ok(Answer::Refused(refusal, kept))
            }
            Err(error) => Err(error.into()),
        }
    }
}
