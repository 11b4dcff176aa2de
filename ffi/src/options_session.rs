//! The options of sessions: their keys and values.

use crate::failure::Outcome;
use crate::values::{number, out_of_range, time};
use landline::reconnect::{Backoff, Outbox, SessionBuilder};
use std::time::Duration;

/// Sessions: the first wait before connecting again, in milliseconds, at least 1. Default 1000.
pub const LANDLINE_OPT_BACKOFF_FIRST_MS: i32 = 76;
/// Sessions: how many times longer each wait is than the one before it, at least 1. Default 2.
pub const LANDLINE_OPT_BACKOFF_FACTOR: i32 = 77;
/// Sessions: the longest wait, in milliseconds. Default 60000.
pub const LANDLINE_OPT_BACKOFF_MAX_MS: i32 = 78;
/// Sessions: how much of each wait is random, in percent, so that the clients of a server that was restarted do
/// not all come back at once: 0 to 100. Default 50.
pub const LANDLINE_OPT_BACKOFF_JITTER_PERCENT: i32 = 79;
/// Sessions: a connection that was open for this long has lasted: after it, waits and the count of attempts
/// begin anew. One that is lost earlier counts as a failed attempt. -1 means never. Default 10000.
pub const LANDLINE_OPT_RESET_AFTER_MS: i32 = 80;
/// Sessions: how long the server can make the session wait at most with a Retry-After header; -1 means no
/// limit. Default 300000.
pub const LANDLINE_OPT_MAX_RETRY_AFTER_MS: i32 = 81;
/// Sessions: how many attempts in a row may fail before the session ends with the error of the last one; 0
/// means no limit. Default 0.
pub const LANDLINE_OPT_MAX_ATTEMPTS: i32 = 82;
/// Sessions: how long the session may be without a connection that lasts before it ends with the error of the
/// last attempt; -1 means no limit. Default -1.
pub const LANDLINE_OPT_GIVE_UP_AFTER_MS: i32 = 83;
/// Sessions: how many messages to keep that are sent while there is no connection, to be sent over the next
/// one. 0: none, such calls give LANDLINE_ERR_NOT_CONNECTED. Default 0; 1024 is a usual value.
pub const LANDLINE_OPT_OUTBOX_MESSAGES: i32 = 84;
/// Sessions: how many bytes of such messages to keep. Default 1048576 (1 MiB).
pub const LANDLINE_OPT_OUTBOX_BYTES: i32 = 85;

/// The values that were set.
#[derive(Clone, Default)]
pub(crate) struct SessionValues {
    backoff: Backoff,
    reset_after: Option<Duration>,
    max_retry_after: Option<Duration>,
    max_attempts: Option<u32>,
    give_up_after: Option<Duration>,
    outbox_messages: usize,
    outbox_bytes: Option<usize>,
}

impl SessionValues {
    /// `false` for a key that is not an option of sessions.
    pub(crate) fn set_int(&mut self, key: i32, value: i64) -> Outcome<bool> {
        match key {
            LANDLINE_OPT_BACKOFF_FIRST_MS => self.backoff.first = some_time(key, value)?,
            LANDLINE_OPT_BACKOFF_FACTOR if value == 0 => return Err(out_of_range(key, value, "1 or more")),
            LANDLINE_OPT_BACKOFF_FACTOR => self.backoff.factor = number(key, value)?,
            LANDLINE_OPT_BACKOFF_MAX_MS => self.backoff.max = some_time(key, value)?,
            LANDLINE_OPT_BACKOFF_JITTER_PERCENT if value > 100 => return Err(out_of_range(key, value, "0 to 100")),
            LANDLINE_OPT_BACKOFF_JITTER_PERCENT => self.backoff.jitter_percent = number(key, value)?,
            LANDLINE_OPT_RESET_AFTER_MS => self.reset_after = Some(time(key, value)?.unwrap_or(Duration::MAX)),
            LANDLINE_OPT_MAX_RETRY_AFTER_MS => {
                self.max_retry_after = Some(time(key, value)?.unwrap_or(Duration::MAX))
            }
            LANDLINE_OPT_MAX_ATTEMPTS => self.max_attempts = Some(number(key, value)?).filter(|count| *count > 0),
            LANDLINE_OPT_GIVE_UP_AFTER_MS => self.give_up_after = time(key, value)?,
            LANDLINE_OPT_OUTBOX_MESSAGES => self.outbox_messages = number(key, value)?,
            LANDLINE_OPT_OUTBOX_BYTES => self.outbox_bytes = Some(number(key, value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn apply(&self, builder: SessionBuilder) -> SessionBuilder {
        let mut builder =
            builder.backoff(self.backoff).max_attempts(self.max_attempts).give_up_after(self.give_up_after);
        if let Some(time) = self.reset_after {
            builder = builder.reset_after(time);
        }
        if let Some(time) = self.max_retry_after {
            builder = builder.max_retry_after(time);
        }
        if self.outbox_messages > 0 {
            let mut outbox = Outbox::default().max_messages(self.outbox_messages);
            outbox.max_bytes = self.outbox_bytes.unwrap_or(outbox.max_bytes);
            builder = builder.outbox(Some(outbox));
        }
        builder
    }
}

/// Milliseconds, which have to be a limit.
fn some_time(key: i32, value: i64) -> Outcome<Duration> {
    time(key, value)?.ok_or_else(|| out_of_range(key, value, "1 or more milliseconds"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use landline::reconnect::Session;

    /// As the builder shows it, since waiting for it would take too long.
    #[test]
    fn no_limit_is_not_the_default() {
        let mut values = SessionValues::default();
        let shown = |values: &SessionValues| format!("{:?}", values.apply(Session::builder("ws://localhost/")));
        let without_limit =
            [format!("reset_after: {:?}", Duration::MAX), format!("max_retry_after: {:?}", Duration::MAX)];
        assert!(without_limit.iter().all(|text| !shown(&values).contains(text)), "{}", shown(&values));
        for key in [LANDLINE_OPT_RESET_AFTER_MS, LANDLINE_OPT_MAX_RETRY_AFTER_MS] {
            assert!(values.set_int(key, -1).is_ok_and(|is_known| is_known));
        }
        assert!(without_limit.iter().all(|text| shown(&values).contains(text)), "{}", shown(&values));
    }
}
