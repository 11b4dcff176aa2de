//! Echo servers. If a library can batch replies, they are sent when there are no further messages.

use crate::{Library, MAX_MESSAGE, block_on};
use futures_util::{FutureExt, SinkExt, StreamExt};
use landline_bench::handshake;
use std::fmt::Debug;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The stack size of Landline's threads.
const STACK: usize = 256 << 10;

#[derive(clap::Args)]
pub(crate) struct Options {
    library: Library,
    /// Compress: yawc
    #[arg(long)]
    deflate: bool,
    /// Certificate in PEM form; speaks TLS: tungstenite
    #[arg(long, requires = "key")]
    cert: Option<PathBuf>,
    /// Its key in PKCS#8 PEM form
    #[arg(long, requires = "cert")]
    key: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    if (options.deflate && options.library != Library::Yawc)
        || (options.cert.is_some() && options.library != Library::Tungstenite)
    {
        return Err(io::Error::other("this library is not set up for that here"));
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    match options.library {
        Library::Tungstenite => serve_blocking(&listener, options),
        library => block_on(serve_async(listener, library, options.deflate)),
    }
}

fn serve_blocking(listener: &TcpListener, options: &Options) -> io::Result<()> {
    let acceptor = match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => {
            let identity = native_tls::Identity::from_pkcs8(&fs::read(cert)?, &fs::read(key)?);
            let acceptor = native_tls::TlsAcceptor::new(identity.map_err(io::Error::other)?);
            Some(Arc::new(acceptor.map_err(io::Error::other)?))
        }
        _ => None,
    };
    loop {
        let (tcp, _) = listener.accept()?;
        tcp.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        // Failed connections are not reported here: the generator does that.
        let serve = move || match acceptor {
            Some(acceptor) => tungstenite(acceptor.accept(tcp).map_err(io::Error::other)?),
            None => tungstenite(tcp),
        };
        thread::Builder::new().stack_size(STACK).spawn(serve)?;
    }
}

fn tungstenite(stream: impl Read + Write + Debug + Send + Sync + 'static) -> io::Result<()> {
    use tungstenite::protocol::WebSocketConfig;
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let mut ws = tungstenite::accept_with_config(stream, Some(config)).map_err(io::Error::other)?;
    loop {
        let message = ws.read().map_err(io::Error::other)?;
        if message.is_text() || message.is_binary() {
            ws.send(message).map_err(io::Error::other)?;
        }
    }
}

async fn serve_async(listener: TcpListener, library: Library, deflate: bool) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        tokio::spawn(tokio::task::unconstrained(async move {
            match library {
                Library::Fastwebsockets => fastwebsockets(tcp).await,
                Library::SockudoWs => sockudo_ws(tcp).await,
                _ => yawc(tcp, deflate).await,
            }
        }));
    }
}

async fn accept(tcp: &mut TcpStream, extension: Option<&str>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tcp.read_u8().await?);
    }
    let answer = handshake::answer(&String::from_utf8_lossy(&head), extension)?;
    tcp.write_all(answer.as_bytes()).await
}

async fn fastwebsockets(mut tcp: TcpStream) -> io::Result<()> {
    use fastwebsockets::{FragmentCollector, OpCode, Role, WebSocket};
    accept(&mut tcp, None).await?;
    let mut ws = WebSocket::after_handshake(tcp, Role::Server);
    ws.set_max_message_size(MAX_MESSAGE);
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await.map_err(io::Error::other)?;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await.map_err(io::Error::other)?,
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}

/// Echoes the messages of a stream that is also a sink: feeds as long as there are more, then flushes.
macro_rules! echo_all {
    ($ws:ident, $is_message:expr) => {
        while let Some(mut message) = $ws.next().await {
            loop {
                let reply = message.map_err(io::Error::other)?;
                if $is_message(&reply) {
                    $ws.feed(reply).await.map_err(io::Error::other)?;
                }
                match $ws.next().now_or_never() {
                    Some(Some(more)) => message = more,
                    _ => break,
                }
            }
            $ws.flush().await.map_err(io::Error::other)?;
        }
    };
}

async fn sockudo_ws(mut tcp: TcpStream) -> io::Result<()> {
    use sockudo_ws::{Config, Message, WebSocketStream};
    accept(&mut tcp, None).await?;
    let config = Config::builder().max_payload_length(MAX_MESSAGE).idle_timeout(0).auto_ping(false).build();
    let mut ws = WebSocketStream::server(tcp, config);
    echo_all!(ws, |message: &Message| message.is_text() || message.is_binary());
    Ok(())
}

async fn yawc(mut tcp: TcpStream, deflate: bool) -> io::Result<()> {
    use yawc::{CompressionLevel, Frame, OpCode, Options, Role, WebSocket};
    let extension = deflate.then_some(handshake::DEFLATE);
    accept(&mut tcp, extension).await?;
    let options = Options::default()
        .with_limits(MAX_MESSAGE, 2 * MAX_MESSAGE)
        .with_read_buffer_capacity(128 << 10)
        .with_backpressure_boundary(64 << 10)
        .with_utf8();
    let options = match deflate {
        true => options.with_balanced_compression().with_compression_level(CompressionLevel::new(6)),
        false => options.without_compression(),
    };
    let ws = WebSocket::from_stream_with_extensions(tcp, Role::Server, extension, options);
    let mut ws = ws.map_err(io::Error::other)?.map(io::Result::Ok);
    echo_all!(ws, |frame: &Frame| matches!(frame.opcode(), OpCode::Text | OpCode::Binary));
    Ok(())
}
