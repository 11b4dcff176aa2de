//! What happens on a connection as lines of JSON: `--json` prints them, `--record` writes them, `--replay` reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use landline::{CloseInfo, MessageRef, WebSocket};
use serde::{Deserialize, Serialize};

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Open(Open),
    Message(Entry),
    Close(Close),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Open {
    time: String,
    /// Where the connection leads, after redirects; nothing on a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subprotocol: Option<String>,
    #[serde(default)]
    compressed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<String>,
}

/// A message: its text, or its bytes in Base64.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) time: String,
    pub(crate) direction: Direction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Sent,
    Received,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Close {
    time: String,
    code: u16,
    reason: String,
}

/// What an entry says was sent.
pub(crate) enum Content {
    Text(String),
    Binary(Vec<u8>),
}

impl Event {
    pub(crate) fn open(ws: &WebSocket) -> Self {
        let handshake = ws.handshake();
        Self::Open(Open {
            time: now(),
            url: handshake.url.clone(),
            peer: ws.peer_addr().map(|address| address.to_string()),
            subprotocol: handshake.subprotocol.clone(),
            compressed: handshake.compression.is_some(),
            tls: ws.tls_info().map(|tls| tls.version.to_string()),
        })
    }

    pub(crate) fn message(direction: Direction, message: MessageRef<'_>) -> Self {
        let (text, base64) = match message {
            MessageRef::Text(text) => (Some(text.to_owned()), None),
            MessageRef::Binary(data) => (None, Some(STANDARD.encode(data))),
        };
        Self::Message(Entry { time: now(), direction, text, base64 })
    }

    pub(crate) fn close(info: &CloseInfo) -> Self {
        let reason = info.received.as_ref().map(|frame| frame.reason().to_owned()).unwrap_or_default();
        Self::Close(Close { time: now(), code: info.code().into(), reason })
    }

    /// In one line, without its end.
    pub(crate) fn line(&self) -> String {
        // Strings and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Entry {
    pub(crate) fn content(self) -> Result<Content, String> {
        match (self.text, self.base64) {
            (Some(text), None) => Ok(Content::Text(text)),
            (None, Some(base64)) => {
                STANDARD.decode(base64).map(Content::Binary).map_err(|error| format!("base64: {error}"))
            }
            _ => Err("a message needs either text or base64".to_owned()),
        }
    }
}

fn now() -> String {
    format!("{:.6}", Timestamp::now())
}
