//! A web server that answers each request as a test wants, over connections that it keeps open.

use super::{CLOSE, Raw, answer, frame};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// What to answer: header lines of a 101, or a whole response.
pub(crate) type Reply = Result<String, String>;

pub(crate) struct Web {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    respond: Box<dyn Fn(&str) -> Reply + Send + Sync>,
    /// Each request's head, and over which connection it came.
    seen: Mutex<Vec<(usize, String)>>,
    stopping: AtomicBool,
}

/// `respond` is given the head of a request. A response with `Connection: close` ends the connection.
pub(crate) fn web(respond: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Web {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let shared =
        Arc::new(Shared { respond: Box::new(respond), seen: Mutex::default(), stopping: AtomicBool::new(false) });
    let serving = Arc::clone(&shared);
    let thread = thread::spawn(move || {
        for number in 0.. {
            let (stream, _) = listener.accept().unwrap();
            if serving.stopping.load(Ordering::SeqCst) {
                return;
            }
            let shared = Arc::clone(&serving);
            thread::spawn(move || shared.serve(number, Raw::over(stream)));
        }
    });
    Web { addr, shared, thread: Some(thread) }
}

impl Shared {
    fn serve(&self, number: usize, mut raw: Raw<TcpStream>) {
        while let Some(head) = raw.next_head() {
            self.seen.lock().unwrap().push((number, head.clone()));
            match (self.respond)(&head) {
                Ok(headers) => {
                    raw.send(answer(&head, &headers));
                    return echo(&mut raw);
                }
                Err(response) => {
                    // The client may have given up.
                    let _ = raw.stream.write_all(response.as_bytes());
                    if response.to_lowercase().contains("connection: close") {
                        return;
                    }
                }
            }
        }
    }
}

/// Sends back what it receives, until the client closes or ends.
fn echo(raw: &mut Raw<TcpStream>) {
    while let Ok(Some(received)) = raw.next() {
        let is_over = received.first == CLOSE;
        if raw.stream.write_all(&frame(received.first, received.payload)).is_err() || is_over {
            return;
        }
    }
}

impl Web {
    pub(crate) fn url(&self, target: &str) -> String {
        format!("ws://{}{target}", self.addr)
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().iter().map(|(_, head)| head.clone()).collect()
    }

    /// The connection over which each request came.
    pub(crate) fn connections(&self) -> Vec<usize> {
        self.shared.seen.lock().unwrap().iter().map(|(connection, _)| *connection).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
        let _ = self.thread.take().unwrap().join();
    }
}

/// A redirect to there.
pub(crate) fn redirect(status: u16, location: &str) -> Reply {
    Err(format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

/// A response without a body that keeps the connection open.
pub(crate) fn respond(status: u16, headers: &str) -> Reply {
    Err(format!("HTTP/1.1 {status} No\r\n{headers}Content-Length: 0\r\n\r\n"))
}

/// The target of a request.
pub(crate) fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}
