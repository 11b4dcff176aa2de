//! Clients, with the command line of Landline's `bench_client`.

use crate::{Library, MAX_MESSAGE, block_on};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use landline_bench::{handshake, payload};
use std::io;
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    library: Library,
    mode: Mode,
    #[arg(long)]
    port: u16,
    /// Payload of a message
    #[arg(long, value_name = "BYTES")]
    size: usize,
    #[arg(long, default_value_t = 1.0)]
    secs: f64,
    /// How many threads send, with `send`: tungstenite, in a mutex
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Mode {
    /// Receive messages until the server closes
    Recv,
    /// Send messages, each flushed
    Send,
    /// Send messages, flushed every 64
    Sendbuf,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    let tcp = TcpStream::connect(("127.0.0.1", options.port))?;
    tcp.set_nodelay(true)?;
    let messages = match options.library {
        Library::Tungstenite => tungstenite(tcp, options).map_err(io::Error::other)?,
        library => block_on(run_async(tcp, library, options))?,
    };
    println!(r#"{{"msgs":{messages}}}"#);
    Ok(())
}

/// Which messages to send, and after which to flush.
struct Plan {
    sent: u64,
    mode: Mode,
    batch: u64,
    end: Instant,
}

impl Plan {
    fn new(options: &Options) -> Self {
        // Large messages take long enough to check the clock each time.
        let batch = if options.size < 64 << 10 { 64 } else { 1 };
        Self { sent: 0, mode: options.mode, batch, end: Instant::now() + Duration::from_secs_f64(options.secs) }
    }

    fn goes_on(&mut self) -> bool {
        let goes_on = !self.sent.is_multiple_of(self.batch) || Instant::now() < self.end;
        self.sent += u64::from(goes_on);
        goes_on
    }

    fn flushes(&self) -> bool {
        self.mode == Mode::Send || self.sent.is_multiple_of(self.batch)
    }
}

fn tungstenite(tcp: TcpStream, options: &Options) -> tungstenite::Result<u64> {
    use tungstenite::protocol::WebSocketConfig;
    use tungstenite::{Error, Message};
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let opened = tungstenite::client::client_with_config("ws://localhost/", tcp, Some(config));
    let (mut ws, _) = opened.map_err(|error| Error::Io(io::Error::other(error.to_string())))?;
    let mut received = 0;
    let mut plan = Plan::new(options);
    if options.mode != Mode::Recv {
        let message = Bytes::from(payload::pattern(options.size));
        if options.threads > 1 {
            plan.sent = send_from_threads(&mut ws, &message, options.threads, plan.end)?;
        }
        while options.threads == 1 && plan.goes_on() {
            ws.write(Message::Binary(message.clone()))?;
            if plan.flushes() {
                ws.flush()?;
            }
        }
        ws.close(None)?;
    }
    loop {
        match ws.read() {
            Ok(message) => received += u64::from(message.is_binary()),
            Err(Error::ConnectionClosed) => return Ok(received + plan.sent),
            Err(error) => return Err(error),
        }
    }
}

/// What a program has to do if its library has no sender for several threads.
fn send_from_threads(
    ws: &mut tungstenite::WebSocket<TcpStream>,
    message: &Bytes,
    threads: usize,
    end: Instant,
) -> tungstenite::Result<u64> {
    let ws = Mutex::new(ws);
    thread::scope(|scope| {
        let sending: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while Instant::now() < end {
                        let mut ws = ws.lock().expect("no thread panics");
                        ws.send(tungstenite::Message::Binary(message.clone()))?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        sending.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    })
}

async fn run_async(mut tcp: TcpStream, library: Library, options: &Options) -> io::Result<u64> {
    if library == Library::Fastwebsockets && options.mode == Mode::Sendbuf {
        return Err(io::Error::other("fastwebsockets cannot gather messages"));
    }
    handshake::connect(&mut tcp, false)?;
    tcp.set_nonblocking(true)?;
    let tcp = tokio::net::TcpStream::from_std(tcp)?;
    tokio::task::unconstrained(async {
        match library {
            Library::Fastwebsockets => fastwebsockets(tcp, options).await,
            Library::SockudoWs => sockudo_ws(tcp, options).await,
            _ => yawc(tcp, options).await,
        }
    })
    .await
}

async fn fastwebsockets(tcp: tokio::net::TcpStream, options: &Options) -> io::Result<u64> {
    use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};
    let mut ws = WebSocket::after_handshake(tcp, Role::Client);
    ws.set_max_message_size(MAX_MESSAGE);
    let mut ws = FragmentCollector::new(ws);
    let mut received = 0;
    let mut plan = Plan::new(options);
    if options.mode != Mode::Recv {
        let message = payload::pattern(options.size);
        while plan.goes_on() {
            ws.write_frame(Frame::binary(Payload::Borrowed(&message))).await.map_err(io::Error::other)?;
        }
        ws.write_frame(Frame::close(1000, b"")).await.map_err(io::Error::other)?;
    }
    while ws.read_frame().await.map_err(io::Error::other)?.opcode != OpCode::Close {
        received += 1;
    }
    Ok(received + plan.sent)
}

/// Receives or sends over a stream that is also a sink.
macro_rules! run_all {
    ($ws:ident, $options:ident, $binary:expr, $close:expr, $is_binary:expr) => {{
        let mut received = 0;
        let mut plan = Plan::new($options);
        if $options.mode != Mode::Recv {
            let message = Bytes::from(payload::pattern($options.size));
            while plan.goes_on() {
                $ws.feed($binary(message.clone())).await.map_err(io::Error::other)?;
                if plan.flushes() {
                    $ws.flush().await.map_err(io::Error::other)?;
                }
            }
            $ws.send($close).await.map_err(io::Error::other)?;
        }
        // It ends with the reply to the Close frame, which some libraries report as an error.
        while let Some(Ok(message)) = $ws.next().await {
            received += u64::from($is_binary(&message));
        }
        Ok(received + plan.sent)
    }};
}

async fn sockudo_ws(tcp: tokio::net::TcpStream, options: &Options) -> io::Result<u64> {
    use sockudo_ws::{Config, Message, WebSocketStream};
    let config = Config::builder().max_payload_length(MAX_MESSAGE).idle_timeout(0).auto_ping(false).build();
    let mut ws = WebSocketStream::client(tcp, config);
    run_all!(ws, options, Message::binary, Message::Close(None), Message::is_binary)
}

async fn yawc(tcp: tokio::net::TcpStream, options: &Options) -> io::Result<u64> {
    use yawc::close::CloseCode;
    use yawc::{Frame, OpCode, Options, Role, WebSocket};
    let settings = Options::default()
        .with_limits(MAX_MESSAGE, 2 * MAX_MESSAGE)
        .with_read_buffer_capacity(128 << 10)
        .with_backpressure_boundary(64 << 10)
        .without_compression();
    let ws = WebSocket::from_stream(tcp, Role::Client, settings).map_err(io::Error::other)?;
    let mut ws = ws.map(io::Result::Ok);
    let close = Frame::close(CloseCode::Normal, "");
    run_all!(ws, options, Frame::binary, close, |frame: &Frame| frame.opcode() == OpCode::Binary)
}
