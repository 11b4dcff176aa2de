//! From a host and a port to a connected socket: look-ups and attempts to connect, which overlap, within one budget and
//! in the calling thread (Happy Eyeballs, RFC 8305).
//!
//! An attempt is started when the one before has failed or has not succeeded for 250 ms, and goes on until one succeeds.
//! So an address that does not answer costs a moment, and none can use up the time of the others.

use super::Client;
use super::budget::Budget;
use super::upgrade::Visit;
use crate::deadline::Deadline;
use crate::error::{Address, Attempt, ConnectError, Error, Phase, Result, Timeout};
use crate::resolve::{Addresses, scope_id};
use crate::transport::{Race, SocketTransport, Transport, connect_unix, wait_for_any};
use std::io;
use std::net::{SocketAddr, SocketAddrV6};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Host;

/// How long an attempt may take before the next one is started as well: the Connection Attempt Delay of RFC 8305
/// section 8.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

const LOOKING_UP: &str = "looking up a name";

impl Client {
    /// Connects to the server itself.
    pub(super) fn dial_server(&self, visit: &Visit, budget: Budget<'_>) -> Result<Box<dyn Transport>> {
        if let Some(path) = self.dialling.unix_path(visit) {
            return self.dial_unix(path, budget);
        }
        let addresses = self.addresses_of_server(visit)?;
        self.dial_first_of(addresses, authority(visit.endpoint.host(), visit.endpoint.port()), budget)
    }

    fn dial_unix(&self, path: &Path, budget: Budget<'_>) -> Result<Box<dyn Transport>> {
        let limited = budget.at_most(self.connect_timeout);
        let connect_error = |error: io::Error| {
            let address = Address::Unix(path.to_owned());
            let (authority, attempts) = (address.to_string(), vec![Attempt { address, error }]);
            ConnectError { authority, lookup: None, attempts, excluded: false }
        };
        match connect_unix(path, &self.dialling.outgoing, limited.deadline, limited.wake) {
            Ok(Some(transport)) => Ok(connected(transport, budget)),
            Ok(None) => {
                budget.check_interrupted(Phase::Connect)?;
                Err(Timeout::connecting(connect_error(io::ErrorKind::TimedOut.into())))
            }
            Err(error) => Err(Error::Connect(Arc::new(connect_error(error)))),
        }
    }

    /// Connects to the first of the host's addresses that answers.
    pub(super) fn dial(&self, host: &Host<String>, port: u16, budget: Budget<'_>) -> Result<Box<dyn Transport>> {
        self.dial_first_of(self.addresses_of(host, port)?, authority(host, port), budget)
    }

    /// Looks the server up without connecting.
    pub(super) fn look_up_server(&self, visit: &Visit, budget: Budget<'_>) -> Result<Vec<SocketAddr>> {
        let endpoint = &visit.endpoint;
        Self::all_of(self.addresses_of_server(visit)?, endpoint.host(), endpoint.port(), budget)
    }

    /// Looks a host up without connecting. Returns its addresses in the order in which they are to be tried.
    pub(super) fn look_up(&self, host: &Host<String>, port: u16, budget: Budget<'_>) -> Result<Vec<SocketAddr>> {
        Self::all_of(self.addresses_of(host, port)?, host, port, budget)
    }

    fn all_of(
        mut addresses: Addresses,
        host: &Host<String>,
        port: u16,
        budget: Budget<'_>,
    ) -> Result<Vec<SocketAddr>> {
        let mut found = Vec::new();
        loop {
            addresses.collect();
            found.extend(std::iter::from_fn(|| addresses.next()));
            if addresses.is_complete() {
                budget.spend(|timings| &mut timings.resolve);
                break;
            }
            budget.check_interrupted(Phase::Resolve)?;
            if budget.deadline.is_over() {
                return Err(Timeout::of_call(Phase::Resolve, addresses.is_queued()));
            }
            let wakes: Vec<_> = addresses.wake().into_iter().chain(budget.wake).collect();
            let waited = wait_for_any(budget.deadline.earliest(addresses.advance()), &wakes);
            waited.map_err(|error| Error::io(LOOKING_UP, error))?;
        }
        if found.is_empty() { Err(failed(authority(host, port), addresses, Vec::new())) } else { Ok(found) }
    }

    /// The addresses that this client has been given for its server, that of a URL with a zone, or those of the host.
    fn addresses_of_server(&self, visit: &Visit) -> Result<Addresses> {
        let endpoint = &visit.endpoint;
        let (host, port, family) = (endpoint.host(), endpoint.port(), self.dialling.family());
        let fixed = &self.dialling.addresses;
        if !fixed.is_empty() && visit.is_first_origin {
            let with_port = |address: &SocketAddr| {
                let mut address = *address;
                if address.port() == 0 {
                    address.set_port(port);
                }
                address
            };
            return Ok(Addresses::known(fixed.iter().map(with_port), family));
        }
        let (Host::Ipv6(address), Some(zone)) = (host, endpoint.zone()) else {
            return self.addresses_of(host, port);
        };
        let scope = scope_id(zone).map_err(|error| {
            let (authority, lookup) = (authority(host, port), Some(error));
            Error::Connect(Arc::new(ConnectError { authority, lookup, attempts: Vec::new(), excluded: false }))
        })?;
        Ok(Addresses::known([SocketAddrV6::new(*address, port, 0, scope).into()], family))
    }

    /// Numeric addresses are not looked up.
    fn addresses_of(&self, host: &Host<String>, port: u16) -> Result<Addresses> {
        let family = self.dialling.family();
        let resolver = self.dialling.resolver.as_ref();
        match host {
            Host::Ipv4(address) => Ok(Addresses::known([(*address, port).into()], family)),
            Host::Ipv6(address) => Ok(Addresses::known([(*address, port).into()], family)),
            Host::Domain(name) => {
                Addresses::look_up(name, port, family, resolver).map_err(|error| Error::io(LOOKING_UP, error))
            }
        }
    }

    fn dial_first_of(
        &self,
        mut addresses: Addresses,
        authority: String,
        budget: Budget<'_>,
    ) -> Result<Box<dyn Transport>> {
        let mut race = Race::new(&self.dialling.outgoing, &self.tcp, ATTEMPT_DELAY);
        let mut deadline = budget.deadline;
        loop {
            addresses.collect();
            if let Some(address) = race.may_start().then(|| addresses.next()).flatten() {
                if !race.has_begun() {
                    budget.spend(|timings| &mut timings.resolve);
                    deadline = budget.at_most(self.connect_timeout).deadline;
                }
                if let Some(transport) = race.start(address) {
                    return Ok(connected(transport, budget));
                }
            }
            if race.is_lost() && addresses.is_complete() && !addresses.has_next() {
                return Err(failed(authority, addresses, race.end()));
            }
            let next = if addresses.has_next() { race.next_start() } else { Deadline::NEVER };
            let until = deadline.earliest(next).earliest(addresses.advance());
            let wakes: Vec<_> = addresses.wake().into_iter().chain(budget.wake).collect();
            if let Some(transport) = race.wait(until, &wakes).map_err(|error| Error::io("connecting", error))? {
                return Ok(connected(transport, budget));
            }
            let phase = if race.has_begun() { Phase::Connect } else { Phase::Resolve };
            budget.check_interrupted(phase)?;
            if deadline.is_over() {
                return Err(match phase {
                    Phase::Connect => Timeout::connecting(connect_error(authority, addresses, race.end())),
                    _ => Timeout::of_call(phase, addresses.is_queued()),
                });
            }
        }
    }
}

fn connected(transport: SocketTransport, budget: Budget<'_>) -> Box<dyn Transport> {
    budget.spend(|timings| &mut timings.connect);
    Box::new(transport)
}

fn authority(host: &Host<String>, port: u16) -> String {
    format!("{host}:{port}")
}

fn failed(authority: String, addresses: Addresses, attempts: Vec<Attempt>) -> Error {
    Error::Connect(Arc::new(connect_error(authority, addresses, attempts)))
}

fn connect_error(authority: String, addresses: Addresses, attempts: Vec<Attempt>) -> ConnectError {
    let excluded = addresses.has_excluded();
    ConnectError { authority, lookup: addresses.into_error(!attempts.is_empty()), attempts, excluded }
}
