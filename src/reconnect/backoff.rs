//! How long to wait before the next attempt, as a function of numbers: no clock, no randomness.

use crate::error::{ConfigError, Result, Setting};
use std::time::Duration;

/// How long a session waits before it connects again: exponential backoff with jitter.
///
/// Before the first attempt after a loss it waits for `first`, before each further one `factor` times as long, at most
/// `max`; of each wait, a random part of up to `jitter_percent` is left out, so that the clients of a server that was
/// restarted do not all come back at the same moment (RFC 6455 section 7.2.3). With the defaults, the waits are 0.5 to
/// 1 s, 1 to 2 s, 2 to 4 s and so on, up to 30 to 60 s.
///
/// ```
/// use landline::reconnect::Backoff;
/// use std::time::Duration;
/// let patient = Backoff::default().first(Duration::from_secs(5)).max(Duration::from_secs(300));
/// assert_eq!((patient.factor, patient.jitter_percent), (2, 50));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Backoff {
    /// The first wait. At least 1 ms. Default 1 s.
    pub first: Duration,
    /// How many times longer each wait is than the one before it. At least 1, with which all are equal. Default 2.
    pub factor: u32,
    /// The longest wait. Default 60 s.
    pub max: Duration,
    /// How much of each wait is random, in percent: 0 for none, 100 for all of it. Default 50.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), factor: 2, max: Duration::from_secs(60), jitter_percent: 50 }
    }
}

impl Backoff {
    /// Sets [`first`](Self::first).
    #[must_use]
    pub fn first(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// Sets [`factor`](Self::factor).
    #[must_use]
    pub fn factor(mut self, factor: u32) -> Self {
        self.factor = factor;
        self
    }

    /// Sets [`max`](Self::max).
    #[must_use]
    pub fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Sets [`jitter_percent`](Self::jitter_percent).
    #[must_use]
    pub fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        let wrong = if self.first < Duration::from_millis(1) {
            let given = u64::try_from(self.first.as_millis()).unwrap_or(u64::MAX);
            (Setting::BackoffFirst, given, "wait for at least 1 ms")
        } else if self.factor == 0 {
            (Setting::BackoffFactor, 0, "use at least 1, with which all waits are equal")
        } else if self.jitter_percent > 100 {
            (Setting::BackoffJitter, self.jitter_percent.into(), "use 0 to 100")
        } else {
            return Ok(());
        };
        let (setting, given, advice) = wrong;
        Err(ConfigError::Setting { setting, given, advice }.into())
    }

    /// The wait after `waits` others in a row. `random` is any number; all are equally likely.
    pub(super) fn delay(&self, waits: u32, random: u32) -> Duration {
        let factor = self.factor.checked_pow(waits);
        let longest = factor.and_then(|factor| self.first.checked_mul(factor)).unwrap_or(self.max).min(self.max);
        longest - self.random_part(longest, random)
    }

    /// What is added to a wait that the server asked for: clients that were told the same moment should not all come then.
    pub(super) fn spread(&self, random: u32) -> Duration {
        self.random_part(self.first.min(self.max), random)
    }

    /// Less than `jitter_percent` of `wait`.
    fn random_part(&self, wait: Duration, random: u32) -> Duration {
        let range = wait / 100 * self.jitter_percent.into();
        let nanos = (range.as_nanos() * u128::from(random)) >> 32;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn backoffs() -> impl Strategy<Value = Backoff> {
        (1u64..10_000, 1u32..10, 1u64..10_000_000, 0u8..=100).prop_map(|(first, factor, max, jitter)| {
            Backoff::default()
                .first(Duration::from_millis(first))
                .factor(factor)
                .max(Duration::from_millis(max))
                .jitter_percent(jitter)
        })
    }

    #[test]
    fn by_default_waits_double_from_one_second_to_sixty() {
        let backoff = Backoff::default();
        let longest: Vec<_> = (0..9).map(|waits| backoff.delay(waits, 0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let shortest = backoff.delay(0, u32::MAX);
        assert!(shortest >= Duration::from_millis(500) && shortest < Duration::from_millis(501), "{shortest:?}");
        assert_eq!(backoff.delay(u32::MAX, 0), Duration::from_secs(60));
    }

    #[test]
    fn extreme_settings_give_waits() {
        let backoff =
            Backoff::default().first(Duration::MAX).max(Duration::MAX).factor(u32::MAX).jitter_percent(100);
        for waits in [0, 1, 2, u32::MAX] {
            for random in [0, 1, u32::MAX] {
                assert!(backoff.delay(waits, random) <= Duration::MAX);
                assert!(backoff.spread(random) <= Duration::MAX);
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let given = Backoff::default();
        for (wrong, text) in [
            (given.first(Duration::ZERO), "first backoff of 0 cannot be used: wait for at least 1 ms"),
            (given.factor(0), "backoff factor of 0 cannot be used: use at least 1, with which all waits are equal"),
            (given.jitter_percent(101), "backoff jitter_percent of 101 cannot be used: use 0 to 100"),
        ] {
            assert_eq!(format!("{:#}", wrong.check().unwrap_err()), text);
        }
        assert!(given.check().is_ok());
    }

    proptest! {
        #[test]
        fn each_wait_is_between_its_bounds(backoff in backoffs(), waits in 0u32..100, random: u32) {
            let wait = backoff.delay(waits, random);
            let longest = backoff.delay(waits, 0);
            prop_assert!(wait <= longest && longest <= backoff.max);
            let fixed = longest * u32::from(100 - backoff.jitter_percent) / 100;
            prop_assert!(wait + Duration::from_nanos(100) >= fixed, "{wait:?} of {longest:?}");
        }

        #[test]
        fn without_jitter_waits_grow_by_the_factor_up_to_the_longest(backoff in backoffs(), random: u32) {
            let backoff = backoff.jitter_percent(0);
            let mut expected = backoff.first.min(backoff.max);
            for waits in 0..60 {
                prop_assert_eq!(backoff.delay(waits, random), expected);
                expected = (expected * backoff.factor).min(backoff.max);
            }
        }

        #[test]
        fn jitter_uses_its_whole_range(backoff in backoffs(), waits in 0u32..20) {
            let longest = backoff.delay(waits, 0);
            let range = longest / 100 * u32::from(backoff.jitter_percent);
            let spread = longest - backoff.delay(waits, u32::MAX);
            let half = longest - backoff.delay(waits, u32::MAX / 2 + 1);
            prop_assert!(range - spread <= range / 1_000_000 + Duration::from_nanos(1));
            prop_assert!(half.abs_diff(range / 2) <= Duration::from_nanos(1));
        }
    }
}
