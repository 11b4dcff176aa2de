//! From a length of time to a moment.

use std::time::{Duration, Instant};

/// As good as never, and still a moment that can be calculated with.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The moment `time` from now. However long that is, this does not overflow.
pub(crate) fn after(time: Duration) -> Instant {
    later(Instant::now(), time)
}

/// The moment `time` after `begin`.
pub(crate) fn later(begin: Instant, time: Duration) -> Instant {
    begin + time.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_of_time_gives_a_moment() {
        assert!(after(Duration::MAX) > after(Duration::from_secs(1_000_000)));
    }
}
