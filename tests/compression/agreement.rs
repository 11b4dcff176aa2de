//! Offers, responses, and what is agreed on.

use super::*;

#[test]
fn item_22_compression_that_is_off_is_neither_offered_nor_accepted() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| raw.accept());
        let ws = Client::default().connect(&format!("ws://{addr}/")).unwrap();
        assert!(ws.handshake().compression.is_none() && ws.handshake().extensions.is_empty());
        assert_eq!(header(&server.join(), "sec-websocket-extensions"), None);

        let (mut ws, mut raw, head) = raw_client_with(&Config::default(), OFFER);
        assert!(ws.handshake().compression.is_none() && ws.handshake().extensions.is_empty());
        assert_eq!(header(&head, "sec-websocket-extensions"), None);
        ws.set_compress(Compress::Always);
        ws.send(words(1000)).unwrap();
        assert_eq!(raw.frame().first, TEXT);
        raw.send(masked(TEXT | RSV1, Deflate::new().message("hello")));
        let code = refused(raw);
        assert!(matches!(ws.recv(), Err(Error::Protocol(ProtocolError::ReservedBits))));
        assert_eq!(code.join().unwrap(), 1002);
    });
}

#[test]
fn item_22_both_ends_know_what_was_agreed_on() {
    fn agreed(parameters: Option<&DeflateParameters>) -> (bool, bool, u8, u8) {
        let p = parameters.expect("compression");
        (
            p.server_no_context_takeover,
            p.client_no_context_takeover,
            p.server_max_window_bits,
            p.client_max_window_bits,
        )
    }
    limited(|| {
        for (client, server, expected) in [
            (options(), options(), (false, false, 15, 15)),
            (options().server_no_context_takeover(true), options(), (true, false, 15, 15)),
            (options(), options().server_no_context_takeover(true), (true, false, 15, 15)),
            (options().client_no_context_takeover(true), options(), (false, true, 15, 15)),
            (options(), options().client_no_context_takeover(true), (false, true, 15, 15)),
            (options().server_max_window_bits(10), options(), (false, false, 10, 15)),
            (options(), options().server_max_window_bits(9), (false, false, 9, 15)),
            (options().client_max_window_bits(12), options(), (false, false, 15, 12)),
            (options().client_max_window_bits(12), options().client_max_window_bits(11), (false, false, 15, 11)),
            (options(), options().client_max_window_bits(9).server_max_window_bits(9), (false, false, 9, 9)),
        ] {
            let (mut client, mut server) = both(client, server);
            for ws in [&client, &server] {
                assert_eq!(agreed(ws.handshake().compression.as_ref()), expected);
                assert_eq!(ws.handshake().extensions.len(), 1);
                assert_eq!(ws.handshake().extensions[0].name(), "permessage-deflate");
            }
            // Several messages, so that windows matter.
            for text in [words(3000), words(40_000), String::new(), words(500)] {
                client.send(&text[..]).unwrap();
                assert_eq!(server.recv().unwrap(), Some(Message::Text(text.clone())));
                server.send(&text[..]).unwrap();
                assert_eq!(client.recv().unwrap(), Some(Message::Text(text)));
            }
            assert!(client.stats().wire_sent < 20_000 && server.stats().wire_sent < 20_000, "{:?}", client.stats());
        }
    });
}

#[test]
fn item_22_a_client_whose_offer_is_declined_continues_without_compression() {
    limited(|| {
        let (addr, server) = raw_server(|mut raw| {
            let request = raw.accept();
            let frame = raw.frame();
            raw.send(common::frame(TEXT | RSV1, Deflate::new().message("hello")));
            (request, frame.first, raw.frame().close_code())
        });
        let mut ws = client_with(options()).connect(&format!("ws://{addr}/")).unwrap();
        assert!(ws.handshake().compression.is_none() && ws.handshake().extensions.is_empty());
        ws.with_compress(Compress::Always).send(words(1000)).unwrap();
        assert!(matches!(ws.recv(), Err(Error::Protocol(ProtocolError::ReservedBits))));
        let (request, first, code) = server.join();
        let offer = header(&request, "sec-websocket-extensions");
        assert_eq!(offer, Some("permessage-deflate; client_max_window_bits"));
        assert_eq!((first, code), (TEXT, 1002));
    });
}

#[test]
fn item_22_a_server_chooses_the_first_acceptable_offer() {
    limited(|| {
        for (offer, options, answer) in [
            ("permessage-deflate", options(), Some("permessage-deflate")),
            ("permessage-deflate; unknown", options(), None),
            ("permessage-deflate; server_max_window_bits=8", options(), None),
            ("permessage-deflate; server_max_window_bits", options(), None),
            ("permessage-deflate; client_max_window_bits=16", options(), None),
            ("permessage-deflate; server_no_context_takeover=1", options(), None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", options(), None),
            ("permessage-deflate; unknown, permessage-deflate", options(), Some("permessage-deflate")),
            (
                "x-other; a=1, permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
                options(),
                Some("permessage-deflate; server_no_context_takeover; server_max_window_bits=10"),
            ),
            // A client that does not allow this cannot be asked for it.
            ("permessage-deflate", options().client_max_window_bits(11), None),
            (
                "permessage-deflate; client_max_window_bits",
                options().client_max_window_bits(11),
                Some("permessage-deflate; client_max_window_bits=11"),
            ),
        ] {
            let headers = format!("Sec-WebSocket-Extensions: {offer}\r\n");
            let (mut ws, mut raw, head) = raw_client_with(&deflated(options), &headers);
            assert_eq!(header(&head, "sec-websocket-extensions"), answer, "{offer}");
            assert_eq!(ws.handshake().compression.is_some(), answer.is_some(), "{offer}");
            assert_eq!(ws.handshake().extensions.len(), usize::from(answer.is_some()), "{offer}");
            ws.send(words(1000)).unwrap();
            assert_eq!(raw.frame().first & RSV1 != 0, answer.is_some(), "{offer}");
        }
    });
}

#[test]
fn item_22_a_response_that_does_not_match_the_offer_fails_the_connection() {
    limited(|| {
        let asks = options().server_no_context_takeover(true).server_max_window_bits(10);
        for (options, answer, what) in [
            (Some(options()), "permessage-deflate; client_max_window_bits=7", "window bits"),
            (Some(options()), "permessage-deflate; client_max_window_bits", "no value"),
            (Some(options()), "permessage-deflate; server_max_window_bits=16", "window bits"),
            (Some(options()), "permessage-deflate; server_max_window_bits=010", "window bits"),
            (Some(options()), "permessage-deflate; extra=1", "unknown parameter"),
            (
                Some(options()),
                "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
                "repeated",
            ),
            (Some(options()), "permessage-deflate, permessage-deflate", "twice"),
            (Some(options()), "x-webkit-deflate-frame", "x-webkit-deflate-frame"),
            (Some(options()), "permessage-deflate; =", "malformed"),
            (Some(asks.clone()), "permessage-deflate; server_max_window_bits=10", "not granted"),
            (Some(asks.clone()), "permessage-deflate; server_no_context_takeover", "server_max_window_bits"),
            (
                Some(asks),
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
                "server_max_window_bits",
            ),
            (None, "permessage-deflate", "not offered"),
        ] {
            let headers = format!("Sec-WebSocket-Extensions: {answer}\r\n");
            let (addr, server) = raw_server(move |mut raw| {
                raw.accept_with(&headers, "");
                raw.rest().unwrap()
            });
            let client = Client::builder().compression(options).build().unwrap();
            let error = client.connect(&format!("ws://{addr}/")).unwrap_err();
            let Error::Handshake(handshake) = &error else { panic!("{answer}: {error:?}") };
            assert!(error.to_string().contains(what), "{answer}: {error}");
            assert!(error.is_fatal(), "{answer}");
            if let HandshakeError::ExtensionParameters { name, .. } = &**handshake {
                assert_eq!(*name, "permessage-deflate");
                assert!(error.to_string().contains("permessage-deflate"), "{error}");
            }
            assert!(server.join().is_empty(), "{answer}: nothing is sent behind the request");
        }
    });
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    for (bad, name) in [
        (options().level(0), "compression level of 0"),
        (options().level(10), "compression level of 10"),
        (options().server_max_window_bits(8), "server_max_window_bits of 8"),
        (options().server_max_window_bits(16), "server_max_window_bits of 16"),
        (options().client_max_window_bits(8), "client_max_window_bits of 8"),
        (options().client_max_window_bits(16), "client_max_window_bits of 16"),
    ] {
        let client = Client::builder().compression(Some(bad.clone())).build().map(drop);
        let with_config = Client::builder().config(deflated(bad.clone())).build().map(drop);
        let server = Server::builder().compression(Some(bad.clone())).bind("127.0.0.1:0").map(drop);
        let listener = Server::builder().config(deflated(bad.clone())).listen("127.0.0.1:0").map(drop);
        for result in [client, with_config, server, listener] {
            let Err(error @ Error::Config(_)) = result else { panic!("{bad:?}: {result:?}") };
            assert!(error.to_string().contains(name), "{bad:?}: {error}");
        }
    }
    for good in [options().level(1), options().level(9), options().client_max_window_bits(9)] {
        assert!(Client::builder().compression(Some(good)).build().is_ok());
    }
}

/// Also when a transport is accepted without a builder.
#[test]
fn options_out_of_range_are_refused_for_a_transport_too() {
    limited(|| {
        for bad in [options().level(0), options().server_max_window_bits(16), options().server_max_window_bits(8)] {
            let (client, server) = memory_pair();
            let connecting =
                thread::spawn(move || client_with(options()).connect_over(client, "ws://memory/").map(drop));
            let result = accept_over(server, &deflated(bad.clone())).map(drop);
            assert!(matches!(result, Err(Error::Config(_))), "{bad:?}: {result:?}");
            assert!(connecting.join().unwrap().is_err());
        }
    });
}
