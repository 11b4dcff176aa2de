//! Names looked up by the system, in a network of the test's own: with a name server that the test controls, and addresses
//! behind which packets vanish. Linux only.

use super::*;
use std::net::UdpSocket;
use std::thread;

/// Runs `body` in a network namespace with an `/etc/hosts` that has `hosts` and a name server on loopback. Packets to
/// 198.51.100.0/24 and 2001:db8::/64 vanish. Needs `unshare` and `ip`, and root or user namespaces.
fn in_own_network(name: &str, hosts: &str, body: impl FnOnce() + Send + 'static) {
    const MARK: &str = "LANDLINE_TEST_NETWORK";
    let scratch = Scratch::new(name.rsplit("::").next().unwrap());
    let hosts = scratch.write("hosts", format!("127.0.0.1 localhost\n{hosts}\n"));
    let resolv = scratch.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:1\n");
    let nsswitch = scratch.write("nsswitch.conf", "hosts: files dns\n");
    let setup = format!(
        "set -e
         mount --bind {} /etc/hosts; mount --bind {} /etc/resolv.conf; mount --bind {} /etc/nsswitch.conf
         ip link set lo up
         ip link add hole type veth peer name bottom; ip link set bottom up; ip link set hole arp off up
         ip addr add 198.51.100.1/24 dev hole; ip addr add 2001:db8::1/64 dev hole nodad
         ip addr add fe80::7/64 dev hole nodad
         exec \"$0\" \"$@\"",
        hosts.display(),
        resolv.display(),
        nsswitch.display()
    );
    let enter = format!("[ \"${MARK}\" ] || exec env {MARK}=1 unshare -rnm sh -c '{setup}' \"$0\" \"$@\";");
    alone(name, &enter, body);
}

/// What a name server does when it is asked for the addresses of one family.
#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Address(&'static str),
    None,
    Never,
    /// That the name server has a problem.
    Failure,
}

/// A name server that answers like this for A and AAAA, whatever the name. Returns what it is asked: names, and whether
/// for AAAA.
fn name_server(a: Answer, aaaa: Answer) -> mpsc::Receiver<(String, bool)> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let (send, asked) = mpsc::channel();
    thread::spawn(move || {
        let mut query = [0; 512];
        loop {
            let (len, client) = socket.recv_from(&mut query).unwrap();
            let mut labels = Vec::new();
            let mut at = 12;
            while query[at] != 0 {
                let end = at + 1 + usize::from(query[at]);
                labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
                at = end;
            }
            let is_v6 = query[at + 2] == 28;
            let _ = send.send((labels.join("."), is_v6));
            let data: Vec<u8> = match if is_v6 { aaaa } else { a } {
                Answer::Address(text) => match text.parse().unwrap() {
                    IpAddr::V4(address) => address.octets().into(),
                    IpAddr::V6(address) => address.octets().into(),
                },
                Answer::None | Answer::Failure => Vec::new(),
                Answer::Never => continue,
            };
            let question = &query[12..len.min(at + 5)];
            let mut reply = query[..2].to_vec();
            let code = if (if is_v6 { aaaa } else { a }) == Answer::Failure { 2 } else { 0 };
            reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(!data.is_empty()), 0, 0, 0, 0]);
            reply.extend(question);
            if !data.is_empty() {
                reply.extend([0xc0, 12, 0, query[at + 2], 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
                reply.extend(data);
            }
            socket.send_to(&reply, client).unwrap();
        }
    });
    asked
}

fn url_for(name: &str, server: &Serving) -> String {
    format!("ws://{name}:{}/", server.addr.port())
}

#[test]
fn a_black_hole_by_ipv6_costs_a_name_with_an_ipv4_address_less_than_300_ms() {
    in_own_network("names::a_black_hole_by_ipv6_costs_a_name_with_an_ipv4_address_less_than_300_ms", "", || {
        let _asked = name_server(Answer::Address("127.0.0.1"), Answer::Address("2001:db8::2"));
        let server = serve_echo(Server::builder());
        let (took, ws) = timed(|| landline::connect(&url_for("both.example.test", &server)).unwrap());
        assert_eq!(ws.peer_addr(), Some(server.addr));
        assert!(took >= millis(240) && took < millis(600), "{took:?}");
        let limit = builder().connect_timeout(Some(millis(50))).build().unwrap();
        let error = limit.connect(&url_for("both.example.test", &server)).unwrap_err();
        assert_eq!(addresses(&error), [format!("[2001:db8::2]:{}", server.addr.port()).parse().unwrap()]);
    });
}

#[test]
fn a_name_server_that_does_not_answer_for_ipv6_costs_a_moment() {
    in_own_network("names::a_name_server_that_does_not_answer_for_ipv6_costs_a_moment", "", || {
        let _asked = name_server(Answer::Address("127.0.0.1"), Answer::Never);
        let server = serve_echo(Server::builder());
        let (took, ws) = timed(|| landline::connect(&url_for("slow.example.test", &server)).unwrap());
        assert_eq!(ws.peer_addr(), Some(server.addr));
        assert!(took >= millis(50) && took < millis(1000), "{took:?}");
        // If it does not answer at all, the time limit says what was not done.
        let client = builder().handshake_timeout(Some(millis(200))).address_family(AddressFamily::Ipv6);
        let error = client.build().unwrap().connect(&url_for("slow.example.test", &server)).unwrap_err();
        assert_eq!(told_once(&error), "timed out while looking up the host name");
    });
}

#[test]
fn what_is_connected_to_first_is_not_held_up_by_the_other_look_up() {
    in_own_network("names::what_is_connected_to_first_is_not_held_up_by_the_other_look_up", "", || {
        let _asked = name_server(Answer::Never, Answer::Address("::1"));
        let server = Server::builder().bind("[::1]:0").unwrap();
        let (port, stop) = (server.local_addr().unwrap().port(), server.stop_handle());
        let serving = thread::spawn(move || server.serve(echo));
        let (took, ws) = timed(|| landline::connect(&format!("ws://six.example.test:{port}/")).unwrap());
        assert!(ws.peer_addr().unwrap().is_ipv6());
        assert!(took < millis(1000), "{took:?}");
        stop.stop(Duration::ZERO);
        serving.join().unwrap().unwrap();
    });
}

#[test]
fn a_name_in_the_hosts_file_has_no_addresses_but_those() {
    in_own_network(
        "names::a_name_in_the_hosts_file_has_no_addresses_but_those",
        "127.0.0.9 here.example.test # only by IPv4",
        || {
            let asked = name_server(Answer::Address("198.51.100.2"), Answer::Address("2001:db8::2"));
            let (_socket, refused) = refusing(IpAddr::from([127, 0, 0, 9]), 0).unwrap();
            let error = landline::connect(&format!("ws://here.example.test:{}/", refused.port())).unwrap_err();
            assert_eq!(addresses(&error), [refused]);
            assert!(asked.try_recv().is_err(), "the name server was asked");
        },
    );
}

#[test]
fn a_name_without_addresses_is_told_from_one_that_could_not_be_looked_up() {
    in_own_network("names::a_name_without_addresses_is_told_from_one_that_could_not_be_looked_up", "", || {
        let asked = name_server(Answer::None, Answer::None);
        let error = landline::connect("ws://none.example.test/").unwrap_err();
        let told = told_once(&error);
        assert!(told.starts_with("cannot connect to none.example.test:80: looking up the name failed: "), "{told}");
        let mut asked: Vec<_> = asked.try_iter().collect();
        asked.sort();
        asked.dedup();
        assert_eq!(asked, [("none.example.test".to_owned(), false), ("none.example.test".to_owned(), true)]);
    });
}

#[test]
fn the_error_has_what_was_tried_though_the_other_look_up_failed() {
    in_own_network("names::the_error_has_what_was_tried_though_the_other_look_up_failed", "", || {
        let _asked = name_server(Answer::Failure, Answer::Address("::1"));
        let error = landline::connect("ws://half.example.test:1/").unwrap_err();
        assert_eq!(addresses(&error), ["[::1]:1".parse().unwrap()]);
        assert!(tried(&error).lookup.is_some());
        let told = told_once(&error);
        assert!(told.contains(" at [::1]:1 (Connection refused (os error 111)); looking up its other"), "{told}");
    });
}

#[test]
fn an_address_with_a_zone_is_connected_to_by_that_interface() {
    in_own_network("names::an_address_with_a_zone_is_connected_to_by_that_interface", "", || {
        let listener = Server::builder().listen("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connecting = thread::spawn(move || landline::connect(&format!("ws://[fe80::7%25hole]:{port}/")));
        let request = listener.accept().unwrap();
        assert_eq!(request.headers().get("host").unwrap(), &format!("[fe80::7]:{port}"));
        request.accept().unwrap();
        let ws = connecting.join().unwrap().unwrap();
        let Some(SocketAddr::V6(peer)) = ws.peer_addr() else { panic!("{:?}", ws.peer_addr()) };
        assert_ne!(peer.scope_id(), 0);
        let error = landline::connect("ws://[fe80::7%25nope0]/").unwrap_err();
        assert!(told_once(&error).contains("there is no network interface nope0"), "{error:#}");
        // With an address that is not link-local, the zone does not matter, as long as there is such an interface.
        let listener = Server::builder().listen("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connecting = thread::spawn(move || landline::connect(&format!("ws://[2001:db8::1%25hole]:{port}/")));
        listener.accept().unwrap().accept().unwrap();
        connecting.join().unwrap().unwrap();
        let error = landline::connect("ws://[2001:db8::1%25nope0]/").unwrap_err();
        assert!(told_once(&error).contains("there is no network interface nope0"), "{error:#}");
        // Numbers are zones, too.
        let error = landline::connect(&format!("ws://[fe80::7%25{}]:1/", peer.scope_id())).unwrap_err();
        let refused = std::io::Error::from(rustix::io::Errno::CONNREFUSED);
        assert_eq!(tried(&error).attempts[0].error.to_string(), refused.to_string());
    });
}
