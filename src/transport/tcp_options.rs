//! How TCP sockets are set up.

#[cfg(doc)]
use crate::error::Error;
use crate::error::{ConfigError, Result, Setting};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// How a TCP socket is set up. `None` leaves a setting to the system.
///
/// These are the kernel's own means, besides those of the protocol: [`Keepalive`](crate::Keepalive) sends Pings, which
/// also notices a peer whose program hangs, but acts only while somebody receives. Whatever the kernel gives up for, calls
/// of the connection then give [`Error::Io`], of kind `TimedOut`.
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
    /// Send small writes at once (`TCP_NODELAY`). Default on: messages are written whole, waiting for more
    /// only delays them.
    pub nodelay: bool,
    /// Probe a peer of which nothing has come for this long (`SO_KEEPALIVE`, `TCP_KEEPIDLE`). Whole seconds, rounded up.
    /// Default `None`: no probes.
    pub keepalive_time: Option<Duration>,
    /// Time from one probe to the next (`TCP_KEEPINTVL`). Whole seconds, rounded up. Takes effect with `keepalive_time`.
    /// Default the system's, 75 s on Linux.
    pub keepalive_interval: Option<Duration>,
    /// Probes without an answer after which the kernel gives up (`TCP_KEEPCNT`). Takes effect with `keepalive_time`.
    /// Default the system's, 9 on Linux.
    pub keepalive_retries: Option<u32>,
    /// How long what was sent may go unacknowledged before the kernel gives up (`TCP_USER_TIMEOUT`), also while the peer's
    /// window is closed. Linux only: elsewhere a client or server with it is refused. Whole milliseconds, rounded up.
    /// Default the system's, some 15 minutes on Linux, and no limit while the peer answers and does not read.
    pub user_timeout: Option<Duration>,
    /// Size of the socket's receive buffer in bytes (`SO_RCVBUF`), which Linux doubles and bounds. Default the system's,
    /// which grows as needed where one that is set does not.
    pub recv_buffer_size: Option<usize>,
    /// Size of the socket's send buffer in bytes (`SO_SNDBUF`), as above. What fits is accepted without waiting.
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

    /// Refuses what could not work.
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
                let advice = "give more, or leave it to the system";
                return Err(ConfigError::Setting { setting, given: 0, advice }.into());
            }
        }
        if let Some(timeout) = self.user_timeout.filter(|_| !cfg!(any(target_os = "linux", target_os = "android")))
        {
            let given = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            let advice = "this system has no such limit; set keepalive_time instead";
            return Err(ConfigError::Setting { setting: Setting::TcpUserTimeout, given, advice }.into());
        }
        Ok(())
    }

    /// Sets up a connected socket.
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

    /// The sizes of buffers, which have to be set before a connection is made: accepted sockets have those of the one
    /// that listens.
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

/// At least `time`, in whole `units`, of which there are no more than the system can count.
fn whole(time: Duration, unit: Duration) -> Duration {
    let count = time.as_nanos().div_ceil(unit.as_nanos());
    // Linux refuses more than 32767 seconds of keepalive.
    let most = if unit < Duration::from_secs(1) { i32::MAX.unsigned_abs() } else { i16::MAX.unsigned_abs().into() };
    unit * u32::try_from(count).unwrap_or(u32::MAX).min(most)
}
