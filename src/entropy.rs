//! Random bytes from the operating system: nonces and masking keys (RFC 6455 sections 4.1 and 10.3).

use crate::error::{Error, Result};
use crate::proto::MaskSource;
use std::io;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// Keys fetched at a time: one system call for 64 frames.
const BATCH: usize = 64;

/// A fresh nonce for an opening handshake.
pub(crate) fn nonce() -> Result<[u8; 16]> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| Error::io("getting random bytes", io::Error::other(error)))?;
    Ok(nonce)
}

/// Masking keys, fetched in batches. A forked child never uses what its parent has fetched.
pub(crate) struct SystemMasks {
    keys: [[u8; 4]; BATCH],
    used: usize,
    generation: u32,
}

impl SystemMasks {
    /// A source whose first batch has been fetched.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub(crate) fn new() -> Result<Self> {
        watch_forks();
        let mut masks = Self { keys: [[0; 4]; BATCH], used: BATCH, generation: 0 };
        masks.refill().map_err(|error| Error::io("getting random bytes", io::Error::other(error)))?;
        Ok(masks)
    }

    fn refill(&mut self) -> Result<(), getrandom::Error> {
        self.generation = FORKS.load(Ordering::Relaxed);
        getrandom::fill(self.keys.as_flattened_mut())?;
        self.used = 0;
        Ok(())
    }
}

impl MaskSource for SystemMasks {
    fn next_key(&mut self) -> [u8; 4] {
        if self.used == BATCH || self.generation != FORKS.load(Ordering::Relaxed) {
            // The system gave bytes when the connection was opened; it does not stop giving them afterwards
            // (getrandom(2)). A predictable key would be worse than trying again.
            while self.refill().is_err() {
                std::thread::yield_now();
            }
        }
        let key = self.keys[self.used];
        self.used += 1;
        key
    }
}

/// How many times this process is a fork of the one that started.
static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

#[expect(unsafe_code, reason = "the system's notice of a fork; a getpid per frame costs more than the frame")]
fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only changes an atomic, which is async-signal-safe, and is never unloaded.
        // A failure (no memory) leaves forked children with their parent's batch, 64 keys at most.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn item_7_keys_do_not_repeat_across_batches_and_forks() {
        let mut masks = SystemMasks::new().unwrap();
        let mut keys: HashSet<[u8; 4]> = (0..BATCH / 2).map(|_| masks.next_key()).collect();
        let unused = masks.keys[BATCH / 2];
        forked();
        let after = masks.next_key();
        assert_ne!(after, unused, "a forked child goes on with its parent's batch");
        keys.extend((0..10 * BATCH).map(|_| masks.next_key()));
        // 672 keys of 32 bits: a repeat has a chance of 1 in 19,000; two of them are no accident.
        assert!(keys.len() >= BATCH / 2 + 10 * BATCH - 1);
    }
}
