//! Compiling the programs, and running what comes of it.

use crate::blocks::{Block, Language};
use crate::common::*;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CPP: [&str; 2] = ["c++", "-std=c++17"];
const COMPILE_LIMIT: Duration = Duration::from_secs(400);

pub(crate) struct Programs {
    pub(crate) directory: PathBuf,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn library() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let library = root().join(target).join("release");
    assert!(library.join("liblandline.so").exists(), "run `cargo build --release -p landline-ffi` first");
    library
}

impl Programs {
    /// Compiles those that have to be. All of Rust's are one program, because linking it takes longer than compiling it.
    pub(crate) fn build<'a>(directory: PathBuf, blocks: impl Iterator<Item = &'a Block>) {
        let (rust, others): (Vec<_>, Vec<_>) = blocks.partition(|block| block.language == Language::Rust);
        build_rust(&directory, &rust);
        precompile(&directory);
        let mut failures = Vec::new();
        for block in others {
            failures.extend(match block.language {
                Language::C => compile(&directory, block, &["cc", "-std=c99"], "c", &c_program(&block.code)),
                Language::Cpp => compile(&directory, block, &CPP, "cpp", &cpp_program(&block.code)),
                _ => {
                    let path = directory.join(format!("{}.py", block.name));
                    fs::write(path, python_program(&block.code)).unwrap();
                    None
                }
            });
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    pub(crate) fn built(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The program runs in the directory.
    pub(crate) fn command(&self, block: &Block) -> Command {
        let path = |suffix| self.directory.join(format!("{}{suffix}", block.name));
        let mut command = match block.language {
            Language::Rust => {
                let mut command = Command::new(self.directory.join("rust"));
                command.arg(&block.name);
                command
            }
            Language::C | Language::Cpp => Command::new(path("")),
            Language::Python => {
                let mut command = Command::new("python3");
                command.arg(path(".py")).env("PYTHONPATH", root().join("ffi/python"));
                command
                    .env("LANDLINE_LIBRARY", library().join("liblandline.so"))
                    .env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
        };
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        // What stands for the platform's roots.
        command.env("SSL_CERT_FILE", self.directory.join("platform.pem")).env("SSL_CERT_DIR", "/nonexistent");
        command.env("LD_LIBRARY_PATH", library()).current_dir(&self.directory);
        command
    }
}

fn build_rust(directory: &Path, blocks: &[&Block]) {
    // A name of its own, because its package is built where this test was built, so that the crates that Landline needs
    // are available.
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide");
    fs::create_dir_all(package.join("src")).unwrap();
    let features = if cfg!(feature = "rustls") { "\"rustls\"" } else { "" };
    let manifest = format!(
        "[package]\nname = \"guide-programs\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nlandline = {{ path = {:?}, features = [{features}] }}\n",
        root()
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root().join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let (mut modules, mut arms) = (String::new(), String::new());
    for Block { name, code, .. } in blocks {
        let code = code.replacen("fn main()", "pub fn main()", 1);
        write!(modules, "mod {name} {{\n{code}}}\n").unwrap();
        writeln!(arms, "        {name:?} => {name}::main().report(),").unwrap();
    }
    let main = format!(
        "#![deny(warnings)]\n\nuse std::process::Termination;\n\n{modules}\nfn main() -> std::process::ExitCode {{\n    \
         match &*std::env::args().nth(1).unwrap() {{\n{arms}        name => panic!(\"{{name}}\"),\n    }}\n}}\n"
    );
    fs::write(package.join("src/main.rs"), main).unwrap();
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--offline"]).current_dir(&package).env("CARGO_TARGET_DIR", built);
    let (status, output) = run(&mut command, COMPILE_LIMIT);
    assert!(status.success(), "the programs in Rust do not compile:\n{output}");
    fs::copy(built.join("debug/guide-programs"), directory.join("rust")).unwrap();
}

fn compiler(command: &[&str]) -> Command {
    let mut compiler = Command::new(command[0]);
    compiler
        .args(&command[1..])
        .args(["-Wall", "-Wextra", "-Werror", "-pthread", "-I"])
        .arg(root().join("include"));
    compiler
}

/// The headers of C++, once for all programs: they take most of the time.
fn precompile(directory: &Path) {
    let header = directory.join("guide.hpp");
    fs::write(&header, "#include <iostream>\n#include <landline.hpp>\n#include <thread>\n").unwrap();
    let mut command = compiler(&CPP);
    let (status, output) = run(command.args(["-x", "c++-header"]).arg(&header), COMPILE_LIMIT);
    assert!(status.success(), "{output}");
}

/// What went wrong.
fn compile(directory: &Path, block: &Block, command: &[&str], suffix: &str, code: &str) -> Option<String> {
    let source = directory.join(format!("{}.{suffix}", block.name));
    fs::write(&source, code).unwrap();
    let mut command = compiler(command);
    if block.language == Language::Cpp {
        command.arg("-include").arg(directory.join("guide.hpp"));
    }
    command.arg(&source).arg("-L").arg(library()).arg("-llandline");
    let (status, output) = run(command.arg("-o").arg(directory.join(&block.name)), COMPILE_LIMIT);
    (!status.success()).then(|| format!("{block} does not compile:\n{output}"))
}

/// A part of a program gets its options and its connection from here, and must have opened the connection.
fn c_program(code: &str) -> String {
    if code.contains("int main(") {
        return code.to_owned();
    }
    format!(
        "#include <landline.h>\n#include <stdio.h>\n#include <string.h>\n\nint main(void) {{\n\
         landline_options *options = NULL;\nlandline_conn *conn = NULL;\nlandline_options_new(&options);\n{code}\n\
         if (conn == NULL)\n    return fprintf(stderr, \"%s\\n\", landline_error_text()), 1;\n\
         landline_conn_close(conn, LANDLINE_CLOSE_NORMAL_CLOSURE, NULL, 0, -1);\nlandline_conn_free(conn);\n\
         landline_options_free(options);\nreturn 0;\n}}\n"
    )
}

fn cpp_program(code: &str) -> String {
    if code.contains("int main(") {
        return code.to_owned();
    }
    format!(
        "int main() {{\ntry {{\n{code}\n}} catch (const std::exception& \
         failure) {{\nstd::cerr << failure.what() << '\\n';\nreturn 1;\n}}\n}}\n"
    )
}

fn python_program(code: &str) -> String {
    if code.contains("import landline") { code.to_owned() } else { format!("import landline\n\n{code}") }
}
