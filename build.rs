//! Writes `include/landline.h` from the sources of `ffi/`, whose build script this is. The header is committed; the file
//! is only touched when it changes.

use std::path::Path;
use std::{env, fs};

fn main() {
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let package = Path::new(&package);
    let header = package.join("../include/landline.h");
    for changed in ["src", "cbindgen.toml", "manual.txt", "../build.rs", "../include/landline.h"] {
        println!("cargo::rerun-if-changed={}", package.join(changed).display());
    }

    let manual = fs::read_to_string(package.join("manual.txt")).expect("ffi/manual.txt can be read");
    let mut config =
        cbindgen::Config::from_file(package.join("cbindgen.toml")).expect("ffi/cbindgen.toml is valid");
    config.header = Some(format!("/*\n{}\n */", prefixed(&manual)));
    config.after_includes = Some(versions());
    let bindings = cbindgen::Builder::new()
        .with_crate(package)
        .with_config(config)
        .generate()
        .expect("cbindgen understands the sources of ffi/");
    let mut generated = Vec::new();
    bindings.write(&mut generated);
    let generated = tidied(&String::from_utf8(generated).expect("the header is text"));
    if fs::read_to_string(&header).ok().as_deref() != Some(&generated) {
        // Sources that cannot be written to have the header of their release.
        if let Err(error) = fs::write(&header, generated) {
            println!("cargo::warning=include/landline.h differs from ffi/ and cannot be written: {error}");
        }
    }
}

/// The version as macros, one of them a number that can be compared.
fn versions() -> String {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).expect("cargo gives the version");
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(part);
    format!(
        "\n/** The version of this header. */\n#define LANDLINE_VERSION \"{major}.{minor}.{patch}\"\n\
         #define LANDLINE_VERSION_MAJOR {major}\n#define LANDLINE_VERSION_MINOR {minor}\n\
         #define LANDLINE_VERSION_PATCH {patch}\n/** For comparing with landline_version_number(). */\n\
         #define LANDLINE_VERSION_NUMBER (({major} << 16) | ({minor} << 8) | {patch})\n"
    )
}

/// The manual as the inside of a comment.
fn prefixed(text: &str) -> String {
    text.lines().map(|line| format!(" * {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Leaves out what the documentation tells callers in Rust only, and puts short comments on one line.
fn tidied(header: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    let mut skipping = false;
    for line in header.lines() {
        let text = line.trim();
        if text == "* # Safety" {
            skipping = true;
            // And the empty line before it.
            kept.pop_if(|last| last.trim() == "*");
        }
        if text == "*/" {
            skipping = false;
            if let [.., open, only] = &kept[..]
                && open.trim() == "/**"
            {
                let only = only.trim().trim_start_matches('*').trim();
                let short = format!("{} {only} */", open.trim_end());
                kept.truncate(kept.len() - 2);
                kept.push(short);
                continue;
            }
        }
        if !skipping {
            kept.push(line.to_owned());
        }
    }
    kept.join("\n") + "\n"
}
