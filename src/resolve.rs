//! Host names to addresses, with a time limit.
//!
//! The system's look-up cannot be stopped. It therefore runs in a thread of its own, the only one this library
//! starts unasked; when time runs out the thread is left behind and ends with the look-up. At most
//! [`MAX_LOOKUPS`] run at a time. Addresses that are numbers need no look-up and no thread.

use crate::error::{Budget, ConnectError, Error, Interrupted, Result, Timeout};
use crate::transport::{CHANGED, Interest, Wake, wait_fd};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use url::Host;

/// Look-ups that may run at the same time, abandoned ones included.
const MAX_LOOKUPS: usize = 64;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// The addresses of a host, in the system's order.
pub(crate) fn resolve(
    host: &Host<String>,
    port: u16,
    deadline: Option<Instant>,
    wake: Option<&Wake>,
) -> Result<Vec<SocketAddr>> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![(*address, port).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address, port).into()]),
        Host::Domain(name) => name.clone(),
    };
    let authority = format!("{name}:{port}");
    let failed = |error| {
        Error::Connect(Arc::new(ConnectError {
            authority: authority.clone(),
            lookup: Some(error),
            attempts: vec![],
        }))
    };
    if LOOKUPS.fetch_add(1, Ordering::SeqCst) >= MAX_LOOKUPS {
        LOOKUPS.fetch_sub(1, Ordering::SeqCst);
        return Err(failed(io::Error::other("too many name look-ups are hanging")));
    }
    let done = Arc::new(Wake::new().map_err(|error| Error::io("looking up a name", error))?);
    let found = Arc::new(Mutex::new(None));
    let looker = {
        let (done, found) = (Arc::clone(&done), Arc::clone(&found));
        move || {
            let result = (&name[..], port).to_socket_addrs().map(Vec::from_iter);
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            LOOKUPS.fetch_sub(1, Ordering::SeqCst);
            done.set(CHANGED);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("landline look-up".into()).spawn(looker) {
        LOOKUPS.fetch_sub(1, Ordering::SeqCst);
        return Err(failed(error));
    }
    loop {
        if let Some(result) = found.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return result.map_err(failed);
        }
        if wake.is_some_and(Wake::is_set) {
            return Err(Error::Interrupted(Interrupted::default()));
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Timeout::of(Budget::Resolve));
        }
        wait_fd(done.as_fd(), Interest::READ, deadline, wake)
            .map_err(|error| Error::io("looking up a name", error))?;
    }
}
