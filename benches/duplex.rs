//! Both directions at once compared with one direction alone, plain and over TLS.
//!
//!     cargo bench --bench duplex
//!
//! Two connected ends over TCP on loopback in one process, both split, a thread for each half. Messages of 64 KiB go
//! one way, then the other way, then both ways at once. If one direction keeps all CPUs busy, both together
//! cannot be faster than one; the cost per KiB shows whether they interfere with each other. Medians of the rounds.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use landline::server::accept_over;
use landline::transport::{Identity, SocketTransport, TcpOptions, TlsAcceptor, TlsConnector};
use landline::{Client, Config, Receiver, Sender};
use rustix::time::{ClockId, clock_gettime};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

const MESSAGE: usize = 64 << 10;
const MESSAGES: usize = 16384;
const ROUNDS: usize = 7;

type End = (Sender, Receiver);

fn main() {
    // Without `--bench` (`cargo test --benches`), it only has to run.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (rounds, messages) = if is_bench { (ROUNDS, MESSAGES) } else { (1, 4) };
    println!("| transport | direction | MB/s | CPU ns/KiB |");
    println!("|---|---|--:|--:|");
    for tls in [false, true] {
        let (mut client, mut server) = connect(tls);
        let mut runs =
            [("up", true, false), ("down", false, true), ("both", true, true)].map(|way| (way, Vec::new()));
        for _ in 0..rounds {
            for ((_, up, down), results) in &mut runs {
                results.push(run(&mut client, &mut server, (*up, *down), messages));
            }
        }
        for ((name, up, down), results) in &mut runs {
            let bytes = (MESSAGE * messages * (usize::from(*up) + usize::from(*down))) as f64;
            let wall = median(results.iter().map(|result| result.0));
            let cpu = median(results.iter().map(|result| result.1));
            let transport = if tls { "TLS" } else { "TCP" };
            println!("| {transport} | {name} | {:.0} | {:.0} |", bytes / 1e6 / wall, cpu * 1e9 / (bytes / 1024.0));
        }
    }
}

/// Moves the messages; returns the seconds that passed, and those of all CPUs together.
fn run(client: &mut End, server: &mut End, (up, down): (bool, bool), messages: usize) -> (f64, f64) {
    let (begin, cpu) = (Instant::now(), cpu_time());
    thread::scope(|scope| {
        for (goes, from, to) in [(up, &client.0, &mut server.1), (down, &server.0, &mut client.1)] {
            if goes {
                scope.spawn(move || {
                    let message = vec![0x5a; MESSAGE];
                    (0..messages).for_each(|_| from.send(&message).unwrap());
                });
                scope.spawn(move || (0..messages).for_each(|_| assert!(to.recv_ref().unwrap().is_some())));
            }
        }
    });
    (begin.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// A connected pair.
fn connect(tls: bool) -> (End, End) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let connector = TlsConnector::builder().ca_pem(certificate.as_bytes()).build().unwrap();
    let serving = thread::spawn(move || {
        let transport = SocketTransport::tcp(listener.accept().unwrap().0, &TcpOptions::default()).unwrap();
        let config = Config::default();
        let request = if tls {
            let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
            accept_over(TlsAcceptor::new(identity).unwrap().accept(transport, None, None).unwrap(), &config)
        } else {
            accept_over(transport, &config)
        };
        request.unwrap().accept().unwrap().split()
    });
    let scheme = if tls { "wss" } else { "ws" };
    let client = Client::builder().tls(connector).build().unwrap();
    let client = client.connect(&format!("{scheme}://localhost:{port}/")).unwrap().split();
    (client, serving.join().unwrap())
}
