//! Resolves host names to addresses within a deadline.
//!
//! The system's look-up cannot be cancelled, so it runs in a helper thread: see [`offload`](crate::offload). Numeric
//! addresses need no look-up.

use crate::deadline::Deadline;
use crate::error::{ConnectError, Error, Interrupted, Phase, Result, Timeout};
use crate::offload::{GaveUp, Offload};
use crate::transport::Wake;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use url::Host;

/// How many look-ups run at a time, including those whose caller has given up. Further ones wait for one of them to
/// end.
const MAX_LOOKUPS: usize = 64;

static LOOKUPS: Offload = Offload::new("landline look-up", MAX_LOOKUPS);

/// Returns the addresses of a host, in the system's order.
pub(crate) fn resolve(
    host: &Host<String>,
    port: u16,
    deadline: Deadline,
    wake: Option<&Wake>,
) -> Result<Vec<SocketAddr>> {
    resolve_by(&LOOKUPS, host, port, deadline, wake)
}

fn resolve_by(
    lookups: &Offload,
    host: &Host<String>,
    port: u16,
    deadline: Deadline,
    wake: Option<&Wake>,
) -> Result<Vec<SocketAddr>> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address, port).into()]),
        Host::Domain(name) => name.clone(),
    };
    let authority = format!("{name}:{port}");
    let look_up = move || (&name[..], port).to_socket_addrs().map(Vec::from_iter);
    match lookups.run(look_up, deadline, wake) {
        Ok(found) => found.map_err(|error| {
            Error::Connect(Arc::new(ConnectError { authority, lookup: Some(error), attempts: vec![] }))
        }),
        Err(GaveUp::Timeout { queued }) => {
            Err(Error::Timeout(Timeout { phase: Phase::Resolve, accepted: false, queued }))
        }
        Err(GaveUp::Interrupted) => Err(Interrupted::during(Phase::Resolve)),
        Err(GaveUp::Failed(error)) => Err(Error::io("looking up a name", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::tests::hang;
    use std::time::Duration;

    #[test]
    fn a_look_up_queued_behind_hanging_ones_times_out_and_says_why() {
        static ONE: Offload = Offload::new("one look-up", 1);
        let held = hang(&ONE);
        let name = Host::Domain("localhost".to_owned());
        let soon = Deadline::after(Duration::from_millis(30));
        let error = resolve_by(&ONE, &name, 80, soon, None).unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout { phase: Phase::Resolve, queued: true, .. })), "{error}");
        assert!(error.to_string().ends_with("too many others have not returned from the system"), "{error}");
        // Numeric addresses are not looked up.
        let number = Host::Ipv4([127, 0, 0, 1].into());
        assert_eq!(resolve_by(&ONE, &number, 80, soon, None).unwrap().len(), 1);
        drop(held);
        let later = Deadline::after(Duration::from_secs(20));
        assert!(!resolve_by(&ONE, &name, 80, later, None).unwrap().is_empty());
    }
}
