//! `--reconnect`: connecting again, and when not to.

use super::*;
use landline::{CloseCode, Listener, Message};

#[test]
fn it_connects_again_when_the_connection_is_lost() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut ws = listener.accept().unwrap().accept().unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::from("one")));
        ws.send("first").unwrap();
        ws.abort();
        let mut ws = listener.accept().unwrap().accept().unwrap();
        ws.send("second").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::from("two")));
        // A code that says to come again.
        ws.close(CloseCode::SERVICE_RESTART, "").unwrap();
        let mut ws = listener.accept().unwrap().accept().unwrap();
        ws.send("third").unwrap();
        assert_eq!(ws.recv().unwrap(), Some(Message::from("three")));
        ws.send("done").unwrap();
        assert_eq!(ws.recv().unwrap(), None);
    });
    let mut wscat = start(["--reconnect", "--retry-delay", "0.01", &url]);
    wscat.write("one\n");
    assert_eq!(wscat.line(), "first\n");
    assert_eq!(wscat.line(), "second\n");
    wscat.write("two\n");
    assert_eq!(wscat.line(), "third\n");
    wscat.write("three\n");
    assert_eq!(wscat.line(), "done\n");
    drop(wscat.stdin.take());
    let result = wscat.finish();
    assert_eq!(result.status, Some(0), "{}", result.stderr);
    let lost = result.stderr.lines().filter(|line| line.starts_with("note: connection lost: "));
    let lost: Vec<_> = lost.map(|line| line.trim_start_matches("note: connection lost: ")).collect();
    assert_eq!(lost.len(), 2, "{}", result.stderr);
    assert!(lost[0].contains("1006") || lost[0].contains("reset"), "{}", lost[0]);
    assert!(lost[1].contains("1012"), "{}", lost[1]);
    server.join().unwrap();
}

#[test]
fn it_waits_for_a_server_that_is_not_there_yet() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut wscat = start(["--reconnect", "--retry-delay", "0.01", &format!("ws://{address}/")]);
    wscat.write("hello\n");
    let listener = Listener::bind(address).unwrap();
    let mut ws = listener.accept().unwrap().accept().unwrap();
    assert_eq!(ws.recv().unwrap(), Some(Message::from("hello")));
    ws.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
    assert_eq!(wscat.finish().status, Some(0));
}

#[test]
fn it_gives_up_where_trying_again_does_not_help() {
    let server = web(|_| respond(404, ""));
    run(["--reconnect", "--retry-delay", "0.01", &server.url("/")], "").is_error("404");
    assert_eq!(server.heads().len(), 1);
    let (url, server) = serve(Server::builder(), |mut ws| ws.close(CloseCode::POLICY_VIOLATION, "go away"));
    start(["--reconnect", &url]).finish().is_error("1008");
    let _ = server.join().unwrap();
}

#[test]
fn it_gives_up_after_so_many_attempts() {
    let server = web(|_| respond(503, ""));
    let result = run(["--reconnect", "--retry", "3", "--retry-delay", "0.01", &server.url("/")], "");
    assert_eq!(result.status, Some(1), "{}", result.stderr);
    let last = result.stderr.lines().last().unwrap();
    assert!(last.starts_with("error: ") && last.contains("503"), "{}", result.stderr);
    assert_eq!(
        result.stderr.lines().filter(|line| line.contains("trying again in")).count(),
        2,
        "{}",
        result.stderr
    );
    assert_eq!(server.heads().len(), 3);
    run(["--retry", "3", &server.url("/")], "").is_error("--reconnect");
}
