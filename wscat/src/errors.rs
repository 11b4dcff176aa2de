//! What to tell the user about a failure, in one line: what happened, and which option may help.

use crate::arguments::Options;
use crate::names;
use landline::Error;
use landline::error::{Closed, ConnectError, Refusal, Setting, TlsReason};
use std::fmt::Write as _;
use std::io;

/// How much of what a server says is shown.
const MOST: usize = 200;

/// What an error says, with the names of options.
pub(crate) fn describe(error: &Error) -> String {
    let text = match error {
        Error::Connect(connect) => about_connecting(error, connect),
        _ => error.report(|setting| option(setting, error)).to_string(),
    };
    let refusal = match error {
        Error::Proxy(refused) => return with_body(text, refused.refusal().map(|refusal| &refusal.body[..])),
        _ => error.refusal(),
    };
    match refusal {
        Some(refusal) => with_body(with_challenges(text, refusal), Some(&refusal.body)),
        None => text,
    }
}

/// The same about opening a connection: with what can be found out about the reason.
pub(crate) fn explain(options: &Options, error: &Error) -> String {
    let mut text = describe(error);
    match error {
        Error::Tls(tls) if tls.reason() == Some(TlsReason::OtherName) => {
            if let Some(names) = names::of_certificate(options) {
                let _ = write!(text, "; the certificate is for {}", names.join(", "));
            }
        }
        Error::Tls(tls) if tls.reason() == Some(TlsReason::Expired) => {
            text.push_str("; the server needs a new one, unless the clock here is wrong");
        }
        _ if is_tls_at_a_plain_url(options, error) => text.push_str("; the server speaks TLS there: use wss://"),
        _ => {}
    }
    text
}

fn option(setting: Setting, error: &Error) -> Option<&'static str> {
    Some(match setting {
        Setting::MaxMessageSize => "--max-message",
        Setting::TrustedCertificates => "--cacert",
        Setting::ServerName => "--server-name",
        Setting::PinnedKey => "--pinned-key",
        Setting::MinTlsVersion => "--min-tls",
        Setting::ClientCertificate => "--cert and --key",
        Setting::KeyLog => "--key-log",
        Setting::LocalAddr => "--local-addr",
        Setting::Interface => "--interface",
        Setting::Proxy | Setting::ProxyCredentials => "--proxy or the environment",
        Setting::ProxyTrustedCertificates => "--proxy-cacert",
        Setting::MaxRedirects if matches!(error, Error::Redirect(_)) => "--max-redirs",
        Setting::MaxRedirects => "--follow",
        Setting::Auth => "--user",
        Setting::Bearer => "--oauth2-bearer",
        Setting::BackoffFirst => "--retry-delay",
        Setting::MaxAttempts => "--retry",
        Setting::TcpKeepaliveTime => "--keepalive-time",
        Setting::TcpKeepaliveInterval => "--keepalive-interval",
        Setting::TcpKeepaliveRetries => "--keepalive-cnt",
        Setting::TcpUserTimeout => "--tcp-user-timeout",
        Setting::TcpRecvBufferSize => "--recv-buffer",
        Setting::TcpSendBufferSize => "--send-buffer",
        Setting::KeepaliveInterval | Setting::KeepaliveTimeout => "--ping-interval",
        _ => return None,
    })
}

/// Names nobody has, and servers that do not run, without the words of the calls that failed.
fn about_connecting(error: &Error, connect: &ConnectError) -> String {
    let text = error.report(|setting| option(setting, error)).to_string();
    if let (true, Some(source)) = (connect.attempts.is_empty(), &connect.lookup) {
        let host = connect.authority.rsplit_once(':').map_or(&*connect.authority, |(host, _)| host);
        return format!("cannot find the host {host}: {source}");
    }
    let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    if !connect.attempts.is_empty() && connect.attempts.iter().all(|attempt| is_refused(&attempt.error)) {
        return format!("{text}; does the server run?");
    }
    text
}

fn with_challenges(text: String, refusal: &Refusal) -> String {
    if refusal.status.as_u16() != 401 {
        return text;
    }
    let values = refusal.headers.get_all("www-authenticate").iter();
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    if values.is_empty() { text } else { format!("{text}; WWW-Authenticate: {}", cut(&values.join(", "))) }
}

/// With the first line of what the server says, if it is for people.
fn with_body(text: String, body: Option<&[u8]>) -> String {
    let body = String::from_utf8_lossy(body.unwrap_or_default());
    let says = body.trim().lines().next().unwrap_or_default();
    if says.is_empty() || says.starts_with('<') { text } else { format!("{text}; it says: {}", cut(says)) }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST).collect()
}

/// Many servers answer plain HTTP at their TLS port with a page that says so; others with an alert, or not at all.
fn is_tls_at_a_plain_url(options: &Options, error: &Error) -> bool {
    if !options.url.as_deref().is_some_and(|url| url.starts_with("ws:")) {
        return false;
    }
    match error.refusal() {
        Some(refusal) => {
            let body = String::from_utf8_lossy(&refusal.body).to_lowercase();
            refusal.status.as_u16() == 400 && (body.contains("https") || body.contains("speaking plain http"))
        }
        None => {
            let is_unintelligible = matches!(error, Error::Handshake(_) | Error::Closed(Closed::Eof));
            is_unintelligible && names::speaks_tls(options)
        }
    }
}
