//! Taking the socket out of a connection.

mod common;

use common::{eventually, limited};
use landline::error::{Closed, UsageError};
use landline::transport::pair;
use landline::{Client, CloseCode, Deadline, Error, Kind, Server, WebSocket};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

fn over_unix() -> (WebSocket, WebSocket) {
    let (near, far) = UnixStream::pair().unwrap();
    let serving = thread::spawn(|| landline::accept(far).unwrap());
    (Client::default().connect_over(near, "ws://localhost/").unwrap(), serving.join().unwrap())
}

fn over_tcp() -> (WebSocket, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    let serving = thread::spawn(|| landline::accept(far).unwrap());
    (Client::default().connect_over(near, "ws://localhost/").unwrap(), serving.join().unwrap())
}

fn is_detached<T: std::fmt::Debug>(result: landline::Result<T>) -> bool {
    matches!(result, Err(Error::Closed(Closed::Detached)))
}

#[test]
fn bytes_that_were_received_but_not_taken_are_returned_and_the_rest_is_in_the_socket() {
    limited(|| {
        let (mut client, mut server) = over_tcp();
        server.feed("first").unwrap();
        server.feed("second").unwrap();
        server.feed("third").unwrap();
        server.flush().unwrap();
        assert_eq!(client.recv().unwrap(), Some("first".into()));
        let detached = client.detach().unwrap();
        let mut stream = TcpStream::from(detached.socket);
        let mut bytes = detached.received;
        // In blocking mode, without a time limit.
        assert_eq!(stream.read_timeout().unwrap(), None);
        let expected = b"\x81\x06second\x81\x05third\x81\x06behind";
        let reading = thread::spawn(move || {
            let left = expected.len() - bytes.len();
            Read::by_ref(&mut stream).take(left as u64).read_to_end(&mut bytes).unwrap();
            (stream, bytes)
        });
        server.send("behind").unwrap();
        let (stream, bytes) = reading.join().unwrap();
        assert_eq!(bytes, expected);
        drop(stream);
        // Only now does the peer notice that the socket is closed.
        drop(client);
        assert!(server.recv_timeout(LONG).unwrap_err().is_fatal());
    });
}

#[test]
fn sent_and_gathered_messages_are_written_first_and_every_handle_reports_the_end() {
    limited(|| {
        let (mut client, mut server) = over_unix();
        client.feed("gathered").unwrap();
        let aborter = client.aborter();
        let (sender, mut receiver) = client.split();
        let detached = receiver.detach().unwrap();
        assert!(detached.received.is_empty());
        assert!(is_detached(receiver.recv()) && is_detached(sender.send("x")) && is_detached(receiver.detach()));
        assert!(
            is_detached(sender.try_send("x")) && is_detached(sender.close_start(CloseCode::NORMAL_CLOSURE, ""))
        );
        assert!(matches!(sender.close_info().cause, Some(Error::Closed(Closed::Detached))));
        // No call on them affects the socket.
        aborter.abort();
        sender.abort();
        drop((sender, receiver));
        let mut stream = UnixStream::from(detached.socket);
        // Masked with zeros.
        stream.write_all(b"\x81\x85\0\0\0\0after").unwrap();
        assert_eq!(server.recv().unwrap(), Some("gathered".into()));
        assert_eq!(server.recv().unwrap(), Some("after".into()));
        server.send("still here").unwrap();
        let mut bytes = [0; 12];
        stream.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"\x81\x0astill here");
    });
}

#[test]
fn a_connection_that_cannot_be_detached_yet_can_be_used_as_before() {
    limited(|| {
        let (mut client, mut server) = over_unix();
        // In the middle of a message that is being taken.
        server.send("text").unwrap();
        assert_eq!(client.recv_into(&mut [0; 2]).unwrap().map(|received| received.is_final), Some(false));
        assert!(matches!(client.detach(), Err(Error::Usage(UsageError::Unreceived))));
        // In the middle of one that is arriving.
        let mut writer = server.send_stream(Kind::Text).unwrap();
        writer.write_all(b"begun ").unwrap();
        writer.flush().unwrap();
        let waited = client.recv_timeout(Duration::from_millis(50));
        assert!(matches!(waited, Err(Error::Timeout(_))), "{waited:?}");
        assert!(matches!(client.detach(), Err(Error::Usage(UsageError::Unreceived))));
        writer.write_all(b"ended").unwrap();
        writer.finish().unwrap();
        drop(writer);
        assert_eq!(client.recv().unwrap(), Some("begun ended".into()));
        // While the peer does not read.
        while client.try_send(vec![0; 10_000]).is_ok() {}
        client.set_deadline(Deadline::after(Duration::from_millis(50)));
        assert!(matches!(client.detach(), Err(Error::Timeout(_))));
        client.set_deadline(None);
        let reading = thread::spawn(move || {
            while server.recv_timeout(Duration::from_millis(500)).is_ok() {}
            server
        });
        let detached = client.detach().unwrap();
        let mut server = reading.join().unwrap();
        let mut stream = UnixStream::from(detached.socket);
        stream.write_all(b"\x81\x80\0\0\0\0").unwrap();
        assert_eq!(server.recv().unwrap(), Some("".into()));
    });
}

#[test]
fn only_plain_sockets_can_be_taken_out() {
    limited(|| {
        let (near, far) = pair();
        let serving = thread::spawn(|| landline::accept(far).unwrap());
        let mut client = Client::default().connect_over(near, "ws://memory/").unwrap();
        assert!(matches!(client.detach(), Err(Error::Usage(UsageError::NoSocket))));
        client.send("on").unwrap();
        assert_eq!(serving.join().unwrap().recv().unwrap(), Some("on".into()));

        use landline::transport::{Identity, TlsConnector};
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let (near, far) = UnixStream::pair().unwrap();
        let serving = thread::spawn(move || {
            let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes()).unwrap();
            Server::builder().tls(identity).accept(far).unwrap()
        });
        let trust = TlsConnector::builder().danger_accept_invalid_certs(true);
        let client = Client::builder().tls_options(trust).build().unwrap();
        let mut client = client.connect_over(near, "wss://localhost/").unwrap();
        assert!(matches!(client.detach(), Err(Error::Usage(UsageError::NoSocket))));
        client.send("on").unwrap();
        assert_eq!(serving.join().unwrap().recv().unwrap(), Some("on".into()));
    });
}

#[test]
fn after_an_orderly_close_the_socket_is_shut_down_in_both_directions() {
    limited(|| {
        let (mut client, mut server) = over_unix();
        let closing = thread::spawn(move || server.recv().unwrap());
        client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert_eq!(closing.join().unwrap(), None);
        let detached = client.detach().unwrap();
        assert!(detached.received.is_empty());
        let mut stream = UnixStream::from(detached.socket);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        assert!(stream.write(b"x").is_err());
        assert!(client.close_info().clean && client.recv().unwrap().is_none());
        let (mut client, _server) = over_unix();
        client.close_start(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(matches!(client.detach(), Err(Error::Closed(Closed::Sent))));
    });
}

#[test]
fn a_server_does_not_touch_a_socket_that_its_handler_took_out() {
    limited(|| {
        let server = Server::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", server.local_addr().unwrap());
        let stop = server.stop_handle();
        let (taken, sockets) = mpsc::channel();
        let taken = std::sync::Mutex::new(taken);
        let serving = thread::spawn(move || {
            server.serve(move |mut ws| taken.lock().unwrap().send(ws.detach().unwrap().socket).unwrap())
        });
        let mut client = landline::connect(&url).unwrap();
        let mut stream = TcpStream::from(sockets.recv().unwrap());
        eventually("the handler has returned", || stop.connections() == 0);
        stop.stop(Duration::ZERO);
        serving.join().unwrap().unwrap();
        stream.write_all(b"\x81\x02ok").unwrap();
        assert_eq!(client.recv().unwrap(), Some("ok".into()));
    });
}

#[test]
fn a_connection_that_has_failed_reports_why_when_it_is_detached() {
    limited(|| {
        let (near, far) = UnixStream::pair().unwrap();
        let serving = thread::spawn(|| landline::accept(far).unwrap());
        let mut client = Client::default().connect_over(near, "ws://localhost/").unwrap();
        let mut server = serving.join().unwrap();
        let detached = client.detach().unwrap();
        // A frame that is not masked, and another one behind it.
        UnixStream::from(detached.socket).write_all(b"\x81\x00\x81\x00").unwrap();
        let failed = server.recv();
        assert!(matches!(failed, Err(Error::Protocol(_))), "{failed:?}");
        let refused = server.detach();
        assert!(matches!(refused, Err(Error::Protocol(_))), "{refused:?}");
    });
}
