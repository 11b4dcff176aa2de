//! Connections through servers and proxies of other projects: nginx and HAProxy in front of our server.
//!
//!     .ci/install && cargo test --test peers -- --ignored
//!
//! `program.rs` starts them, with the configuration files in `interop/proxies/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

#[path = "../common/mod.rs"]
mod common;
mod program;
mod reverse;
mod talk;
