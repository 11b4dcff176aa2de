//! Time limits and interruption.

use super::*;

/// Messages that refer to each other.
fn related(number: u8) -> Vec<u8> {
    let mut message = noise(3000);
    message[..10].fill(number);
    message
}

#[test]
fn item_16_a_compressed_send_that_timed_out_continues_where_it_stopped() {
    limited(|| {
        for way in WAYS.into_iter().filter(|way| !matches!(way, Way::Stream | Way::Flushed)) {
            for large in [noise(MIB), [words(MIB).into_bytes(), noise(100_000), words(MIB).into_bytes()].concat()] {
                let (mut client, mut sender, mut receiver) = stuck();
                sender.send(related(1)).unwrap();
                let error = match way {
                    Way::Send => sender.send(&large),
                    Way::Feed => sender.feed(&large),
                    _ => {
                        sender.send_vectored(Kind::Binary, &[IoSlice::new(&large[..7]), IoSlice::new(&large[7..])])
                    }
                };
                let error = error.unwrap_err();
                assert!(matches!(error, Error::Timeout(_)) && !error.is_fatal(), "{way:?}: {error:?}");
                assert!(error.message_accepted(), "{way:?}");
                let error = sender.send("refused").unwrap_err();
                assert!(!error.message_accepted(), "{way:?}: there is a message in front of it that does not move");
                let expected = large.clone();
                let reading = thread::spawn(move || {
                    assert_eq!(client.recv().unwrap(), binary(related(1)));
                    assert!(client.recv().unwrap() == binary(expected), "the message that was accepted");
                    for number in 2..5 {
                        assert_eq!(client.recv().unwrap(), binary(related(number)));
                    }
                    client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
                    client.stats()
                });
                // The reader may be slow to begin.
                while let Err(error) = sender.flush() {
                    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
                }
                sender.set_send_timeout(Some(Duration::from_secs(20)));
                (2..5).for_each(|number| sender.send(related(number)).unwrap());
                let stats = sender.stats();
                assert!(receiver.recv().unwrap().is_none());
                let received = reading.join().unwrap();
                assert_eq!(received.payload_received, stats.payload_sent, "what was refused is not counted");
                assert_eq!(received.messages_received, 5);
            }
        }
    });
}

/// What could not be sent in time is queued uncompressed, because compressing it would take more time.
#[test]
fn item_16_a_compressed_send_without_time_left_returns_at_once() {
    limited(|| {
        let (client, sender, _receiver) = stuck();
        let message = noise(32 * MIB);
        let begin = std::time::Instant::now();
        let error = sender.send(&message).unwrap_err();
        assert!(error.message_accepted(), "{error:?}");
        let took = begin.elapsed();
        let begin = std::time::Instant::now();
        // The work that the call did not have to do.
        let mut compressor = Deflate::new();
        assert!(compressor.message(&message).len() > 31 * MIB);
        assert!(took < SHORT + begin.elapsed() / 2, "{took:?}");
        client.abort();
    });
}

#[test]
fn item_16_fed_messages_that_do_not_fit_are_accepted_and_arrive() {
    limited(|| {
        let (mut client, sender, mut receiver) = stuck();
        let mut accepted = 0u8;
        loop {
            let result = sender.feed(related(accepted).repeat(10));
            accepted += u8::from(result.as_ref().err().is_none_or(Error::message_accepted));
            if let Err(error) = result {
                assert!(matches!(error, Error::Timeout(_)), "{error:?}");
                break;
            }
        }
        assert!(matches!(sender.flush(), Err(Error::Timeout(_))));
        // The receiver sends the rest while it waits; no thread flushes.
        let receiving = thread::spawn(move || receiver.recv());
        for number in 0..accepted {
            assert!(client.recv().unwrap() == binary(related(number).repeat(10)), "{number} of {accepted}");
        }
        client.close(CloseCode::NORMAL_CLOSURE, "").unwrap();
        assert!(receiving.join().unwrap().unwrap().is_none());
    });
}

#[test]
fn item_16_a_compressed_stream_that_timed_out_continues_where_it_stopped() {
    fn is_timeout(error: std::io::Error) -> bool {
        matches!(error.downcast::<Error>(), Ok(Error::Timeout(_)))
    }
    limited(|| {
        let (client, sender, _receiver) = stuck();
        let content = noise(500_000);
        let mut writer = sender.send_stream(Kind::Binary).unwrap();
        let (mut rest, mut timeouts) = (&content[..], 0);
        let mut client = Some(client);
        let mut reading = None;
        while !rest.is_empty() {
            match writer.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) => {
                    assert!(is_timeout(error));
                    timeouts += 1;
                }
            }
            if let Some(mut client) = client.take_if(|_| timeouts == 3) {
                assert!(is_timeout(writer.flush().unwrap_err()));
                reading = Some(thread::spawn(move || [client.recv().unwrap(), client.recv().unwrap()]));
            }
        }
        while let Err(error) = writer.finish() {
            assert!(matches!(error, Error::Timeout(_)), "{error:?}");
        }
        drop(writer);
        while let Err(error) = sender.send(related(1)) {
            assert!(matches!(error, Error::Timeout(_)), "{error:?}");
            if error.message_accepted() {
                break;
            }
        }
        while sender.flush().is_err() {}
        let [first, second] = reading.expect("it times out").join().unwrap();
        assert!(first == binary(content));
        assert_eq!(second, binary(related(1)));
    });
}

#[test]
fn item_16_an_interrupted_compressed_send_continues_where_it_stopped() {
    limited(|| {
        let (mut client, server) = in_memory(options().level(1));
        let (sender, mut receiver) = server.split();
        let interrupter = receiver.interrupter().unwrap();
        let large = noise(MIB);
        let sending = {
            let (sender, large) = (sender.clone(), large.clone());
            sleeper(move || sender.send(&large))
        };
        sending.until_asleep();
        interrupter.interrupt_send();
        let error = sending.join().unwrap_err();
        assert!(matches!(error, Error::Interrupted(_)) && error.message_accepted(), "{error:?}");
        let reading = thread::spawn(move || [client.recv().unwrap(), client.recv().unwrap()]);
        sender.send(related(1)).unwrap();
        let [first, second] = reading.join().unwrap();
        assert!(first == binary(large));
        assert_eq!(second, binary(related(1)));
    });
}

#[test]
fn item_16_a_receive_can_time_out_at_every_byte_of_a_compressed_message() {
    limited(|| {
        let (mut ws, mut raw) = with_raw_client(deflated(options()));
        let mut deflate = Deflate::new();
        let text = "κόσμε ".repeat(30) + &words(700);
        for round in 0..3 {
            let payload = deflate.message(&text);
            let (a, b) = payload.split_at(payload.len() / 3);
            let mut wire = masked(0x01 | RSV1, a);
            wire.extend(masked(PING, "between"));
            wire.extend(masked(0x80, b));
            let (last, rest) = wire.split_last().unwrap();
            for (i, byte) in rest.iter().enumerate() {
                raw.send([*byte]);
                let result = receive_briefly(&mut ws, i);
                assert!(matches!(result, Err(Error::Timeout(_))), "round {round}, byte {i}: {result:?}");
            }
            raw.send([*last]);
            assert_eq!(ws.recv().unwrap(), Some(Message::Text(text.clone())), "round {round}");
            assert_eq!(raw.frame().first, PONG);
        }
        // And what began as a whole message continues in pieces.
        let wire = masked(TEXT | RSV1, deflate.message(&text));
        raw.send(&wire[..wire.len() - 1]);
        assert!(matches!(ws.recv_timeout(SHORT), Err(Error::Timeout(_))));
        raw.send(&wire[wire.len() - 1..]);
        assert!(read_all(&mut ws).unwrap() == text.as_bytes());
    });
}

/// The unread part of a message is inflated as well, because later messages refer to it.
#[test]
fn a_skipped_message_is_part_of_the_window() {
    limited(|| {
        let (mut client, mut server) = both(options(), options());
        let large = [noise(20_000), words(300_000).into_bytes()].concat();
        let sending = {
            let large = large.clone();
            thread::spawn(move || {
                server.send(&large[..]).unwrap();
                server.send(&large[..]).unwrap();
                server.send(&large[..]).unwrap();
                server
            })
        };
        let mut reader = client.recv_stream().unwrap().unwrap();
        assert!(reader.read(&mut [0; 10]).unwrap() > 0);
        assert!(client.recv_into(&mut [0; 10]).unwrap().is_some());
        assert!(client.recv().unwrap() == binary(large));
        drop(sending.join().unwrap());
    });
}
