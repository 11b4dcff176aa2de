//! Random nonces and masking keys (RFC 6455 sections 4.1 and 10.3), for connections and for programs that drive
//! [`proto`](crate::proto) themselves.

use crate::error::{Error, Result};
use crate::process::{Process, watch_forks};
use crate::proto::MaskSource;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io;

/// Returns a random nonce for one opening handshake.
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

/// Masking keys from a cryptographic generator (ChaCha) that is seeded by the system. It is seeded again in a forked
/// child, so parent and child never use the same keys.
///
/// ```
/// use landline::entropy::SystemMasks;
/// use landline::proto::{Limits, Protocol};
/// let client = Protocol::open_client(Limits::default(), SystemMasks::new()?);
/// # Ok::<(), landline::Error>(())
/// ```
pub struct SystemMasks {
    generator: StdRng,
    seeded_in: Process,
}

impl SystemMasks {
    /// Makes a freshly seeded source.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the system has no random bytes, or no memory for the handler that detects forks.
    pub fn new() -> Result<Self> {
        watch_forks().map_err(|error| Error::io("registering the fork handler", error))?;
        let seeded_in = Process::current();
        let mut seed = [0; 32];
        fill(&mut seed)?;
        Ok(Self { generator: StdRng::from_seed(seed), seeded_in })
    }

    #[cold]
    fn renew(&mut self) {
        // The system's generator has already delivered bytes to this program, and does not stop once it has started
        // (getrandom(2)). A predictable key would be worse than another attempt.
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
        if !self.seeded_in.is_current() {
            self.renew();
        }
        self.generator.next_u32().to_ne_bytes()
    }
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
        masks.seeded_in = Process::other();
        assert_ne!(masks.next_key(), parent.next_u32().to_ne_bytes(), "a forked child uses its parent's keys");
        keys.extend((0..320).map(|_| masks.next_key()));
        let mut other = SystemMasks::new().unwrap();
        keys.extend((0..320).map(|_| other.next_key()));
        // 672 keys of 32 bits: one repetition has a chance of 1 in 19,000; two are no accident.
        assert!(keys.len() >= 32 + 320 + 320 - 1);
    }
}
