//! Gathered messages are sent with whatever is sent next.

mod common;

use common::{limited, pair, serve};
use landline::error::Closed;
use landline::{CloseCode, Error, Kind, Message, Server, WebSocket};
use std::io::{IoSlice, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(20);

type Call = (&'static str, fn(&mut WebSocket));

#[test]
fn any_call_after_a_feed_sends_it() {
    let calls: [Call; 16] = [
        ("recv", |ws| drop(ws.recv())),
        ("recv_ref", |ws| drop(ws.recv_ref().map(|_| ()))),
        ("recv_into", |ws| drop(ws.recv_into(&mut [0; 8]))),
        ("recv_stream", |ws| drop(ws.recv_stream().map(|_| ()))),
        ("recv_timeout", |ws| drop(ws.recv_timeout(SHORT))),
        ("flush", |ws| ws.flush().unwrap()),
        ("send", |ws| ws.send("sent").unwrap()),
        ("send_vectored", |ws| ws.send_vectored(Kind::Text, &[IoSlice::new(b"sent")]).unwrap()),
        ("send_stream", |ws| ws.send_stream(Kind::Text).unwrap().flush().unwrap()),
        ("ping", |ws| ws.ping(b"").unwrap()),
        ("ping_wait", |ws| drop(ws.ping_wait(SHORT))),
        ("with_compress", |ws| ws.with_compress(landline::Compress::Never).send("sent").unwrap()),
        ("parts", |ws| drop(ws.parts().1.recv_timeout(SHORT))),
        ("parts, by the sender", |ws| ws.parts().0.flush().unwrap()),
        ("close_start", |ws| ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap()),
        ("close", |ws| drop(ws.close(CloseCode::NORMAL_CLOSURE, ""))),
    ];
    limited(move || {
        for (name, call) in calls {
            let (mut ws, mut peer) = pair();
            ws.set_recv_timeout(Some(SHORT));
            ws.feed("fed").unwrap();
            ws.parts().0.feed("fed too").unwrap();
            assert_eq!(
                peer.recv_timeout(SHORT).err().map(|error| error.is_fatal()),
                Some(false),
                "{name}: too early"
            );
            let peer = thread::spawn(move || {
                let got = [peer.recv_timeout(SOON), peer.recv_timeout(SOON)].map(|got| got.unwrap().unwrap());
                let _ = peer.recv_timeout(SHORT);
                got
            });
            call(&mut ws);
            let expected = ["fed", "fed too"].map(|text| Message::Text(text.to_owned()));
            assert_eq!(peer.join().unwrap(), expected, "{name}");
            assert!(ws.stats().messages_sent >= 2);
        }
    });
}

#[test]
fn dropping_and_splitting_send_gathered_messages_too() {
    limited(|| {
        let (mut ws, mut peer) = pair();
        ws.feed("fed").unwrap();
        drop(ws);
        assert_eq!(peer.recv().unwrap(), Some(Message::Text("fed".into())));

        let (mut ws, mut peer) = pair();
        ws.feed("fed").unwrap();
        let (sender, _receiver) = ws.split();
        sender.flush().unwrap();
        assert_eq!(peer.recv().unwrap(), Some(Message::Text("fed".into())));
    });
}

#[test]
fn feeding_a_connection_that_is_over_fails() {
    limited(|| {
        let (mut ws, _peer) = pair();
        ws.feed("fed").unwrap();
        ws.abort();
        assert!(matches!(ws.feed("x"), Err(Error::Closed(Closed::Aborted))));

        let (mut ws, _peer) = pair();
        ws.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(matches!(ws.feed("x"), Err(Error::Closed(Closed::Sent))));

        let (mut ws, mut peer) = pair();
        let mut message = ws.with_compress(landline::Compress::Auto).send_stream(Kind::Text).unwrap();
        message.write_all(b"begun").unwrap();
        message.finish().unwrap();
        drop(message);
        ws.feed("next").unwrap();
        ws.flush().unwrap();
        assert_eq!(peer.recv().unwrap(), Some(Message::Text("begun".into())));
        assert_eq!(peer.recv().unwrap(), Some(Message::Text("next".into())));
    });
}

#[test]
fn a_stream_reader_sends_gathered_messages_before_it_waits() {
    limited(|| {
        let (mut ws, peer) = pair();
        let peer = thread::spawn(move || {
            let (sender, mut receiver) = peer.split();
            let mut message = sender.send_stream(Kind::Binary).unwrap();
            message.write_all(b"ask").unwrap();
            message.flush().unwrap();
            let answer = receiver.recv_timeout(SOON).unwrap();
            message.write_all(b"end").unwrap();
            message.finish().unwrap();
            answer
        });
        let (sender, mut receiver) = ws.parts();
        let mut stream = receiver.recv_stream().unwrap().unwrap();
        let mut part = [0; 3];
        stream.read_exact(&mut part).unwrap();
        sender.feed("answer").unwrap();
        // The peer continues when it has the reply.
        stream.read_exact(&mut part).unwrap();
        assert_eq!(&part, b"end");
        assert_eq!(peer.join().unwrap(), Some(Message::Text("answer".into())));
    });
}

#[test]
fn a_server_that_stops_does_not_wait_for_a_handler_that_gathers() {
    limited(|| {
        let (go, wait) = mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let (fed, has_fed) = mpsc::channel();
        let serving = serve(Server::builder(), move |mut ws| {
            ws.feed("fed").unwrap();
            fed.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
            assert_eq!(ws.recv().unwrap(), None);
            assert!(ws.close_info().clean);
        });
        let mut ws = landline::connect(&serving.url()).unwrap();
        has_fed.recv_timeout(SOON).unwrap();
        let stopping = thread::spawn(move || serving.end(SOON));
        go.send(()).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Text("fed".into())));
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().code(), CloseCode::GOING_AWAY);
        assert_eq!(stopping.join().unwrap().cut, 0);
    });
}
