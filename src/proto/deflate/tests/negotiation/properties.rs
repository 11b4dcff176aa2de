//! Properties of any offer and any response.

use super::*;

fn options() -> impl Strategy<Value = Compression> {
    let bits = || prop_oneof![2 => 9..=15u8, 1 => Just(15)];
    (any::<bool>(), any::<bool>(), bits(), bits()).prop_map(|(server_fresh, client_fresh, server, client)| {
        DEFAULT()
            .server_no_context_takeover(server_fresh)
            .client_no_context_takeover(client_fresh)
            .server_max_window_bits(server)
            .client_max_window_bits(client)
    })
}

/// A parameter that a peer might send, rarely a valid one.
fn parameter() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("server_no_context_takeover"),
        Just("client_no_context_takeover"),
        Just("server_max_window_bits"),
        Just("client_max_window_bits"),
        Just("other"),
    ];
    let value = prop_oneof![
        3 => Just(String::new()),
        4 => (6..=17u32).prop_map(|bits| format!("={bits}")),
        1 => (6..=17u32).prop_map(|bits| format!("=\"{bits}\"")),
        1 => "=[0-9]{1,3}",
    ];
    (name, value).prop_map(|(name, value)| format!("; {name}{value}"))
}

/// Whether the parameters satisfy the options of one side.
fn keeps(agreed: &DeflateParameters, options: &Compression) -> bool {
    agreed.server_no_context_takeover >= options.server_no_context_takeover
        && agreed.client_no_context_takeover >= options.client_no_context_takeover
        && agreed.server_max_window_bits <= options.server_max_window_bits
        && agreed.client_max_window_bits <= options.client_max_window_bits
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn item_22_both_ends_agree_on_the_same(client in options(), server in options()) {
        let offers = parse(&offer(&client).to_string());
        // Our client accepts any limit, so our server never has to decline.
        let (at_server, answer) = accept(&server, &offers).unwrap();
        let at_client = confirm(&client, &parse(&answer.to_string())).unwrap().unwrap();
        prop_assert_eq!(at_client, at_server);
        prop_assert!(keeps(&at_server, &server) && keeps(&at_client, &client));
        // Not stricter than requested.
        prop_assert_eq!(at_server, DeflateParameters {
            server_no_context_takeover: client.server_no_context_takeover || server.server_no_context_takeover,
            client_no_context_takeover: client.client_no_context_takeover || server.client_no_context_takeover,
            server_max_window_bits: client.server_max_window_bits.min(server.server_max_window_bits),
            client_max_window_bits: client.client_max_window_bits.min(server.client_max_window_bits),
        });
    }

    /// Whatever is offered, the RFC allows the response to it.
    #[test]
    fn item_22_an_answer_keeps_the_offer(server in options(), params in proptest::collection::vec(parameter(), 0..5)) {
        let header = format!("permessage-deflate{}", params.concat());
        let offered = parse(&header);
        let count = |name: &str| offered[0].params().iter().filter(|(other, _)| other == name).count();
        let value = |name: &str| {
            offered[0].params().iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        };
        let names = [
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits",
            "client_max_window_bits",
        ];
        if let Some((agreed, answer)) = accept(&server, &offered) {
            prop_assert!(names.iter().all(|name| count(name) <= 1) && count("other") == 0);
            prop_assert!(keeps(&agreed, &server));
            let given = |name: &str| answer.params().iter().find(|(other, _)| other == name).map(|(_, value)| value);
            prop_assert!(names[..2].iter().all(|name| !matches!(value(name), Some(Some(_)))));
            prop_assert!(value(names[0]).is_none() || given(names[0]).is_some());
            prop_assert!(value(names[1]).is_none() || agreed.client_no_context_takeover);
            prop_assert_eq!(given(names[0]).is_some(), agreed.server_no_context_takeover);
            prop_assert_eq!(given(names[1]).is_some(), agreed.client_no_context_takeover);
            let bits = |value: &Option<String>| value.as_ref().unwrap().parse::<u8>().unwrap();
            if let Some(asked) = value(names[2]) {
                prop_assert!(bits(given(names[2]).unwrap()) <= bits(&asked));
            }
            prop_assert_eq!(given(names[2]).map_or(15, bits), agreed.server_max_window_bits);
            prop_assert_eq!(given(names[3]).map_or(15, bits), agreed.client_max_window_bits);
            match value(names[3]) {
                None => prop_assert!(given(names[3]).is_none()),
                Some(None) => {}
                Some(asked) => prop_assert!(agreed.client_max_window_bits <= bits(&asked)),
            }
            prop_assert!(agreed.server_max_window_bits >= 9 && agreed.client_max_window_bits >= 8);
        }
    }

    /// Whatever the response is, a client agrees to nothing beyond its offer.
    #[test]
    fn item_22_a_client_agrees_to_nothing_beyond_its_offer(
        client in options(), params in proptest::collection::vec(parameter(), 0..5),
    ) {
        let answer = parse(&format!("permessage-deflate{}", params.concat()));
        if let Ok(agreed) = confirm(&client, &answer) {
            prop_assert!(keeps(&agreed.unwrap(), &client));
        }
    }
}
