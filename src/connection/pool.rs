//! Memory for outbound queues, shared by all connections.
//!
//! A connection needs a large queue only while it has much to write at once. With many such connections, memory that
//! another one has just used is still in the processor's cache, and its own, used a while ago, is not.

use std::sync::Mutex;

/// At most so many pieces of memory wait here, each of at most so many bytes: what gathering needs.
const MOST: usize = 16;
const LARGEST: usize = 128 << 10;

static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The memory that was given last, or none. Never waits: a process may have been forked while another thread was here.
pub(super) fn take() -> Vec<u8> {
    POOL.try_lock().ok().and_then(|mut pool| pool.pop()).unwrap_or_default()
}

/// Gives memory for others to use.
pub(super) fn give(memory: Vec<u8>) {
    if memory.len() <= LARGEST
        && let Ok(mut pool) = POOL.try_lock()
        && pool.len() < MOST
    {
        pool.push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        give(vec![0; LARGEST + 1]);
        (0..2 * MOST).for_each(|_| give(vec![0; LARGEST]));
        let kept: Vec<Vec<u8>> = (0..2 * MOST).map(|_| take()).filter(|memory| !memory.is_empty()).collect();
        assert!(kept.len() <= MOST && kept.iter().all(|memory| memory.len() <= LARGEST));
    }
}
