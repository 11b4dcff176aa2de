//! The opening handshake of a [`Protocol`]: what comes before its first frame.
//!
//! A head is handed to the handshake in small pieces, so that the bytes that follow it always fit into the receiving
//! half.

use super::{Event, Protocol};
use crate::compression::Compression;
use crate::proto::error::Error;
use crate::proto::handshake::{
    ClientHandshake, Handshake, Headers, Rejection, Request, ResponseError, ServerHandshake, ServerPolicy,
};

/// How many bytes are passed to the handshake at a time. The receiving half always has room for this many.
const PIECE: usize = 1 << 10;

/// The state of a connection until the caller has been told that it is open.
pub(super) struct Opening {
    stage: Stage,
    /// The buffer that a head is read into.
    space: Vec<u8>,
}

enum Stage {
    /// Client: waiting for the response.
    Answer(ClientHandshake),
    /// Server: waiting for the request.
    Request(ServerHandshake, Deciding),
    /// Server: waiting for the caller's decision. `is_reported`: the caller has been given the request.
    Decision { request: Request, deciding: Deciding, is_reported: bool },
    /// The connection is open; the caller has not been told.
    Open,
    /// The handshake has failed.
    Failed,
}

/// How a server decides on a request.
pub(super) struct Deciding {
    pub(super) policy: ServerPolicy,
    /// The caller decides on the requests that the policy admits.
    pub(super) by_caller: bool,
}

impl Opening {
    pub(super) fn client(handshake: ClientHandshake) -> Box<Self> {
        Box::new(Self { stage: Stage::Answer(handshake), space: Vec::new() })
    }

    pub(super) fn server(handshake: ServerHandshake, policy: ServerPolicy) -> Box<Self> {
        let deciding = Deciding { policy, by_caller: false };
        Box::new(Self { stage: Stage::Request(handshake, deciding), space: Vec::new() })
    }

    /// Leaves decisions to the caller. Does nothing once the request has been received.
    pub(super) fn leave_to_caller(&mut self) {
        if let Stage::Request(_, deciding) = &mut self.stage {
            deciding.by_caller = true;
        }
    }

    /// Whether messages can be sent.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }
}

impl Protocol {
    /// Whether input belongs to a head, or is discarded because the handshake has failed.
    #[inline]
    pub(super) fn reads_head(&self) -> bool {
        self.opening.as_ref().is_some_and(|opening| !matches!(opening.stage, Stage::Open | Stage::Decision { .. }))
    }

    /// [`space`](Self::space) during the opening handshake.
    pub(super) fn head_space(&mut self) -> &mut [u8] {
        let Some(opening) = &mut self.opening else { return &mut [] };
        opening.space.resize(PIECE, 0);
        &mut opening.space
    }

    /// [`filled`](Self::filled) during the opening handshake.
    pub(super) fn head_filled(&mut self, count: usize) {
        let Some(opening) = &mut self.opening else { return };
        let space = std::mem::take(&mut opening.space);
        self.take_head(&space[..count]);
        if let Some(opening) = &mut self.opening {
            opening.space = space;
        }
    }

    /// Takes bytes of a head, and up to `PIECE` of those that follow it. Returns the number of bytes taken.
    pub(super) fn receive_head(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && self.reads_head() {
            let piece = PIECE.min(bytes.len() - taken);
            self.take_head(&bytes[taken..taken + piece]);
            taken += piece;
        }
        taken
    }

    fn take_head(&mut self, bytes: &[u8]) {
        let Some(opening) = &mut self.opening else { return };
        match std::mem::replace(&mut opening.stage, Stage::Failed) {
            Stage::Answer(handshake) => self.take_answer(handshake, bytes),
            Stage::Request(handshake, deciding) => self.take_request(handshake, deciding, bytes),
            stage => opening.stage = stage,
        }
    }

    fn take_answer(&mut self, mut handshake: ClientHandshake, bytes: &[u8]) {
        match handshake.receive(bytes) {
            Ok(None) => self.set_stage(Stage::Answer(handshake)),
            Ok(Some(accepted)) => {
                let options = handshake.compression().cloned();
                self.keep(&accepted.leftover);
                self.begin(accepted.handshake, options.as_ref());
            }
            Err(error) => self.failed = Some(Error::Handshake(Box::new(error))),
        }
    }

    fn take_request(&mut self, mut handshake: ServerHandshake, deciding: Deciding, bytes: &[u8]) {
        let request = match handshake.receive(bytes) {
            Ok(None) => return self.set_stage(Stage::Request(handshake, deciding)),
            Ok(Some(request)) => deciding.policy.admit(&request).map(|()| request),
            Err(rejection) => Err(rejection),
        };
        let mut request = match request {
            Ok(request) => request,
            Err(rejection) => return self.refuse(&rejection, Error::Rejected(rejection.clone())),
        };
        self.keep(&request.take_leftover());
        if deciding.by_caller {
            return self.set_stage(Stage::Decision { request, deciding, is_reported: false });
        }
        let policy = &deciding.policy;
        let chosen = policy.choose(&request).map(str::to_owned);
        if let Err(error) = self.answer(policy, &mut request, chosen.as_deref(), Headers::new()) {
            // A mistake in the server's program. The client still gets a response.
            self.refuse(&Rejection::internal_error(), Error::Response(error));
        }
    }

    /// Queues the response that opens the connection.
    fn answer(
        &mut self,
        policy: &ServerPolicy,
        request: &mut Request,
        subprotocol: Option<&str>,
        headers: Headers,
    ) -> Result<(), ResponseError> {
        let (answer, agreed) = policy.accept(request, subprotocol, headers)?;
        self.outbound.head(&answer);
        self.begin(agreed, policy.compression.as_ref());
        Ok(())
    }

    /// Queues a response that refuses the request, and fails with `error`.
    fn refuse(&mut self, rejection: &Rejection, error: Error) {
        self.outbound.head(&rejection.to_bytes());
        self.set_stage(Stage::Failed);
        self.failed = Some(error);
    }

    /// Passes the bytes that followed a head to the receiving half.
    fn keep(&mut self, leftover: &[u8]) {
        let taken = self.inbound.receive(leftover);
        debug_assert_eq!(taken, leftover.len(), "a piece fits the receiving half");
    }

    /// The opening handshake has succeeded: all further input is frames.
    fn begin(&mut self, agreed: Handshake, options: Option<&Compression>) {
        if let (Some(options), Some(parameters)) = (options, &agreed.compression) {
            self.enable_deflate(options, parameters);
        }
        self.handshake = Some(Box::new(agreed));
        self.set_stage(Stage::Open);
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(opening) = &mut self.opening {
            opening.stage = stage;
        }
    }

    /// [`receive_eof`](Self::receive_eof) during the opening handshake.
    pub(super) fn head_eof(&mut self) {
        let Some(opening) = &mut self.opening else { return };
        let error = match std::mem::replace(&mut opening.stage, Stage::Failed) {
            Stage::Answer(mut handshake) => Error::Handshake(Box::new(handshake.receive_eof())),
            _ => Error::Eof,
        };
        self.failed.get_or_insert(error);
    }

    /// [`next_event`](Self::next_event) until the caller has been told that the connection is open.
    pub(super) fn opening_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if self.opening.as_ref().is_some_and(|opening| opening.is_open()) {
            self.opening = None;
            return Ok(self.handshake.as_deref().map(Event::Open));
        }
        if let Some(Stage::Decision { request, is_reported, .. }) =
            self.opening.as_deref_mut().map(|opening| &mut opening.stage)
        {
            if !std::mem::replace(is_reported, true) {
                return Ok(Some(Event::Request(request)));
            }
        }
        self.failed.clone().map_or(Ok(None), Err)
    }

    /// Whether messages can be sent.
    #[cold]
    pub(super) fn check_opened(&self) -> Result<(), Error> {
        if self.opening.as_ref().is_none_or(|opening| opening.is_open()) { Ok(()) } else { Err(Error::NotOpen) }
    }

    // ----- The caller's decision -----

    /// The first of the policy's subprotocols that the pending request offers: what [`accept`](Self::accept) answers
    /// with.
    #[must_use]
    pub fn chosen_subprotocol(&self) -> Option<&str> {
        self.undecided().ok().and_then(|(request, policy)| policy.choose(request))
    }

    /// Accepts the request, with the [chosen](Self::chosen_subprotocol) subprotocol.
    ///
    /// # Errors
    ///
    /// As [`accept_with`](Self::accept_with).
    pub fn accept(&mut self) -> Result<(), Error> {
        let chosen = self.chosen_subprotocol().map(str::to_owned);
        self.accept_with(chosen.as_deref(), Headers::new())
    }

    /// Accepts the request with this subprotocol, which the client must have offered, and headers in addition to those
    /// of the policy. The response is queued; [`Event::Open`] comes next.
    ///
    /// # Errors
    ///
    /// [`Error::NoRequest`] if no request is pending; [`Error::Response`] for a subprotocol that was not offered or a
    /// header that cannot be set, after which the request is still pending.
    pub fn accept_with(&mut self, subprotocol: Option<&str>, headers: impl Into<Headers>) -> Result<(), Error> {
        self.undecided()?;
        let Some(opening) = &mut self.opening else { return Err(Error::NoRequest) };
        let Stage::Decision { mut request, deciding, is_reported } =
            std::mem::replace(&mut opening.stage, Stage::Failed)
        else {
            return Err(Error::NoRequest);
        };
        match self.answer(&deciding.policy, &mut request, subprotocol, headers.into()) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.set_stage(Stage::Decision { request, deciding, is_reported });
                Err(Error::Response(error))
            }
        }
    }

    /// Refuses the request and queues the response. Once it is written, end the stream.
    ///
    /// # Errors
    ///
    /// [`Error::NoRequest`] if no request is pending. After a successful call, every other call fails with
    /// [`Error::Rejected`].
    pub fn reject(&mut self, rejection: Rejection) -> Result<(), Error> {
        self.undecided()?;
        self.refuse(&rejection, Error::Rejected(rejection.clone()));
        Ok(())
    }

    /// The request that is pending.
    fn undecided(&self) -> Result<(&Request, &ServerPolicy), Error> {
        match (&self.failed, self.opening.as_ref().map(|opening| &opening.stage)) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(Stage::Decision { request, deciding, .. })) => Ok((request, &deciding.policy)),
            _ => Err(Error::NoRequest),
        }
    }

    /// Ends the opening handshake because the caller's time limit for it has passed. Returns the error with which every
    /// further call fails. Does nothing and returns `None` once the connection is open.
    ///
    /// A server queues a response that tells the client: 408, or 500 if a decision about the request was pending.
    pub fn give_up(&mut self) -> Option<Error> {
        let opening = self.opening.as_mut().filter(|opening| !opening.is_open())?;
        match std::mem::replace(&mut opening.stage, Stage::Failed) {
            Stage::Answer(mut handshake) => {
                // A refusal counts even if its body is not complete.
                let refusal = handshake.give_up().map(|error| Error::Handshake(Box::new(error)));
                self.failed = Some(refusal.unwrap_or(Error::TimedOut));
            }
            Stage::Request(mut handshake, _) => {
                let rejection = handshake.give_up();
                self.refuse(&rejection, Error::Rejected(rejection.clone()));
            }
            Stage::Decision { .. } => {
                let rejection = Rejection::internal_error();
                self.refuse(&rejection, Error::Rejected(rejection.clone()));
            }
            Stage::Open | Stage::Failed => {}
        }
        self.failed.clone()
    }
}
