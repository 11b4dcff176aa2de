//! The heads of requests and of answers in the log, to see what is sent and what comes back.
//!
//! The log is no place for secrets: values that let somebody in are replaced by dots.

use http::StatusCode;
use http::header::HeaderMap;

/// Headers whose values are secrets, or may be.
const SECRET: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "authentication-info",
    "proxy-authentication-info",
];

/// Logs a request, line by line.
pub(super) fn log_request(head: &[u8]) {
    if !log::log_enabled!(log::Level::Trace) {
        return;
    }
    let head = String::from_utf8_lossy(head);
    for line in head.split("\r\n").take_while(|line| !line.is_empty()) {
        match line.split_once(": ") {
            Some((name, value)) => log::trace!("> {name}: {}", shown(name, value)),
            None => log::trace!("> {line}"),
        }
    }
}

/// Logs an answer, line by line.
pub(super) fn log_answer(status: StatusCode, headers: &HeaderMap) {
    if !log::log_enabled!(log::Level::Trace) {
        return;
    }
    log::trace!("< HTTP {status}");
    for (name, value) in headers {
        log::trace!("< {name}: {}", shown(name.as_str(), &String::from_utf8_lossy(value.as_bytes())));
    }
}

/// A value as it may be shown: of credentials no more than their scheme, of cookies their name.
fn shown(name: &str, value: &str) -> String {
    if !SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
        return value.replace(char::is_control, " ");
    }
    match value.find([' ', '=']) {
        Some(end) if value[..end].bytes().all(|b| b.is_ascii_graphic()) => format!("{}...", &value[..=end]),
        _ => "...".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn secrets_are_not_shown() {
        for (name, value, expected) in [
            ("Host", "example.com", "example.com"),
            ("Authorization", "Basic bWU6c2VjcmV0", "Basic ..."),
            ("proxy-authorization", "Digest username=\"me\", response=\"6629\"", "Digest ..."),
            ("authorization", "secret", "..."),
            ("Cookie", "session=6f2a; theme=dark", "session=..."),
            ("set-cookie", "session=6f2a; HttpOnly", "session=..."),
            ("Cookie", "\u{e9}=1", "..."),
            ("Server", "a\u{1b}[31mb", "a [31mb"),
        ] {
            assert_eq!(shown(name, value), expected, "{name}: {value}");
        }
    }
}
