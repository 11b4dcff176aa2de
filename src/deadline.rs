//! Deadlines. This is the only module that does arithmetic with points in time.
//!
//! A duration too long to be added to the current time means no limit, and a deadline after a duration of zero has
//! already passed. Only [`Deadline::after`], [`Deadline::left`] and [`Deadline::is_over`] read the clock, and not if
//! there is no limit; and a [`Stopwatch`].

use std::time::{Duration, Instant};

/// A point in time by which something must be done, or no limit.
///
/// Functions of this crate that take a deadline also accept an [`Instant`] or an `Option<Instant>`, where `None` means
/// no limit.
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

    /// The deadline `time` from now. `None`, and any duration that the clock cannot represent, means no limit.
    #[must_use]
    pub fn after(time: impl Into<Option<Duration>>) -> Self {
        time.into().map_or(Self::NEVER, |time| Self::at(Instant::now()).later(time))
    }

    /// The deadline at `moment`.
    #[must_use]
    pub const fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// The deadline moved later by `by`. No limit stays no limit, and so is any point in time that the clock cannot
    /// represent.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self(self.0.and_then(|moment| moment.checked_add(by)))
    }

    /// The earlier of the two deadlines.
    #[must_use]
    pub fn earliest(self, other: impl Into<Self>) -> Self {
        match (self.0, other.into().0) {
            (Some(a), Some(b)) => Self(Some(a.min(b))),
            (a, b) => Self(a.or(b)),
        }
    }

    /// The later of the two deadlines.
    pub(crate) fn latest(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a.max(b)))
    }

    /// The time left, which is zero once the deadline has passed. `None` means no limit.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|moment| moment <= Instant::now())
    }

    /// Whether the deadline had passed at `now`, for checking several deadlines with one reading of the clock.
    #[must_use]
    pub fn is_over_at(self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }

    /// The point in time; `None` means no limit.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }
}

/// Measures how long steps take that follow each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start or the latest lap, and the watch from this moment on.
    pub(crate) fn lap(self) -> (Duration, Self) {
        let now = Instant::now();
        (now.saturating_duration_since(self.0), Self(now))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn any_duration_makes_a_deadline() {
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
    fn zero_time_is_over_at_once_and_no_limit_is_never_over() {
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
    fn a_deadline_is_over_exactly_from_its_instant_on() {
        let now = Instant::now();
        let deadline = Deadline::at(now).later(SECOND);
        assert_eq!(deadline.instant(), Some(now + SECOND));
        assert!(!deadline.is_over_at(now + SECOND - Duration::from_nanos(1)));
        assert!(deadline.is_over_at(now + SECOND));
    }

    #[test]
    fn earliest_returns_the_earlier_deadline() {
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
    fn a_deadline_is_as_small_as_an_optional_instant() {
        assert_eq!(size_of::<Deadline>(), size_of::<Option<Instant>>());
    }
}
