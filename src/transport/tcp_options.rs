//! Options of TCP sockets.

#[cfg(doc)]
use crate::error::Error;
use crate::error::{ConfigError, Result, Setting};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// Options of a TCP socket. `None` leaves an option at the system's default.
///
/// The kernel carries out the keepalive options. In contrast, [`Keepalive`](crate::Keepalive) sends Pings, which also
/// detects a peer whose program hangs, but works only while a thread is receiving. After the kernel has given up, calls
/// on the connection fail with [`Error::Io`] of kind `TimedOut`.
///
/// ```
/// use landline::{Client, transport::TcpOptions};
/// use std::time::Duration;
/// let tcp = TcpOptions::default()
///     .keepalive_time(Some(Duration::from_secs(60)))
///     .send_buffer_size(Some(1 << 20));
/// assert!(tcp.nodelay);
/// let client = Client::builder().tcp(tcp).build()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Send small writes at once (`TCP_NODELAY`). Default on: messages are written whole, so waiting for more data
    /// would only delay them.
    pub nodelay: bool,
    /// Probe a peer from which nothing has arrived for this long (`SO_KEEPALIVE`, `TCP_KEEPIDLE`). Rounded up to whole
    /// seconds. Default `None`: no probes.
    pub keepalive_time: Option<Duration>,
    /// Time from one probe to the next (`TCP_KEEPINTVL`). Rounded up to whole seconds. Takes effect only if
    /// `keepalive_time` is set. Default `None`: the system's, which is 75 s on Linux.
    pub keepalive_interval: Option<Duration>,
    /// Number of unanswered probes after which the kernel gives up (`TCP_KEEPCNT`). Takes effect only if
    /// `keepalive_time` is set. Default `None`: the system's, which is 9 on Linux.
    pub keepalive_retries: Option<u32>,
    /// How long sent data may remain unacknowledged, or unsent because the peer's window is closed, before the kernel
    /// gives up (`TCP_USER_TIMEOUT`). Rounded up to whole milliseconds. Linux only: elsewhere, building a client or
    /// server with it fails. Default `None`: the system's, which on Linux is about 15 minutes, and no limit while the
    /// peer acknowledges but does not read.
    pub user_timeout: Option<Duration>,
    /// Size of the socket's receive buffer in bytes (`SO_RCVBUF`), which Linux doubles and limits. Default `None`: the
    /// system's, which grows as needed; a size that is set stays fixed.
    pub recv_buffer_size: Option<usize>,
    /// Size of the socket's send buffer in bytes (`SO_SNDBUF`), which Linux doubles and limits. Data that fits into it
    /// is accepted without waiting. Default `None`: the system's, which grows as needed; a size that is set stays
    /// fixed.
    pub send_buffer_size: Option<usize>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive_time: None,
            keepalive_interval: None,
            keepalive_retries: None,
            user_timeout: None,
            recv_buffer_size: None,
            send_buffer_size: None,
        }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty),* $(,)?) => {$(
        #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), ").")]
        #[must_use]
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        }
    )*};
}

impl TcpOptions {
    setters! {
        nodelay: bool,
        keepalive_time: Option<Duration>,
        keepalive_interval: Option<Duration>,
        keepalive_retries: Option<u32>,
        user_timeout: Option<Duration>,
        recv_buffer_size: Option<usize>,
        send_buffer_size: Option<usize>,
    }

    /// Rejects values that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        let zero = |time: Option<Duration>| time == Some(Duration::ZERO);
        for (setting, is_zero) in [
            (Setting::TcpKeepaliveTime, zero(self.keepalive_time)),
            (Setting::TcpKeepaliveInterval, zero(self.keepalive_interval)),
            (Setting::TcpKeepaliveRetries, self.keepalive_retries == Some(0)),
            (Setting::TcpUserTimeout, zero(self.user_timeout)),
            (Setting::TcpRecvBufferSize, self.recv_buffer_size == Some(0)),
            (Setting::TcpSendBufferSize, self.send_buffer_size == Some(0)),
        ] {
            if is_zero {
                let advice = "use a larger value, or none for the system's default";
                return Err(ConfigError::Setting { setting, given: 0, advice }.into());
            }
        }
        if let Some(timeout) = self.user_timeout.filter(|_| !cfg!(any(target_os = "linux", target_os = "android")))
        {
            let (setting, other) = (Setting::TcpUserTimeout, Setting::TcpKeepaliveTime);
            let given = timeout.as_millis().to_string();
            let advice = "this system has no such limit; instead, use";
            return Err(ConfigError::Combination { setting, given, advice, other }.into());
        }
        Ok(())
    }

    /// Applies all options to a connected socket.
    pub(super) fn apply(&self, stream: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(time) = self.keepalive_time {
            let mut keepalive = TcpKeepalive::new().with_time(whole(time, Duration::from_secs(1)));
            if let Some(interval) = self.keepalive_interval {
                keepalive = keepalive.with_interval(whole(interval, Duration::from_secs(1)));
            }
            if let Some(retries) = self.keepalive_retries {
                keepalive = keepalive.with_retries(retries);
            }
            socket.set_tcp_keepalive(&keepalive)?;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(timeout) = self.user_timeout {
            socket.set_tcp_user_timeout(Some(whole(timeout, Duration::from_millis(1))))?;
        }
        self.apply_buffers(stream)
    }

    /// Applies the buffer sizes, which must be set before the connection is made. Accepted sockets inherit those of the
    /// listening socket.
    pub(crate) fn apply_buffers(&self, socket: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(socket);
        if let Some(bytes) = self.recv_buffer_size {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer_size {
            socket.set_send_buffer_size(bytes)?;
        }
        Ok(())
    }
}

/// Rounds `time` up to whole `unit`s, limited to the largest number that the system accepts.
fn whole(time: Duration, unit: Duration) -> Duration {
    let count = time.as_nanos().div_ceil(unit.as_nanos());
    // Linux refuses more than 32767 seconds of keepalive.
    let most = if unit < Duration::from_secs(1) { i32::MAX.unsigned_abs() } else { i16::MAX.unsigned_abs().into() };
    unit * u32::try_from(count).unwrap_or(u32::MAX).min(most)
}
