//! Modules depend on each other only as ARCHITECTURE.md says.

use std::collections::{BTreeMap, BTreeSet};
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

/// Its lines, without comments.
fn code(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned()).collect()
}

/// Files that hold only tests are exempt.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// Fails if code (not comments) in `folder` has one of these words.
fn must_not_name(folder: &str, words: &[&str]) {
    for path in sources(folder).into_iter().filter(|path| !is_test(path)) {
        for (number, line) in code(&path).iter().enumerate() {
            for word in words {
                assert!(!line.contains(word), "{}:{}: {word}", path.display(), number + 1);
            }
        }
    }
}

/// The modules of the crate in the order of the table in ARCHITECTURE.md: those of a row, and what they may name.
fn layers() -> Vec<(Vec<String>, BTreeSet<String>)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let table = page.lines().skip_while(|line| !line.starts_with("| modules |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let [modules, _, names] = cells[..] else { panic!("three columns: {row}") };
        (quoted(modules), quoted(names).into_iter().collect())
    })
    .collect()
}

/// `client` for src/client.rs, `server` for src/server/serve.rs; and how many `super` lead to the root of the crate.
fn module_of(path: &Path) -> (String, usize) {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap().with_extension("");
    let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).filter(|part| *part != "mod").collect();
    (parts[0].to_owned(), parts.len())
}

/// What a line of code names from the crate's root, after `crate::` or `super::`.
fn named(line: &str, depth: usize) -> impl Iterator<Item = &str> {
    let up = "super::".repeat(depth);
    let from_root: Vec<_> = line.match_indices("crate::").map(|(at, found)| at + found.len()).collect();
    let from_below: Vec<_> = line.match_indices(&up).map(|(at, found)| at + found.len()).collect();
    from_root
        .into_iter()
        .chain(from_below)
        .map(|at| line[at..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

#[test]
fn the_table_of_layers_matches_the_sources() {
    let layers = layers();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in sources("src").into_iter().filter(|path| !is_test(path)) {
        let (module, depth) = module_of(&path);
        let mut inline = 0;
        if ["lib", "guide"].contains(&&module[..]) {
            continue;
        }
        let names = used.entry(module.clone()).or_default();
        for (number, line) in code(&path).iter().enumerate() {
            if line == "}" {
                inline = 0;
            } else if !line.starts_with(' ') && line.contains("mod ") && line.ends_with('{') {
                inline = 1;
            }
            for name in named(line, depth + inline).filter(|name| *name != module) {
                let place = format!("{}:{}: {line}", path.display(), number + 1);
                assert!(!name.is_empty() && name != "super", "one module at a time, from the root: {place}");
                assert!(
                    name.starts_with(char::is_lowercase),
                    "name it where it is, not where it is exported: {place}"
                );
                names.insert(name.to_owned());
            }
        }
    }
    let listed: Vec<_> = layers.iter().flat_map(|(modules, _)| modules.clone()).collect();
    assert_eq!(listed.iter().collect::<BTreeSet<_>>(), used.keys().collect(), "each module stands in one row");
    assert_eq!(listed.len(), used.len(), "a module stands in two rows");
    for (row, (modules, may_name)) in layers.iter().enumerate() {
        let below: BTreeSet<_> = layers[row + 1..].iter().flat_map(|(modules, _)| modules.clone()).collect();
        let up: Vec<_> = may_name.difference(&below).collect();
        assert!(up.is_empty(), "{modules:?} name {up:?}, which does not stand below them");
        let names: BTreeSet<_> = modules.iter().flat_map(|module| used[module].clone()).collect();
        assert_eq!(&names, may_name, "what {modules:?} name, and what the table says");
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
        ],
    );
}

#[test]
fn transports_know_nothing_of_websocket() {
    must_not_name("src/transport", &["Opcode", "CloseCode", "Sec-WebSocket"]);
}

/// What is wrong with a line of code that has an `Instant`. One is a reading of the clock: `now`, to ask deadlines whether
/// they are over, or `begin` or `heard`, to measure what has passed since.
fn misuse_of_moments(line: &str) -> Option<&'static str> {
    let rest = line.replace("Instant::now()", "now");
    let moments = ["now", "begin", "heard"];
    let words: Vec<_> = rest.split(|c: char| c.is_whitespace() || "(),;&{}".contains(c)).collect();
    let is_moment = |word: &str| moments.contains(&word.rsplit('.').next().unwrap_or_default());
    let is_operator = |word: &str| ["+", "-", "<", ">", "<=", ">=", "==", "+=", "-="].contains(&word);
    let computes = words
        .windows(2)
        .any(|pair| (is_moment(pair[0]) && is_operator(pair[1])) || (is_operator(pair[0]) && is_moment(pair[1])));
    if computes || ["duration_since", "now.checked_", "begin.checked_"].iter().any(|word| rest.contains(word)) {
        return Some("a Deadline computes with moments");
    }
    let others = moments.iter().fold(rest, |rest, name| rest.replace(&format!("{name}: Instant"), ""));
    others.contains("Instant").then_some("a moment to compute with is a Deadline")
}

#[test]
fn only_deadlines_compute_with_moments() {
    for wrong in [
        "let late = Instant::now() + LIMIT;",
        "if self.heard < now {",
        "if deadline <= Instant::now() {",
        "now.duration_since(begin)",
        "Instant::now().checked_add(limit)",
        "deadline: Option<Instant>,",
    ] {
        assert!(misuse_of_moments(wrong).is_some(), "{wrong}");
    }
    for right in [
        "let begin = Instant::now();",
        "Ok(begin.elapsed())",
        "fn act(&mut self, now: Instant) -> Result<bool> {",
        "Deadline::at(now).later(IDLE)",
    ] {
        assert_eq!(misuse_of_moments(right), None, "{right}");
    }
    for path in ["src", "ffi/src"].into_iter().flat_map(sources).filter(|path| !is_test(path)) {
        // The second compares dates in HTTP headers, which are no moments of that clock.
        if path.ends_with("src/deadline.rs") || path.ends_with("src/error/transient.rs") {
            continue;
        }
        let lines = code(&path);
        let lines = lines.iter().take_while(|line| !line.starts_with("mod tests {"));
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.starts_with("use ")) {
            let wrong = misuse_of_moments(line);
            assert_eq!(wrong, None, "{}:{}: {line}", path.display(), number + 1);
        }
    }
}

/// macOS and the BSDs lack these, and the tests do not run there.
#[test]
fn platform_specific_calls_are_behind_a_cfg() {
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
        let lines = code(&path);
        for (number, line) in lines.iter().enumerate() {
            let is_guarded = lines[number.saturating_sub(3)..number].iter().any(|line| line.contains("cfg("));
            let word = WORDS.iter().find(|word| line.contains(**word));
            assert!(word.is_none() || is_guarded, "{}:{}: {}", path.display(), number + 1, word.unwrap());
        }
    }
}
