//! Versions and features.

use std::ffi::c_char;

/// The version of the ABI: a program works with every library that has the same ABI version and is not older than the
/// program's header.
pub const LANDLINE_ABI_VERSION: i32 = 0;

/// The library supports TLS (wss).
pub const LANDLINE_FEATURE_TLS: u64 = 1;
/// The library supports compression (permessage-deflate).
pub const LANDLINE_FEATURE_COMPRESSION: u64 = 2;
/// The library supports Unix sockets.
pub const LANDLINE_FEATURE_UNIX: u64 = 4;

/// The version of the library that is in use, such as "0.1.0": compare it with LANDLINE_VERSION of the header.
/// Static.
#[unsafe(no_mangle)]
pub extern "C" fn landline_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library as a number: compare it with LANDLINE_VERSION_NUMBER.
#[unsafe(no_mangle)]
pub extern "C" fn landline_version_number() -> i32 {
    let part = |text: &str| text.bytes().fold(0, |number, digit| 10 * number + i32::from(digit - b'0'));
    let (major, minor) = (part(env!("CARGO_PKG_VERSION_MAJOR")), part(env!("CARGO_PKG_VERSION_MINOR")));
    (major << 16) | (minor << 8) | part(env!("CARGO_PKG_VERSION_PATCH"))
}

/// LANDLINE_ABI_VERSION of the library that is in use.
#[unsafe(no_mangle)]
pub extern "C" fn landline_abi_version() -> i32 {
    LANDLINE_ABI_VERSION
}

/// The features of the library: LANDLINE_FEATURE_*, combined.
#[unsafe(no_mangle)]
pub extern "C" fn landline_features() -> u64 {
    LANDLINE_FEATURE_TLS | LANDLINE_FEATURE_COMPRESSION | LANDLINE_FEATURE_UNIX
}
