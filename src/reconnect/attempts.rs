//! When to try again and when to give up: the count of attempts and waits since the last connection that lasted.

use super::Backoff;
use crate::deadline::Deadline;
use crate::error::{ConfigError, Result, Setting};
use std::time::Duration;

/// The settings that decide about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) backoff: Backoff,
    pub(super) reset_after: Duration,
    pub(super) max_retry_after: Duration,
    pub(super) max_attempts: Option<u32>,
    pub(super) give_up_after: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backoff: Backoff::default(),
            reset_after: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(300),
            max_attempts: None,
            give_up_after: None,
        }
    }
}

impl Options {
    pub(super) fn check(&self) -> Result<()> {
        if self.max_attempts == Some(0) {
            let advice = "use at least 1, or none for no limit";
            return Err(ConfigError::Setting { setting: Setting::MaxAttempts, given: 0, advice }.into());
        }
        self.backoff.check()
    }
}

#[derive(Debug)]
pub(super) struct Attempts {
    options: Options,
    /// Those that gave no connection, or one that did not last.
    made: u32,
    waits: u32,
    /// Not known before the first attempt.
    give_up_at: Option<Deadline>,
}

impl Attempts {
    pub(super) fn new(options: Options) -> Self {
        Self { options, made: 0, waits: 0, give_up_at: None }
    }

    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self) {
        self.made = self.made.saturating_add(1);
        self.start_clock();
    }

    /// The attempt was broken off by this program, and counts for nothing.
    pub(super) fn undo(&mut self) {
        self.made = self.made.saturating_sub(1);
    }

    /// When a connection that is opened now will have lasted.
    pub(super) fn lasts_from(&self) -> Deadline {
        Deadline::after(self.options.reset_after)
    }

    /// A connection was handed out, whose end will not be seen.
    pub(super) fn succeeded(&mut self) {
        self.made = 0;
        self.give_up_at = None;
    }

    /// A connection that lasted is over.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.options);
    }

    /// How long to wait before the next attempt; `None` to give up. `asked` is what the server asked for.
    pub(super) fn next_wait(&mut self, asked: Option<Duration>, random: u32) -> Option<Duration> {
        let Options { backoff, max_retry_after, max_attempts, .. } = self.options;
        if max_attempts.is_some_and(|max| self.made >= max) {
            return None;
        }
        let asked = asked.map(|asked| asked.min(max_retry_after).saturating_add(backoff.spread(random)));
        let wait = backoff.delay(self.waits, random).max(asked.unwrap_or_default());
        self.waits = self.waits.saturating_add(1);
        let left = self.start_clock().left();
        left.is_none_or(|left| wait < left).then_some(wait)
    }

    fn start_clock(&mut self) -> Deadline {
        let limit = self.options.give_up_after;
        *self.give_up_at.get_or_insert_with(|| Deadline::after(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn attempts(change: impl FnOnce(&mut Options)) -> Attempts {
        let mut options = Options { backoff: Backoff::default().jitter_percent(0), ..Options::default() };
        change(&mut options);
        Attempts::new(options)
    }

    fn fail(attempts: &mut Attempts, asked: Option<Duration>) -> Option<u64> {
        attempts.begin();
        attempts.next_wait(asked, 0).map(|wait| wait.as_secs())
    }

    #[test]
    fn waits_grow_until_a_connection_lasts() {
        let mut attempts = attempts(|_| {});
        assert_eq!([(); 3].map(|()| fail(&mut attempts, None)), [Some(1), Some(2), Some(4)]);
        attempts.reset();
        assert_eq!(attempts.next_wait(None, 0), Some(SECOND), "the loss of the connection");
        assert_eq!([(); 2].map(|()| fail(&mut attempts, None)), [Some(2), Some(4)]);
        assert_eq!(attempts.made(), 2);
    }

    #[test]
    fn a_connection_that_does_not_last_counts_as_a_failed_attempt() {
        let mut attempts = attempts(|options| options.max_attempts = Some(3));
        assert_eq!([(); 3].map(|()| fail(&mut attempts, None)), [Some(1), Some(2), None]);
    }

    #[test]
    fn an_attempt_that_the_program_broke_off_does_not_count() {
        let mut attempts = attempts(|options| options.max_attempts = Some(2));
        for _ in 0..5 {
            attempts.begin();
            attempts.undo();
        }
        assert_eq!([(); 2].map(|()| fail(&mut attempts, None)), [Some(1), None]);
    }

    #[test]
    fn the_server_can_ask_for_a_longer_wait_up_to_the_limit() {
        let mut attempts = attempts(|options| options.max_retry_after = 90 * SECOND);
        let asked = [None, Some(0), Some(1), Some(30), Some(90), Some(91), Some(u64::MAX)];
        let waits = asked.map(|asked| fail(&mut attempts, asked.map(Duration::from_secs)).unwrap());
        assert_eq!(waits, [1, 2, 4, 30, 90, 90, 90], "at least the backoff");
        let mut jittered = Attempts::new(Options::default());
        let (at_once, late) =
            (jittered.next_wait(Some(30 * SECOND), 0), jittered.next_wait(Some(30 * SECOND), u32::MAX));
        assert_eq!(at_once, Some(30 * SECOND));
        assert!(late > Some(30 * SECOND + SECOND / 3) && late <= Some(30 * SECOND + SECOND / 2), "{late:?}");
    }

    #[test]
    fn it_gives_up_instead_of_waiting_beyond_the_time_limit() {
        let mut limited = attempts(|options| options.give_up_after = Some(6 * SECOND));
        assert_eq!([(); 4].map(|()| fail(&mut limited, None)), [Some(1), Some(2), Some(4), None]);
        limited.reset();
        assert_eq!(fail(&mut limited, None), Some(1), "the time begins anew when a connection that lasted is lost");
        let mut limited = attempts(|options| options.give_up_after = Some(Duration::ZERO));
        assert_eq!(fail(&mut limited, None), None);
    }
}
