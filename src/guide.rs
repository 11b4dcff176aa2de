//! Guides to topics that concern more than a single call.

#[doc = include_str!("../docs/compression.md")]
pub mod compression {}

#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[doc = include_str!("../docs/reconnect.md")]
pub mod reconnect {}

#[doc = include_str!("../docs/reverse_proxies.md")]
pub mod reverse_proxies {}
