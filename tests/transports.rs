//! Connections over the caller's own streams.

use landline::server::accept_over;
use landline::transport::{Halves, SocketTransport, Transport, pair};
use landline::{Client, CloseCode, Config, Error, Message, WebSocket};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

fn connect(client: impl Transport + 'static, server: impl Transport + 'static) -> (WebSocket, WebSocket) {
    let accepting = thread::spawn(move || accept_over(server, &Config::default()).unwrap().accept().unwrap());
    let client = Client::default().connect_over(client, "ws://localhost/").unwrap();
    (client, accepting.join().unwrap())
}

/// A blocking stream as two halves, as used by a program that does not deal with descriptors.
fn halves(stream: UnixStream) -> Halves<UnixStream, UnixStream> {
    let (writer, both) = (stream.try_clone().unwrap(), stream.try_clone().unwrap());
    Halves::new(stream, writer).on_abort(move || drop(both.shutdown(Shutdown::Both)))
}

/// Echoes until the client closes.
fn serve(mut ws: WebSocket) -> thread::JoinHandle<landline::Result<()>> {
    thread::spawn(move || {
        let (sender, mut receiver) = ws.parts();
        while let Some(message) = receiver.recv_ref()? {
            sender.feed(message)?;
        }
        Ok(())
    })
}

fn converse(client: impl Transport + 'static, server: impl Transport + 'static) {
    let (mut ws, server) = connect(client, server);
    let serving = serve(server);
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let message = vec![7; size];
        ws.send(&message).unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(message)));
    }
    ws.ping_wait(Duration::from_secs(10)).unwrap();
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    serving.join().unwrap().unwrap();
}

#[test]
fn a_conversation_over_memory() {
    let (client, server) = pair();
    converse(client, server);
}

#[test]
fn a_conversation_over_unix_sockets() {
    let (client, server) = UnixStream::pair().unwrap();
    converse(SocketTransport::unix(client).unwrap(), SocketTransport::unix(server).unwrap());
}

#[test]
fn a_conversation_over_blocking_halves() {
    let (client, server) = UnixStream::pair().unwrap();
    converse(halves(client), halves(server));
}

#[test]
fn halves_with_a_read_timeout_support_deadlines() {
    let (client, server) = UnixStream::pair().unwrap();
    client.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let (mut ws, mut server) = connect(halves(client), halves(server));
    assert!(matches!(ws.recv_timeout(Duration::from_millis(20)), Err(Error::Timeout(_))));
    let interrupter = ws.interrupter().unwrap();
    interrupter.interrupt();
    assert!(matches!(ws.recv(), Err(Error::Interrupted(_))));
    server.send("still here").unwrap();
    assert_eq!(ws.recv().unwrap(), Some(Message::Text("still here".into())));
}

#[test]
fn abort_ends_a_read_that_blocks_in_the_callers_stream() {
    let (client, server) = UnixStream::pair().unwrap();
    let (mut ws, _server) = connect(halves(client), halves(server));
    let aborter = ws.interrupter().unwrap();
    let waiting = thread::spawn(move || ws.recv());
    aborter.abort();
    let error = waiting.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Closed(landline::error::Closed::Aborted)), "{error:?}");
}

#[test]
fn gathered_messages_are_written_when_the_connection_is_dropped() {
    let (client, server) = pair();
    let (mut ws, mut server) = connect(client, server);
    ws.feed("the last word").unwrap();
    drop(ws);
    assert_eq!(server.recv().unwrap(), Some(Message::Text("the last word".into())));
    assert!(server.recv().is_err(), "and then an end without a Close frame");
}
