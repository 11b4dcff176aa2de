//! What to know beyond single calls.

#[doc = include_str!("../docs/compression.md")]
pub mod compression {}
