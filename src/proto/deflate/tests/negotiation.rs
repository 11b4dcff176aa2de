//! Offers and responses, in tables.

mod properties;

use super::*;
use crate::proto::deflate::inflate::Inflated;
use crate::proto::handshake::{Extension, HandshakeError, extensions};
use proptest::prelude::*;

const DEFAULT: fn() -> Compression = Compression::default;

fn parse(header: &str) -> Vec<Extension> {
    extensions::parse([header.as_bytes()]).unwrap()
}

/// How a server with these options accepts the offers in a header: the parameters, and its response without the name.
fn accepted(options: &Compression, header: &str) -> Option<(DeflateParameters, String)> {
    let (parameters, answer) = accept(options, &parse(header))?;
    assert_eq!(answer.name(), "permessage-deflate");
    let answer = answer.to_string();
    let rest = answer.strip_prefix("permessage-deflate").unwrap();
    Some((parameters, rest.strip_prefix("; ").unwrap_or(rest).to_owned()))
}

/// How a client with these options interprets the parameters of a response.
fn confirmed(options: &Compression, params: &str) -> Result<DeflateParameters, &'static str> {
    let separator = if params.is_empty() { "" } else { "; " };
    match confirm(options, &parse(&format!("permessage-deflate{separator}{params}"))) {
        Ok(parameters) => Ok(parameters.unwrap()),
        Err(HandshakeError::ExtensionParameters { name: "permessage-deflate", what }) => Err(what),
        Err(error) => panic!("{error}"),
    }
}

/// Header values that are not valid window bits.
const NO_BITS: [&str; 27] = [
    "0",
    "1",
    "7",
    "16",
    "17",
    "25",
    "80",
    "100",
    "150",
    "010",
    "08",
    "09",
    "015",
    "0008",
    "+10",
    "-10",
    "10.0",
    "1e1",
    "0xa",
    "a",
    "ten",
    "true",
    "10%",
    "264",
    "65546",
    "4294967306",
    "99999999999999999999999999999999999999999",
];

#[test]
fn item_22_what_a_client_offers() {
    let default = DEFAULT();
    for (options, expected) in [
        (default.clone(), "client_max_window_bits"),
        (default.clone().server_no_context_takeover(true), "server_no_context_takeover; client_max_window_bits"),
        (default.clone().client_no_context_takeover(true), "client_no_context_takeover; client_max_window_bits"),
        (default.clone().server_max_window_bits(14), "server_max_window_bits=14; client_max_window_bits"),
        (default.clone().server_max_window_bits(9), "server_max_window_bits=9; client_max_window_bits"),
        (default.clone().client_max_window_bits(14), "client_max_window_bits=14"),
        (default.clone().client_max_window_bits(9), "client_max_window_bits=9"),
        (default.clone().level(1).threshold(0).free_between_messages(true), "client_max_window_bits"),
        (
            default
                .server_no_context_takeover(true)
                .client_no_context_takeover(true)
                .server_max_window_bits(10)
                .client_max_window_bits(11),
            "server_no_context_takeover; client_no_context_takeover; \
             server_max_window_bits=10; client_max_window_bits=11",
        ),
    ] {
        assert_eq!(offer(&options).to_string(), format!("permessage-deflate; {expected}"));
    }
}

#[test]
fn item_22_what_a_server_answers() {
    let default = DEFAULT();
    let fresh = default.clone().server_no_context_takeover(true).client_no_context_takeover(true);
    let small = default.clone().server_max_window_bits(11).client_max_window_bits(12);
    for (options, offered, agreed, answer) in [
        // Firefox, and then each parameter alone.
        (&default, "", parameters(false, false, 15, 15), ""),
        (&default, "client_max_window_bits", parameters(false, false, 15, 15), ""),
        (&default, "client_max_window_bits=15", parameters(false, false, 15, 15), ""),
        (&default, "client_max_window_bits=9", parameters(false, false, 15, 9), "client_max_window_bits=9"),
        (&default, "client_max_window_bits=8", parameters(false, false, 15, 8), "client_max_window_bits=8"),
        (&default, "server_max_window_bits=15", parameters(false, false, 15, 15), "server_max_window_bits=15"),
        (&default, "server_max_window_bits=9", parameters(false, false, 9, 15), "server_max_window_bits=9"),
        (&default, "server_no_context_takeover", parameters(true, false, 15, 15), "server_no_context_takeover"),
        (&default, "client_no_context_takeover", parameters(false, true, 15, 15), "client_no_context_takeover"),
        // Quoted values have the same meaning.
        (&default, "server_max_window_bits=\"10\"", parameters(false, false, 10, 15), "server_max_window_bits=10"),
        (&default, "client_max_window_bits=\"\\8\"", parameters(false, false, 15, 8), "client_max_window_bits=8"),
        // All of them, in the client's order.
        (
            &default,
            "client_max_window_bits=12; server_max_window_bits=13; client_no_context_takeover; \
             server_no_context_takeover",
            parameters(true, true, 13, 12),
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=13; \
             client_max_window_bits=12",
        ),
        // The server has requirements of its own.
        (&fresh, "", parameters(true, true, 15, 15), "server_no_context_takeover; client_no_context_takeover"),
        (
            &fresh,
            "client_no_context_takeover; client_max_window_bits",
            parameters(true, true, 15, 15),
            "server_no_context_takeover; client_no_context_takeover",
        ),
        (
            &small,
            "client_max_window_bits",
            parameters(false, false, 11, 12),
            "server_max_window_bits=11; client_max_window_bits=12",
        ),
        (
            &small,
            "client_max_window_bits=15; server_max_window_bits=15",
            parameters(false, false, 11, 12),
            "server_max_window_bits=11; client_max_window_bits=12",
        ),
        (
            &small,
            "client_max_window_bits=10; server_max_window_bits=9",
            parameters(false, false, 9, 10),
            "server_max_window_bits=9; client_max_window_bits=10",
        ),
        (
            &small,
            "client_max_window_bits=8; server_max_window_bits=12",
            parameters(false, false, 11, 8),
            "server_max_window_bits=11; client_max_window_bits=8",
        ),
    ] {
        let separator = if offered.is_empty() { "" } else { "; " };
        let header = format!("permessage-deflate{separator}{offered}");
        assert_eq!(accepted(options, &header), Some((agreed, answer.to_owned())), "{header}");
    }
}

#[test]
fn item_22_every_window_size_that_can_be_requested_works() {
    for ours in 9..=15 {
        let options = DEFAULT().server_max_window_bits(ours).client_max_window_bits(ours);
        for theirs in 8..=15 {
            let agreed = ours.min(theirs);
            let header = format!("permessage-deflate; client_max_window_bits={theirs}");
            let (parameters, answer) = accepted(&options, &header).unwrap();
            assert_eq!((parameters.client_max_window_bits, parameters.server_max_window_bits), (agreed, ours));
            assert_eq!(answer.contains(&format!("client_max_window_bits={agreed}")), agreed < 15);
            assert_eq!(answer.contains("client_max_window_bits"), agreed < 15);

            let header = format!("permessage-deflate; client_max_window_bits; server_max_window_bits={theirs}");
            let accepted = accepted(&options, &header);
            if theirs == 8 {
                assert_eq!(accepted, None, "the engine cannot make such windows");
                continue;
            }
            let (parameters, answer) = accepted.unwrap();
            assert_eq!((parameters.client_max_window_bits, parameters.server_max_window_bits), (ours, agreed));
            assert!(answer.contains(&format!("server_max_window_bits={agreed}")), "{answer}");
        }
    }
}

#[test]
fn item_22_an_unacceptable_offer_is_skipped() {
    let mut bad: Vec<String> = [
        "server_max_window_bits=8",
        "server_max_window_bits=\"8\"",
        "server_max_window_bits",
        "server_no_context_takeover=1",
        "server_no_context_takeover=true",
        "client_no_context_takeover=0",
        "client_no_context_takeover=\"client_no_context_takeover\"",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "server_max_window_bits=10; server_max_window_bits=11",
        "client_max_window_bits; client_max_window_bits",
        "client_max_window_bits; client_max_window_bits=10",
        "client_max_window_bits=10; client_max_window_bits",
        "client_max_window_bits=10; client_max_window_bits=10",
        "unknown",
        "unknown=1",
        "client_max_window_bits; mem_level=8",
        "permessage-deflate",
        "Server_No_Context_Takeover",
        "CLIENT_MAX_WINDOW_BITS",
        "client_max_window_bit",
        "client_max_window_bitss",
        "s2c_no_context_takeover",
    ]
    .map(str::to_owned)
    .to_vec();
    for value in NO_BITS {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            bad.push(format!("{name}={value}"));
            if value != "+10" {
                bad.push(format!("{name}=\"{value}\""));
            }
        }
    }
    for bad in bad {
        let bad = format!("permessage-deflate; {bad}");
        assert_eq!(accepted(&DEFAULT(), &bad), None, "{bad}");
        assert_eq!(accepted(&DEFAULT(), &format!("{bad}, {bad}")), None, "{bad}");
        // Even if everything else in it is valid.
        let more = format!("{bad}; client_no_context_takeover; x");
        assert_eq!(accepted(&DEFAULT(), &more), None, "{more}");
        // The next offer is considered.
        let agreed = Some((parameters(false, false, 12, 15), "server_max_window_bits=12".to_owned()));
        let next = format!("{bad}, permessage-deflate; server_max_window_bits=12, permessage-deflate");
        assert_eq!(accepted(&DEFAULT(), &next), agreed, "{next}");
    }
    // A header cannot contain these, but a caller of the function can pass them.
    for value in ["", " 9", "9 ", "9\n", "\u{ff19}", "\u{0669}", "1\0"] {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            let offer = Extension::new("permessage-deflate").with_param(name, value);
            assert_eq!(accept(&DEFAULT(), std::slice::from_ref(&offer)), None, "{value:?}");
            assert!(confirm(&DEFAULT(), &[offer]).is_err(), "{value:?}");
        }
    }
}

#[test]
fn item_22_the_first_acceptable_offer_is_chosen() {
    let first = |header: &str| accepted(&DEFAULT(), header).map(|(_, answer)| answer);
    for (header, answer) in [
        ("permessage-deflate, permessage-deflate; server_no_context_takeover", Some("")),
        ("permessage-deflate; server_no_context_takeover, permessage-deflate", Some("server_no_context_takeover")),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", Some("")),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; x, \
             permessage-deflate; server_max_window_bits=9, permessage-deflate",
            Some("server_max_window_bits=9"),
        ),
        ("permessage-bzip2, x-webkit-deflate-frame; y, permessage-deflate", Some("")),
        (
            "permessage-bzip2; server_max_window_bits=9, permessage-deflate; client_max_window_bits=8, foo",
            Some("client_max_window_bits=8"),
        ),
        ("permessage-bzip2", None),
        ("x-webkit-deflate-frame", None),
        ("deflate-frame, deflate, permessage, permessage-deflate2, permessage-deflat", None),
    ] {
        assert_eq!(first(header).as_deref(), answer, "{header}");
    }
    assert_eq!(accept(&DEFAULT(), &[]), None);
}

/// Firefox does not offer the parameter with which a server could limit its window (RFC 7692 7.1.2.2).
#[test]
fn item_22_a_server_sets_the_clients_window_only_if_the_offer_allows_it() {
    for bits in 9..=15 {
        let options = DEFAULT().client_max_window_bits(bits);
        for offered in ["", "; server_max_window_bits=10", "; client_no_context_takeover"] {
            let accepted = accepted(&options, &format!("permessage-deflate{offered}"));
            assert_eq!(accepted.is_some(), bits == 15);
            assert!(accepted.is_none_or(|(_, answer)| !answer.contains("client_max_window_bits")));
        }
        let header = "permessage-deflate, permessage-deflate; client_max_window_bits";
        assert_eq!(accepted(&options, header).unwrap().0.client_max_window_bits, bits);
    }
}

#[test]
fn item_22_what_a_client_agrees_to() {
    let default = DEFAULT();
    let fresh = default.clone().server_no_context_takeover(true).client_no_context_takeover(true);
    let small = default.clone().server_max_window_bits(11).client_max_window_bits(12);
    for (options, answer, agreed) in [
        (&default, "", parameters(false, false, 15, 15)),
        (&default, "server_no_context_takeover", parameters(true, false, 15, 15)),
        (&default, "client_no_context_takeover", parameters(false, true, 15, 15)),
        // Not requested, but the server may do it anyway.
        (&default, "server_max_window_bits=15", parameters(false, false, 15, 15)),
        (&default, "server_max_window_bits=10", parameters(false, false, 10, 15)),
        (&default, "server_max_window_bits=\"8\"", parameters(false, false, 8, 15)),
        (&default, "client_max_window_bits=15", parameters(false, false, 15, 15)),
        (&default, "client_max_window_bits=9", parameters(false, false, 15, 9)),
        (&default, "client_max_window_bits=8", parameters(false, false, 15, 8)),
        (
            &default,
            "client_max_window_bits=13; server_max_window_bits=12; client_no_context_takeover; \
             server_no_context_takeover",
            parameters(true, true, 12, 13),
        ),
        // A client may always use less than it offered.
        (&fresh, "server_no_context_takeover", parameters(true, true, 15, 15)),
        (
            &fresh,
            "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
            parameters(true, true, 9, 15),
        ),
        (&small, "server_max_window_bits=11", parameters(false, false, 11, 12)),
        (&small, "server_max_window_bits=9; client_max_window_bits=15", parameters(false, false, 9, 12)),
        (&small, "server_max_window_bits=11; client_max_window_bits=13", parameters(false, false, 11, 12)),
        (&small, "server_max_window_bits=11; client_max_window_bits=12", parameters(false, false, 11, 12)),
        (&small, "server_max_window_bits=11; client_max_window_bits=11", parameters(false, false, 11, 11)),
        (&small, "server_max_window_bits=8; client_max_window_bits=8", parameters(false, false, 8, 8)),
    ] {
        assert_eq!(confirmed(options, answer), Ok(agreed), "{answer}");
    }
    for answer in [vec![], parse("permessage-bzip2; x=1, x-webkit-deflate-frame")] {
        assert_eq!(confirm(&default, &answer).unwrap(), None);
        assert_eq!(confirm(&fresh, &answer).unwrap(), None);
    }
    let among = parse("x-other; y, permessage-deflate; server_max_window_bits=9");
    assert_eq!(confirm(&default, &among).unwrap(), Some(parameters(false, false, 9, 15)));
}

#[test]
fn item_22_a_response_that_does_not_match_the_offer_fails_the_handshake() {
    let default = DEFAULT();
    let fresh = "server_no_context_takeover was requested but is not granted";
    let window = "server_max_window_bits is larger than requested";
    let repeated = "a parameter is repeated";
    let unknown = "it has an unknown parameter";
    let flag = "a parameter that takes no value has one";
    let range = "the window bits are not a number from 8 to 15";
    for (answer, what) in [
        ("server_max_window_bits", "server_max_window_bits has no value"),
        ("client_max_window_bits", "client_max_window_bits has no value"),
        ("server_no_context_takeover=1", flag),
        ("client_no_context_takeover=x", flag),
        ("server_no_context_takeover; server_no_context_takeover", repeated),
        ("client_no_context_takeover; client_no_context_takeover", repeated),
        ("server_max_window_bits=10; server_max_window_bits=10", repeated),
        ("client_max_window_bits=10; client_max_window_bits=10", repeated),
        ("x", unknown),
        ("server_max_window_bits=10; x=y", unknown),
    ] {
        assert_eq!(confirmed(&default, answer), Err(what), "{answer}");
    }
    for value in NO_BITS {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            assert_eq!(confirmed(&default, &format!("{name}={value}")), Err(range), "{name}={value}");
        }
    }
    let asked = default.clone().server_no_context_takeover(true);
    for answer in ["", "client_no_context_takeover", "server_max_window_bits=9"] {
        assert_eq!(confirmed(&asked, answer), Err(fresh), "{answer}");
    }
    for bits in 9..=14 {
        let asked = default.clone().server_max_window_bits(bits);
        assert_eq!(confirmed(&asked, ""), Err(window));
        assert_eq!(confirmed(&asked, "server_no_context_takeover"), Err(window));
        for granted in 8..=15 {
            let agreed = confirmed(&asked, &format!("server_max_window_bits={granted}"));
            assert_eq!(agreed.err(), (granted > bits).then_some(window), "{granted} for {bits}");
        }
    }
}

/// A client that is told to use 8 bits sends uncompressed messages, and still reads what the server compresses.
#[test]
fn item_22_a_window_of_8_is_accepted_but_messages_are_sent_uncompressed() {
    let agreed = confirmed(&DEFAULT(), "client_max_window_bits=8").unwrap();
    for threshold in [0, 128] {
        let client = Deflater::new(Role::Client, &DEFAULT().threshold(threshold), &agreed);
        let server = Deflater::new(Role::Server, &DEFAULT().threshold(threshold), &agreed);
        for compress in [Compress::Never, Compress::Auto, Compress::Always] {
            for len in [None, Some(0), Some(1_000_000)] {
                assert!(!client.wants(compress, len));
            }
            assert_eq!(server.wants(compress, Some(1_000_000)), compress != Compress::Never);
        }
    }
}

/// A server may have agreed to use such a small window.
#[test]
fn item_22_a_client_can_read_a_server_with_a_window_of_8() {
    let agreed = confirmed(&DEFAULT(), "server_max_window_bits=8").unwrap();
    let mut inflater = Inflater::new(Role::Client, &DEFAULT(), &agreed);
    for payload in [&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..], &[0xf2, 0x00, 0x11, 0x00, 0x00]] {
        let mut output = [0; 100];
        let done = Inflated { taken: payload.len(), made: 5, more: false };
        assert_eq!(inflater.run(payload, &mut output, true), Ok(done));
        assert_eq!(&output[..5], b"Hello");
    }
}
