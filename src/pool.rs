//! Buffers that a connection needs only while output is pending, shared by all connections.
//!
//! An idle connection holds none. And with many connections, a buffer that another one has just used is still in the
//! processor's cache, whereas a buffer of the connection's own would not be.

use std::sync::Mutex;

/// Most buffers that a pool keeps.
const MAX_BUFFERS: usize = 16;
/// Largest buffer that a pool keeps, in bytes: enough for the output that a connection gathers before it writes.
const MAX_CAPACITY: usize = 128 << 10;

/// The spare buffers for one purpose.
pub(crate) struct Pool(Mutex<Vec<Vec<u8>>>);

/// For outbound queues. These buffers are initialised up to their length.
pub(crate) static QUEUES: Pool = Pool::new();
/// For outgoing ciphertext. These buffers are empty.
pub(crate) static CIPHERTEXT: Pool = Pool::new();

impl Pool {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Takes the buffer that was put back last, or returns an empty vector. Never waits for the lock: another thread
    /// may have held it when this process was forked.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.try_lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default()
    }

    /// Puts a buffer back for others to use, or drops it if it is too large, the pool is full, or the lock is held.
    pub(crate) fn give(&self, buffer: Vec<u8>) {
        if buffer.capacity() > MAX_CAPACITY {
            return;
        }
        if let Ok(mut pool) = self.0.try_lock() {
            if pool.len() < MAX_BUFFERS {
                pool.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_keeps_a_bounded_number_of_bounded_buffers() {
        let pool = Pool::new();
        pool.give(vec![0; MAX_CAPACITY + 1]);
        (0..2 * MAX_BUFFERS).for_each(|_| pool.give(vec![0; MAX_CAPACITY]));
        let kept = (0..2 * MAX_BUFFERS).map(|_| pool.take()).filter(|buffer| !buffer.is_empty());
        let kept: Vec<Vec<u8>> = kept.collect();
        assert!(kept.len() == MAX_BUFFERS && kept.iter().all(|buffer| buffer.len() <= MAX_CAPACITY));
    }
}
