//! From a list of proxies to a transport that leads through them.
//!
//! Every failure until the tunnel is open is about the proxies: [`Error::Proxy`], or [`Phase::Proxy`] if time ran out. Only
//! the look-up of the server's name, where that is done here, is not.

use super::auth::{AuthRequest, Authorization};
use super::budget::Budget;
use super::proxy::ProxyProtocol;
use super::upgrade::Visit;
use super::{Client, Proxy, heads};
use crate::error::{ConfigError, Error, Interrupted, Phase, ProxyError, ProxyFailure, Result, Timeout};
use crate::opening::{CHUNK, Opening};
use crate::proto::proxy::{Refusal, Tunnel, TunnelError};
use crate::tls_setup;
use crate::transport::{TlsConnector, Transport};
use crate::uri::server_name;
use http::StatusCode;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use url::Host;

/// The method that asks for a tunnel, as credentials take it in.
const METHOD: &str = "CONNECT";

/// SOCKS replies after which another address of the server may be reachable.
const TRY_NEXT_ADDRESS: [TunnelError; 5] = [
    TunnelError::Socks5(3),
    TunnelError::Socks5(4),
    TunnelError::Socks5(5),
    TunnelError::Socks5(8),
    TunnelError::Socks4(91),
];

impl Client {
    /// Connects to the server that is to be visited, through the proxies that lead to it if there are any.
    pub(super) fn reach(&self, visit: &Visit, budget: Budget<'_>) -> Result<Box<dyn Transport>> {
        if self.dialling.unix_path(visit).is_some() {
            return self.dial_server(visit, budget);
        }
        let proxies = self.proxies.route(&visit.endpoint)?;
        if proxies.is_empty() {
            return self.dial_server(visit, budget);
        }
        let targets = proxies[1..].iter().map(Target::Proxy).chain([Target::Server(visit)]);
        let hops = proxies.iter().zip(targets).map(|(proxy, target)| Hop::new(proxy, target, budget));
        let mut hops: Vec<_> = hops.collect::<Result<_>>()?;
        // Before anything is connected, so that no proxy has to wait for it.
        for at in 0..hops.len() {
            let found = hops[at].look_up_target(self, budget);
            // Only the last target is the server; the others are proxies themselves.
            hops[at].addresses = found.map_err(|error| match hops.get(at + 1) {
                Some(next) => next.failed(error),
                None => error,
            })?;
        }
        // Each pass that fails has used up an answer to a challenge or an address, and there are only so many of both.
        loop {
            if let Some(transport) = self.pass(&mut hops, budget)? {
                return Ok(transport);
            }
        }
    }

    /// Dials the first proxy, and asks each one to connect to the next. `None` if that has to be started over.
    fn pass(&self, hops: &mut [Hop<'_>], budget: Budget<'_>) -> Result<Option<Box<dyn Transport>>> {
        let mut transport: Option<Box<dyn Transport>> = None;
        for hop in hops {
            let under = match transport.take() {
                Some(transport) => Ok(transport),
                None => self.dial(&hop.proxy.host, hop.proxy.port, budget),
            };
            let secured = under.and_then(|under| match &hop.connector {
                Some(tls) => {
                    let name = server_name(&hop.proxy.host);
                    Ok(Box::new(tls.connect(&name, under, budget.deadline, budget.wake)?) as _)
                }
                None => Ok(under),
            });
            let through = secured.map_err(|error| hop.failed(error))?;
            let is_open = hop.open(&*through, self, budget)?;
            budget.spend(|timings| &mut timings.proxy);
            if !is_open {
                return Ok(None);
            }
            log::debug!("connected to {} through {}", hop.target, hop.proxy);
            transport = Some(through);
        }
        Ok(transport)
    }
}

/// What a proxy is to connect to.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// The next one.
    Proxy(&'a Proxy),
    Server(&'a Visit),
}

impl Target<'_> {
    fn host(&self) -> &Host<String> {
        match self {
            Self::Proxy(proxy) => &proxy.host,
            Self::Server(visit) => visit.endpoint.host(),
        }
    }

    fn port(&self) -> u16 {
        match self {
            Self::Proxy(proxy) => proxy.port,
            Self::Server(visit) => visit.endpoint.port(),
        }
    }

    fn look_up(&self, client: &Client, budget: Budget<'_>) -> Result<Vec<SocketAddr>> {
        match self {
            Self::Proxy(proxy) => client.look_up(&proxy.host, proxy.port, budget),
            Self::Server(visit) => client.look_up_server(visit, budget),
        }
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host(), self.port())
    }
}

/// A proxy on the way, and what it has been asked so far.
struct Hop<'a> {
    proxy: &'a Proxy,
    target: Target<'a>,
    connector: Option<TlsConnector>,
    authorization: Authorization,
    /// The target's addresses, if it is looked up here: those that have not failed, the next one last.
    addresses: Option<Vec<SocketAddr>>,
}

impl<'a> Hop<'a> {
    /// Makes what it needs before anything is connected, so that no proxy has to wait for it.
    fn new(proxy: &'a Proxy, target: Target<'a>, budget: Budget<'_>) -> Result<Self> {
        let mut hop = Self {
            proxy,
            target,
            connector: None,
            authorization: Authorization::new(proxy.credentials()?, None),
            addresses: None,
        };
        if proxy.protocol == ProxyProtocol::Https {
            let connector = tls_setup::connector(&proxy.tls, budget.deadline, budget.wake);
            hop.connector = Some(connector.map_err(|error| hop.failed(error))?);
            budget.spend(|timings| &mut timings.proxy);
        }
        hop.authorization.begin();
        Ok(hop)
    }

    /// The target's addresses, the next one to ask for last; `None` if the proxy looks it up.
    fn look_up_target(&self, client: &Client, budget: Budget<'_>) -> Result<Option<Vec<SocketAddr>>> {
        if !self.proxy.protocol.looks_up_here() {
            return Ok(None);
        }
        let mut addresses = self.target.look_up(client, budget)?;
        // If there are IPv6 addresses only, the error says that SOCKS4 has no room for them.
        if self.proxy.protocol == ProxyProtocol::Socks4 && addresses.iter().any(SocketAddr::is_ipv4) {
            addresses.retain(SocketAddr::is_ipv4);
        }
        addresses.reverse();
        Ok(Some(addresses))
    }

    /// Asks for the tunnel over a connection to the proxy. `false` if it has to be asked again over another one.
    fn open(&mut self, transport: &dyn Transport, client: &Client, budget: Budget<'_>) -> Result<bool> {
        let mut is_used = false;
        loop {
            let (host, port) = match self.addresses.as_ref().and_then(|addresses| addresses.last()) {
                Some(SocketAddr::V4(address)) => (Host::Ipv4(*address.ip()), address.port()),
                Some(SocketAddr::V6(address)) => (Host::Ipv6(*address.ip()), address.port()),
                None => (self.target.host().clone(), self.target.port()),
            };
            let is_answer = self.authorization.is_answer();
            let authorization = self.authorization.next(METHOD, &self.target.to_string())?;
            let request = self.proxy.request(&host, port, authorization, is_answer, client.limits);
            let mut request = request.map_err(ConfigError::from)?;
            match converse(&mut *request, transport, budget) {
                Ok(()) => return Ok(true),
                // It was to stay open, and did not.
                Err(Ended::Connection(Error::Io { .. }) | Ended::Tunnel(TunnelError::Eof { received: 0 }, _))
                    if is_used =>
                {
                    return Ok(false);
                }
                Err(Ended::Connection(error)) => return Err(self.failed(error)),
                Err(Ended::Tunnel(error, is_clean)) => {
                    if let Some(refusal) = error.refusal() {
                        heads::log_answer(refusal.status, &refusal.headers);
                    }
                    if !self.may_ask_again(&error, client)? {
                        return Err(self.refused(error));
                    }
                    is_used = is_clean && error.refusal().is_some_and(|refusal| refusal.keeps_open);
                    if !is_used {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Whether another request may succeed, which then is the next one.
    fn may_ask_again(&mut self, error: &TunnelError, client: &Client) -> Result<bool> {
        if let Some(addresses) = &mut self.addresses {
            let is_last = addresses.pop().is_none() || addresses.is_empty();
            return Ok(!is_last && TRY_NEXT_ADDRESS.contains(error));
        }
        let wants_credentials = |refusal: &&Refusal| refusal.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let Some(refusal) = error.refusal().filter(wants_credentials) else { return Ok(false) };
        let (challenges, target) = (refusal.challenges(), self.target.to_string());
        let request = AuthRequest {
            status: refusal.status,
            url: &self.proxy.to_string(),
            method: METHOD,
            target: &target,
            challenges: &challenges,
            headers: &refusal.headers,
        };
        self.authorization.answer(&request, client.on_challenge.as_ref())
    }

    fn refused(&self, error: TunnelError) -> Error {
        let is_about_credentials = match &error {
            TunnelError::Refused(refusal) => refusal.is_about_credentials(),
            TunnelError::NoMethod { .. } | TunnelError::WrongPassword => true,
            _ => false,
        };
        self.error(match is_about_credentials {
            true => ProxyFailure::Credentials(error),
            false => ProxyFailure::Tunnel(error),
        })
    }

    /// An error of connecting to the proxy is one of the proxy.
    fn failed(&self, error: Error) -> Error {
        match error {
            Error::Timeout(timeout) => {
                let proxy = Some(self.proxy.to_string().into());
                Error::Timeout(Timeout { phase: Phase::Proxy, proxy, ..timeout })
            }
            Error::Interrupted(_) => Interrupted::during(Phase::Proxy),
            error => self.error(ProxyFailure::Connection(error)),
        }
    }

    fn error(&self, failure: ProxyFailure) -> Error {
        let (proxy, target) = (self.proxy.to_string(), self.target.to_string());
        Error::Proxy(Arc::new(ProxyError { proxy, target, failure }))
    }
}

/// Why a conversation with a proxy ended without a tunnel.
enum Ended {
    /// Waiting for the proxy came to nothing.
    Connection(Error),
    /// The proxy refused, or sent something that makes no sense. The flag says that nothing came after it.
    Tunnel(TunnelError, bool),
}

/// Writes and reads until the tunnel is open, and never reads beyond what the proxy says.
fn converse(tunnel: &mut dyn Tunnel, transport: &dyn Transport, budget: Budget<'_>) -> Result<(), Ended> {
    let mut opening = Opening { transport, deadline: budget.deadline, wake: budget.wake };
    let failed = |error| match error {
        Error::Io { source, .. } => Ended::Connection(Error::Io { during: "the request to it".into(), source }),
        error => Ended::Connection(error),
    };
    let mut chunk = vec![0; CHUNK];
    loop {
        let output = tunnel.output();
        // The others have no heads, and hold passwords as they are.
        if output.starts_with(METHOD.as_bytes()) {
            heads::log_request(&output);
        }
        opening.write(&output).map_err(failed)?;
        let wanted = tunnel.wanted().min(chunk.len());
        let count = match opening.read(&mut chunk[..wanted]) {
            Ok(0) => return Err(Ended::Tunnel(tunnel.receive_eof(), false)),
            Ok(count) => count,
            // A refusal whose body is slow is still a refusal.
            Err(error @ Error::Timeout(_)) => {
                let refused = tunnel.give_up().map(|error| Ended::Tunnel(error, false));
                return Err(refused.unwrap_or_else(|| failed(error)));
            }
            Err(error) => return Err(failed(error)),
        };
        let mut data = &chunk[..count];
        match tunnel.receive(&mut data) {
            Ok(true) => return Ok(()),
            Ok(false) if tunnel.has_refused() => opening.await_body(),
            Ok(false) => {}
            Err(error) => return Err(Ended::Tunnel(error, data.is_empty())),
        }
    }
}
