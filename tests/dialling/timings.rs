//! How long the steps of opening took.

use super::*;
use std::thread;

#[test]
fn each_step_has_its_time_and_the_total_is_what_connecting_took() {
    limited(|| {
        let (_sockets, hole) = unresponsive();
        let ca = Ca::new();
        let listener = Server::builder().tls(ca.issue(&["slow.example"]).identity());
        let listener = listener.listen("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let incoming = listener.accept_incoming().unwrap();
            thread::sleep(millis(100));
            let request = incoming.request().unwrap();
            thread::sleep(millis(150));
            request.accept().unwrap()
        });
        let tls = landline::transport::TlsConnector::builder().ca_pem(ca.pem().as_bytes());
        let client = builder().tls_options(tls).resolver(move |_, _| {
            thread::sleep(millis(200));
            Ok(vec![hole, address])
        });
        let client = client.build().unwrap();
        let (took, ws) = timed(|| client.connect("wss://slow.example/").unwrap());
        let timings = *ws.timings().unwrap();
        assert!(timings.resolve >= millis(200) && timings.resolve < millis(400), "{timings:?}");
        assert!(timings.connect >= millis(240) && timings.connect < millis(600), "{timings:?}");
        assert!(timings.tls >= millis(95), "{timings:?}");
        assert!(timings.upgrade >= millis(145) && timings.upgrade < millis(600), "{timings:?}");
        assert!(timings.proxy.is_zero(), "{timings:?}");
        assert!(timings.total() <= took && took - timings.total() < millis(100), "{timings:?}, {took:?}");
        assert!(serving.join().unwrap().timings().is_none(), "a server dials nobody");
    });
}

#[test]
fn over_a_connected_socket_there_is_nothing_to_look_up_or_connect() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let socket = std::net::TcpStream::connect(server.addr).unwrap();
        let ws = Client::default().connect_over(socket, URL).unwrap();
        let timings = ws.timings().unwrap();
        assert!(timings.resolve.is_zero() && timings.connect.is_zero() && timings.tls.is_zero());
        assert_eq!(timings.total(), timings.upgrade);
    });
}

#[test]
fn a_proxy_has_a_time_of_its_own_and_a_unix_socket_has_no_proxy() {
    limited(|| {
        let server = serve_echo(Server::builder());
        let proxy = http_proxy(|_, _| {
            thread::sleep(millis(120));
            Answer::Open
        });
        let client = builder().proxy(proxy.proxy("http")).build().unwrap();
        let timings = *client.connect(&server.url()).unwrap().timings().unwrap();
        assert!(timings.proxy >= millis(115) && timings.connect < millis(100), "{timings:?}");

        let scratch = Scratch::new("no-proxy");
        let url = format!("ws+unix:{}", scratch.path("s").display());
        let local = Server::bind(&*url).unwrap();
        let stop = local.stop_handle();
        let serving = thread::spawn(move || local.serve(echo));
        let ws = client.connect(&url).unwrap();
        assert!(ws.timings().unwrap().proxy.is_zero());
        assert_eq!(proxy.connections(), 1);
        stop.stop(Duration::ZERO);
        serving.join().unwrap().unwrap();
    });
}
