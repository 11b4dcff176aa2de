//! Session secrets in a file, in the format that Wireshark reads (`SSLKEYLOGFILE`). Whoever has them can decrypt what was
//! recorded, so nothing is written unless a program asks for it.

use crate::error::{ConfigError, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The variable that names the file.
const VARIABLE: &str = "SSLKEYLOGFILE";

/// Where secrets go.
#[derive(Clone, Default)]
pub(super) enum Place {
    #[default]
    Nowhere,
    /// Where the environment says, if it does.
    Environment,
    File(PathBuf),
}

impl Place {
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::Nowhere => None,
            Self::Environment => std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(Into::into),
            Self::File(path) => Some(path.clone()),
        }
    }
}

/// Opens the file for each line, so that one that has been removed is made again, and nothing is shared with a forked child.
#[derive(Debug)]
pub(super) struct KeyLog(PathBuf);

impl KeyLog {
    /// Fails if the file cannot be written to.
    pub(super) fn open(path: &Path) -> Result<Self> {
        open(path).map_err(|source| ConfigError::KeyLog { path: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    /// One line of the log, without its end.
    pub(super) fn write(&self, line: &str) {
        let written = open(&self.0).and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            log::warn!("cannot write the key log: {error}");
        }
    }
}

/// Only its owner can read it if it is new.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
