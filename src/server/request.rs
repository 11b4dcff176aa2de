//! A client's request, to examine and to accept or reject.

use super::Options;
use crate::connection::{Interrupter, WebSocket};
use crate::deadline::Deadline;
use crate::error::{Error, Phase, Result, Timeout};
use crate::opening::{CHUNK, Opening};
use crate::process::Process;
use crate::proto::Role;
use crate::proto::handshake::{self, Headers, Rejection, ServerHandshake};
use crate::transport::{LINGER, TlsInfo, Transport, Wake};
use http::{HeaderMap, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;

/// A valid request to open a WebSocket. The client waits until it is [accepted](Self::accept) or
/// [rejected](Self::reject). Dropping it rejects it with status 500.
///
/// ```
/// # let listener = landline::Listener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/chat", listener.local_addr().unwrap());
/// # let client = std::thread::spawn(move || landline::connect(&url));
/// use landline::{Headers, http::StatusCode};
///
/// let request = listener.accept()?;
/// if request.path() == "/chat" {
///     let mut ws = request.accept()?;
///     ws.send("welcome")?;
/// } else {
///     request.reject(StatusCode::NOT_FOUND, Headers::new(), "there is only /chat\n")?;
/// }
/// # assert_eq!(client.join().unwrap()?.recv()?, Some(landline::Message::Text("welcome".into())));
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Debug)]
pub struct Request {
    request: handshake::Request,
    /// `None` once it has been answered.
    transport: Option<Box<dyn Transport>>,
    options: Arc<Options>,
    /// For the connection that comes of it.
    interrupter: Option<Interrupter>,
    deadline: Deadline,
    made_in: Process,
}

impl Request {
    /// Reads a request, after the TLS handshake if there is to be one. Answers what is not a request.
    pub(super) fn read(
        transport: Box<dyn Transport>,
        options: &Arc<Options>,
        interrupter: Option<Interrupter>,
        wake: Option<&Wake>,
    ) -> Result<Self> {
        let (reading, deadline) = options.deadlines();
        let transport = secure(transport, options, deadline, wake)?;
        let opening = Opening { transport: &transport, deadline, wake };
        let request = read_head(&Opening { deadline: reading, ..opening }, options).and_then(|request| {
            options.policy.admit(&request)?;
            Ok(request)
        });
        if let Err(Error::Rejected(rejection)) = &request {
            answer(&opening, rejection);
        }
        let request = request?;
        Ok(Self {
            request,
            transport: Some(transport),
            options: Arc::clone(options),
            interrupter,
            deadline,
            made_in: Process::current(),
        })
    }

    /// The path, without the query. It is percent-encoded, even if the client sent bytes of 0x80 and above unencoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.path()
    }

    /// The query, without the question mark. Percent-encoded like the path.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.request.query()
    }

    /// Path and query byte by byte as the client sent them.
    #[must_use]
    pub fn raw_target(&self) -> &[u8] {
        self.request.raw_target()
    }

    /// All headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// The `Host` header.
    #[must_use]
    pub fn host(&self) -> &str {
        self.request.host()
    }

    /// The `Origin` header: the page that a browser connects from.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.request.origin()
    }

    /// The subprotocols that the client offers, best first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        self.request.subprotocols()
    }

    /// The first of the server's subprotocols that the client offers: what [`accept`](Self::accept) answers with.
    #[must_use]
    pub fn chosen_subprotocol(&self) -> Option<&str> {
        self.options.policy.choose(&self.request)
    }

    /// The client's address, if the transport has addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.transport.as_ref().and_then(|transport| transport.peer_addr())
    }

    /// What is known about TLS: with [`client_certs`](crate::transport::TlsAcceptorBuilder::client_certs), who came.
    /// `None` without TLS.
    #[must_use]
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.made_in.check().ok()?;
        self.transport.as_ref().and_then(|transport| transport.tls_info())
    }

    /// Opens the connection, with the [chosen](Self::chosen_subprotocol) subprotocol.
    ///
    /// Blocks until the response has been handed to the kernel, for at most the handshake timeout.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`], [`Error::Io`].
    pub fn accept(self) -> Result<WebSocket> {
        let chosen = self.chosen_subprotocol().map(str::to_owned);
        self.accept_with(chosen.as_deref(), Headers::new())
    }

    /// Opens the connection with this subprotocol, which the client must have offered, and additional headers in the
    /// response, after those of [`ServerBuilder::header`](super::ServerBuilder::header). Names in [`Headers`] are sent
    /// exactly as given, those in a [`HeaderMap`] in lower case.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a subprotocol that was not offered or a header that cannot be set; the request is
    /// then rejected with 500. [`Error::Timeout`], [`Error::Io`].
    pub fn accept_with(mut self, subprotocol: Option<&str>, headers: impl Into<Headers>) -> Result<WebSocket> {
        self.made_in.check()?;
        let (head, agreed) = self.options.policy.accept(&mut self.request, subprotocol, headers)?;
        let Some(transport) = self.transport.take() else { return Err(Timeout::of(Phase::Handshake)) };
        Opening { transport: &transport, deadline: self.deadline, wake: None }.write(&head)?;
        let leftover = self.request.take_leftover();
        let ws = WebSocket::new(transport, Role::Server, self.options.config.clone(), &leftover, agreed)?;
        if let Some(interrupter) = &self.interrupter {
            ws.attach(interrupter);
        }
        Ok(ws)
    }

    /// Refuses the request with an HTTP response, and ends the connection.
    ///
    /// Blocks until the client has read it, for at most 2 s, or the handshake timeout if that is less.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a status or header that cannot be sent in such a response; the request is then rejected
    /// with 500. [`Error::Io`].
    pub fn reject(
        mut self,
        status: StatusCode,
        headers: impl Into<Headers>,
        body: impl Into<Vec<u8>>,
    ) -> Result<()> {
        self.made_in.check()?;
        let rejection = Rejection::new(status, headers, body.into())?;
        self.answer(&rejection);
        Ok(())
    }

    /// Refuses within a time of its own: the program may have taken longer to decide than the handshake may take, which is
    /// not the client's fault.
    fn answer(&mut self, rejection: &Rejection) {
        self.answer_until(self.options.deadline(), rejection, None);
    }

    /// Refuses within the handshake's time, unless `wake` is set.
    pub(super) fn refuse(&mut self, rejection: &Rejection, wake: &Wake) {
        self.answer_until(self.deadline, rejection, Some(wake));
    }

    fn answer_until(&mut self, deadline: Deadline, rejection: &Rejection, wake: Option<&Wake>) {
        if let Some(transport) = self.transport.take() {
            answer(&Opening { transport: &transport, deadline, wake }, rejection);
        }
    }
}

/// What the client sent, without its connection.
impl AsRef<handshake::Request> for Request {
    fn as_ref(&self) -> &handshake::Request {
        &self.request
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.transport.is_some() && self.made_in.is_current() {
            self.answer(&Rejection::internal_error());
        }
    }
}

impl std::fmt::Debug for dyn Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transport")
    }
}

// What follows is kept out of its callers: together their stack would take one more page of every connection.

/// TLS, if there is to be any.
#[inline(never)]
fn secure(
    transport: Box<dyn Transport>,
    options: &Options,
    deadline: Deadline,
    wake: Option<&Wake>,
) -> Result<Box<dyn Transport>> {
    match &options.tls {
        Some(tls) => Ok(Box::new(tls.accept(transport, deadline, wake)?)),
        None => Ok(transport),
    }
}

#[inline(never)]
fn read_head(opening: &Opening<'_>, options: &Options) -> Result<handshake::Request> {
    let mut handshake = ServerHandshake::new(options.limits);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match opening.read(&mut chunk) {
            Ok(0) => return Err(Error::Closed(crate::error::Closed::Eof)),
            Ok(count) => count,
            Err(Error::Timeout(_)) => return Err(handshake.give_up().into()),
            Err(error) => return Err(error),
        };
        if let Some(request) = handshake.receive(&chunk[..count])? {
            return Ok(request);
        }
    }
}

/// Until the client has read it, for at most [`LINGER`], within the deadline.
#[inline(never)]
fn answer(opening: &Opening<'_>, rejection: &Rejection) {
    let deadline = opening.deadline.earliest(Deadline::after(LINGER));
    let opening = Opening { deadline, ..*opening };
    if opening.write(&rejection.to_bytes()).is_ok() {
        opening.linger();
    }
}
