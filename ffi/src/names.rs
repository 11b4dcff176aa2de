//! The names of keys, for error messages: "option 27" would have to be looked up.

use crate::conn_info::*;
use crate::failure::Failure;
use crate::options::*;
use crate::options_http::*;
use crate::options_proxy::*;
use crate::options_session::*;
use crate::options_tls::*;
use crate::request::*;
use crate::session_info::*;
use crate::tls::*;
use landline::error::Setting;

/// The keys of one kind.
pub(crate) type Keys = &'static [(i32, &'static str)];

macro_rules! keys {
    ($($name:ident),* $(,)?) => {
        &[$(($name, stringify!($name))),*]
    };
}

/// The name of a key, or its number if it has none.
pub(crate) fn name_of(keys: Keys, key: i32) -> String {
    keys.iter().find(|(number, _)| *number == key).map_or_else(|| key.to_string(), |(_, name)| (*name).to_owned())
}

/// The name in the C interface of the option that an error is about.
pub(crate) fn of_setting(setting: Setting) -> Option<&'static str> {
    Some(match setting {
        Setting::MaxMessageSize => "LANDLINE_OPT_MAX_MESSAGE_SIZE",
        Setting::MaxFragments => "LANDLINE_OPT_MAX_FRAGMENTS",
        Setting::SendTimeout => "LANDLINE_OPT_SEND_TIMEOUT_MS",
        Setting::RecvTimeout => "LANDLINE_OPT_RECV_TIMEOUT_MS",
        Setting::CloseTimeout => "LANDLINE_OPT_CLOSE_TIMEOUT_MS",
        Setting::HandshakeTimeout => "LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS",
        Setting::ConnectTimeout => "LANDLINE_OPT_CONNECT_TIMEOUT_MS",
        Setting::KeepaliveInterval => "LANDLINE_OPT_KEEPALIVE_INTERVAL_MS",
        Setting::KeepaliveTimeout => "LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS",
        Setting::CompressionLevel => "LANDLINE_OPT_COMPRESSION_LEVEL",
        Setting::ServerMaxWindowBits => "LANDLINE_OPT_SERVER_MAX_WINDOW_BITS",
        Setting::ClientMaxWindowBits => "LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS",
        Setting::MaxHeadSize => "LANDLINE_OPT_MAX_HEAD_SIZE",
        Setting::MaxHeaders => "LANDLINE_OPT_MAX_HEADERS",
        Setting::MaxStartLine => "LANDLINE_OPT_MAX_START_LINE",
        Setting::TcpKeepaliveTime => "LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS",
        Setting::TcpKeepaliveInterval => "LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS",
        Setting::TcpKeepaliveRetries => "LANDLINE_OPT_TCP_KEEPALIVE_RETRIES",
        Setting::TcpUserTimeout => "LANDLINE_OPT_TCP_USER_TIMEOUT_MS",
        Setting::TcpRecvBufferSize => "LANDLINE_OPT_TCP_RECV_BUFFER_SIZE",
        Setting::TcpSendBufferSize => "LANDLINE_OPT_TCP_SEND_BUFFER_SIZE",
        Setting::AddressFamily => "LANDLINE_OPT_ADDRESS_FAMILY",
        Setting::LocalAddr => "LANDLINE_OPT_LOCAL_ADDR",
        Setting::Interface => "LANDLINE_OPT_INTERFACE",
        Setting::ClientCertificate => "LANDLINE_OPT_TLS_CERT_FILE or LANDLINE_OPT_TLS_CERT_PEM",
        Setting::ServerName => "LANDLINE_OPT_TLS_SERVER_NAME",
        Setting::PinnedKey => "LANDLINE_OPT_TLS_PINNED_KEY",
        Setting::MinTlsVersion => "LANDLINE_OPT_TLS_MIN_VERSION",
        Setting::ClientCerts => "LANDLINE_OPT_TLS_CLIENT_CERTS",
        Setting::ClientCas => "LANDLINE_OPT_TLS_CLIENT_CA_FILE or LANDLINE_OPT_TLS_CLIENT_CA_PEM",
        Setting::KeyLog => "LANDLINE_OPT_TLS_KEY_LOG",
        Setting::ServerCertificates => "landline_options_add_cert_files()",
        Setting::TrustedCertificates => "LANDLINE_OPT_TLS_CA_FILE or LANDLINE_OPT_TLS_CA_PEM",
        Setting::Proxy | Setting::ProxyCredentials => "LANDLINE_OPT_PROXY",
        Setting::ProxyTrustedCertificates => "LANDLINE_OPT_PROXY_TLS_CA_FILE",
        Setting::ProxyClientCertificate => "LANDLINE_OPT_PROXY_TLS_CERT_FILE",
        Setting::BackoffFirst => "LANDLINE_OPT_BACKOFF_FIRST_MS",
        Setting::BackoffFactor => "LANDLINE_OPT_BACKOFF_FACTOR",
        Setting::BackoffJitter => "LANDLINE_OPT_BACKOFF_JITTER_PERCENT",
        Setting::MaxAttempts => "LANDLINE_OPT_MAX_ATTEMPTS",
        Setting::MaxRedirects => "LANDLINE_OPT_MAX_REDIRECTS",
        Setting::Auth => "LANDLINE_OPT_AUTH_USER and LANDLINE_OPT_AUTH_PASSWORD",
        Setting::Bearer => "LANDLINE_OPT_BEARER_TOKEN",
        _ => return None,
    })
}

/// The error for a key that `function`, a query, does not have.
pub(crate) fn wrong_key(keys: Keys, key: i32, function: &str) -> Failure {
    let name = name_of(keys, key);
    Failure::invalid(match function {
        _ if name == key.to_string() => format!("{function}() has no key {key}"),
        "landline_conn_int" | "landline_tls_int" => {
            format!("{name} is the key of a text: query it with {}()", function.replace("_int", "_str"))
        }
        "landline_conn_str" | "landline_tls_str" => {
            format!("{name} is the key of a number: query it with {}()", function.replace("_str", "_int"))
        }
        _ => format!("{function}() does not have the key {name}"),
    })
}

/// LANDLINE_OPT_*
pub(crate) const OPTIONS: Keys = keys![
    LANDLINE_OPT_MAX_MESSAGE_SIZE,
    LANDLINE_OPT_MAX_FRAGMENTS,
    LANDLINE_OPT_SEND_TIMEOUT_MS,
    LANDLINE_OPT_RECV_TIMEOUT_MS,
    LANDLINE_OPT_CLOSE_TIMEOUT_MS,
    LANDLINE_OPT_KEEPALIVE_INTERVAL_MS,
    LANDLINE_OPT_KEEPALIVE_TIMEOUT_MS,
    LANDLINE_OPT_CONNECT_TIMEOUT_MS,
    LANDLINE_OPT_HANDSHAKE_TIMEOUT_MS,
    LANDLINE_OPT_COMPRESSION,
    LANDLINE_OPT_COMPRESSION_LEVEL,
    LANDLINE_OPT_COMPRESSION_THRESHOLD,
    LANDLINE_OPT_SERVER_NO_CONTEXT_TAKEOVER,
    LANDLINE_OPT_CLIENT_NO_CONTEXT_TAKEOVER,
    LANDLINE_OPT_SERVER_MAX_WINDOW_BITS,
    LANDLINE_OPT_CLIENT_MAX_WINDOW_BITS,
    LANDLINE_OPT_COMPRESSION_FREE_BETWEEN_MESSAGES,
    LANDLINE_OPT_MAX_HEAD_SIZE,
    LANDLINE_OPT_MAX_HEADERS,
    LANDLINE_OPT_MAX_START_LINE,
    LANDLINE_OPT_MAX_REFUSAL_BODY,
    LANDLINE_OPT_TCP_NODELAY,
    LANDLINE_OPT_TLS_PLATFORM_ROOTS,
    LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_CERTS,
    LANDLINE_OPT_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES,
    LANDLINE_OPT_MAX_CONNECTIONS,
    LANDLINE_OPT_STACK_SIZE,
    LANDLINE_OPT_ORIGINS,
    LANDLINE_OPT_SINGLE_THREAD,
    LANDLINE_OPT_PUBLIC_SCHEME,
    LANDLINE_OPT_TCP_KEEPALIVE_TIME_MS,
    LANDLINE_OPT_TCP_KEEPALIVE_INTERVAL_MS,
    LANDLINE_OPT_TCP_KEEPALIVE_RETRIES,
    LANDLINE_OPT_TCP_USER_TIMEOUT_MS,
    LANDLINE_OPT_TCP_RECV_BUFFER_SIZE,
    LANDLINE_OPT_TCP_SEND_BUFFER_SIZE,
    LANDLINE_OPT_ADDRESS_FAMILY,
    LANDLINE_OPT_UNIX_MODE,
    LANDLINE_OPT_ORIGIN,
    LANDLINE_OPT_HOST,
    LANDLINE_OPT_SUBPROTOCOL,
    LANDLINE_OPT_ALLOWED_ORIGIN,
    LANDLINE_OPT_TLS_CA_FILE,
    LANDLINE_OPT_TLS_CERT_FILE,
    LANDLINE_OPT_TLS_KEY_FILE,
    LANDLINE_OPT_TLS_PKCS12_PASSWORD,
    LANDLINE_OPT_ADDRESS,
    LANDLINE_OPT_LOCAL_ADDR,
    LANDLINE_OPT_INTERFACE,
    LANDLINE_OPT_UNIX_PATH,
    LANDLINE_OPT_TLS_CA_PEM,
    LANDLINE_OPT_TLS_CERT_PEM,
    LANDLINE_OPT_TLS_KEY_PEM,
    LANDLINE_OPT_TLS_PKCS12,
    LANDLINE_OPT_MAX_REDIRECTS,
    LANDLINE_OPT_AUTH_USER,
    LANDLINE_OPT_AUTH_PASSWORD,
    LANDLINE_OPT_BEARER_TOKEN,
    LANDLINE_OPT_PROXY,
    LANDLINE_OPT_NO_PROXY,
    LANDLINE_OPT_PROXY_TLS_CA_FILE,
    LANDLINE_OPT_PROXY_TLS_CERT_FILE,
    LANDLINE_OPT_PROXY_TLS_KEY_FILE,
    LANDLINE_OPT_PROXY_FROM_ENV,
    LANDLINE_OPT_PROXY_TLS_PLATFORM_ROOTS,
    LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_CERTS,
    LANDLINE_OPT_PROXY_TLS_DANGER_ACCEPT_INVALID_HOSTNAMES,
    LANDLINE_OPT_BACKOFF_FIRST_MS,
    LANDLINE_OPT_BACKOFF_FACTOR,
    LANDLINE_OPT_BACKOFF_MAX_MS,
    LANDLINE_OPT_BACKOFF_JITTER_PERCENT,
    LANDLINE_OPT_RESET_AFTER_MS,
    LANDLINE_OPT_MAX_RETRY_AFTER_MS,
    LANDLINE_OPT_MAX_ATTEMPTS,
    LANDLINE_OPT_GIVE_UP_AFTER_MS,
    LANDLINE_OPT_OUTBOX_MESSAGES,
    LANDLINE_OPT_OUTBOX_BYTES,
    LANDLINE_OPT_TLS_BACKEND,
    LANDLINE_OPT_TLS_MIN_VERSION,
    LANDLINE_OPT_TLS_ALPN,
    LANDLINE_OPT_TLS_CLIENT_CERTS,
    LANDLINE_OPT_TLS_KEY_LOG,
    LANDLINE_OPT_TLS_CA_DIR,
    LANDLINE_OPT_TLS_SERVER_NAME,
    LANDLINE_OPT_TLS_PINNED_KEY,
    LANDLINE_OPT_TLS_KEY_LOG_FILE,
    LANDLINE_OPT_TLS_CLIENT_CA_FILE,
    LANDLINE_OPT_TLS_CLIENT_CA_DIR,
    LANDLINE_OPT_TLS_CLIENT_CA_PEM,
];

/// LANDLINE_TLS_INFO_*
pub(crate) const TLS_INFO: Keys = keys![
    LANDLINE_TLS_INFO_VERSION,
    LANDLINE_TLS_INFO_CIPHER_SUITE,
    LANDLINE_TLS_INFO_IS_RESUMED,
    LANDLINE_TLS_INFO_BACKEND,
    LANDLINE_TLS_INFO_CERT_COUNT,
    LANDLINE_TLS_INFO_CIPHER_SUITE_NAME,
    LANDLINE_TLS_INFO_ALPN,
    LANDLINE_TLS_INFO_COMMON_NAME,
    LANDLINE_TLS_INFO_NAMES,
    LANDLINE_TLS_INFO_PUBLIC_KEY_PIN,
];

/// LANDLINE_CONN_*
pub(crate) const CONN: Keys = keys![
    LANDLINE_CONN_STATE,
    LANDLINE_CONN_CLOSE_CODE,
    LANDLINE_CONN_CLOSE_CODE_RECEIVED,
    LANDLINE_CONN_CLOSE_CODE_SENT,
    LANDLINE_CONN_CLOSED_FIRST_BY,
    LANDLINE_CONN_CLOSED_CLEANLY,
    LANDLINE_CONN_FD,
    LANDLINE_CONN_HAS_BUFFERED,
    LANDLINE_CONN_COMPRESSION,
    LANDLINE_CONN_MESSAGES_SENT,
    LANDLINE_CONN_MESSAGES_RECEIVED,
    LANDLINE_CONN_PAYLOAD_SENT,
    LANDLINE_CONN_PAYLOAD_RECEIVED,
    LANDLINE_CONN_WIRE_SENT,
    LANDLINE_CONN_WIRE_RECEIVED,
    LANDLINE_CONN_NEXT_DEADLINE_MS,
    LANDLINE_CONN_ID,
    LANDLINE_CONN_RESOLVE_TIME_US,
    LANDLINE_CONN_CONNECT_TIME_US,
    LANDLINE_CONN_PROXY_TIME_US,
    LANDLINE_CONN_TLS_TIME_US,
    LANDLINE_CONN_UPGRADE_TIME_US,
    LANDLINE_CONN_OPENING_TIME_US,
    LANDLINE_CONN_SUBPROTOCOL,
    LANDLINE_CONN_EXTENSIONS,
    LANDLINE_CONN_TARGET,
    LANDLINE_CONN_PEER_ADDR,
    LANDLINE_CONN_LOCAL_ADDR,
    LANDLINE_CONN_HEADERS,
    LANDLINE_CONN_CLOSE_REASON,
    LANDLINE_CONN_URL,
];

/// LANDLINE_REQUEST_*
pub(crate) const REQUEST: Keys = keys![
    LANDLINE_REQUEST_PATH,
    LANDLINE_REQUEST_QUERY,
    LANDLINE_REQUEST_HOST,
    LANDLINE_REQUEST_ORIGIN,
    LANDLINE_REQUEST_PEER_ADDR,
    LANDLINE_REQUEST_HEADERS,
    LANDLINE_REQUEST_RAW_TARGET,
];

/// LANDLINE_SESSION_*
pub(crate) const SESSION: Keys = keys![
    LANDLINE_SESSION_STAGE,
    LANDLINE_SESSION_WAIT_MS,
    LANDLINE_SESSION_ATTEMPTS,
    LANDLINE_SESSION_RECONNECTS,
    LANDLINE_SESSION_OUTBOX_MESSAGES,
    LANDLINE_SESSION_OUTBOX_BYTES,
    LANDLINE_SESSION_CLOSE_CODE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_name() {
        let sources = [
            (
                OPTIONS,
                "LANDLINE_OPT_",
                concat!(
                    include_str!("options.rs"),
                    include_str!("options_http.rs"),
                    include_str!("options_proxy.rs"),
                    include_str!("options_session.rs"),
                    include_str!("options_tls.rs")
                ),
            ),
            (SESSION, "LANDLINE_SESSION_", include_str!("session_info.rs")),
            (TLS_INFO, "LANDLINE_TLS_INFO_", include_str!("tls.rs")),
            (CONN, "LANDLINE_CONN_", include_str!("conn_info.rs")),
            (REQUEST, "LANDLINE_REQUEST_", include_str!("request.rs")),
        ];
        for (keys, prefix, source) in sources {
            let declared: Vec<_> = source
                .lines()
                .filter_map(|line| line.strip_prefix("pub const ")?.split_once(':'))
                .map(|(name, _)| name)
                .filter(|name| name.starts_with(prefix))
                .collect();
            let named: Vec<_> = keys.iter().map(|(_, name)| *name).collect();
            assert!(!declared.is_empty());
            assert_eq!(named, declared, "in the order of the source");
        }
    }
}
