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

/// macOS and the BSDs lack these; there is no machine of theirs among those that test this.
#[test]
fn what_only_some_systems_have_stands_behind_a_cfg() {
    const WORDS: [&str; 10] = [
        "NOSIGNAL",
        "nosigpipe",
        "eventfd(",
        "epoll",
        "accept4",
        "pipe_with",
        "pipe2",
        "socket_domain",
        "signalfd",
        "/proc/",
    ];
    for path in ["src", "ffi/src"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        for (number, line) in lines.iter().enumerate() {
            let is_guarded = lines[number.saturating_sub(3)..number].iter().any(|line| line.contains("cfg("));
            let word = WORDS.iter().find(|word| line.contains(**word));
            assert!(word.is_none() || is_guarded, "{}:{}: {}", path.display(), number + 1, word.unwrap());
        }
    }
}
