//! One direction's decompressor: payloads of frames in, messages out (RFC 7692 7.2.2).
//!
//! Whatever comes in, each call makes at most as much as the caller has room for: how large a message may become
//! is the caller's to judge while it does.

use super::TAIL;
use super::negotiate::DeflateParameters;
use crate::compression::Compression;
use crate::proto::{ProtocolError, Role};
use flate2::{Decompress, FlushDecompress, Status};

/// What a call of [`Inflater::run`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inflated {
    /// How much of the input was taken.
    pub taken: usize,
    /// How much of the output was filled.
    pub made: usize,
    /// The output was too small: call again, with what is left of the input, be it nothing.
    pub more: bool,
}

/// The decompressor of one connection.
///
/// Its window is always the largest: that of the engine is, so a smaller one would save nothing.
pub struct Inflater {
    takeover: bool,
    free: bool,
    /// Made at the first compressed message.
    engine: Option<Decompress>,
    /// Something has been put in since the last end of a deflate stream: the message's, or one within it.
    begun: bool,
}

impl Inflater {
    /// The decompressor of the endpoint that plays `role`.
    #[must_use]
    pub fn new(role: Role, options: &Compression, parameters: &DeflateParameters) -> Self {
        let no_takeover = match role {
            Role::Client => parameters.server_no_context_takeover,
            Role::Server => parameters.client_no_context_takeover,
        };
        Self { takeover: !no_takeover, free: options.free_between_messages, engine: None, begun: false }
    }

    /// Inflates the next part of a message into `output`, which must not be empty. `last`: the message ends with
    /// this input; it is over when no [`more`](Inflated::more) is to be had.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidDeflate`] for what is not deflate data. The decompressor cannot be used after it.
    pub fn run(&mut self, input: &[u8], output: &mut [u8], last: bool) -> Result<Inflated, ProtocolError> {
        let mut done = Inflated { taken: 0, made: 0, more: false };
        while done.taken < input.len() || self.begun {
            let (taken, made, status) = self.step(&input[done.taken..], &mut output[done.made..])?;
            self.begun |= taken > 0;
            done.taken += taken;
            done.made += made;
            if done.made == output.len() {
                done.more = true;
                return Ok(done);
            }
            if status == Status::StreamEnd {
                // A block with BFINAL set: what comes behind it begins anew (7.2.3.4).
                self.begun = false;
                self.engine = self.engine.take().map(restarted);
            } else if done.taken == input.len() {
                break;
            } else if taken == 0 && made == 0 {
                return Err(ProtocolError::InvalidDeflate);
            }
        }
        if last && self.begun {
            // All data has been inflated, so this makes nothing, unless the message ended within a block. (Not all
            // messages that were cut short can be told by that.)
            let (taken, made, status) = self.step(&TAIL, &mut output[done.made..])?;
            if (taken, made) != (TAIL.len(), 0) {
                return Err(ProtocolError::InvalidDeflate);
            }
            self.begun = false;
            if status == Status::StreamEnd || !self.takeover {
                self.engine = self.engine.take().filter(|_| !self.free).map(restarted);
            }
        }
        Ok(done)
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize, Status), ProtocolError> {
        let engine = self.engine.get_or_insert_with(|| Decompress::new(false));
        let (before_in, before_out) = (engine.total_in(), engine.total_out());
        let status =
            engine.decompress(input, output, FlushDecompress::None).map_err(|_| ProtocolError::InvalidDeflate)?;
        Ok(((engine.total_in() - before_in) as usize, (engine.total_out() - before_out) as usize, status))
    }
}

/// The engine without its window.
fn restarted(mut engine: Decompress) -> Decompress {
    engine.reset(false);
    engine
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflater")
            .field("takeover", &self.takeover)
            .field("begun", &self.begun)
            .finish_non_exhaustive()
    }
}
