//! Writes `include/landline.h` from the sources of `ffi/`, whose build script this is. The header is committed; the file
//! is only touched when it changes.
//!
//! cbindgen makes the declarations. Their order is made here, because cbindgen puts all constants before all types, and
//! all types before all functions: `ffi/sections.txt` lists the sections of the header and the modules of each, and
//! within a section everything stands as in the sources.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// The longest line of the header.
const WIDTH: usize = 116;

fn main() {
    let package = env::var("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let package = Path::new(&package);
    let header = package.join("../include/landline.h");
    for changed in ["src", "cbindgen.toml", "manual.txt", "sections.txt", "../build.rs", "../include/landline.h"] {
        println!("cargo::rerun-if-changed={}", package.join(changed).display());
    }
    let generated = generate(package);
    if fs::read_to_string(&header).ok().as_deref() != Some(&generated) {
        // Sources that cannot be written to have the header of their release.
        if let Err(error) = fs::write(&header, generated) {
            println!("cargo::warning=include/landline.h differs from ffi/ and cannot be written: {error}");
        }
    }
}

fn generate(package: &Path) -> String {
    let config = cbindgen::Config::from_file(package.join("cbindgen.toml")).expect("ffi/cbindgen.toml is valid");
    let bindings = cbindgen::Builder::new()
        .with_crate(package)
        .with_config(config)
        .generate()
        .expect("cbindgen understands the sources of ffi/");
    let mut declarations = Vec::new();
    bindings.write(&mut declarations);
    let declarations = String::from_utf8(declarations).expect("the header is text");
    let mut items: HashMap<String, Item> = items(&declarations).map(|item| (item.name.clone(), item)).collect();

    let mut text = format!("/*\n{}\n */\n\n", as_comment(&read(&package.join("manual.txt"))));
    text += "#ifndef LANDLINE_H\n#define LANDLINE_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n";
    text += &versions();
    text += "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";

    let sections = sections(package);
    // First what the declarations of more than one section need.
    let status = &items["landline_status"];
    text += &format!("{}{}\n\n", status.comment, status.code);
    text +=
        "/* The handles. The section of each says what it is for, who frees it, and which threads may use it. */\n";
    let all = sections.iter().flat_map(|section| &section.names);
    for item in all.filter_map(|declared| items.get(&declared.name)).filter(|item| item.is_handle) {
        text += &format!("typedef struct {0} {0};\n", item.name);
    }
    for section in &sections {
        let mut body = String::new();
        let mut title = section.title.clone();
        let mut about = Vec::new();
        for Declared { name, gap } in &section.names {
            let Some(item) = items.remove(name) else { panic!("cbindgen does not know {name}") };
            if item.is_handle {
                title += &format!(": {name}");
                about.push(item.about());
            } else if item.name != "landline_status" {
                let gap = if *gap || body.is_empty() { "\n" } else { "" };
                writeln!(body, "{gap}{}{}", item.comment, item.code).expect("a String takes all");
            }
        }
        let rule = "=".repeat(WIDTH - 10 - title.len());
        let about = [&[format!("===== {title} {rule}")], &about[..]].concat().join("\n\n");
        text += &format!("\n\n/*\n{}\n */\n{body}", as_comment(&about));
    }
    let mut forgotten: Vec<_> = items.keys().collect();
    forgotten.sort();
    assert!(forgotten.is_empty(), "the modules of these are in no section of ffi/sections.txt: {forgotten:?}");
    text + "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* LANDLINE_H */\n"
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A part of the header.
struct Section {
    title: String,
    /// What it declares.
    names: Vec<Declared>,
}

/// What a source file exports.
struct Declared {
    name: String,
    /// Whether an empty line stands before it.
    gap: bool,
}

/// What `sections.txt` says: a title and modules in each line that is not empty and no comment.
fn sections(package: &Path) -> Vec<Section> {
    let text = read(&package.join("sections.txt"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (title, modules) = line.split_once(':').expect("a line of sections.txt is `title: modules`");
            let sources = modules.split_whitespace().map(|module| read(&package.join(format!("src/{module}.rs"))));
            let names = sources.flat_map(|source| declared(&source)).collect();
            Section { title: title.to_owned(), names }
        })
        .collect()
}

/// What a source file exports, in its order.
fn declared(source: &str) -> Vec<Declared> {
    let starts = ["pub const ", "pub struct ", "pub type ", "pub extern \"C\" fn ", "pub unsafe extern \"C\" fn "];
    let mut found = Vec::new();
    let mut gap = false;
    for line in source.lines() {
        gap |= line.is_empty();
        let Some(rest) = starts.iter().find_map(|start| line.strip_prefix(start)) else { continue };
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest);
        if name.to_lowercase().starts_with("landline_") {
            found.push(Declared { name: name.to_owned(), gap });
            gap = false;
        }
    }
    found
}

/// A declaration.
struct Item {
    name: String,
    /// What is said about it, as a comment that ends with a line end; or nothing.
    comment: String,
    code: String,
    is_handle: bool,
}

impl Item {
    /// What is said about it, without the marks of a comment.
    fn about(&self) -> String {
        let lines = self.comment.lines().map(|line| line.trim().trim_start_matches("/**").trim_end_matches("*/"));
        let lines = lines.map(|line| line.trim_start().strip_prefix('*').unwrap_or(line).trim());
        lines.collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

/// The declarations that cbindgen wrote, which empty lines divide.
fn items(declarations: &str) -> impl Iterator<Item = Item> {
    declarations.split("\n\n").map(|text| text.trim_matches('\n')).filter(|text| !text.is_empty()).map(|text| {
        let end = text.find("*/\n").map_or(0, |end| end + 3);
        let (comment, code) = text.split_at(end);
        let is_struct = code.starts_with("typedef struct");
        let code = code.replace("struct landline_", "landline_");
        let code = match is_struct {
            true => code.replacen("typedef landline_", "typedef struct landline_", 1),
            false => code,
        };
        let is_handle = is_struct && !code.contains('{');
        let words = || code.split(|c: char| !c.is_alphanumeric() && c != '_');
        let own = |word: &&str| word.to_lowercase().starts_with("landline_");
        // A type of functions has its name behind `(*`; the first name of a function that is not a type is its own.
        let name = match code.split_once("(*") {
            Some((_, rest)) if code.starts_with("typedef") && !code.contains('{') => rest.split(')').next(),
            _ => words().filter(own).find(|word| *word != "landline_status" && !is_type(&code, word)),
        };
        let name = name.or_else(|| words().find(own)).expect("a declaration has a name").to_owned();
        let code = match code.starts_with("typedef") {
            false if code.contains('(') => laid_out(&code),
            _ => short_comments(&code),
        };
        Item { name, comment: tidied(comment), code, is_handle }
    })
}

/// Whether a function's declaration only mentions `name`, as the type of what it returns.
fn is_type(code: &str, name: &str) -> bool {
    !code.starts_with("typedef") && code.contains('(') && !code.contains(&format!("{name}("))
}

/// A function's declaration in one line, or with its parameters one below the other.
fn laid_out(code: &str) -> String {
    let line = code.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() <= WIDTH {
        return line;
    }
    let (head, parameters) = line.split_once('(').expect("a function has parameters");
    let indent = " ".repeat(head.len() + 1);
    format!("{head}({}", parameters.replace(", ", &format!(",\n{indent}")))
}

/// Puts the comments of fields that fit there on one line.
fn short_comments(code: &str) -> String {
    let lines: Vec<_> = code.lines().collect();
    let mut kept = Vec::new();
    let mut rest = &lines[..];
    while let Some((&line, after)) = rest.split_first() {
        rest = after;
        match after {
            [only, end, ..] if line.trim() == "/**" && end.trim() == "*/" => {
                kept.push(format!("{line} {} */", only.trim().trim_start_matches('*').trim()));
                rest = &after[2..];
            }
            _ => kept.push(line.to_owned()),
        }
    }
    kept.join("\n")
}

/// Leaves out what the documentation tells callers in Rust only, and puts a short comment on one line.
fn tidied(comment: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in comment.lines() {
        match line.trim() {
            "* # Safety" => {
                skipping = true;
                // And the empty line before it.
                if kept.last().is_some_and(|last| last.trim() == "*") {
                    kept.pop();
                }
            }
            "*/" => kept.push(line),
            _ if !skipping => kept.push(line),
            _ => {}
        }
    }
    match kept[..] {
        [] => String::new(),
        ["/**", only, _] => format!("/** {} */\n", only.trim().trim_start_matches('*').trim()),
        _ => kept.join("\n") + "\n",
    }
}

/// The version as macros, one of them a number that can be compared.
fn versions() -> String {
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).expect("cargo gives the version");
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(part);
    format!(
        "/** The version of this header. */\n#define LANDLINE_VERSION \"{major}.{minor}.{patch}\"\n\
         #define LANDLINE_VERSION_MAJOR {major}\n#define LANDLINE_VERSION_MINOR {minor}\n\
         #define LANDLINE_VERSION_PATCH {patch}\n/** For comparing with landline_version_number(). */\n\
         #define LANDLINE_VERSION_NUMBER (({major} << 16) | ({minor} << 8) | {patch})\n"
    )
}

/// The inside of a comment.
fn as_comment(text: &str) -> String {
    text.lines().map(|line| format!(" * {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
