//! Directories of certificates, such as `/etc/ssl/certs`.
//!
//! A directory may hold hundreds of files, and reading them all takes milliseconds. So what was read is kept for as long as
//! the directory looks the same: names, sizes, inodes and times of modification, to the nanosecond.

use super::certificates::parse_certificates;
use super::failure::unusable;
use super::identity::read_file;
use super::lock;
use super::pem::{encode, labels};
use super::settings::Pem;
use crate::error::{ConfigError, Result};
use crate::process::PerProcess;
use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// How many directories are kept: those used last.
const MOST: usize = 8;
/// The size of the largest file that is looked at. All of a platform's roots take a tenth of it.
const MAX_FILE: u64 = 4 << 20;

/// What tells a changed file from the same one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    path: PathBuf,
    len: u64,
    inode: u64,
    modified: (i64, i64),
}

struct Kept {
    dir: PathBuf,
    stamps: Vec<Stamp>,
    pem: Pem,
}

static KEPT: PerProcess<Mutex<Vec<Kept>>> = PerProcess::new(Mutex::default);

/// The certificates of all files in a directory, one or more. Other files in it do not matter, nor does a certificate that
/// is there twice, as it is where OpenSSL has made links by hash.
pub(super) fn read(dir: &Path) -> Result<Pem> {
    let stamps = stamps(dir).map_err(|source| ConfigError::File { path: dir.to_owned(), source })?;
    if let Some(kept) = lock(KEPT.get()).iter().find(|kept| kept.dir == dir && kept.stamps == stamps) {
        return Ok(kept.pem.clone());
    }
    let mut seen = HashSet::new();
    let mut text = String::new();
    for stamp in &stamps {
        let content = read_file(&stamp.path)?;
        if labels(&content).any(|label| label.ends_with("CERTIFICATE-----")) {
            let name = format!("the CA certificate in {}", stamp.path.display());
            for certificate in parse_certificates(&content, &name)? {
                let pem = encode("CERTIFICATE", &certificate);
                if seen.insert(certificate) {
                    text += &pem;
                }
            }
        }
    }
    if text.is_empty() {
        return Err(unusable(format!("there is no certificate in PEM form in the files of {}", dir.display())));
    }
    let pem = Pem { text: text.into_bytes().into(), name: format!("a CA certificate in {}", dir.display()).into() };
    let mut kept = lock(KEPT.get());
    kept.retain(|kept| kept.dir != dir);
    kept.truncate(MOST - 1);
    kept.insert(0, Kept { dir: dir.to_owned(), stamps, pem: pem.clone() });
    Ok(pem)
}

/// Of all files that are not too large, in the order of their names. Links are followed; those that lead nowhere are passed over.
fn stamps(dir: &Path) -> io::Result<Vec<Stamp>> {
    let mut stamps = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let Ok(file) = std::fs::metadata(&path) else { continue };
        if file.is_file() && file.len() <= MAX_FILE {
            let modified = (file.mtime(), file.mtime_nsec());
            stamps.push(Stamp { path, len: file.len(), inode: file.ino(), modified });
        }
    }
    stamps.sort_unstable();
    Ok(stamps)
}
