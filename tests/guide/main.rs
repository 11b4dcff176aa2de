//! Every program of the README and the guide, as printed there: compiled, and run against local servers.
//!
//!     cargo build --release -p landline-ffi && cargo test --features rustls --test guide -- --ignored
//!
//! A block of Rust with `fn main`, and every block of C, C++ and Python, is a program. One of C or C++ without `main` is put
//! into it (`programs.rs`). It must end by itself and with success; a block of the kind `text` right behind it is what it
//! prints. Blocks behind the comment `<!-- server -->` are servers: each runs until the next one, or the end of the page, in
//! place of the echo server that otherwise has port 9001.
//!
//! Programs find the names, ports and files that they are written for, because they run in a network of their own
//! (`network.rs`), in a directory with certificates.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod blocks;
#[path = "../common/mod.rs"]
mod common;
mod network;
mod programs;

use blocks::{Block, Language};
use common::*;
use network::Network;
use programs::Programs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(20);
const MARK: &str = "LANDLINE_TEST_GUIDE";

/// Set `LANDLINE_GUIDE` to a part of a page's name to run only its programs.
#[test]
#[ignore = "needs the C library, compilers, Python, and `unshare`"]
fn every_program_of_the_guide_runs() {
    let only = std::env::var("LANDLINE_GUIDE").unwrap_or_default();
    let pages: Vec<_> = blocks::pages().into_iter().filter(|page| page.name.contains(&only)).collect();
    let Ok(directory) = std::env::var(MARK) else {
        let scratch = Scratch::new("guide");
        Programs::build(scratch.path(""), pages.iter().flat_map(|page| &page.blocks));
        return run_inside(&scratch);
    };
    limited_to(Duration::from_secs(300), move || {
        let programs = Programs::built(directory.into());
        let mut network = Network::start(&programs.directory);
        let failures: Vec<String> = pages.iter().flat_map(|page| run_page(page, &programs, &mut network)).collect();
        assert!(failures.is_empty(), "{} failed:\n\n{}", failures.len(), failures.join("\n\n"));
    });
}

/// Runs this test again, in a network and with files of its own.
fn run_inside(scratch: &Scratch) {
    let setup = network::setup(scratch);
    let mut command = Command::new("unshare");
    command.args(["-rnm", "sh", "-c", &format!("{setup} exec \"$0\" \"$@\"")]);
    command.arg(std::env::current_exe().unwrap()).args(["every_program_of_the_guide_runs", "--exact", "--ignored"]);
    command.args(["--nocapture"]).env(MARK, scratch.path(""));
    let (status, output) = run(&mut command, Duration::from_secs(330));
    assert!(status.success() && output.contains("1 passed"), "{output}");
    println!("{output}");
}

/// What went wrong.
fn run_page(page: &blocks::Page, programs: &Programs, network: &mut Network) -> Vec<String> {
    let mut server: Option<Child> = None;
    let mut failures = Vec::new();
    for block in &page.blocks {
        if block.is_server {
            // Ends the previous one first: both have the same port.
            drop(server.take());
            network.stop_echo();
            let mut child = Child::start(&mut programs.command(block));
            eventually("the server accepts connections", || {
                child.process.try_wait().unwrap().is_some() || TcpStream::connect(network::ECHO).is_ok()
            });
            if child.process.try_wait().unwrap().is_some() {
                failures.push(format!("{block}: the server ended: {}", child.output(LIMIT)));
            }
            server = Some(child);
        } else {
            failures.extend(run_client(block, programs));
        }
        println!("ran {block}");
    }
    if let Some(mut server) = server {
        if server.process.try_wait().unwrap().is_some() {
            failures.push(format!("{}: a server ended: {}", page.name, server.output(LIMIT)));
        }
        drop(server);
        network.start_echo();
    }
    failures
}

fn run_client(block: &Block, programs: &Programs) -> Option<String> {
    let (status, output) = run(&mut programs.command(block), LIMIT);
    if !status.success() {
        return Some(format!("{block}: {status}: {output}"));
    }
    match &block.output {
        Some(expected) if *expected != output => {
            Some(format!("{block} prints:\n{output}\nwhere the page says:\n{expected}"))
        }
        _ => None,
    }
}

#[test]
fn blocks_are_found_with_their_output_and_kind() {
    let page = blocks::parse(
        "page",
        "# Title\n\n```rust,no_run\nfn main() {}\n```\n\nIt prints:\n\n```text\nhello\n```\n\n<!-- server -->\n\
         ```python\nserve()\n```\n\n```sh\nls\n```\n\n```text\nnot its output\n```\n",
    );
    let found: Vec<_> = page.blocks.iter().map(|block| (block.language, block.is_server, &*block.code)).collect();
    assert_eq!(found, [(Language::Rust, false, "fn main() {}\n"), (Language::Python, true, "serve()\n")]);
    assert_eq!(page.blocks[0].output.as_deref(), Some("hello\n"));
    assert_eq!(page.blocks[1].output, None);
}

#[test]
fn the_guide_has_programs_in_every_language() {
    let pages = blocks::pages();
    for language in [Language::Rust, Language::C, Language::Cpp, Language::Python] {
        let count = pages.iter().flat_map(|page| &page.blocks).filter(|block| block.language == language).count();
        assert!(count >= 3, "{language:?}: {count}");
    }
}
