//! What is installed: the program, its manual page, and completions for shells.

use super::*;
use std::path::Path;

fn make(target: &str, files: &Scratch) -> String {
    // What has been built for this test is installed.
    let mut program = std::ffi::OsString::from("PROGRAM=");
    program.push(wscat().get_program());
    let mut make = Command::new("make");
    make.arg("--no-print-directory").arg("-C").arg(env!("CARGO_MANIFEST_DIR")).arg(target);
    make.arg("CARGO=:").arg(program);
    make.arg(format!("DESTDIR={}", files.path("root").display())).arg("PREFIX=/opt/it");
    for name in ["MAKEFLAGS", "BINDIR", "DATADIR", "MANDIR", "BASHDIR", "ZSHDIR", "FISHDIR"] {
        make.env_remove(name);
    }
    let (status, output) = common::run(&mut make, WATCHDOG);
    assert!(status.success(), "{output}");
    output
}

/// The files below a directory, sorted.
fn below(place: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut places = vec![place.to_owned()];
    while let Some(at) = places.pop() {
        for entry in std::fs::read_dir(at).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                places.push(path);
            } else {
                found.push(path.strip_prefix(place).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn everything_is_installed_and_uninstalled() {
    let files = Scratch::new("install");
    make("install", &files);
    let root = files.path("root/opt/it");
    let expected = [
        "bin/wscat",
        "share/bash-completion/completions/wscat",
        "share/fish/vendor_completions.d/wscat.fish",
        "share/man/man1/wscat.1",
        "share/zsh/site-functions/_wscat",
    ];
    assert_eq!(below(&root), expected);
    let version = Command::new(root.join("bin/wscat")).arg("--version").output().unwrap();
    assert!(version.status.success() && version.stdout.starts_with(b"wscat "));
    let page = std::fs::read_to_string(root.join("share/man/man1/wscat.1")).unwrap();
    assert!(page.contains(".TH wscat 1") && page.contains("\\-\\-cacert"), "{page}");
    let bash = root.join("share/bash-completion/completions/wscat");
    let script = format!(
        "source '{}'; COMP_WORDS=(wscat --oauth2); COMP_CWORD=1; _wscat wscat --oauth2 wscat; echo \"${{COMPREPLY[*]}}\"",
        bash.display()
    );
    let completed = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&completed.stdout), "--oauth2-bearer\n");
    make("uninstall", &files);
    assert_eq!(below(&root), [""; 0]);
}

#[test]
fn it_generates_for_every_shell() {
    for what in ["man", "bash", "elvish", "fish", "powershell", "zsh"] {
        let result = run(["--generate", what], "");
        assert_eq!((result.status, &*result.stderr), (Some(0), ""), "{what}");
        assert!(result.stdout.contains("noproxy"), "{what}");
    }
    run(["--generate", "csh"], "").is_error("--generate: give man, bash");
}
