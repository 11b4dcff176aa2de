//! What is made from certificates, shared by all connections with the same settings: connectors of clients, identities and
//! acceptors of servers.
//!
//! Making a connector takes tens of milliseconds of processor time: the platform's library reads and parses every root
//! certificate, twice if the environment names their file, and even if they are not to be trusted. An acceptor takes less,
//! but a program that hands over sockets one by one would make one for each. So each is made once, and kept for whoever asks
//! for the same, with the contents of files compared byte by byte. Threads that ask at the same time wait for the first of
//! them.
//!
//! The platform's roots may change under a process that runs for months: a connector that trusts them serves for
//! [`ROOTS_AGE`]. A forked child begins with none, because another thread may have held a lock inside of it.

use super::backend::{self, Acceptor, Connector};
use super::identity::{Material, Parsed};
use super::settings::{ClientSettings, ServerSettings};
use crate::deadline::Deadline;
use crate::error::Result;
use crate::process::PerProcess;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long the platform's roots are not read again.
const ROOTS_AGE: Duration = Duration::from_secs(10 * 60);
/// How many of each are kept: those used last.
const MOST: usize = 8;

/// What was made of one set of settings.
struct Entry<S, T> {
    settings: S,
    /// Until when the platform's roots in it are recent enough.
    fresh_until: Deadline,
    made: OnceLock<Result<T>>,
}

type Entries<S, T> = Mutex<Vec<Arc<Entry<S, T>>>>;

static CONNECTORS: PerProcess<Entries<ClientSettings, Arc<dyn Connector>>> = PerProcess::new(Entries::default);
static IDENTITIES: PerProcess<Entries<Arc<Material>, Arc<Parsed>>> = PerProcess::new(Entries::default);
static ACCEPTORS: PerProcess<Entries<ServerSettings, Arc<dyn Acceptor>>> = PerProcess::new(Entries::default);

/// The connector for these settings, if it has been made. Never waits.
pub(super) fn ready(settings: &ClientSettings) -> Option<Arc<dyn Connector>> {
    let found = find(&mut lock(CONNECTORS.get()), settings, Instant::now())?;
    found.made.get()?.as_ref().ok().cloned()
}

/// The connector for these settings. Makes it, or waits for another thread that does.
pub(super) fn connector(settings: &ClientSettings) -> Result<Arc<dyn Connector>> {
    connector_in(CONNECTORS.get(), settings, Instant::now(), backend::connector)
}

fn connector_in<T: Clone>(
    shared: &Entries<ClientSettings, T>,
    settings: &ClientSettings,
    now: Instant,
    make: impl FnOnce(&ClientSettings) -> Result<T>,
) -> Result<T> {
    let fresh_until = if settings.platform_roots { Deadline::at(now).later(ROOTS_AGE) } else { Deadline::NEVER };
    made_in(shared, settings, now, fresh_until, make)
}

/// The identity that is made of this. Makes it, or waits for another thread that does.
pub(super) fn identity(material: &Arc<Material>) -> Result<Arc<Parsed>> {
    made_in(IDENTITIES.get(), material, Instant::now(), Deadline::NEVER, |material| material.parse().map(Arc::new))
}

/// The acceptor for these settings. Makes it, or waits for another thread that does.
pub(super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    made_in(ACCEPTORS.get(), settings, Instant::now(), Deadline::NEVER, backend::acceptor)
}

fn made_in<S: Clone + Eq, T: Clone>(
    shared: &Entries<S, T>,
    settings: &S,
    now: Instant,
    fresh_until: Deadline,
    make: impl FnOnce(&S) -> Result<T>,
) -> Result<T> {
    let mut entries = lock(shared);
    let entry = find(&mut entries, settings, now).unwrap_or_else(|| {
        let entry = Arc::new(Entry { settings: settings.clone(), fresh_until, made: OnceLock::new() });
        entries.truncate(MOST - 1);
        entries.insert(0, Arc::clone(&entry));
        entry
    });
    drop(entries);
    let made = entry.made.get_or_init(|| make(settings));
    if made.is_err() {
        // It may be better the next time.
        lock(shared).retain(|other| !Arc::ptr_eq(other, &entry));
    }
    made.clone()
}

/// The one with these settings, which becomes the latest used. Those that are too old are forgotten.
fn find<S: Eq, T>(entries: &mut Vec<Arc<Entry<S, T>>>, settings: &S, now: Instant) -> Option<Arc<Entry<S, T>>> {
    entries.retain(|entry| !entry.fresh_until.is_over_at(now));
    let place = entries.iter().position(|entry| entry.settings == *settings)?;
    entries[..=place].rotate_right(1);
    Some(Arc::clone(&entries[0]))
}

fn lock<S, T>(shared: &Entries<S, T>) -> MutexGuard<'_, Vec<Arc<Entry<S, T>>>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::tls::settings::Pem;
    use crate::transport::{Identity, TlsAcceptor, TlsBackend, TlsVersion};
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn settings(platform_roots: bool, name: &str) -> ClientSettings {
        ClientSettings {
            backend: TlsBackend::NativeTls,
            platform_roots,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            roots: vec![Pem { text: name.as_bytes().into(), name: "x".into() }],
            identity: None,
            alpn: true,
            min_version: TlsVersion::V1_2,
            key_log: None,
        }
    }

    #[test]
    fn each_connector_is_made_once_however_many_threads_ask() {
        static ENTRIES: Entries<ClientSettings, ()> = Entries::new(Vec::new());
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let now = Instant::now();
        let threads: Vec<_> = (0..32)
            .map(|i| {
                std::thread::spawn(move || {
                    let settings = settings(true, ["one", "other"][i % 2]);
                    connector_in(&ENTRIES, &settings, now, |_| {
                        MADE.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(MADE.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn servers_with_one_certificate_share_what_is_made_of_it() {
        let pem = |name: &str| {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            (made.cert.pem(), made.signing_key.serialize_pem())
        };
        let (one, other) = (pem("one.test"), pem("other.test"));
        let accept = |(certificate, key): &(String, String)| {
            let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
            let material = Arc::clone(&identity.material);
            let acceptor = TlsAcceptor::new(identity).unwrap();
            let identity = find(&mut lock(IDENTITIES.get()), &material, Instant::now()).unwrap();
            (Arc::as_ptr(&identity), Arc::as_ptr(acceptor.made()).cast::<()>())
        };
        let first = accept(&one);
        let different = accept(&other);
        assert!(first.0 != different.0 && first.1 != different.1);
        assert_eq!(accept(&one), first);
        assert!(Identity::from_pem(one.0.as_bytes(), other.1.as_bytes()).is_err());
    }

    #[test]
    fn connectors_are_forgotten_when_they_are_old_or_many_and_failures_at_once() {
        let entries = Entries::default();
        let made = Cell::new(0);
        let ask = |settings: &ClientSettings, now| {
            connector_in(&entries, settings, now, |_| {
                made.set(made.get() + 1);
                Ok(())
            })
            .unwrap();
            made.take()
        };
        let now = Instant::now();
        for platform_roots in [true, false] {
            let settings = settings(platform_roots, "a");
            assert_eq!([ask(&settings, now), ask(&settings, now)], [1, 0]);
            assert_eq!(ask(&settings, now + ROOTS_AGE / 2), 0);
            assert_eq!(ask(&settings, now + ROOTS_AGE), usize::from(platform_roots));
        }
        for i in 0..MOST {
            assert_eq!(ask(&settings(false, &format!("{i}")), now), 1);
        }
        assert_eq!(lock(&entries).len(), MOST);
        assert_eq!([ask(&settings(false, "0"), now), ask(&settings(false, "a"), now)], [0, 1]);
        assert_eq!(ask(&settings(false, "0"), now), 0, "the latest used stay");
        assert_eq!(ask(&settings(false, "1"), now), 1);

        let fail = |_: &ClientSettings| Err(crate::error::UsageError::Forked.into());
        assert!(connector_in(&entries, &settings(false, "bad"), now, fail).is_err());
        assert_eq!(ask(&settings(false, "bad"), now), 1);
    }
}
