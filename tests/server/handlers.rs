//! How connections end with their handlers.

use super::*;

#[test]
fn a_connection_that_outlives_its_handler_is_closed_and_loses_nothing() {
    limited(|| {
        let (give, take) = mpsc::channel();
        let give = std::sync::Mutex::new(give);
        let serving = serve(Server::builder(), move |ws| give.lock().unwrap().send(ws).unwrap());
        let mut client = landline::connect(&serving.url()).unwrap();
        let mut kept = take.recv().unwrap();
        eventually("the handler has returned", || kept.close_info().sent.is_some());
        (0..100).for_each(|i| client.send(i.to_string()).unwrap());
        for i in 0..100 {
            assert_eq!(kept.recv().unwrap(), Some(Message::Text(i.to_string())));
        }
        let closing = thread::spawn(move || client.recv());
        assert_eq!(kept.recv().unwrap(), None);
        assert_eq!(closing.join().unwrap().unwrap(), None);
        assert!(kept.close_info().clean);
    });
}

#[test]
fn a_handler_that_returns_closes_with_1000_although_the_client_keeps_sending() {
    limited(|| {
        let server = serve(builder(), |mut ws| drop(ws.recv()));
        let mut raw = server.raw();
        raw.open();
        raw.send(masked(TEXT, "last words"));
        for _ in 0..50 {
            raw.send(masked(BINARY, [0; 10_000]));
        }
        assert_eq!(raw.frame().close_code(), 1000);
        // This is discarded, and not answered with a reset.
        for _ in 0..10 {
            raw.send(masked(BINARY, [0; 10_000]));
        }
        raw.send(masked(CLOSE, close_payload(1000, "")));
        assert_eq!(raw.next().unwrap(), None);
    });
}

#[test]
fn the_last_message_of_a_handler_arrives_before_the_close() {
    limited(|| {
        let server = serve(builder(), |mut ws| {
            ws.feed("gathered").unwrap();
            ws.feed(vec![7; 5 << 20]).unwrap();
        });
        let mut ws = landline::connect(&server.url()).unwrap();
        assert_eq!(ws.recv().unwrap(), text("gathered"));
        assert_eq!(ws.recv().unwrap(), Some(Message::Binary(vec![7; 5 << 20])));
        assert_eq!(ws.recv().unwrap(), None);
        assert!(ws.close_info().clean);
        assert_eq!(ws.close_info().code(), CloseCode::NORMAL_CLOSURE);
    });
}

#[test]
fn item_23_a_panic_ends_one_connection_with_1011() {
    limited(|| {
        let server = serve(builder(), |mut ws| {
            while let Ok(Some(message)) = ws.recv() {
                assert_ne!(message.as_text(), Some("panic"), "as the client wishes");
                ws.send(message).unwrap();
            }
        });
        let mut other = landline::connect(&server.url()).unwrap();
        let mut ws = landline::connect(&server.url()).unwrap();
        ws.send("panic").unwrap();
        assert_eq!(ws.recv().unwrap(), None);
        assert_eq!(ws.close_info().code(), CloseCode::INTERNAL_ERROR);
        other.send("still there?").unwrap();
        assert_eq!(other.recv().unwrap(), text("still there?"));
    });
}
