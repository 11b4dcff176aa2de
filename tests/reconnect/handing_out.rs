//! Sessions whose connections the program uses itself.

use super::*;

#[test]
fn each_turn_of_the_loop_has_a_fresh_connection() {
    limited(|| {
        let steps =
            vec![breaking("a"), refusing("503 Busy"), closing("b", 1008), closing("c", 1000), refusing("403 No")];
        let script = Script::new(steps);
        let mut hooked = Vec::new();
        let (note, notes) = mpsc::channel();
        let mut session = fast(&script.url()).on_connect(move |ws| {
            note.send(ws.id()).unwrap();
            Ok(())
        });
        session = session.max_attempts(Some(2));
        let mut session = session.build().unwrap();
        let (mut texts, mut errors) = (Vec::new(), Vec::new());
        for ws in session.connections() {
            match ws {
                Ok(mut ws) => {
                    hooked.push(ws.id());
                    texts.push(read_all(&mut ws));
                }
                Err(error) => errors.push(error),
            }
        }
        assert_eq!(texts, ["a", "b", "c"], "whatever became of the one before");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].status().unwrap().as_u16(), 403);
        assert_eq!(notes.try_iter().collect::<Vec<_>>(), hooked);
        assert_eq!(session.state().reconnects, 2);
        assert!(session.next_connection().is_err());
        script.thread.join();
    });
}

fn read_all(ws: &mut WebSocket) -> String {
    let mut all = String::new();
    while let Ok(Some(Message::Text(text))) = ws.recv_timeout(20 * SECOND) {
        all += &text;
    }
    all
}

#[test]
fn the_next_connection_comes_after_a_wait_that_begins_anew_if_the_last_one_lasted() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let backoff = Backoff::default().first(millis(40)).max(10 * SECOND).jitter_percent(0);
        let mut session =
            Session::builder(&server.url()).backoff(backoff).reset_after(millis(150)).build().unwrap();
        let wait = |session: &mut Session| {
            let (took, ws) = timed(|| session.next_connection().unwrap().unwrap());
            (took, ws)
        };
        let (took, ws) = wait(&mut session);
        assert!(took < millis(40), "the first one comes at once: {took:?}");
        drop(ws);
        for least in [40, 80] {
            let (took, ws) = wait(&mut session);
            assert!(took >= millis(least), "{took:?}");
            drop(ws);
        }
        let (_, mut ws) = wait(&mut session);
        assert!(matches!(ws.recv_timeout(millis(160)), Err(Error::Timeout(_))));
        let (took, _ws) = wait(&mut session);
        assert!(took >= millis(40) && took < millis(300), "{took:?}");
    });
}

#[test]
fn a_closed_session_hands_out_nothing_more() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut session = fast(&server.url()).build().unwrap();
        let mut ws = session.next_connection().unwrap().unwrap();
        assert!(matches!(session.send("x"), Err(Error::Closed(Closed::NotConnected))));
        session.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(session.next_connection().unwrap().is_none());
        assert!(session.connections().next().is_none());
        ws.send("it is the program's").unwrap();
        assert_eq!(ws.recv().unwrap(), Some("it is the program's".into()));
    });
}

#[test]
fn an_interrupted_wait_for_the_next_connection_goes_on() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let mut session = fast(&server.url()).build().unwrap();
        session.interrupter().interrupt_recv();
        let mut connections = session.connections();
        assert!(matches!(connections.next(), Some(Err(Error::Interrupted(_)))));
        assert!(matches!(connections.next(), Some(Ok(_))));
    });
}
