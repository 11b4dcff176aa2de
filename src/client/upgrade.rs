//! From a connected transport to an open connection: TLS, and the opening handshake.

use super::budget::Budget;
use super::{Client, Tls};
use crate::connection::WebSocket;
use crate::entropy;
use crate::error::{Error, Result};
use crate::opening::{CHUNK, Opening};
use crate::proto::Role;
use crate::proto::handshake::{ClientHandshake, ClientRequest, Headers};
use crate::tls_setup;
use crate::transport::{TlsConnector, Transport};
use crate::uri::Endpoint;

/// What all requests of a client have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Template {
    pub(super) host: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) subprotocols: Vec<String>,
    pub(super) headers: Headers,
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

    /// Opens a connection over a connected transport.
    pub(super) fn open(
        &self,
        transport: Box<dyn Transport>,
        tls: Option<TlsConnector>,
        endpoint: &Endpoint,
        budget: Budget<'_>,
    ) -> Result<WebSocket> {
        let handshake = self.handshake_for(endpoint)?;
        let transport = match tls {
            Some(tls) => {
                let secured = tls.connect(&endpoint.server_name(), transport, budget.deadline, budget.wake)?;
                budget.spend(|timings| &mut timings.tls);
                Box::new(secured)
            }
            None => transport,
        };
        self.shake_hands(handshake, transport, endpoint, budget)
    }

    pub(super) fn handshake_for(&self, endpoint: &Endpoint) -> Result<ClientHandshake> {
        Ok(ClientHandshake::new(&self.request_for(endpoint), entropy::nonce()?, self.limits)?)
    }

    pub(super) fn request_for(&self, endpoint: &Endpoint) -> ClientRequest {
        let template = &self.request;
        let host = template.host.clone().unwrap_or_else(|| endpoint.authority());
        let mut request = ClientRequest::new(host, endpoint.target());
        request.authorization = endpoint.user().map(|(user, password)| (user.to_owned(), password.to_owned()));
        request.origin.clone_from(&template.origin);
        request.subprotocols.clone_from(&template.subprotocols);
        request.headers.clone_from(&template.headers);
        request.compression.clone_from(&self.config.compression);
        request
    }

    fn shake_hands(
        &self,
        mut handshake: ClientHandshake,
        transport: Box<dyn Transport>,
        endpoint: &Endpoint,
        budget: Budget<'_>,
    ) -> Result<WebSocket> {
        let opening = Opening { transport: &transport, deadline: budget.deadline, wake: budget.wake };
        opening.write(handshake.request())?;
        let mut chunk = vec![0; CHUNK];
        let accepted = loop {
            let received = match opening.read(&mut chunk) {
                Ok(0) => return Err(handshake.receive_eof().into()),
                Ok(count) => handshake.receive(&chunk[..count])?,
                // A refusal whose body is slow is still a refusal.
                Err(error @ Error::Timeout(_)) => return Err(handshake.give_up().map_or(error, Into::into)),
                Err(error) => return Err(error),
            };
            if let Some(accepted) = received {
                break accepted;
            }
        };
        budget.spend(|timings| &mut timings.upgrade);
        log::debug!("connected to {endpoint}");
        WebSocket::new(transport, Role::Client, self.config.clone(), &accepted.leftover, accepted.handshake)
    }
}
