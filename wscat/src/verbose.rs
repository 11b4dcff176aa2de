//! What is said on standard error beside errors: with `-v`, the heads of requests and of answers, and what was negotiated;
//! with `--reconnect`, when the next attempt begins. The library logs both.

use crate::output::Output;
use landline::WebSocket;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

/// Where it goes, if not to standard error.
static OUTPUT: OnceLock<Arc<Output>> = OnceLock::new();

struct Lines;

/// Begins to show what the library logs.
pub(crate) fn begin(is_verbose: bool, reconnects: bool) {
    log::set_max_level(match (is_verbose, reconnects) {
        (true, _) => LevelFilter::Trace,
        (false, true) => LevelFilter::Info,
        (false, false) => LevelFilter::Off,
    });
    // There is no other logger in this program.
    let _ = log::set_logger(&Lines);
}

/// From now on, lines go where the output goes: somebody is typing there.
pub(crate) fn redirect(output: &Arc<Output>) {
    let _ = OUTPUT.set(Arc::clone(output));
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("landline")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        match record.level() {
            Level::Debug | Level::Trace if text.starts_with("> ") || text.starts_with("< ") => say(&text),
            Level::Debug | Level::Trace => say(&format!("* {text}")),
            _ => say(&format!("note: {text}")),
        }
    }

    fn flush(&self) {}
}

/// One line.
pub(crate) fn say(text: &str) {
    let text = text.replace(char::is_control, " ");
    let _ = match OUTPUT.get() {
        Some(output) => output.remark(&text),
        None => writeln!(io::stderr(), "{text}"),
    };
}

/// What was negotiated, and how long it took.
pub(crate) fn summary(ws: &WebSocket) {
    let handshake = ws.handshake();
    if let (Some(peer), Some(local)) = (ws.peer_addr(), ws.local_addr()) {
        say(&format!("* from {local} to {peer}"));
    }
    if let Some(tls) = ws.tls_info() {
        say(&format!("* {}, {}, by {}", tls.version, tls.cipher_suite_name(), tls.backend));
        if let Some(certificate) = tls.peer_certificate() {
            say(&format!("* certificate for {}", certificate.names().join(", ")));
            say(&format!("* its public key is {}", certificate.public_key_pin()));
        }
    }
    say(&format!("* subprotocol: {}", handshake.subprotocol.as_deref().unwrap_or("none")));
    say(&format!("* compression: {}", if handshake.compression.is_some() { "permessage-deflate" } else { "none" }));
    if let Some(timings) = ws.timings() {
        let ms = |time: std::time::Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        say(&format!(
            "* look-up {}, connecting {}, proxies {}, TLS {}, opening handshake {}",
            ms(timings.resolve),
            ms(timings.connect),
            ms(timings.proxy),
            ms(timings.tls),
            ms(timings.upgrade)
        ));
    }
}
