//! Until when something may take. The only place that computes with moments in time.
//!
//! A length of time that is too long to be added to the clock means no limit, and one of zero is over at once. The clock
//! is read by [`Deadline::after`], [`Deadline::left`] and [`Deadline::is_over`], and not for what has no limit.

use std::time::{Duration, Instant};

/// A moment by which something must be done, or never.
///
/// What takes a deadline takes an [`Instant`] or an `Option<Instant>` too, `None` being never.
///
/// ```
/// # use landline::Deadline;
/// # use std::time::{Duration, Instant};
/// let whole = Deadline::after(Duration::from_secs(10));
/// let step = Deadline::after(Duration::from_secs(2)).earliest(whole);
/// assert!(step.left() <= Some(Duration::from_secs(2)) && !step.is_over());
/// assert_eq!(Deadline::NEVER.left(), None);
/// assert!(Deadline::at(Instant::now()).is_over());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No limit. The default.
    pub const NEVER: Self = Self(None);

    /// The moment `time` from now; never for `None`, and for more than the clock can tell.
    #[must_use]
    pub fn after(time: impl Into<Option<Duration>>) -> Self {
        time.into().map_or(Self::NEVER, |time| Self::at(Instant::now()).later(time))
    }

    /// This moment.
    #[must_use]
    pub const fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// The moment `by` after this one; never for more than the clock can tell.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.and_then(|moment| moment.checked_add(by)))
    }

    /// Whichever comes first.
    #[must_use]
    pub fn earliest(self, other: impl Into<Self>) -> Self {
        match (self.0, other.into().0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// The time until then, zero once it has come. `None` is for ever.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    /// Whether it has come.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|moment| moment <= Instant::now())
    }

    /// Whether it had come at `now`: for several deadlines and one reading of the clock.
    #[must_use]
    pub fn is_over_at(self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }

    /// The moment; `None` is never.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }
}

impl From<Instant> for Deadline {
    fn from(moment: Instant) -> Self {
        Self::at(moment)
    }
}

impl From<Option<Instant>> for Deadline {
    fn from(moment: Option<Instant>) -> Self {
        Self(moment)
    }
}

impl std::fmt::Debug for Deadline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.left() {
            Some(left) => write!(f, "Deadline(in {left:?})"),
            None => f.write_str("Deadline(never)"),
        }
    }
}

/// The moment `time` from now.
pub(crate) fn after(time: Duration) -> Instant {
    later(Instant::now(), time)
}

/// The moment `time` after `begin`.
pub(crate) fn later(begin: Instant, time: Duration) -> Instant {
    begin + time.min(Duration::from_secs(30 * 365 * 24 * 60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn any_length_of_time_gives_a_deadline() {
        assert!(after(Duration::MAX) > after(1_000_000 * SECOND));
        assert!(Deadline::after(1_000_000 * SECOND).left() > Some(999_999 * SECOND));
        for never in [
            Deadline::after(Duration::MAX),
            Deadline::after(None),
            Deadline::at(Instant::now()).later(Duration::MAX),
        ] {
            assert_eq!(never, Deadline::NEVER);
        }
    }

    #[test]
    fn no_time_is_over_at_once_and_never_is_never_over() {
        for over in [Deadline::after(Duration::ZERO), Instant::now().into(), Some(Instant::now()).into()] {
            assert!(over.is_over() && over.is_over_at(Instant::now()));
            assert_eq!(over.left(), Some(Duration::ZERO));
            assert!(!over.later(1000 * SECOND).is_over());
        }
        for never in [Deadline::NEVER, Deadline::default(), None.into(), Deadline::NEVER.later(Duration::ZERO)] {
            assert!(!never.is_over() && !never.is_over_at(Instant::now() + 1_000_000 * SECOND));
            assert_eq!((never.left(), never.instant()), (None, None));
        }
    }

    #[test]
    fn a_deadline_is_over_from_its_very_moment_on() {
        let now = Instant::now();
        let deadline = Deadline::at(now).later(SECOND);
        assert_eq!(deadline.instant(), Some(now + SECOND));
        assert!(!deadline.is_over_at(now + SECOND - Duration::from_nanos(1)));
        assert!(deadline.is_over_at(now + SECOND));
    }

    #[test]
    fn the_earliest_of_two_is_the_one_that_comes_first() {
        let soon = Deadline::after(SECOND);
        let late = soon.later(SECOND);
        for (a, b, first) in [
            (soon, late, soon),
            (late, soon, soon),
            (soon, Deadline::NEVER, soon),
            (Deadline::NEVER, late, late),
            (Deadline::NEVER, Deadline::NEVER, Deadline::NEVER),
        ] {
            assert_eq!(a.earliest(b), first);
        }
    }

    #[test]
    fn a_deadline_is_no_larger_than_the_moment_it_may_hold() {
        assert_eq!(size_of::<Deadline>(), size_of::<Option<Instant>>());
    }
}
