//! The layers hold: see ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// Fails if code (not comments) in `folder` has one of these words.
fn must_not_name(folder: &str, words: &[&str]) {
    for path in sources(folder) {
        if path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs") {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in words {
                assert!(!code.contains(word), "{}:{}: {word}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn proto_does_no_io() {
    must_not_name(
        "src/proto",
        &[
            "std::net",
            "std::io",
            "std::thread",
            "std::sync",
            "std::time",
            "std::env",
            "Instant",
            "native_tls",
            "libc",
            "rustix",
            "getrandom",
            "crate::transport",
            "crate::connection",
            "crate::client",
            "crate::server",
        ],
    );
}

#[test]
fn transports_know_nothing_of_websocket() {
    must_not_name(
        "src/transport",
        &["crate::proto", "crate::connection", "crate::client", "crate::server", "Opcode"],
    );
}
