//! Connections through servers and proxies of other projects: nginx, HAProxy and lighttpd in front of our server, tinyproxy,
//! squid, dante, microsocks and ssh behind our client, and OpenSSL at the other end of TLS.
//!
//!     .ci/install && cargo test --features rustls --test peers -- --ignored
//!
//! `program.rs` starts them, with the configuration files in `interop/proxies/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod chains;
#[path = "../common/mod.rs"]
mod common;
mod http_proxies;
mod languages;
mod openssl;
mod program;
mod proxies;
mod reverse;
mod sessions;
mod socks;
mod talk;
mod web;
