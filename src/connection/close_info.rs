//! How a connection ended.

use crate::close::{CloseCode, CloseFrame, Side};
use crate::error::Error;

/// How a connection ended, or how far its end has come: both Close frames, who was first, and why.
///
/// From [`WebSocket::close_info`](crate::WebSocket::close_info); readable at any time.
///
/// ```
/// # let (near, far) = landline::transport::pair();
/// # let server = std::thread::spawn(move || {
/// #     let mut ws = landline::server::accept_over(far, &landline::Config::default())?.accept()?;
/// #     while let Some(message) = ws.recv()? {
/// #         ws.send(message)?;
/// #     }
/// #     Ok::<(), landline::Error>(())
/// # });
/// # let mut ws = landline::Client::default().connect_over(near, "ws://memory/")?;
/// use landline::{CloseCode, Side};
///
/// ws.close(CloseCode::NORMAL_CLOSURE, "bye")?;
/// let info = ws.close_info();
/// assert!(info.clean);
/// assert_eq!(info.first, Some(Side::Local));
/// assert_eq!(info.received.unwrap().code(), CloseCode::NORMAL_CLOSURE);
/// # server.join().unwrap()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CloseInfo {
    /// What the peer sent.
    pub received: Option<CloseFrame>,
    /// What was sent to the peer.
    pub sent: Option<CloseFrame>,
    /// Whose Close frame came first; `None` while there is none.
    pub first: Option<Side>,
    /// Whether the closing handshake was completed: both sides sent a Close frame and nothing went wrong.
    pub clean: bool,
    /// The error that ended the connection, if one did.
    pub cause: Option<Error>,
}

impl CloseInfo {
    /// The code to report: the peer's, else the one sent because of an error of the peer, else 1006.
    #[must_use]
    pub fn code(&self) -> CloseCode {
        match (&self.received, &self.sent, &self.cause) {
            (Some(frame), _, _) => frame.code(),
            (None, Some(frame), Some(Error::Protocol(_) | Error::Limit(_))) => frame.code(),
            _ => CloseCode::ABNORMAL_CLOSURE,
        }
    }
}
