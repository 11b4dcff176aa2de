//! Random bytes: nonces and masking keys (RFC 6455 sections 4.1 and 10.3), for connections and for programs that drive
//! [`proto`](crate::proto) by themselves.

use crate::error::{Error, Result};
use crate::process::{Process, watch_forks};
use crate::proto::MaskSource;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::io;

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
    seeded_in: Process,
}

impl SystemMasks {
    /// A freshly seeded source.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes, or no memory to tell of forks.
    pub fn new() -> Result<Self> {
        watch_forks().map_err(|error| Error::io("preparing for forks", error))?;
        let seeded_in = Process::current();
        let mut seed = [0; 32];
        fill(&mut seed)?;
        Ok(Self { generator: StdRng::from_seed(seed), seeded_in })
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
