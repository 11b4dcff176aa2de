//! Settings of an open connection, the same for both roles.

use crate::compression::Compression;
use crate::error::{ConfigError, Result, Setting};
use crate::proto::Limits;
use std::time::Duration;

/// When to ping a silent peer, and when to consider it lost.
///
/// ```
/// use std::time::Duration;
/// let keepalive = landline::Keepalive::default().interval(Duration::from_secs(60));
/// assert_eq!(keepalive.timeout, Duration::from_secs(20));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Keepalive {
    /// Send a Ping when nothing has arrived from the peer for this long. Default 20 s.
    pub interval: Duration,
    /// Cut the connection when nothing has arrived for this long after the Ping. Default 20 s.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { interval: Duration::from_secs(20), timeout: Duration::from_secs(20) }
    }
}

impl Keepalive {
    /// Sets [`interval`](Self::interval).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Settings of an open connection. Sizes are in bytes; `None` means no limit.
///
/// As with all options of this crate, each setting is a public field, and has a method of the same name that sets it
/// and returns the options. Builders have the same methods.
///
/// ```
/// use landline::{Client, Config};
/// use std::time::Duration;
/// let config = Config::default().max_message_size(1 << 20).recv_timeout(Some(Duration::from_secs(30)));
/// assert_eq!(config.limits.max_message_size, 1 << 20);
/// let client = Client::builder().config(config).build()?;
/// assert_eq!(client.config().close_timeout, Duration::from_secs(5));
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Limits on what the peer may send: see [`max_message_size`](Self::max_message_size) and
    /// [`max_fragments`](Self::max_fragments).
    pub limits: Limits,
    /// See [`send_timeout`](Self::send_timeout).
    pub send_timeout: Option<Duration>,
    /// See [`recv_timeout`](Self::recv_timeout).
    pub recv_timeout: Option<Duration>,
    /// See [`close_timeout`](Self::close_timeout).
    pub close_timeout: Duration,
    /// See [`keepalive`](Self::keepalive).
    pub keepalive: Option<Keepalive>,
    /// See [`compression`](Self::compression).
    pub compression: Option<Compression>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            send_timeout: Some(Duration::from_secs(30)),
            recv_timeout: None,
            close_timeout: Duration::from_secs(5),
            keepalive: None,
            compression: None,
        }
    }
}

impl Config {
    /// Largest message to accept, in bytes: the sum of its fragments, and for a compressed message the size after
    /// decompression, which is counted while decompressing. A larger message ends the connection with close code 1009.
    /// No memory is allocated in advance. Default 16 MiB.
    #[must_use]
    pub fn max_message_size(mut self, bytes: u64) -> Self {
        self.limits.max_message_size = bytes;
        self
    }

    /// Largest number of fragments to accept in one message, empty ones included. More end the connection with close
    /// code 1008. Default 131,072.
    #[must_use]
    pub fn max_fragments(mut self, count: u32) -> Self {
        self.limits.max_fragments = count;
        self
    }

    /// How long a sending call may go without making progress. Default 30 s; `None` is no limit.
    #[must_use]
    pub fn send_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.send_timeout = timeout;
        self
    }

    /// How long each receiving call may wait. Default `None`, no limit.
    #[must_use]
    pub fn recv_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.recv_timeout = timeout;
        self
    }

    /// How long the whole closing handshake may take. Default 5 s.
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Pings a silent peer, and cuts the connection if it stays silent. This happens within receiving calls while they
    /// wait. Default `None`, off; [`Keepalive::default`] has the usual times.
    #[must_use]
    pub fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Offers compression (client) or accepts offers of it (server), with these options. Default `None`, no
    /// compression. See [`Compression`].
    #[must_use]
    pub fn compression(mut self, compression: impl Into<Option<Compression>>) -> Self {
        self.compression = compression.into();
        self
    }

    /// Rejects values that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        const FAIL: &str = "every call would fail; use a longer time, or no limit";
        const CUT: &str = "every connection would be cut; use a longer time";
        not_zero(Setting::SendTimeout, self.send_timeout, FAIL)?;
        not_zero(Setting::RecvTimeout, self.recv_timeout, FAIL)?;
        not_zero(Setting::CloseTimeout, Some(self.close_timeout), CUT)?;
        if let Some(keepalive) = self.keepalive {
            not_zero(Setting::KeepaliveInterval, Some(keepalive.interval), CUT)?;
            not_zero(Setting::KeepaliveTimeout, Some(keepalive.timeout), CUT)?;
        }
        if self.limits.max_fragments == 0 {
            let advice = "every message has at least one frame; use 1 or more";
            return Err(ConfigError::Setting { setting: Setting::MaxFragments, given: 0, advice }.into());
        }
        self.compression.as_ref().map_or(Ok(()), check_compression)
    }
}

/// Rejects a time of zero.
pub(crate) fn not_zero(setting: Setting, time: Option<Duration>, advice: &'static str) -> Result<()> {
    if time != Some(Duration::ZERO) {
        return Ok(());
    }
    Err(ConfigError::Setting { setting, given: 0, advice }.into())
}

/// Rejects values that the engine does not support.
fn check_compression(options: &Compression) -> Result<()> {
    for (setting, given, range, advice) in [
        (Setting::CompressionLevel, options.level, 1..=9, "use 1 to 9"),
        (Setting::ServerMaxWindowBits, options.server_max_window_bits, 9..=15, "use 9 to 15"),
        (Setting::ClientMaxWindowBits, options.client_max_window_bits, 9..=15, "use 9 to 15"),
    ] {
        if !range.contains(&given) {
            return Err(ConfigError::Setting { setting, given: given.into(), advice }.into());
        }
    }
    Ok(())
}

/// Defines the setters of a [`Config`] on a builder that contains one.
macro_rules! config_setters {
    ($($config:ident).+) => {
        /// Replaces all settings of open connections.
        #[must_use]
        pub fn config(mut self, config: $crate::config::Config) -> Self {
            self.$($config).+ = config;
            self
        }

        /// See [`Config::max_message_size`](crate::Config::max_message_size).
        #[must_use]
        pub fn max_message_size(mut self, bytes: u64) -> Self {
            self.$($config).+ = self.$($config).+.max_message_size(bytes);
            self
        }

        /// See [`Config::max_fragments`](crate::Config::max_fragments).
        #[must_use]
        pub fn max_fragments(mut self, count: u32) -> Self {
            self.$($config).+ = self.$($config).+.max_fragments(count);
            self
        }

        /// See [`Config::send_timeout`](crate::Config::send_timeout).
        #[must_use]
        pub fn send_timeout(mut self, timeout: Option<std::time::Duration>) -> Self {
            self.$($config).+ = self.$($config).+.send_timeout(timeout);
            self
        }

        /// See [`Config::recv_timeout`](crate::Config::recv_timeout).
        #[must_use]
        pub fn recv_timeout(mut self, timeout: Option<std::time::Duration>) -> Self {
            self.$($config).+ = self.$($config).+.recv_timeout(timeout);
            self
        }

        /// See [`Config::close_timeout`](crate::Config::close_timeout).
        #[must_use]
        pub fn close_timeout(mut self, timeout: std::time::Duration) -> Self {
            self.$($config).+ = self.$($config).+.close_timeout(timeout);
            self
        }

        /// See [`Config::keepalive`](crate::Config::keepalive).
        #[must_use]
        pub fn keepalive(mut self, keepalive: Option<$crate::config::Keepalive>) -> Self {
            self.$($config).+ = self.$($config).+.keepalive(keepalive);
            self
        }

        /// See [`Config::compression`](crate::Config::compression).
        #[must_use]
        pub fn compression(mut self, compression: impl Into<Option<$crate::compression::Compression>>) -> Self {
            self.$($config).+ = self.$($config).+.compression(compression);
            self
        }
    };
}

pub(crate) use config_setters;
