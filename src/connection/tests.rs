//! Tests of a connection from inside: what its threads do to each other, in an order that the test decides.

mod script;
mod turn;
mod waiting;

use super::{LocalReceiver, LocalSender, MessageWriter};

/// Has an ambiguous item for types that are `Send`.
trait NotSend<Ambiguity> {
    fn check() {}
}
impl<T> NotSend<()> for T {}
impl<T: Send> NotSend<u8> for T {}

#[test]
fn what_counts_on_the_receivers_thread_stays_in_it() {
    // These lines do not compile if it could leave.
    <LocalSender<'static> as NotSend<_>>::check();
    <LocalReceiver<'static> as NotSend<_>>::check();
    <MessageWriter<'static> as NotSend<_>>::check();
}
