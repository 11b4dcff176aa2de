//! Random bytes: nonces and masking keys (RFC 6455 sections 4.1 and 10.3), for connections and for programs that drive
//! [`proto`](crate::proto) by themselves.

use crate::error::{Error, Result};
use crate::proto::MaskSource;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A fresh nonce for an opening handshake.
///
/// # Errors
///
/// [`Error::Io`] when the system has no random bytes.
pub fn nonce() -> Result<[u8; 16]> {
    let mut nonce = [0; 16];
    fill(&mut nonce)?;
    Ok(nonce)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::io("getting random bytes", io::Error::other(error)))
}

/// Masking keys from a cryptographic generator (ChaCha), which the system seeds. A forked child never goes on with its
/// parent's.
///
/// ```
/// use landline::entropy::SystemMasks;
/// use landline::proto::{Limits, Protocol};
/// let client = Protocol::client(Limits::default(), SystemMasks::new()?);
/// # Ok::<(), landline::Error>(())
/// ```
pub struct SystemMasks {
    generator: StdRng,
    /// The number of forks when it was seeded.
    generation: u32,
}

impl SystemMasks {
    /// A freshly seeded source.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes, or no memory to tell of forks.
    pub fn new() -> Result<Self> {
        watch_forks()?;
        let generation = FORKS.load(Ordering::Relaxed);
        let mut seed = [0; 32];
        fill(&mut seed)?;
        Ok(Self { generator: StdRng::from_seed(seed), generation })
    }

    #[cold]
    fn renew(&mut self) {
        // The system gave bytes when the connection was opened; it does not stop giving them afterwards
        // (getrandom(2)). A predictable key would be worse than trying again.
        loop {
            match Self::new() {
                Ok(fresh) => return *self = fresh,
                Err(_) => std::thread::yield_now(),
            }
        }
    }
}

impl MaskSource for SystemMasks {
    fn next_key(&mut self) -> [u8; 4] {
        if self.generation != FORKS.load(Ordering::Relaxed) {
            self.renew();
        }
        self.generator.next_u32().to_ne_bytes()
    }
}

/// How many times this process is a fork of the one that started.
static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

#[expect(unsafe_code, reason = "the system's notice of a fork; a getpid per frame costs more than the frame")]
fn watch_forks() -> Result<()> {
    static WATCHING: OnceLock<i32> = OnceLock::new();
    let errno = *WATCHING.get_or_init(|| {
        // SAFETY: the handler only changes an atomic, which is async-signal-safe, and is never unloaded.
        unsafe { libc::pthread_atfork(None, None, Some(forked)) }
    });
    if errno == 0 { Ok(()) } else { Err(Error::io("preparing for forks", io::Error::from_raw_os_error(errno))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn item_7_keys_do_not_repeat_across_connections_and_forks() {
        let mut masks = SystemMasks::new().unwrap();
        masks.generator = StdRng::from_seed([7; 32]);
        let mut parent = StdRng::from_seed([7; 32]);
        let mut keys: HashSet<[u8; 4]> = (0..32).map(|_| masks.next_key()).collect();
        assert!((0..32).all(|_| keys.contains(&parent.next_u32().to_ne_bytes())));
        forked();
        assert_ne!(
            masks.next_key(),
            parent.next_u32().to_ne_bytes(),
            "a forked child goes on with its parent's keys"
        );
        keys.extend((0..320).map(|_| masks.next_key()));
        let mut other = SystemMasks::new().unwrap();
        keys.extend((0..320).map(|_| other.next_key()));
        // 672 keys of 32 bits: a repeat has a chance of 1 in 19,000; two of them are no accident.
        assert!(keys.len() >= 32 + 320 + 320 - 1);
    }
}
