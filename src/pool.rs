//! Memory that is needed only while much is being written, shared by all connections.
//!
//! With many connections, memory that another one has just used is still in the processor's cache, and its own, used a
//! while ago, is not. And a connection that is idle holds none.

use std::sync::Mutex;

/// At most so many pieces of memory wait in a pool, each of at most so many bytes: what gathering needs.
const MOST: usize = 16;
const LARGEST: usize = 128 << 10;

/// What one purpose keeps.
pub(crate) struct Pool(Mutex<Vec<Vec<u8>>>);

/// For outbound queues, which stay initialised up to their length.
pub(crate) static QUEUES: Pool = Pool::new();
/// For ciphertext on its way out, empty.
pub(crate) static CIPHERTEXT: Pool = Pool::new();

impl Pool {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The memory that was given last, or none. Never waits: a process may have been forked while another thread was
    /// here.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.try_lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default()
    }

    /// Gives memory for others to use.
    pub(crate) fn give(&self, memory: Vec<u8>) {
        if memory.capacity() <= LARGEST
            && let Ok(mut pool) = self.0.try_lock()
            && pool.len() < MOST
        {
            pool.push(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let pool = Pool::new();
        pool.give(vec![0; LARGEST + 1]);
        (0..2 * MOST).for_each(|_| pool.give(vec![0; LARGEST]));
        let kept: Vec<Vec<u8>> = (0..2 * MOST).map(|_| pool.take()).filter(|memory| !memory.is_empty()).collect();
        assert!(kept.len() == MOST && kept.iter().all(|memory| memory.len() <= LARGEST));
    }
}
