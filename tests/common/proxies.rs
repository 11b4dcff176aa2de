//! Proxies for the tests: they connect where they are asked to, or do what the test wants, and note what they were sent.

use super::STEP_LIMIT;
use super::raw::limit;
use landline::Deadline;
use landline::transport::{Identity, Interest, SocketTransport, TcpOptions, TlsAcceptor, Transport};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A proxy that ends with its test.
pub(crate) struct TestProxy {
    pub(crate) addr: SocketAddr,
    log: Log,
    connections: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a proxy was sent, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Returns how many entries there are now.
    fn add(&self, entry: impl Into<String>) -> usize {
        let mut entries = self.0.lock().unwrap();
        entries.push(entry.into());
        entries.len()
    }
}

/// A proxy that treats each connection as `behave` does.
pub(crate) fn proxy(behave: impl Fn(TcpStream, &Log) -> io::Result<()> + Send + Sync + 'static) -> TestProxy {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (log, connections, over) = (Log::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let (behave, to_log, count, is_over) =
        (Arc::new(behave), log.clone(), Arc::clone(&connections), Arc::clone(&over));
    let thread = thread::spawn(move || {
        for stream in listener.incoming() {
            if is_over.load(Ordering::SeqCst) {
                return;
            }
            count.fetch_add(1, Ordering::SeqCst);
            let (stream, behave, log) = (stream.unwrap(), Arc::clone(&behave), to_log.clone());
            limit(&stream);
            // A client that goes away is no failure of the test.
            thread::spawn(move || drop(behave(stream, &log)));
        }
    });
    TestProxy { addr, log, connections, over, thread: Some(thread) }
}

impl TestProxy {
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.addr)
    }

    pub(crate) fn proxy(&self, scheme: &str) -> landline::Proxy {
        landline::Proxy::parse(&self.url(scheme)).unwrap()
    }

    /// What it was sent: the heads of HTTP requests, or for SOCKS the user and password, and the target.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.log.0.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.addr));
        let _ = self.thread.take().unwrap().join();
    }
}

/// What an HTTP proxy does about a request.
pub(crate) enum Answer {
    /// Connects, and answers with 200.
    Open,
    /// Sends this, and reads the next request.
    Send(String),
    /// Sends this, and ends the connection.
    End(String),
}

/// An answer with this status line, header lines and body, with its length.
pub(crate) fn http_answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// An HTTP proxy. `decide` gets the head of each request, and how many there have been.
pub(crate) fn http_proxy(decide: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> TestProxy {
    proxy(move |mut stream, log| {
        loop {
            let head = read_head(&mut stream)?;
            let number = log.add(&head);
            match decide(&head, number) {
                Answer::Open => {
                    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
                    let server = connect(target)?;
                    stream.write_all(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")?;
                    return relay(stream, server);
                }
                Answer::Send(answer) => stream.write_all(answer.as_bytes())?,
                Answer::End(answer) => {
                    stream.write_all(answer.as_bytes())?;
                    stream.shutdown(Shutdown::Write)?;
                    return read_out(&mut stream);
                }
            }
        }
    })
}

/// An HTTP proxy that connects wherever it is asked to.
pub(crate) fn open_http_proxy() -> TestProxy {
    http_proxy(|_, _| Answer::Open)
}

/// A SOCKS5 proxy, which wants this user and password if there are any. `reply` gets the target, as `name:port` or
/// `address:port`, and returns the reply code; 0 connects.
pub(crate) fn socks5_proxy(
    user: Option<(&'static str, &'static str)>,
    reply: impl Fn(&str) -> u8 + Send + Sync + 'static,
) -> TestProxy {
    proxy(move |mut stream, log| {
        let [version, count] = read_array(&mut stream)?;
        assert_eq!(version, 5);
        let methods = read(&mut stream, count.into())?;
        let method = if user.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            stream.write_all(&[5, 0xff])?;
            return read_out(&mut stream);
        }
        stream.write_all(&[5, method])?;
        if let Some((user, password)) = user {
            let [version] = read_array(&mut stream)?;
            assert_eq!(version, 1);
            let (given, secret) = (read_counted(&mut stream)?, read_counted(&mut stream)?);
            log.add(format!("{given} {secret}"));
            let is_right = (&*given, &*secret) == (user, password);
            stream.write_all(&[1, u8::from(!is_right)])?;
            if !is_right {
                return read_out(&mut stream);
            }
        }
        let [_, command, _, kind] = read_array(&mut stream)?;
        assert_eq!(command, 1);
        let host = match kind {
            1 => std::net::Ipv4Addr::from(read_array::<4>(&mut stream)?).to_string(),
            4 => format!("[{}]", std::net::Ipv6Addr::from(read_array::<16>(&mut stream)?)),
            _ => read_counted(&mut stream)?,
        };
        let target = format!("{host}:{}", u16::from_be_bytes(read_array(&mut stream)?));
        log.add(&target);
        let code = reply(&target);
        let server = if code == 0 { Some(connect(&target)?) } else { None };
        stream.write_all(&[5, code, 0, 1, 127, 0, 0, 1, 0, 0])?;
        match server {
            Some(server) => relay(stream, server),
            None => read_out(&mut stream),
        }
    })
}

/// A SOCKS4 proxy, with 4a, that gives this answer; 90 connects.
pub(crate) fn socks4_proxy(code: u8) -> TestProxy {
    proxy(move |mut stream, log| {
        let [_, _, high, low, address @ ..] = read_array::<8>(&mut stream)?;
        let user = read_text(&mut stream)?;
        let host = match address {
            [0, 0, 0, _] => read_text(&mut stream)?,
            address => std::net::Ipv4Addr::from(address).to_string(),
        };
        let target = format!("{host}:{}", u16::from_be_bytes([high, low]));
        log.add(format!("{user} {target}"));
        let server = if code == 90 { Some(connect(&target)?) } else { None };
        stream.write_all(&[0, code, 0, 0, 0, 0, 0, 0])?;
        match server {
            Some(server) => relay(stream, server),
            None => read_out(&mut stream),
        }
    })
}

/// Does TLS in front of a proxy. Refused handshakes are no failure of the test.
pub(crate) fn behind_tls(inner: SocketAddr, identity: &Identity) -> TestProxy {
    behind_acceptor(inner, TlsAcceptor::new(identity.clone()).unwrap())
}

/// The same with more options.
pub(crate) fn behind_acceptor(inner: SocketAddr, acceptor: TlsAcceptor) -> TestProxy {
    proxy(move |stream, _| {
        let under = SocketTransport::tcp(stream, &TcpOptions::default())?;
        let accepted = acceptor.accept(under, Deadline::after(STEP_LIMIT), None);
        let outer = Arc::new(accepted.map_err(io::Error::from)?);
        let inner = TcpStream::connect(inner)?;
        let (writer, mut reader) = (Arc::clone(&outer), inner.try_clone()?);
        let back = thread::spawn(move || -> io::Result<()> {
            let mut chunk = vec![0; 16 << 10];
            loop {
                let count = reader.read(&mut chunk)?;
                if count == 0 {
                    return write_all(&*writer, &[]).and_then(|()| writer.close_write());
                }
                write_all(&*writer, &chunk[..count])?;
            }
        });
        let mut chunk = vec![0; 16 << 10];
        while let Ok(count @ 1..) = outer.read_blocking(&mut chunk, Some(STEP_LIMIT)) {
            (&inner).write_all(&chunk[..count])?;
        }
        inner.shutdown(Shutdown::Write)?;
        back.join().unwrap()
    })
}

fn write_all(transport: &dyn Transport, mut bytes: &[u8]) -> io::Result<()> {
    let wait = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => transport.wait(Interest::WRITE, Deadline::after(STEP_LIMIT), None).map(drop),
        _ => Err(error),
    };
    while !bytes.is_empty() {
        match transport.write(&[io::IoSlice::new(bytes)]) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) => wait(error)?,
        }
    }
    while let Err(error) = transport.flush() {
        wait(error)?;
    }
    Ok(())
}

/// Reads one byte at a time, so that nothing behind the head is lost.
fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(read_array::<1>(stream)?);
    }
    Ok(String::from_utf8(head).unwrap())
}

fn read_array<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read(stream: &mut TcpStream, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_counted(stream: &mut TcpStream) -> io::Result<String> {
    let [count] = read_array(stream)?;
    Ok(String::from_utf8(read(stream, count.into())?).unwrap())
}

fn read_text(stream: &mut TcpStream) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        match read_array(stream)? {
            [0] => return Ok(String::from_utf8(bytes).unwrap()),
            byte => bytes.extend(byte),
        }
    }
}

/// Reads until the client ends the connection, so that what it was sent arrives.
fn read_out(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

fn connect(target: &str) -> io::Result<TcpStream> {
    let server = TcpStream::connect(target)?;
    limit(&server);
    Ok(server)
}

/// Passes everything on in both directions, until both have ended.
fn relay(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let back = thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        to_client.shutdown(Shutdown::Write)
    });
    let (mut from_client, mut to_server) = (client, server);
    let _ = io::copy(&mut from_client, &mut to_server);
    to_server.shutdown(Shutdown::Write)?;
    back.join().unwrap()
}

/// Sends bytes one at a time, each as a packet of its own as far as that can be done.
pub(crate) fn send_slowly(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes.chunks(1) {
        stream.write_all(byte)?;
        thread::sleep(Duration::from_micros(300));
    }
    Ok(())
}
