//! Settings that errors are about, and why a setting cannot be used.

use super::{CredentialsError, HeaderError, ProxyUrlError, RequestError, ResponseError};
use crate::proto::proxy;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// A setting that an error is about. Programs in which it has another name can use
/// [`Error::report`](super::Error::report).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// [`Config::max_message_size`](crate::Config::max_message_size).
    MaxMessageSize,
    /// [`Config::max_fragments`](crate::Config::max_fragments).
    MaxFragments,
    /// [`Config::send_timeout`](crate::Config::send_timeout).
    SendTimeout,
    /// [`Config::recv_timeout`](crate::Config::recv_timeout).
    RecvTimeout,
    /// [`Config::close_timeout`](crate::Config::close_timeout).
    CloseTimeout,
    /// The `handshake_timeout` of clients and servers.
    HandshakeTimeout,
    /// [`ClientBuilder::connect_timeout`](crate::ClientBuilder::connect_timeout).
    ConnectTimeout,
    /// [`Keepalive::interval`](crate::Keepalive::interval).
    KeepaliveInterval,
    /// [`Keepalive::timeout`](crate::Keepalive::timeout).
    KeepaliveTimeout,
    /// [`Compression::level`](crate::Compression::level).
    CompressionLevel,
    /// [`Compression::server_max_window_bits`](crate::Compression::server_max_window_bits).
    ServerMaxWindowBits,
    /// [`Compression::client_max_window_bits`](crate::Compression::client_max_window_bits).
    ClientMaxWindowBits,
    /// [`HeadLimits::max_head_size`](crate::proto::handshake::HeadLimits::max_head_size).
    MaxHeadSize,
    /// [`HeadLimits::max_headers`](crate::proto::handshake::HeadLimits::max_headers).
    MaxHeaders,
    /// [`HeadLimits::max_start_line`](crate::proto::handshake::HeadLimits::max_start_line).
    MaxStartLine,
    /// [`TcpOptions::keepalive_time`](crate::transport::TcpOptions::keepalive_time).
    TcpKeepaliveTime,
    /// [`TcpOptions::keepalive_interval`](crate::transport::TcpOptions::keepalive_interval).
    TcpKeepaliveInterval,
    /// [`TcpOptions::keepalive_retries`](crate::transport::TcpOptions::keepalive_retries).
    TcpKeepaliveRetries,
    /// [`TcpOptions::user_timeout`](crate::transport::TcpOptions::user_timeout).
    TcpUserTimeout,
    /// [`TcpOptions::recv_buffer_size`](crate::transport::TcpOptions::recv_buffer_size).
    TcpRecvBufferSize,
    /// [`TcpOptions::send_buffer_size`](crate::transport::TcpOptions::send_buffer_size).
    TcpSendBufferSize,
    /// [`ClientBuilder::address_family`](crate::ClientBuilder::address_family).
    AddressFamily,
    /// [`ClientBuilder::local_addr`](crate::ClientBuilder::local_addr).
    LocalAddr,
    /// [`ClientBuilder::interface`](crate::ClientBuilder::interface).
    Interface,
    /// The certificates that a client trusts:
    /// [`ca_file`](crate::transport::TlsConnectorBuilder::ca_file) and
    /// [`ca_pem`](crate::transport::TlsConnectorBuilder::ca_pem).
    TrustedCertificates,
    /// [`ClientBuilder::proxy`](crate::ClientBuilder::proxy).
    Proxy,
    /// A proxy's user and password: [`Proxy::auth`](crate::Proxy::auth), or in its URL.
    ProxyCredentials,
    /// The certificates that a client trusts for a proxy: [`Proxy::tls_options`](crate::Proxy::tls_options).
    ProxyTrustedCertificates,
    /// The certificate of a client for a proxy: [`Proxy::tls_options`](crate::Proxy::tls_options).
    ProxyClientCertificate,
    /// [`Backoff::first`](crate::reconnect::Backoff::first).
    BackoffFirst,
    /// [`Backoff::factor`](crate::reconnect::Backoff::factor).
    BackoffFactor,
    /// [`Backoff::jitter_percent`](crate::reconnect::Backoff::jitter_percent).
    BackoffJitter,
    /// [`SessionBuilder::max_attempts`](crate::reconnect::SessionBuilder::max_attempts).
    MaxAttempts,
    /// The certificate of a client:
    /// [`identity`](crate::transport::TlsConnectorBuilder::identity) and its relatives.
    ClientCertificate,
    /// [`server_name`](crate::transport::TlsConnectorBuilder::server_name).
    ServerName,
    /// [`pinned_key`](crate::transport::TlsConnectorBuilder::pinned_key).
    PinnedKey,
    /// The `min_version` of [clients](crate::transport::TlsConnectorBuilder::min_version) and
    /// [servers](crate::transport::TlsAcceptorBuilder::min_version).
    MinTlsVersion,
    /// [`client_certs`](crate::transport::TlsAcceptorBuilder::client_certs).
    ClientCerts,
    /// The authorities of clients' certificates that a server trusts:
    /// [`client_ca_file`](crate::transport::TlsAcceptorBuilder::client_ca_file) and its relatives.
    ClientCas,
    /// The `key_log` and `key_log_file` of [clients](crate::transport::TlsConnectorBuilder::key_log) and
    /// [servers](crate::transport::TlsAcceptorBuilder::key_log).
    KeyLog,
    /// The certificates of a server, of which there may be [several](crate::transport::TlsAcceptorBuilder::identity).
    ServerCertificates,
    /// [`ClientBuilder::max_redirects`](crate::ClientBuilder::max_redirects).
    MaxRedirects,
    /// The user name and password for servers: [`ClientBuilder::auth`](crate::ClientBuilder::auth).
    Auth,
    /// The token for servers: [`ClientBuilder::bearer`](crate::ClientBuilder::bearer).
    Bearer,
}

impl Setting {
    /// Its name in this crate.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxMessageSize => "max_message_size",
            Self::MaxFragments => "max_fragments",
            Self::SendTimeout => "send_timeout",
            Self::RecvTimeout => "recv_timeout",
            Self::CloseTimeout => "close_timeout",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::ConnectTimeout => "connect_timeout",
            Self::KeepaliveInterval => "keepalive interval",
            Self::KeepaliveTimeout => "keepalive timeout",
            Self::CompressionLevel => "compression level",
            Self::ServerMaxWindowBits => "server_max_window_bits",
            Self::ClientMaxWindowBits => "client_max_window_bits",
            Self::TcpKeepaliveTime => "TCP keepalive_time",
            Self::TcpKeepaliveInterval => "TCP keepalive_interval",
            Self::TcpKeepaliveRetries => "TCP keepalive_retries",
            Self::TcpUserTimeout => "TCP user_timeout",
            Self::TcpRecvBufferSize => "TCP recv_buffer_size",
            Self::TcpSendBufferSize => "TCP send_buffer_size",
            Self::MaxHeadSize => "max_head_size",
            Self::MaxHeaders => "max_headers",
            Self::MaxStartLine => "max_start_line",
            Self::AddressFamily => "address_family",
            Self::LocalAddr => "local_addr",
            Self::Interface => "interface",
            Self::TrustedCertificates => "ca_file or ca_pem",
            Self::Proxy => "Proxy::parse",
            Self::ProxyCredentials => "Proxy::auth",
            Self::ProxyTrustedCertificates | Self::ProxyClientCertificate => "Proxy::tls_options",
            Self::BackoffFirst => "first backoff",
            Self::BackoffFactor => "backoff factor",
            Self::BackoffJitter => "backoff jitter_percent",
            Self::MaxAttempts => "max_attempts",
            Self::ClientCertificate => "identity",
            Self::ServerName => "server_name",
            Self::PinnedKey => "pinned_key",
            Self::MinTlsVersion => "min_version",
            Self::ClientCerts => "client_certs",
            Self::ClientCas => "client_ca_file or client_ca_pem",
            Self::KeyLog => "key_log",
            Self::ServerCertificates => "identity",
            Self::MaxRedirects => "max_redirects",
            Self::Auth => "auth",
            Self::Bearer => "bearer",
        }
    }

    /// What to do about an error that this setting causes or could avoid.
    pub(super) fn advise(self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        match self {
            Self::AddressFamily => write!(f, "admit the others with {name}"),
            Self::TrustedCertificates => write!(f, "trust its issuer with {name}, if this is the right server"),
            Self::Proxy => write!(f, "check scheme, host and port in {name}"),
            Self::ProxyCredentials => write!(f, "check the proxy's user and password in {name}"),
            Self::ProxyTrustedCertificates => {
                write!(f, "trust the issuer of the proxy's certificate with {name}, if this is the right proxy")
            }
            Self::ClientCas => write!(f, "trust its issuer with {name}, if this is the right client"),
            Self::ClientCertificate | Self::ProxyClientCertificate => write!(f, "give one with {name}"),
            Self::ServerName => write!(f, "set {name} to the name that it is for, if this is the right server"),
            Self::PinnedKey => write!(f, "pin it with {name}, if this is the right server"),
            Self::MinTlsVersion => write!(f, "lower {name} to accept it"),
            Self::ClientCerts => write!(f, "make it optional with {name} to accept it"),
            Self::MaxRedirects => write!(f, "follow it with {name}"),
            Self::Auth => write!(f, "give the right user name and password with {name}"),
            Self::Bearer => write!(f, "give a valid token with {name}"),
            _ => write!(f, "raise {name} to accept it"),
        }
    }
}

/// Something that this program specified and that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting that is out of range or cannot work.
    #[error("{} of {given} cannot be used: {advice}", setting.name())]
    Setting {
        /// Which one.
        setting: Setting,
        /// The value that it was set to.
        given: u64,
        /// What is wrong with the value, or which values to use.
        advice: &'static str,
    },
    /// A setting that is a text and cannot work.
    #[error("{} of {given} cannot be used: {advice}", setting.name())]
    Value {
        /// Which one.
        setting: Setting,
        /// What it was set to.
        given: String,
        /// What is wrong with it, or what to use.
        advice: &'static str,
    },
    /// A setting that does not work together with what another one is set to, or without it.
    #[error("{} of {given} cannot be used: {advice} {}", setting.name(), other.name())]
    Combination {
        /// Which one.
        setting: Setting,
        /// What it was set to.
        given: String,
        /// What is wrong, or what to do, up to the name of the other one.
        advice: &'static str,
        /// The other one.
        other: Setting,
    },
    /// A setting that the chosen TLS library does not have.
    #[error("{} cannot be used with {by}: {advice}", setting.name())]
    Unsupported {
        /// Which one.
        setting: Setting,
        /// The library.
        by: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// Something that was left out when this library was compiled.
    #[error("this build of landline has no {what}; enable its cargo feature {feature}")]
    NotCompiledIn {
        /// What it is.
        what: &'static str,
        /// The cargo feature.
        feature: &'static str,
    },
    /// A header that cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// An opening request that cannot be sent.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A user name or password that cannot be sent.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A response to an opening request that cannot be sent.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// A proxy's URL that cannot be used.
    #[error(transparent)]
    ProxyUrl(#[from] ProxyUrlError),
    /// A proxy's URL in the environment that cannot be used.
    #[error("the environment variable {variable} cannot be used: {reason}")]
    ProxyVariable {
        /// The name of the variable.
        variable: &'static str,
        /// Why.
        reason: Arc<ConfigError>,
    },
    /// A request that cannot be sent to a proxy.
    #[error(transparent)]
    ProxyRequest(#[from] proxy::RequestError),
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file for session secrets of TLS that cannot be written to.
    #[error("cannot write the key log {}", path.display())]
    KeyLog {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An address to listen on that is not valid.
    #[error("cannot listen on {address}; {advice}")]
    Address {
        /// The address as it was specified.
        address: String,
        /// What to use instead.
        advice: &'static str,
        /// The error of the standard library.
        source: io::Error,
    },
}
