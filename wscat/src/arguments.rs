//! The command line. Names are those of curl where curl has the option.

use crate::values::{Pins, Resolve, address, credentials, header, seconds, tls_backend, tls_version};
use clap::{Args, Parser};
use landline::transport::{TlsBackend, TlsVersion};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Sends each line of standard input as a text message, and prints each text message as a line.
///
/// A line break inside a message is printed as \n, a binary message as <binary N bytes>. At the end of input, once the
/// peer has been quiet for a moment, the connection is closed with code 1000. The exit status is 0 once the peer has
/// closed with 1000, 1001 or no code, and otherwise 1, with one line about the reason on standard error.
///
/// In a terminal, lines can be edited and have a history, and those that begin with a slash are commands; /help lists
/// them.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Options {
    /// Where to connect to: ws://HOST[:PORT]/PATH, or wss:// for TLS; ws+unix:PATH[:REQUEST] for a Unix socket
    #[arg(required_unless_present_any = ["listen", "generate"])]
    pub(crate) url: Option<String>,
    /// Accept one connection at this address instead of connecting; with --cert for wss
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["url", "reconnect"])]
    pub(crate) listen: Option<SocketAddr>,
    /// Say what is negotiated, sent and received while the connection is opened, and how long that took
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) messages: Messages,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) http: Http,
    #[command(flatten)]
    pub(crate) proxies: Proxies,
    #[command(flatten)]
    pub(crate) tls: Tls,
    #[command(flatten)]
    pub(crate) dialling: Dialling,
    #[command(flatten)]
    pub(crate) tcp: Tcp,
    #[command(flatten)]
    pub(crate) time: Time,
    /// Print the manual page or the completions for a shell: man, bash, elvish, fish, powershell or zsh
    #[arg(long, value_name = "WHAT", hide_short_help = true)]
    pub(crate) generate: Option<String>,
}

/// What becomes of messages.
#[derive(Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Messages {
    /// Print each message, and how the connection opens and ends, as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the time in front of each message
    #[arg(short = 'T', long, conflicts_with = "json")]
    pub(crate) timestamps: bool,
    /// Print binary messages as hexadecimal digits
    #[arg(long, conflicts_with = "json")]
    pub(crate) hex: bool,
    /// Stay after the end of input until the peer closes, or for this long
    #[arg(short, long, value_name = "SECS", num_args = 0..=1, require_equals = true, value_parser = seconds)]
    pub(crate) wait: Option<Option<Duration>>,
    /// Offer compression (permessage-deflate)
    #[arg(long)]
    pub(crate) deflate: bool,
    /// Largest message to accept [default: 64 MiB, no limit for --recv-file]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_message: Option<u64>,
    /// Ping the peer when it has been silent for this long, and give up when it stays silent as long again
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) ping_interval: Option<Duration>,
}

/// Where messages come from and go to, apart from the standard streams.
#[derive(Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct Files {
    /// Send this file as one binary message instead of standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "record", "reconnect"])]
    pub(crate) send_file: Option<PathBuf>,
    /// Send the file of --send-file as a text message
    #[arg(long, requires = "send_file")]
    pub(crate) text: bool,
    /// Write the first message to this file, and close
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "reconnect"])]
    pub(crate) recv_file: Option<PathBuf>,
    /// Write all messages in both directions to this file, as lines of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Send the messages that were sent when this file was recorded, at the same pace, instead of standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// How many times as fast to replay; 0 for no pauses
    #[arg(long, value_name = "FACTOR", requires = "replay", default_value_t = 1.0)]
    pub(crate) replay_speed: f64,
}

/// The opening handshake.
#[derive(Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct Http {
    /// A header to add to the request; repeat for more
    #[arg(short = 'H', long, value_name = "'Name: value'", value_parser = header)]
    pub(crate) header: Vec<(String, String)>,
    /// The Host header to send [default: from the URL]
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// The Origin header to send
    #[arg(long, value_name = "O")]
    pub(crate) origin: Option<String>,
    /// A subprotocol to offer; repeat for more, best first
    #[arg(short, long, value_name = "NAME")]
    pub(crate) subprotocol: Vec<String>,
    /// Log in with this name and password: by Basic authentication, or by Digest if the server asks for it
    #[arg(short, long, value_name = "NAME:PASS", value_parser = credentials, conflicts_with = "oauth2_bearer")]
    pub(crate) user: Option<(String, String)>,
    /// Log in with this bearer token
    #[arg(long, value_name = "TOKEN")]
    pub(crate) oauth2_bearer: Option<String>,
    /// Send these cookies, or those in this file, which is in curl's format; repeat for more
    #[arg(short = 'b', long, value_name = "'NAME=VALUE; ...' or FILE")]
    pub(crate) cookie: Vec<String>,
    /// Write the cookies to this file at the end, those of --cookie FILE included
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(crate) cookie_jar: Option<PathBuf>,
    /// Follow redirects, up to 5; never from wss to ws
    #[arg(short = 'L', long, visible_alias = "location")]
    pub(crate) follow: bool,
    /// How many redirects to follow with --follow
    #[arg(long, value_name = "N", requires = "follow", default_value_t = 5)]
    pub(crate) max_redirs: usize,
}

/// The way through proxies.
#[derive(Args)]
#[command(next_help_heading = "Proxies")]
pub(crate) struct Proxies {
    /// Connect through this proxy: http, https, socks5, socks5h, socks4 or socks4a://[USER:PASS@]HOST[:PORT]; repeat for
    /// a chain, nearest first [default: that of ws_proxy, wss_proxy, http_proxy, https_proxy, all_proxy, if set]
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Vec<String>,
    /// Connect to these hosts, domains, addresses and networks directly, * for all; takes the place of no_proxy
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,
    /// Log in to the last proxy with this name and password
    #[arg(short = 'U', long, value_name = "NAME:PASS", value_parser = credentials, requires = "proxy")]
    pub(crate) proxy_user: Option<(String, String)>,
    /// A header for HTTP proxies; repeat for more
    #[arg(long, value_name = "'Name: value'", value_parser = header, requires = "proxy")]
    pub(crate) proxy_header: Vec<(String, String)>,
    /// For https proxies: trust the certificates in this file, besides those the system trusts
    #[arg(long, value_name = "PEM")]
    pub(crate) proxy_cacert: Option<PathBuf>,
    /// For https proxies: trust the certificates in the files of this directory, besides those the system trusts
    #[arg(long, value_name = "DIR")]
    pub(crate) proxy_capath: Option<PathBuf>,
    /// For https proxies: certificate to show to one that asks for it
    #[arg(long, value_name = "PEM", requires = "proxy_key")]
    pub(crate) proxy_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "PEM", requires = "proxy_cert")]
    pub(crate) proxy_key: Option<PathBuf>,
    /// For https proxies: accept any certificate
    #[arg(long)]
    pub(crate) proxy_insecure: bool,
}

/// TLS with the server.
#[derive(Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Tls {
    /// Trust the certificates in this file, besides those the system trusts
    #[arg(long, value_name = "PEM")]
    pub(crate) cacert: Option<PathBuf>,
    /// Trust the certificates in the files of this directory, besides those the system trusts
    #[arg(long, value_name = "DIR")]
    pub(crate) capath: Option<PathBuf>,
    /// Trust only --cacert and --capath, not what the system trusts
    #[arg(long)]
    pub(crate) no_system_certs: bool,
    /// Accept only this public key, or one of several: sha256// and its hash in Base64; repeat for more
    #[arg(long, visible_alias = "pinnedpubkey", value_name = "PIN")]
    pub(crate) pinned_key: Vec<Pins>,
    /// The name that the server's certificate must be for, in place of the URL's host
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// The oldest version of TLS to speak: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", value_parser = tls_version, conflicts_with_all = ["tlsv1_2", "tlsv1_3"])]
    pub(crate) min_tls: Option<TlsVersion>,
    /// Speak TLS 1.2 or later, which is the default
    #[arg(long = "tlsv1.2")]
    pub(crate) tlsv1_2: bool,
    /// Speak TLS 1.3 or later
    #[arg(long = "tlsv1.3")]
    pub(crate) tlsv1_3: bool,
    /// The TLS library: native-tls or rustls
    #[arg(long, value_name = "NAME", value_parser = tls_backend)]
    pub(crate) tls_backend: Option<TlsBackend>,
    /// Do not offer http/1.1 by ALPN
    #[arg(long)]
    pub(crate) no_alpn: bool,
    /// Append session secrets to the file that SSLKEYLOGFILE names
    #[arg(long)]
    pub(crate) key_log: bool,
    /// Certificate to show to a server that asks for one; with --listen, the server's
    #[arg(short = 'E', long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Its private key [default: in the file of --cert]
    #[arg(long, value_name = "PEM", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// What the file of --cert is: PEM, or P12 for PKCS#12, which contains the key
    #[arg(long, value_name = "TYPE", value_parser = ["PEM", "P12"], ignore_case = true, requires = "cert", default_value = "PEM")]
    pub(crate) cert_type: String,
    /// The password of a PKCS#12 file
    #[arg(long, value_name = "PHRASE", requires = "cert")]
    pub(crate) pass: Option<String>,
    /// Accept any certificate: whoever is in between can read and change everything
    #[arg(short = 'k', long, conflicts_with = "cacert")]
    pub(crate) insecure: bool,
}

/// From a name to a socket.
#[derive(Args)]
#[command(next_help_heading = "Addresses")]
pub(crate) struct Dialling {
    /// Connect to this Unix socket; the URL still says what to ask for
    #[arg(long, visible_alias = "unix-socket", value_name = "PATH")]
    pub(crate) unix: Option<PathBuf>,
    /// Connect to IPv4 addresses only
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Connect to IPv6 addresses only
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// Connect to this address instead of looking up the URL's host; repeat for more, best first
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = address, conflicts_with = "unix")]
    pub(crate) address: Vec<SocketAddr>,
    /// Connect to these addresses if HOST:PORT is asked for, * for any host; repeat for more
    #[arg(long, value_name = "HOST:PORT:ADDRESS[,ADDRESS]...")]
    pub(crate) resolve: Vec<Resolve>,
    /// Connect from this address, and from this port
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = address)]
    pub(crate) local_addr: Option<SocketAddr>,
    /// Connect by this network interface (Linux), or from this address
    #[arg(long, value_name = "NAME or ADDRESS", conflicts_with = "local_addr")]
    pub(crate) interface: Option<String>,
}

/// The connection's socket.
#[derive(Args)]
#[command(next_help_heading = "TCP")]
pub(crate) struct Tcp {
    /// Let the system gather small messages (Nagle's algorithm)
    #[arg(long)]
    pub(crate) no_tcp_nodelay: bool,
    /// Have the system probe the peer when it has been silent for this long
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) keepalive_time: Option<Duration>,
    /// The time between two probes
    #[arg(long, value_name = "SECS", value_parser = seconds, requires = "keepalive_time")]
    pub(crate) keepalive_interval: Option<Duration>,
    /// How many probes may go unanswered
    #[arg(long, value_name = "N", requires = "keepalive_time")]
    pub(crate) keepalive_cnt: Option<u32>,
    /// How long what was sent may go unacknowledged (Linux)
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) tcp_user_timeout: Option<Duration>,
    /// The size of the system's receive buffer
    #[arg(long, value_name = "BYTES")]
    pub(crate) recv_buffer: Option<usize>,
    /// The size of the system's send buffer
    #[arg(long, value_name = "BYTES")]
    pub(crate) send_buffer: Option<usize>,
}

/// Limits of time, and connecting again.
#[derive(Args)]
#[command(next_help_heading = "Time")]
pub(crate) struct Time {
    /// How long opening the connection may take as a whole [default: 30]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) connect_timeout: Option<Duration>,
    /// How long nothing may move while sending or receiving, and closing may take as a whole [default: 30 s for
    /// sending and closing, no limit for receiving]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Connect again when the connection is lost or cannot be opened, as long as that may help
    #[arg(short, long)]
    pub(crate) reconnect: bool,
    /// How many attempts in a row may fail with --reconnect [default: any number]
    #[arg(long, value_name = "N", requires = "reconnect")]
    pub(crate) retry: Option<u32>,
    /// How long to wait before the second attempt with --reconnect; doubled after each failure [default: 1]
    #[arg(long, value_name = "SECS", value_parser = seconds, requires = "reconnect")]
    pub(crate) retry_delay: Option<Duration>,
}

/// The options, or in one line what is wrong with them.
pub(crate) fn parse() -> Result<Options, String> {
    Options::try_parse().map_err(|error| {
        if !error.use_stderr() {
            error.exit(); // --help and --version are no errors
        }
        let text = error.to_string();
        let what = text.split("\n\n").next().unwrap_or_default();
        let what: Vec<_> = what.split_whitespace().collect();
        format!("{}; --help shows the options", what.join(" ").trim_start_matches("error: "))
    })
}
