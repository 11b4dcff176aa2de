//! The content of a request, in the form in which C reads it.

use crate::args::c_string;
use crate::failure::Outcome;
use crate::headers::HeaderTexts;
use crate::names;
use crate::request::*;
use landline::proto::handshake::Request;
use std::ffi::{CStr, CString};
use std::net::SocketAddr;

pub(crate) struct RequestTexts {
    headers: HeaderTexts,
    path: CString,
    query: CString,
    host: CString,
    origin: CString,
    peer: CString,
    raw_target: CString,
    subprotocols: Vec<CString>,
}

impl RequestTexts {
    pub(crate) fn new(request: &Request, peer: Option<SocketAddr>) -> Self {
        Self {
            headers: HeaderTexts::new(request.headers(), &[]),
            path: c_string(request.path()),
            query: c_string(request.query().unwrap_or_default()),
            host: c_string(request.host()),
            origin: c_string(request.origin().unwrap_or_default()),
            peer: c_string(peer.map_or(String::new(), |address| address.to_string())),
            raw_target: c_string(request.raw_target()),
            subprotocols: request.subprotocols().iter().map(c_string).collect(),
        }
    }

    /// A text by its LANDLINE_REQUEST_* key.
    pub(crate) fn text(&self, key: i32) -> Outcome<(*const u8, usize)> {
        let text = match key {
            LANDLINE_REQUEST_PATH => &self.path,
            LANDLINE_REQUEST_QUERY => &self.query,
            LANDLINE_REQUEST_HOST => &self.host,
            LANDLINE_REQUEST_ORIGIN => &self.origin,
            LANDLINE_REQUEST_PEER_ADDR => &self.peer,
            LANDLINE_REQUEST_RAW_TARGET => &self.raw_target,
            LANDLINE_REQUEST_HEADERS => return Ok(self.headers.block()),
            _ => return Err(names::wrong_key(names::REQUEST, key, "landline_request_str")),
        };
        Ok((text.as_ptr().cast(), text.count_bytes()))
    }

    /// The `index`th value of a header.
    pub(crate) fn header(&self, name: &str, index: usize) -> Option<&CStr> {
        self.headers.value(name, index)
    }

    /// The `index`th subprotocol that the client offers.
    pub(crate) fn subprotocol(&self, index: usize) -> Option<&CStr> {
        self.subprotocols.get(index).map(|name| &**name)
    }
}
