//! An allocator that counts what each thread allocates.
#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What this thread has allocated. An allocation that grows is counted as if it grew in place.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Count {
    pub(crate) calls: usize,
    /// Everything that was ever requested.
    pub(crate) total: usize,
    pub(crate) live: isize,
    pub(crate) peak: isize,
}

thread_local! {
    pub(crate) static COUNT: Cell<Count> = const { Cell::new(Count { calls: 0, total: 0, live: 0, peak: 0 }) };
}

pub(crate) struct Counting;

impl Counting {
    fn add(asked: usize, change: isize) {
        COUNT.with(|cell| {
            let mut count = cell.get();
            count.calls += 1;
            count.total += asked;
            count.live += change;
            count.peak = count.peak.max(count.live);
            cell.set(count);
        });
    }
}

// SAFETY: all work is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size(), layout.size() as isize);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size(), layout.size() as isize);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        Self::add(new_size, new_size as isize - layout.size() as isize);
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        COUNT.with(|cell| {
            let mut count = cell.get();
            count.live -= layout.size() as isize;
            cell.set(count);
        });
        // SAFETY: the caller's guarantees are passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

/// How `work` changes the count; `peak` is relative to what was live before.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Count) {
    let before = COUNT.get();
    COUNT.set(Count { peak: before.live, ..before });
    let result = work();
    let after = COUNT.get();
    let count = Count {
        calls: after.calls - before.calls,
        total: after.total - before.total,
        live: after.live - before.live,
        peak: after.peak - before.live,
    };
    (result, count)
}
