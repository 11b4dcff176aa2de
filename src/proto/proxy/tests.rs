//! Conversations with proxies in bytes: what is sent, every split of what comes back, refusals, hostile answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod connect;
mod socks;

use super::{Connect, RequestError, Socks4, Socks5, Tunnel, TunnelError};
use crate::proto::handshake::{HeadLimits, Headers};
use proptest::prelude::*;
use url::Host;

fn name(name: &str) -> Host<String> {
    Host::Domain(name.to_owned())
}

fn connect() -> Connect {
    Connect::new(&name("example.com"), 80, &Headers::new(), None, HeadLimits::default()).unwrap()
}

/// How a conversation ended, and what was left behind it.
type Outcome = (Result<bool, TunnelError>, Vec<u8>);

/// Passes on the pieces until the conversation is over.
fn run(tunnel: &mut dyn Tunnel, pieces: &[&[u8]]) -> Outcome {
    for (index, piece) in pieces.iter().enumerate() {
        let mut data = *piece;
        match tunnel.receive(&mut data) {
            Ok(false) => assert_eq!(data, b"", "bytes are left only when it is over"),
            over => return (over, [data, &pieces[index + 1..].concat()].concat()),
        }
    }
    (Ok(false), Vec::new())
}

/// Checks that the outcome is the same for all bytes at once, each by itself, and every split in two; and that a driver
/// that reads only what is wanted reads nothing beyond it. Returns the outcome.
#[track_caller]
fn run_all_ways(new: &dyn Fn() -> Box<dyn Tunnel>, bytes: &[u8]) -> Outcome {
    let whole = run(&mut *new(), &[bytes]);
    let single: Vec<_> = bytes.chunks(1).collect();
    assert_eq!(run(&mut *new(), &single), whole);
    for at in 1..bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(run(&mut *new(), &[first, second]), whole, "split at {at}");
    }

    let mut tunnel = new();
    let mut read = 0_usize;
    loop {
        let wanted = tunnel.wanted();
        assert!(wanted > 0);
        let mut data = &bytes[read..bytes.len().min(read.saturating_add(wanted))];
        if data.is_empty() {
            assert_eq!(whole.0, Ok(false));
            break;
        }
        read += data.len();
        match tunnel.receive(&mut data) {
            Ok(false) => {}
            Ok(true) => {
                assert_eq!(&bytes[read..], whole.1, "read beyond the proxy's answer");
                break;
            }
            Err(error) => {
                assert_eq!(Err(error), whole.0);
                break;
            }
        }
    }
    whole
}

#[test]
fn every_end_is_final() {
    let tunnels: [(Box<dyn Tunnel>, &[u8]); 3] = [
        (Box::new(connect()), b"HTTP/1.1 200 OK\r\n\r\n"),
        (Box::new(Socks5::new(&name("a"), 1, None).unwrap()), b"\x05\0\x05\0\0\x01\0\0\0\0\0\0"),
        (Box::new(Socks4::new(&name("a"), 1, "").unwrap()), b"\0\x5a\0\0\0\0\0\0"),
    ];
    for (mut tunnel, bytes) in tunnels {
        assert_eq!(run(&mut *tunnel, &[bytes]).0, Ok(true));
        assert_eq!(tunnel.receive(&mut &b"x"[..]), Err(TunnelError::Finished));
        assert_eq!(tunnel.receive_eof(), TunnelError::Finished);
        assert!(tunnel.wanted() > 0);
    }
    let tunnels: [Box<dyn Tunnel>; 3] = [
        Box::new(connect()),
        Box::new(Socks5::new(&name("a"), 1, None).unwrap()),
        Box::new(Socks4::new(&name("a"), 1, "").unwrap()),
    ];
    for mut tunnel in tunnels {
        let error = tunnel.receive_eof();
        assert_eq!(error, TunnelError::Eof { received: 0 });
        assert_eq!(tunnel.receive(&mut &b"HTTP"[..]), Err(error.clone()));
        assert_eq!(tunnel.receive_eof(), error);
    }
}

proptest! {
    #[test]
    fn no_input_causes_a_panic_and_splits_do_not_matter(
        bytes in proptest::collection::vec(
            prop::sample::select(vec![
                &b"\x05"[..], b"\0", b"\x01", b"\x02", b"\x03", b"\x5a", b"\xff", b"HTTP/1.1 200 \r\n\r\n",
                b"HTTP/1.1 407 X\r\n", b"HTTP/1.0 100 X\r\n\r\n", b"Content-Length: 2\r\n", b"0\r\n\r\n",
                b"Transfer-Encoding: chunked\r\n", b"\r\n", b"\r", b"ab", b" ",
            ]),
            0..14,
        )
    ) {
        let bytes = bytes.concat();
        let user = Some(("user", "password"));
        drop(run_all_ways(&|| Box::new(connect()), &bytes));
        drop(run_all_ways(&|| Box::new(Socks5::new(&name("a"), 1, user).unwrap()), &bytes));
        drop(run_all_ways(&|| Box::new(Socks4::new(&name("a"), 1, "").unwrap()), &bytes));
    }
}
