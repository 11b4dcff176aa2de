//! The decompressor of incoming messages: frame payloads in, messages out (RFC 7692 7.2.2).
//!
//! Each call produces at most as much output as the caller has room for, so that the caller can enforce the limit on
//! the size of a message while it is being decompressed.

use super::TAIL;
use super::negotiate::DeflateParameters;
use crate::compression::Compression;
use crate::proto::{ProtocolError, Role};
use flate2::{Decompress, FlushDecompress, Status};

/// The result of a call of [`Inflater::run`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inflated {
    /// How many bytes of the input were consumed.
    pub taken: usize,
    /// How many bytes of output were written.
    pub made: usize,
    /// The output was filled, so there may be more: call again with the rest of the input, even if it is empty.
    pub more: bool,
}

/// The decompressor of one connection.
///
/// Its window always has the largest size, since the engine has no smaller ones that would save memory.
pub struct Inflater {
    takeover: bool,
    free: bool,
    /// Made when the first compressed message arrives.
    engine: Option<Decompress>,
    /// There has been input since the last end of a deflate stream, which is the end of a message, or a final block
    /// within one.
    begun: bool,
}

impl Inflater {
    /// Makes the decompressor of the endpoint whose role is `role`.
    #[must_use]
    pub fn new(role: Role, options: &Compression, parameters: &DeflateParameters) -> Self {
        let no_takeover = match role {
            Role::Client => parameters.server_no_context_takeover,
            Role::Server => parameters.client_no_context_takeover,
        };
        Self { takeover: !no_takeover, free: options.free_between_messages, engine: None, begun: false }
    }

    /// Decompresses the next part of a message into `output`, which must not be empty. `last` says that the message
    /// ends with this input; the message is complete once [`more`](Inflated::more) is `false`.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::InvalidDeflate`] if the input is not valid deflate data. The decompressor cannot be used
    /// afterwards.
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
                // A block with BFINAL set: a new deflate stream begins after it (7.2.3.4).
                self.begun = false;
                self.engine = self.engine.take().map(restarted);
            } else if done.taken == input.len() {
                break;
            } else if taken == 0 && made == 0 {
                return Err(ProtocolError::InvalidDeflate);
            }
        }
        if last && self.begun {
            // All data has been decompressed, so the tail produces no output, unless the message ended within a block.
            // (This does not detect every truncated message.)
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

/// The engine with an empty window.
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
