//! Looks up the addresses of a host, without waiting for them.
//!
//! The system's look-up cannot be cancelled, so it runs in helper threads: see [`offload`](crate::offload). IPv6 and IPv4
//! addresses are looked up at the same time, so that connecting can begin with those that are known first (RFC 8305
//! section 3).
//!
//! Taken separately, the two may find more than one look-up for both families would: the system asks its sources one
//! after the other, and also goes on to the next domain of its search list, until one of them has an address of any
//! family asked for. A name that `/etc/hosts` gives one IPv4 address must not get its IPv6 addresses from the DNS. So
//! names that are in this file, and names without a dot, are looked up for both families in one call.

mod candidates;

pub use candidates::AddressFamily;

use crate::deadline::Deadline;
use crate::offload::{Offload, Pending};
use crate::transport::Wake;
use candidates::Candidates;
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How many look-ups run at a time, two for most names, including those whose caller has given up. Further ones wait for
/// one of them to end.
const MAX_LOOKUPS: usize = 64;

static LOOKUPS: Offload = Offload::new("landline look-up", MAX_LOOKUPS);

/// How long connecting to an IPv4 address waits for the IPv6 addresses: the Resolution Delay of RFC 8305 section 8.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

type Resolve = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// A look-up of the program's own.
#[derive(Clone)]
pub(crate) struct Resolver(pub(crate) Arc<Resolve>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// The addresses of one host, as they become known. Dropping it does not stop look-ups that are under way.
pub(crate) struct Addresses {
    candidates: Candidates,
    /// Those that have not returned.
    calls: Vec<Call>,
    /// Set when one of them has returned.
    done: Option<Arc<Wake>>,
    /// Connecting need not wait for more addresses.
    may_begin: bool,
    /// Until when to wait for IPv6 addresses, once there are others.
    delay: Deadline,
    failure: Option<LookupFailure>,
}

struct Call {
    is_v6: bool,
    pending: Pending<'static, Result<Vec<SocketAddr>, LookupFailure>>,
}

/// Why a look-up failed.
#[derive(Debug)]
struct LookupFailure {
    error: io::Error,
    /// The answer is that there is no such address.
    is_answer: bool,
}

impl Addresses {
    /// These, of those that `family` admits.
    pub(crate) fn known(addresses: impl IntoIterator<Item = SocketAddr>, family: AddressFamily) -> Self {
        let mut candidates = Candidates::new(family);
        candidates.add(addresses);
        Self { candidates, calls: Vec::new(), done: None, may_begin: true, delay: Deadline::NEVER, failure: None }
    }

    /// Starts to look up `name`, by the system or by `resolver`.
    pub(crate) fn look_up(
        name: &str,
        port: u16,
        family: AddressFamily,
        resolver: Option<&Resolver>,
    ) -> io::Result<Self> {
        Self::look_up_in(&LOOKUPS, name, port, family, resolver)
    }

    fn look_up_in(
        lookups: &'static Offload,
        name: &str,
        port: u16,
        family: AddressFamily,
        resolver: Option<&Resolver>,
    ) -> io::Result<Self> {
        let done = Arc::new(Wake::new()?);
        let name: Arc<str> = name.into();
        let system = |family, is_v6| {
            let name = Arc::clone(&name);
            Call { is_v6, pending: lookups.start(move || ask_system(&name, port, family), &done) }
        };
        let calls = match (resolver.cloned(), family) {
            (Some(Resolver(resolve)), _) => {
                let name = Arc::clone(&name);
                let call = move || resolve(&name, port).map_err(|error| LookupFailure { error, is_answer: false });
                vec![Call { is_v6: false, pending: lookups.start(call, &done) }]
            }
            (None, AddressFamily::Ipv4) => vec![system(libc::AF_INET, false)],
            (None, AddressFamily::Ipv6) => vec![system(libc::AF_INET6, true)],
            (None, AddressFamily::Any) if is_local(&name) => vec![system(libc::AF_UNSPEC, false)],
            (None, AddressFamily::Any) => vec![system(libc::AF_INET6, true), system(libc::AF_INET, false)],
        };
        Ok(Self::of(calls, done, family))
    }

    fn of(calls: Vec<Call>, done: Arc<Wake>, family: AddressFamily) -> Self {
        let mut candidates = Candidates::new(family);
        let may_begin = !calls.iter().any(|call| call.is_v6);
        if !may_begin {
            candidates.prefer_v6();
        }
        Self { candidates, calls, done: Some(done), may_begin, delay: Deadline::NEVER, failure: None }
    }

    /// Set when [`collect`](Self::collect) has something to do.
    pub(crate) fn wake(&self) -> Option<&Wake> {
        self.done.as_deref()
    }

    /// To be called before each wait, which must not take longer than until the returned deadline.
    pub(crate) fn advance(&self) -> Deadline {
        let retry = self.calls.iter().map(|call| call.pending.advance());
        retry.fold(if self.may_begin { Deadline::NEVER } else { self.delay }, Deadline::earliest)
    }

    /// Takes in what has been found since the last call.
    pub(crate) fn collect(&mut self) {
        self.done.as_ref().map(|done| done.take());
        self.calls.retain(|call| {
            let Some(returned) = call.pending.take() else { return true };
            match returned {
                Ok(addresses) => self.candidates.add(addresses),
                // A failure that is not an answer says more.
                Err(failure) if !failure.is_answer || self.failure.is_none() => self.failure = Some(failure),
                Err(_) => {}
            }
            false
        });
        if self.delay == Deadline::NEVER && !self.candidates.is_empty() {
            self.delay = Deadline::after(RESOLUTION_DELAY);
        }
        self.may_begin |= !self.calls.iter().any(|call| call.is_v6) || self.delay.is_over();
    }

    /// Whether [`next`](Self::next) has an address to try now.
    pub(crate) fn has_next(&self) -> bool {
        self.may_begin && !self.candidates.is_empty()
    }

    /// The next address to try, if connecting should not wait for more.
    pub(crate) fn next(&mut self) -> Option<SocketAddr> {
        if self.may_begin { self.candidates.next() } else { None }
    }

    /// Whether all that there may be is known.
    pub(crate) fn is_complete(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether looking up has not begun, because as many others as may run have not returned from the system.
    pub(crate) fn is_queued(&self) -> bool {
        !self.calls.is_empty() && self.calls.iter().all(|call| call.pending.is_queued())
    }

    /// Why there are no addresses. If some have been tried, why there are no more, unless that is the answer.
    pub(crate) fn into_error(self, tried: bool) -> Option<io::Error> {
        self.failure.filter(|failure| !(tried && failure.is_answer)).map(|failure| failure.error)
    }

    /// Whether addresses were left out because of their family.
    pub(crate) fn has_excluded(&self) -> bool {
        self.candidates.has_excluded()
    }
}

fn ask_system(name: &str, port: u16, family: i32) -> Result<Vec<SocketAddr>, LookupFailure> {
    let hints = AddrInfoHints { socktype: libc::SOCK_STREAM, address: family, ..AddrInfoHints::default() };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints))?;
    let addresses = found.filter_map(|found| {
        let mut address = found.ok()?.sockaddr;
        address.set_port(port);
        Some(address)
    });
    Ok(addresses.collect())
}

impl From<LookupError> for LookupFailure {
    fn from(error: LookupError) -> Self {
        use LookupErrorKind::{Again, Fail, Memory, System};
        let is_answer = !matches!(error.kind(), Again | Fail | Memory | System);
        let error = io::Error::from(error);
        // The caller says what failed; left is why.
        let why = error.to_string().strip_prefix("failed to lookup address information: ").map(str::to_owned);
        let error = match why {
            Some(why) => io::Error::new(error.kind(), why),
            None => error,
        };
        Self { is_answer, error }
    }
}

/// The scope id of an IPv6 zone: the number or name of a network interface. The zone is looked up with a link-local address,
/// whatever it is used with: with others, the system takes numbers only.
pub(crate) fn scope_id(zone: &str) -> io::Result<u32> {
    let hints = AddrInfoHints {
        flags: libc::AI_NUMERICHOST,
        address: libc::AF_INET6,
        socktype: libc::SOCK_STREAM,
        ..AddrInfoHints::default()
    };
    let found = dns_lookup::getaddrinfo(Some(&format!("fe80::1%{zone}")), None, Some(hints));
    let found = found.ok().into_iter().flatten().find_map(|found| match found.ok()?.sockaddr {
        SocketAddr::V6(found) => Some(found.scope_id()),
        SocketAddr::V4(_) => None,
    });
    found.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("there is no network interface {zone}; see `ip link`"))
    })
}

/// Whether a name must be looked up for both families in one call.
fn is_local(name: &str) -> bool {
    !name.trim_end_matches('.').contains('.')
        || std::fs::read("/etc/hosts").is_ok_and(|hosts| is_in_hosts(name, &String::from_utf8_lossy(&hosts)))
}

fn is_in_hosts(name: &str, hosts: &str) -> bool {
    let name = name.trim_end_matches('.');
    hosts.lines().any(|line| {
        let entry = line.split('#').next().unwrap_or_default();
        entry.split_whitespace().skip(1).any(|word| word.trim_end_matches('.').eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::tests::hang;
    use crate::transport::{Interest, wait_fd};
    use std::os::fd::AsFd;
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(20);

    /// Waits until something becomes known, and takes it in.
    fn collect(addresses: &mut Addresses) {
        let until = Deadline::after(LONG).earliest(addresses.advance());
        wait_fd(addresses.wake().unwrap().as_fd(), Interest::READ, until, None).unwrap();
        addresses.collect();
    }

    /// All of them in the order in which they are to be tried, and the error.
    fn finish(mut addresses: Addresses) -> (Vec<SocketAddr>, Option<io::Error>) {
        let limit = Deadline::after(LONG);
        while !addresses.is_complete() {
            assert!(!limit.is_over());
            collect(&mut addresses);
        }
        let found: Vec<_> = std::iter::from_fn(|| addresses.next()).collect();
        let tried = !found.is_empty();
        (found, addresses.into_error(tried))
    }

    #[test]
    fn a_look_up_queued_behind_hanging_ones_says_so_and_is_made_when_they_return() {
        static ONE: Offload = Offload::new("one look-up", 1);
        let held = hang(&ONE);
        let mut addresses = Addresses::look_up_in(&ONE, "localhost", 80, AddressFamily::Any, None).unwrap();
        addresses.advance();
        addresses.collect();
        assert!(addresses.is_queued() && !addresses.has_next() && !addresses.is_complete());
        drop(held);
        let (found, error) = finish(addresses);
        assert!(error.is_none() && found[0].port() == 80);
    }

    #[test]
    fn one_family_alone_can_be_looked_up() {
        for (family, is_v6) in [(AddressFamily::Ipv4, false), (AddressFamily::Ipv6, true)] {
            let (found, error) = finish(Addresses::look_up("localhost", 1, family, None).unwrap());
            assert!(error.is_some() == found.is_empty());
            assert!(found.iter().all(|address| address.is_ipv6() == is_v6), "{found:?}");
        }
    }

    #[test]
    fn rfc_8305_3_ipv4_waits_a_moment_for_ipv6_but_not_the_other_way_round() {
        static TWO: Offload = Offload::new("two look-ups", 2);
        let (v4, v6): (SocketAddr, SocketAddr) =
            ("192.0.2.1:1".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap());
        for v6_is_first in [false, true] {
            let done = Arc::new(Wake::new().unwrap());
            let call = |address: SocketAddr| {
                let (release, held) = channel::<()>();
                let look_up = move || {
                    let _ = held.recv();
                    Ok(vec![address])
                };
                (release, Call { is_v6: address.is_ipv6(), pending: TWO.start(look_up, &done) })
            };
            let ((let_v6, call_v6), (let_v4, call_v4)) = (call(v6), call(v4));
            let mut addresses = Addresses::of(vec![call_v6, call_v4], done, AddressFamily::Any);
            let ((first, let_first), (second, let_second)) =
                if v6_is_first { ((v6, let_v6), (v4, let_v4)) } else { ((v4, let_v4), (v6, let_v6)) };
            drop(let_first);
            while addresses.candidates.is_empty() {
                collect(&mut addresses);
            }
            assert_eq!(addresses.has_next(), v6_is_first);
            while !addresses.has_next() {
                collect(&mut addresses);
            }
            assert!(!addresses.is_complete(), "it has waited long enough");
            assert_eq!(addresses.next(), Some(first));
            drop(let_second);
            assert_eq!(finish(addresses).0, [second]);
        }
    }

    #[test]
    fn an_answer_that_there_is_no_address_counts_less_than_another_failure() {
        let failure = |is_answer| LookupFailure { error: io::Error::other(format!("{is_answer}")), is_answer };
        let done = Arc::new(Wake::new().unwrap());
        for order in [[true, false], [false, true], [true, true]] {
            static TWO: Offload = Offload::new("two look-ups", 2);
            let call = |is_answer| {
                let pending = TWO.start(move || Err(failure(is_answer)), &done);
                Call { is_v6: false, pending }
            };
            let addresses = Addresses::of(order.map(call).into(), Arc::clone(&done), AddressFamily::Any);
            let error = finish(addresses).1.unwrap();
            assert_eq!(error.to_string(), (order == [true, true]).to_string());
        }
    }

    #[test]
    fn names_of_which_one_source_has_to_answer_for_both_families_are_known() {
        let hosts =
            "127.0.0.1 localhost\n# 10.0.0.9 off.example\n10.0.0.5\tApp.example. alias.example # x.example\n";
        for (name, is_there) in [
            ("app.example", true),
            ("APP.example.", true),
            ("alias.example", true),
            ("off.example", false),
            ("x.example", false),
            ("10.0.0.5", false),
            ("pp.example", false),
        ] {
            assert_eq!(is_in_hosts(name, hosts), is_there, "{name}");
        }
        assert!(is_local("localhost") && is_local("db.") && !is_local("no-such-host.example"));
    }

    #[test]
    fn a_zone_is_the_number_or_the_name_of_an_interface() {
        assert_eq!(scope_id("7").unwrap(), 7);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        assert_eq!(scope_id("lo").unwrap(), 1);
        let error = scope_id("no-such-if").unwrap_err();
        assert!(error.to_string().contains("no-such-if"), "{error}");
    }
}
