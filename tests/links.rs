//! The links between the pages of this repository lead somewhere, and the guide is complete: each page is a chapter of the
//! book (`docs/SUMMARY.md`) and a module of the documentation (`src/guide.rs`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages in Markdown, without what was built.
fn pages() -> Vec<PathBuf> {
    fn collect(directory: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') && name != "node_modules" {
                collect(&path, pages);
            } else if name.ends_with(".md") {
                pages.push(path);
            }
        }
    }
    let mut pages = Vec::new();
    collect(root(), &mut pages);
    pages
}

/// A page without its blocks of code and code in lines.
fn prose(text: &str) -> String {
    let mut in_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            for (index, part) in line.split('`').enumerate() {
                prose += if index % 2 == 0 { part } else { "code" };
            }
            prose.push('\n');
        }
    }
    prose
}

/// The targets of `[text](target)` and `[name]: target`.
fn targets(prose: &str) -> Vec<String> {
    let inline = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let defined = prose.lines().filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: "));
    inline.chain(defined.map(|(_, target)| target)).map(str::to_owned).collect()
}

/// The anchors that GitHub and mdBook make from headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_block = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !in_block) else { continue };
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        // The second heading of the same text.
        if !anchors.insert(anchor.clone()) {
            anchors.insert(format!("{anchor}-1"));
        }
    }
    anchors
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&prose(&text)) {
            if target.contains("://") || target.is_empty() {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let leads = path.exists()
                && (anchor.is_empty() || anchors(&fs::read_to_string(&path).unwrap()).contains(anchor));
            // A book has only what is in its directory.
            let is_in_book = !page.starts_with(root().join("docs")) || !file.contains("..");
            if !leads || !is_in_book {
                broken.push(format!("{}: {target}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_name_that_a_page_uses_for_a_link_is_defined_in_it() {
    for page in pages() {
        let prose = prose(&fs::read_to_string(&page).unwrap());
        for rest in prose.split("][").skip(1) {
            let name = rest.split(']').next().unwrap();
            assert!(prose.contains(&format!("\n[{name}]: ")), "{}: [{name}]", page.display());
        }
    }
}

#[test]
fn every_page_of_the_guide_is_a_chapter_and_a_module() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let modules = fs::read_to_string(root().join("src/guide.rs")).unwrap();
    for page in fs::read_dir(root().join("docs")).unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".md").filter(|stem| *stem != "SUMMARY") else { continue };
        assert_eq!(summary.matches(&format!("]({name})")).count(), 1, "docs/SUMMARY.md: {name}");
        assert!(modules.contains(&format!("{stem}: \"../docs/{name}\",")), "src/guide.rs: {name} as {stem}");
        // What pages call it, so that the documentation's links lead to modules too.
        assert!(modules.contains(&format!("[{stem}]: crate::guide::{stem}\"")), "src/guide.rs: a link to {stem}");
    }
}
