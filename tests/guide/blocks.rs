//! The programs in the pages.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Language {
    Rust,
    C,
    Cpp,
    Python,
}

pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) blocks: Vec<Block>,
}

pub(crate) struct Block {
    /// The page and the line, as an identifier.
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) is_server: bool,
    pub(crate) code: String,
    pub(crate) output: Option<String>,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.name, self.language)
    }
}

/// The README, that of the Python package, and the guide.
pub(crate) fn pages() -> Vec<Page> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![root.join("README.md"), root.join("ffi/python/README.md")];
    paths.extend(fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let page = |path: &PathBuf| {
        // `docs/tls.md` is `docs_tls`, `README.md` is `readme`.
        let name = path.with_extension("").strip_prefix(root).unwrap().to_string_lossy().to_lowercase();
        parse(&name.replace('/', "_"), &fs::read_to_string(path).unwrap())
    };
    paths.iter().map(page).collect()
}

pub(crate) fn parse(name: &str, text: &str) -> Page {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    let (mut is_server, mut was_program) = (false, false);
    while let Some((number, line)) = lines.next() {
        let Some(mark) = line.strip_prefix("```") else {
            is_server = line == "<!-- server -->" || is_server && line.is_empty();
            was_program &= !line.starts_with('#');
            continue;
        };
        let code: String =
            lines.by_ref().take_while(|(_, line)| *line != "```").map(|(_, line)| format!("{line}\n")).collect();
        let language = match mark.split(',').next().unwrap() {
            "rust" if code.contains("fn main()") => Some(Language::Rust),
            "rust" => {
                assert!(
                    !mark.contains("no_run"),
                    "{name}:{}: rustdoc does not run it, and this test cannot",
                    number + 1
                );
                None
            }
            "c" => Some(Language::C),
            "cpp" => Some(Language::Cpp),
            "python" => Some(Language::Python),
            "text" if was_program => {
                blocks.last_mut().unwrap().output = Some(code.clone());
                None
            }
            _ => None,
        };
        was_program = language.is_some();
        if let Some(language) = language {
            let name = format!("{name}_{}", number + 1);
            blocks.push(Block { name, language, is_server, code, output: None });
        }
        is_server = false;
    }
    Page { name: name.to_owned(), blocks }
}
