//! Another Rust library, with its own copy of the standard library: threads, thread-locals, panics.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::thread;

thread_local!(static CALLS: Cell<i32> = Cell::new(0));

/// `number`, from a new thread; -1 if it is odd, because that thread then panics.
#[no_mangle]
pub extern "C" fn other_even(number: i32) -> i32 {
    let even = move || catch_unwind(|| if number % 2 == 0 { number } else { panic!("{} is odd", number) });
    thread::spawn(move || even().unwrap_or(-1)).join().unwrap_or(-2)
}

/// How often this thread has called it.
#[no_mangle]
pub extern "C" fn other_calls() -> i32 {
    CALLS.with(|calls| {
        calls.set(calls.get() + 1);
        calls.get()
    })
}
