//! The connections of a session, one after another.

use super::{Session, Stage};
use crate::connection::WebSocket;
use crate::error::Result;

/// The connections of a session as an iterator. From [`Session::connections`].
#[derive(Debug)]
pub struct Connections<'a> {
    session: &'a mut Session,
    is_over: bool,
}

impl<'a> Connections<'a> {
    pub(super) fn new(session: &'a mut Session) -> Self {
        Self { session, is_over: false }
    }
}

impl Iterator for Connections<'_> {
    type Item = Result<WebSocket>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.session.next_connection();
        // An error that has been returned once does not come again.
        self.is_over = self.session.state().stage == Stage::Ended;
        next.transpose()
    }
}
