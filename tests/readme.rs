//! The README's first program in Rust, as a newcomer would run it: the dependency and the program as printed there, in a
//! package of its own, with an echo server.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use landline::Server;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

const README: &str = include_str!("../README.md");

/// The first code block with this mark below this heading.
fn block<'a>(heading: &str, mark: &str) -> &'a str {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, code) = section.split_once(&format!("\n```{mark}\n")).unwrap();
    code.split_once("```\n").unwrap().0
}

/// Replaces text that must occur exactly once.
fn replace(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old} in {text}");
    text.replace(old, new)
}

#[test]
fn the_first_program_prints_the_echo_servers_reply() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let stop = server.stop_handle();
    let serving = thread::spawn(move || {
        server.serve(|mut ws| {
            while let Ok(Some(message)) = ws.recv() {
                if ws.send(message).is_err() {
                    break;
                }
            }
        })
    });

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(work.join("src")).unwrap();
    let dependency = replace(block("Rust", "toml"), "\"../landline\"", &format!("{root:?}"));
    // A workspace of its own, because it is inside another one.
    let package = "[package]\nname = \"hello\"\nedition = \"2024\"\n\n[workspace]\n\n";
    fs::write(work.join("Cargo.toml"), format!("{package}{dependency}")).unwrap();
    fs::copy(root.join("Cargo.lock"), work.join("Cargo.lock")).unwrap();
    fs::write(work.join("src/main.rs"), replace(block("Rust", "rust,no_run"), "127.0.0.1:9001", &address)).unwrap();
    // The directory in which this test was built, so that the crates that Landline needs are available.
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline"])
        .current_dir(&work)
        .env("CARGO_TARGET_DIR", built)
        .output()
        .unwrap();

    stop.stop(Duration::from_secs(5));
    serving.join().unwrap().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{stderr}");
    assert_eq!(stdout, "Text(\"hello\")\n", "{stderr}");
}
