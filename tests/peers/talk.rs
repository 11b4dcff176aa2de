//! Our server behind a proxy, and what is said over each connection.

use crate::common::*;
use landline::proto::handshake::Handshake;
use landline::server::ServerBuilder;
use landline::{CloseCode, CloseInfo, Kind, Message, Side, WebSocket};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);
/// The largest message by default.
const LARGEST: usize = 16 << 20;

/// What our server saw of one connection.
pub(crate) struct Seen {
    pub(crate) handshake: Handshake,
    pub(crate) result: landline::Result<()>,
    pub(crate) info: CloseInfo,
}

impl Seen {
    /// The values of a header of the request, in their order.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.handshake.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }
}

/// A server that sends messages back, and reports about each connection when it ends. The text `!close CODE REASON` makes
/// it close with these.
pub(crate) struct Reporting {
    pub(crate) serving: Serving,
    seen: mpsc::Receiver<Seen>,
}

impl Reporting {
    pub(crate) fn start(options: ServerBuilder) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), options)
    }

    pub(crate) fn start_at(addr: SocketAddr, options: ServerBuilder) -> Self {
        let (report, seen) = mpsc::channel();
        let serving = serve_at(addr, options, move |mut ws| {
            let handshake = ws.handshake().clone();
            let result = obey(&mut ws);
            let _ = report.send(Seen { handshake, result, info: ws.close_info() });
        });
        Self { serving, seen }
    }

    /// What it saw of the next connection that has ended.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.recv_timeout(LIMIT).expect("the server's report about a connection")
    }

    /// Panics if it has seen a connection that the test knows nothing of.
    pub(crate) fn saw_nothing(&self) {
        if let Ok(seen) = self.seen.try_recv() {
            panic!("nothing was to reach the server, but this did: {:?}", seen.handshake);
        }
    }
}

fn obey(ws: &mut WebSocket) -> landline::Result<()> {
    while let Some(message) = ws.recv()? {
        let order = match &message {
            Message::Text(text) => text.strip_prefix("!close ").and_then(|order| order.split_once(' ')),
            Message::Binary(_) => None,
        };
        match order {
            Some((code, reason)) => return ws.close(code.parse::<u16>().unwrap().into(), reason),
            None => ws.send(message)?,
        }
    }
    Ok(())
}

fn echoed(ws: &mut WebSocket, message: Message) {
    ws.send(&message).unwrap();
    let received = ws.recv_ref().unwrap().expect("an echo");
    assert!(received.to_message() == message, "{} bytes, kind {:?}", received.as_bytes().len(), received.kind());
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

/// Messages of each kind and many sizes, fragments and Pings, there and back.
pub(crate) fn converse(ws: &mut WebSocket) {
    for text in ["hello, wörld", "", "aé€😀"] {
        echoed(ws, Message::Text(text.into()));
    }
    for size in [0, 125, 126, 65_535, 65_536, LARGEST] {
        echoed(ws, Message::Binary(pattern(size)));
    }
    let mut writer = ws.send_stream(Kind::Binary).unwrap();
    let whole = pattern(100_000);
    for fragment in whole.chunks(7_777) {
        writer.write_all(fragment).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    assert!(ws.recv().unwrap() == Some(Message::Binary(whole)), "fragments");
    ws.ping_wait(LIMIT).unwrap();
}

/// Says a few words and closes; the server must have seen it.
pub(crate) fn talks_to(mut ws: WebSocket, server: &Reporting) -> Seen {
    echoed(&mut ws, Message::Text("hello".into()));
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert!(ws.close_info().clean, "{:?}", ws.close_info());
    let seen = server.seen();
    assert!(seen.result.is_ok() && seen.info.clean, "{:?}", seen.info);
    seen
}

/// Closing from either end, with codes and reasons.
pub(crate) fn closes(mut open: impl FnMut() -> WebSocket, server: &Reporting) {
    for (code, reason) in [(1000, ""), (3000, "later"), (4999, "Grüße €")] {
        let mut ws = open();
        ws.close(code.into(), reason).unwrap();
        let here = ws.close_info();
        assert!(here.clean && here.first == Some(Side::Local), "{here:?}");
        let there = server.seen().info;
        assert!(there.clean && there.first == Some(Side::Remote), "{there:?}");
        let received = there.received.unwrap();
        assert_eq!((received.code(), received.reason()), (code.into(), reason));

        let mut ws = open();
        ws.send(format!("!close {code} {reason}")).unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        let here = ws.close_info();
        assert!(here.clean && here.first == Some(Side::Remote), "{here:?}");
        let received = here.received.unwrap();
        assert_eq!((received.code(), received.reason()), (code.into(), reason));
        let there = server.seen().info;
        assert!(there.clean && there.first == Some(Side::Local), "{there:?}");
    }
}
