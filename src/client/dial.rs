//! From a host and a port to a connected socket.

use super::Client;
use super::budget::Budget;
use crate::deadline::Deadline;
use crate::error::{ConnectError, Error, Phase, Result, Timeout};
use crate::resolve::resolve;
use crate::transport::{Transport, connect_tcp};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use url::Host;

impl Client {
    /// Looks up the host, and connects to the first of its addresses that answers.
    pub(super) fn dial(&self, host: &Host<String>, port: u16, budget: Budget<'_>) -> Result<Box<dyn Transport>> {
        let addresses = resolve(host, port, budget.deadline, budget.wake)?;
        let budget = budget.at_most(self.connect_timeout);
        let mut attempts = Vec::new();
        for (i, address) in addresses.iter().enumerate() {
            match self.dial_address(*address, addresses.len() - i, budget) {
                Ok(Some(transport)) => return Ok(transport),
                Ok(None) => {
                    budget.check_interrupted(Phase::Connect)?;
                    if addresses.len() == 1 {
                        return Err(Timeout::of(Phase::Connect));
                    }
                    attempts.push((*address, io::ErrorKind::TimedOut.into()));
                }
                Err(error) => attempts.push((*address, error)),
            }
        }
        let authority = format!("{host}:{port}");
        Err(Error::Connect(Arc::new(ConnectError { authority, lookup: None, attempts })))
    }

    /// `None` if it took too long or was interrupted. An address that does not answer leaves time for the others of
    /// those that are `untried`.
    fn dial_address(
        &self,
        address: SocketAddr,
        untried: usize,
        budget: Budget<'_>,
    ) -> io::Result<Option<Box<dyn Transport>>> {
        let untried = u32::try_from(untried).unwrap_or(u32::MAX);
        let share = Deadline::after(budget.deadline.left().map(|left| left / untried));
        let socket = connect_tcp(address, &self.tcp, share, budget.wake)?;
        Ok(socket.map(|socket| Box::new(socket) as _))
    }
}
