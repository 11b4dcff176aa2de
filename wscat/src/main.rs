//! Talks to a WebSocket server from the command line: lines in, lines out.
//!
//! `wscat --help` shows the options.
//!
//! Two threads share the connection: one sends what it reads from standard input, the main thread receives and
//! prints. The main thread has the last word: how the peer ended the connection says more than what sending ran
//! into.

use clap::Parser;
use landline::error::{Closed, Setting};
use landline::transport::{Identity, TlsBackend, TlsConnector, TlsVersion};
use landline::uri::Endpoint;
use landline::{
    AddressFamily, Client, ClientBuilder, CloseCode, CloseInfo, Compression, Config, Error, MessageRef, Proxy,
    Receiver, Sender, Stats, WebSocket,
};
use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How long opening may take.
const OPENING: Duration = Duration::from_secs(30);
/// How many redirects to follow.
const MAX_REDIRECTS: usize = 5;
/// How long sending may stand still, and how long the closing handshake may take as a whole.
const STALL: Duration = Duration::from_secs(30);
/// How long the peer may be silent while the connection is closing.
const SILENCE: Duration = Duration::from_secs(5);
/// How long the peer has to be quiet before the connection is closed, and for how long at most to wait for that.
const QUIET: Duration = Duration::from_millis(200);
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How often to look whether standard output has been taken.
const MOMENT: Duration = Duration::from_millis(10);
/// How long the receiving thread gets to find out why sending failed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Sends each line of standard input as a text message, and prints each text message as a line.
///
/// A line break inside a message is printed as \n, a binary message as <binary N bytes>. At the end of input, once the
/// peer has been quiet for a moment, the connection is closed with code 1000. The exit status is 0 once the peer has
/// closed with 1000, 1001 or no code, and otherwise 1, with one line about the reason on standard error.
#[derive(Parser)]
struct Options {
    /// Where to connect to: ws://HOST[:PORT]/PATH, or wss:// for TLS; ws+unix:PATH[:REQUEST] for a Unix socket
    url: String,
    /// Trust the certificates in this file, besides those the system trusts
    #[arg(long, value_name = "PEM")]
    cacert: Option<PathBuf>,
    /// Trust the certificates in the files of this directory, besides those the system trusts
    #[arg(long, value_name = "DIR")]
    capath: Option<PathBuf>,
    /// Accept only this public key, or one of several: sha256// and its hash in Base64; repeat for more
    #[arg(long, value_name = "PIN")]
    pinned_key: Vec<String>,
    /// The name that the server's certificate must be for, in place of the URL's host
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// The oldest version of TLS to speak: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", value_parser = tls_version)]
    min_tls: Option<TlsVersion>,
    /// The TLS library: native-tls or rustls
    #[arg(long, value_name = "NAME", value_parser = tls_backend)]
    tls_backend: Option<TlsBackend>,
    /// Append session secrets to the file that SSLKEYLOGFILE names
    #[arg(long)]
    key_log: bool,
    /// Certificate to show to a server that asks for one
    #[arg(long, value_name = "PEM", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key in PEM form
    #[arg(long, value_name = "PEM", requires = "cert")]
    key: Option<PathBuf>,
    /// Accept any certificate: whoever is in between can read and change everything
    #[arg(long, conflicts_with = "cacert")]
    insecure: bool,
    /// A header to add to the request; repeat for more
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = header)]
    header: Vec<(String, String)>,
    /// The Origin header to send
    #[arg(long, value_name = "O")]
    origin: Option<String>,
    /// A subprotocol to offer; repeat for more, best first
    #[arg(long, value_name = "NAME")]
    subprotocol: Vec<String>,
    /// Offer compression (permessage-deflate)
    #[arg(long)]
    deflate: bool,
    /// Log in with this name and password: by Basic authentication, or by Digest if the server asks for it
    #[arg(long, value_name = "NAME:PASS", value_parser = credentials)]
    user: Option<(String, String)>,
    /// Follow redirects, up to 5; never from wss to ws
    #[arg(long)]
    follow: bool,
    /// Connect through this proxy: http, https, socks5, socks5h, socks4 or socks4a://[USER:PASS@]HOST[:PORT]; repeat for
    /// a chain, nearest first [default: that of ws_proxy, wss_proxy, http_proxy, https_proxy, all_proxy, if set]
    #[arg(long, value_name = "URL")]
    proxy: Vec<String>,
    /// Connect to these hosts, domains, addresses and networks directly, * for all; takes the place of no_proxy
    #[arg(long, value_name = "LIST")]
    noproxy: Option<String>,
    /// How long opening the connection may take as a whole [default: 30]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    connect_timeout: Option<Duration>,
    /// How long nothing may move while sending or receiving, and closing may take as a whole [default: 30 s for
    /// sending and closing, no limit for receiving]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Connect to this Unix socket; the URL still says what to ask for
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Connect to IPv6 addresses only
    #[arg(short = '6', long)]
    ipv6: bool,
    /// Connect to this address instead of looking up the URL's host; repeat for more, best first
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = address, conflicts_with = "unix")]
    address: Vec<SocketAddr>,
    /// Connect from this address, and from this port
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = address)]
    local_addr: Option<SocketAddr>,
    /// Connect by this network interface (Linux)
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Largest message to accept
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    max_message: u64,
}

fn main() -> ExitCode {
    exit_code(parse().and_then(|options| talk(&options)))
}

/// The exit status: 0, or 1 after one line on standard error that says what went wrong, with the causes.
fn exit_code(result: Result<(), impl Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The text may quote the server, which can send anything; keep it in one line.
            let text = format!("{error:#}").replace(char::is_control, " ");
            let _ = writeln!(io::stderr(), "error: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The options, or in one line what is wrong with them.
fn parse() -> Result<Options, String> {
    Options::try_parse().map_err(|error| {
        if !error.use_stderr() {
            error.exit(); // --help is no error
        }
        let text = error.to_string();
        let what = text.split("\n\n").next().unwrap_or_default();
        let what: Vec<_> = what.split_whitespace().collect();
        format!("{}; --help shows the options", what.join(" ").trim_start_matches("error: "))
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as 'Name: value'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn credentials(text: &str) -> Result<(String, String), &'static str> {
    let (name, password) = text.split_once(':').ok_or("write it as NAME:PASS")?;
    if text.contains(char::is_control) {
        return Err("control characters cannot be sent");
    }
    Ok((name.to_owned(), password.to_owned()))
}

/// Without a port, it is 0.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let alone = || text.trim_matches(['[', ']']).parse::<IpAddr>().map(|address| SocketAddr::new(address, 0));
    text.parse().or_else(|_| alone()).map_err(|_| "write it as 192.0.2.1, 192.0.2.1:443 or [2001:db8::1]:443")
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("give seconds, more than 0; fractions are allowed"),
    }
}

// ----- Opening -----

fn open(options: &Options) -> Result<WebSocket, String> {
    let begin = Instant::now();
    let limit = options.connect_timeout.unwrap_or(OPENING);
    let endpoint = Endpoint::parse(&options.url).map_err(|error| error.to_string())?;
    let mut client = Client::builder().config(config(options));
    if options.connect_timeout.is_some() {
        client = client.connect_timeout(options.connect_timeout);
    }
    for (name, value) in &options.header {
        client = client.header(name, value);
    }
    for name in &options.subprotocol {
        client = client.subprotocol(name);
    }
    if let Some(origin) = &options.origin {
        client = client.origin(origin);
    }
    if options.follow {
        client = client.max_redirects(MAX_REDIRECTS);
    }
    if let Some((name, password)) = &options.user {
        if endpoint.user().is_some() {
            return Err("the user is given twice, in the URL and by --user: give one of them".into());
        }
        client = client.auth(name, password);
    }
    if let Some(tls) = tls(options, endpoint.is_tls() || options.follow)? {
        client = client.tls(tls);
    }
    // Not by the parser of the command line, which would show the password with the error.
    let chain =
        options.proxy.iter().map(|url| Proxy::parse(url)).collect::<Result<Vec<_>, _>>().map_err(describe)?;
    client = if chain.is_empty() { client.proxy(Proxy::from_env()) } else { client.proxy(chain) };
    if let Some(list) = &options.noproxy {
        client = client.no_proxy(list);
    }
    client = dialling(options, client);
    // The library refuses a limit of 0.
    let left = limit.saturating_sub(begin.elapsed()).max(Duration::from_nanos(1));
    let client = client.handshake_timeout(Some(left)).build().map_err(describe)?;
    let ws = client.connect(&options.url).map_err(describe)?;
    if !options.subprotocol.is_empty() && ws.handshake().subprotocol.is_none() {
        let _ = writeln!(io::stderr(), "note: the server chose none of the subprotocols");
    }
    if options.deflate && ws.handshake().compression.is_none() {
        let _ = writeln!(io::stderr(), "note: the server does not compress");
    }
    Ok(ws)
}

/// Where to connect to, and from where.
fn dialling(options: &Options, client: ClientBuilder) -> ClientBuilder {
    let mut client = client.addresses(options.address.iter().copied());
    client = match (options.ipv4, options.ipv6) {
        (true, _) => client.address_family(AddressFamily::Ipv4),
        (_, true) => client.address_family(AddressFamily::Ipv6),
        _ => client,
    };
    if let Some(address) = options.local_addr {
        client = client.local_addr(address);
    }
    if let Some(name) = &options.interface {
        client = client.interface(name);
    }
    match &options.unix {
        Some(path) => client.unix_path(path),
        None => client,
    }
}

fn config(options: &Options) -> Config {
    Config::default()
        .max_message_size(options.max_message)
        .compression(options.deflate.then(Compression::default))
        .send_timeout(Some(options.timeout.unwrap_or(STALL)))
        .recv_timeout(Some(options.timeout.unwrap_or(SILENCE)))
        // `watch_closing` keeps the time, because it knows who is late.
        .close_timeout(Duration::from_secs(24 * 3600))
}

/// TLS as the options want it, if they want anything.
fn tls(options: &Options, may_be_tls: bool) -> Result<Option<TlsConnector>, String> {
    let given = [
        ("--cacert", options.cacert.is_some()),
        ("--capath", options.capath.is_some()),
        ("--pinned-key", !options.pinned_key.is_empty()),
        ("--server-name", options.server_name.is_some()),
        ("--min-tls", options.min_tls.is_some()),
        ("--tls-backend", options.tls_backend.is_some()),
        ("--key-log", options.key_log),
        ("--cert", options.cert.is_some()),
        ("--insecure", options.insecure),
    ];
    let Some((name, _)) = given.iter().find(|(_, given)| *given) else { return Ok(None) };
    if !may_be_tls {
        return Err(format!("{name} is for TLS: give a wss:// URL"));
    }
    let mut tls = TlsConnector::builder().danger_accept_invalid_certs(options.insecure).key_log(options.key_log);
    if let Some(path) = &options.capath {
        tls = tls.ca_dir(path);
    }
    if let Some(name) = &options.server_name {
        tls = tls.server_name(name);
    }
    if let Some(version) = options.min_tls {
        tls = tls.min_version(version);
    }
    if let Some(backend) = options.tls_backend {
        tls = tls.backend(backend);
    }
    tls = options.pinned_key.iter().fold(tls, |tls, pin| tls.pinned_key(pin));
    if let Some(path) = &options.cacert {
        tls = tls.ca_file(path);
    }
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        tls = tls.identity(Identity::from_pem_files(cert, key).map_err(describe)?);
    }
    tls.build().map(Some).map_err(describe)
}

fn tls_version(text: &str) -> Result<TlsVersion, String> {
    match text {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        _ => Err("give 1.2 or 1.3".to_owned()),
    }
}

fn tls_backend(text: &str) -> Result<TlsBackend, String> {
    match text {
        "native-tls" => Ok(TlsBackend::NativeTls),
        "rustls" => Ok(TlsBackend::Rustls),
        _ => Err("give native-tls or rustls".to_owned()),
    }
}

/// What to tell the user, with what the server or the proxy says when it refuses.
fn describe(error: Error) -> String {
    let option = |setting| match setting {
        Setting::MaxMessageSize => Some("--max-message"),
        Setting::TrustedCertificates => Some("--cacert"),
        Setting::ServerName => Some("--server-name"),
        Setting::PinnedKey => Some("--pinned-key"),
        Setting::MinTlsVersion => Some("--min-tls"),
        Setting::ClientCertificate => Some("--cert and --key"),
        Setting::KeyLog => Some("--key-log"),
        Setting::LocalAddr => Some("--local-addr"),
        Setting::Interface => Some("--interface"),
        Setting::Proxy | Setting::ProxyCredentials => Some("--proxy or the environment"),
        Setting::MaxRedirects if !matches!(error, Error::Redirect(_)) => Some("--follow"),
        Setting::Auth => Some("--user"),
        Setting::Bearer => Some("--header 'Authorization: Bearer TOKEN'"),
        _ => None,
    };
    let text = error.report(option).to_string();
    let body = match &error {
        Error::Proxy(refused) => refused.refusal().map(|refusal| &refusal.body),
        _ => error.refusal().map(|refusal| &refusal.body),
    };
    if let Some(body) = body {
        let body = String::from_utf8_lossy(body);
        let says = body.trim().lines().next().unwrap_or_default();
        if !says.is_empty() && !says.starts_with('<') {
            return format!("{text}; it says: {}", says.chars().take(200).collect::<String>());
        }
    }
    text
}

// ----- The open connection -----

/// What the two threads tell each other.
#[derive(Default)]
struct Shared {
    /// Input has ended, or cannot be sent: the connection is being closed.
    closing: AtomicBool,
    /// The main thread is writing to standard output, which may take as long as somebody looks at it.
    printing: AtomicBool,
    /// Why input was not sent to its end.
    trouble: OnceLock<Trouble>,
}

enum Trouble {
    /// Standard input cannot be read as text.
    Input(String),
    /// The connection does not take it, or is not closed by the peer.
    Connection(Error),
}

fn talk(options: &Options) -> Result<(), String> {
    let (sender, mut receiver) = open(options)?.split();
    let shared = Arc::new(Shared::default());
    let (to_sending, timeout) = (Arc::clone(&shared), options.timeout);
    let sending = move || send_input(sender, &to_sending, timeout);
    // It may be waiting for input when everything is over: the end of `main` ends it, too.
    thread::Builder::new().spawn(sending).map_err(|error| format!("cannot start a thread: {error}"))?;

    let ended = print_messages(&mut receiver, &shared, options.timeout.is_some());
    match (ended, shared.trouble.get()) {
        (_, Some(Trouble::Input(text))) => Err(text.clone()),
        (Err(Ended::Connection(Error::Closed(Closed::Aborted))), Some(Trouble::Connection(error))) => {
            Err(describe(error.clone()))
        }
        (Err(Ended::Connection(error)), _) => Err(describe(error)),
        (Err(Ended::Output(error)), _) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        (Err(Ended::Output(error)), _) => Err(format!("cannot write to standard output: {error}")),
        (Ok(info), _) => judge(&info),
    }
}

/// Whether the peer closed because all was done.
fn judge(info: &CloseInfo) -> Result<(), String> {
    match &info.received {
        Some(frame) => match frame.code() {
            CloseCode::NORMAL_CLOSURE | CloseCode::GOING_AWAY | CloseCode::NO_STATUS_RECEIVED => Ok(()),
            _ => Err(format!("the peer closed with {frame}")),
        },
        None => Err("the peer ended the connection without a close frame".into()),
    }
}

// ----- Receiving -----

enum Ended {
    Connection(Error),
    Output(io::Error),
}

/// Prints messages until the peer has closed.
fn print_messages(receiver: &mut Receiver, shared: &Shared, limited: bool) -> Result<CloseInfo, Ended> {
    let mut out = io::stdout().lock();
    let mut moved = 0;
    loop {
        match receiver.recv_ref() {
            Ok(Some(message)) => {
                shared.printing.store(true, Ordering::SeqCst);
                print(&mut out, message).map_err(Ended::Output)?;
                shared.printing.store(false, Ordering::SeqCst);
                moved = bytes(receiver.stats());
            }
            Ok(None) => return Ok(receiver.close_info()),
            Err(error @ Error::Timeout(_)) => {
                let before = std::mem::replace(&mut moved, bytes(receiver.stats()));
                let is_late = limited && moved == before;
                if is_late && !shared.closing.load(Ordering::SeqCst) {
                    return Err(Ended::Connection(error));
                }
            }
            Err(error) => return Err(Ended::Connection(error)),
        }
    }
}

fn print(out: &mut impl Write, message: MessageRef<'_>) -> io::Result<()> {
    match message {
        MessageRef::Text(text) if text.contains('\n') => writeln!(out, "{}", text.replace('\n', "\\n"))?,
        MessageRef::Text(text) => writeln!(out, "{text}")?,
        MessageRef::Binary(data) => writeln!(out, "<binary {} bytes>", data.len())?,
    }
    out.flush()
}

fn bytes(stats: Stats) -> u64 {
    stats.wire_received + stats.wire_sent
}

// ----- Sending -----

/// Sends standard input line by line, and closes behind it.
fn send_input(mut sender: Sender, shared: &Shared, timeout: Option<Duration>) {
    let sent = send_lines(&sender, shared);
    let begin = Instant::now();
    let code = match sent {
        Ok(lines) => {
            if lines > 0 {
                let most = timeout.map_or(QUIET_MAX, |timeout| QUIET_MAX.min(timeout / 2));
                wait_for_quiet(&sender, begin + most);
            }
            CloseCode::NORMAL_CLOSURE
        }
        // The receiving thread knows why, and says so.
        Err(Trouble::Connection(Error::Closed(_))) => return,
        Err(Trouble::Connection(error)) => {
            if !matches!(error, Error::Timeout(_)) {
                thread::sleep(LAST_WORDS);
            }
            let _ = shared.trouble.set(Trouble::Connection(error));
            return sender.abort();
        }
        Err(trouble) => {
            let _ = shared.trouble.set(trouble);
            CloseCode::GOING_AWAY
        }
    };
    shared.closing.store(true, Ordering::SeqCst);
    sender.set_deadline(Some(begin + timeout.unwrap_or(SILENCE)));
    // If it cannot be sent now, the receiving thread sends it as soon as it can.
    let _ = sender.close_start(code, "");
    watch_closing(&sender, shared, begin, timeout);
}

/// Lets the peer answer the last line. Many servers send nothing more once they have read a Close frame, though
/// they have taken messages that came before it.
fn wait_for_quiet(sender: &Sender, until: Instant) {
    loop {
        let received = sender.stats().wire_received;
        thread::sleep(QUIET.min(until.saturating_duration_since(Instant::now())));
        if received == sender.stats().wire_received || until <= Instant::now() {
            return;
        }
    }
}

/// Sends all of standard input, and counts the lines.
fn send_lines(sender: &Sender, shared: &Shared) -> Result<u64, Trouble> {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    let mut lines = 0;
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|error| Trouble::Input(format!("cannot read standard input: {error}")))? == 0 {
            return Ok(lines);
        }
        lines += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line)
            .map_err(|_| Trouble::Input(format!("line {lines} of standard input is not UTF-8 text")))?;
        send(sender, text, shared).map_err(Trouble::Connection)?;
    }
}

/// Sends a message, as long as anything moves.
fn send(sender: &Sender, text: &str, shared: &Shared) -> Result<(), Error> {
    let mut accepted = false;
    loop {
        let received = sender.stats().wire_received;
        let result = if accepted { sender.flush() } else { sender.send(text) };
        let Err(error @ Error::Timeout(_)) = result else { return result };
        accepted |= error.message_accepted();
        // A peer that is busy sending, or that we keep from sending, has a reason not to read.
        if received == sender.stats().wire_received && !shared.printing.load(Ordering::SeqCst) {
            return Err(error);
        }
    }
}

/// Ends the connection when the peer does not close it in time.
fn watch_closing(sender: &Sender, shared: &Shared, begin: Instant, timeout: Option<Duration>) {
    loop {
        let received = sender.stats().wire_received;
        let pause = timeout.map_or(SILENCE, |timeout| timeout.saturating_sub(begin.elapsed()));
        thread::sleep(pause.max(MOMENT));
        let is_silent = received == sender.stats().wire_received;
        let is_late = timeout.is_some() || is_silent || begin.elapsed() >= STALL;
        // Output that is not taken is not the peer's fault.
        if is_late && !shared.printing.load(Ordering::SeqCst) {
            break;
        }
    }
    let _ = shared.trouble.set(Trouble::Connection(Error::Closed(Closed::CloseUnanswered)));
    sender.abort();
}
