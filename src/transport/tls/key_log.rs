//! Session secrets in a file, in the format that Wireshark reads (`SSLKEYLOGFILE`). Whoever has them can decrypt what was
//! recorded, so nothing is written unless a program asks for it.

use crate::error::{ConfigError, Result};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

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

#[derive(Debug)]
pub(super) struct KeyLog(Mutex<File>);

impl KeyLog {
    /// Appends to the file, which only its owner can read if it is new.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let file = file.map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        Ok(Self(Mutex::new(file)))
    }

    /// One line of the log, without its end.
    pub(super) fn write(&self, line: &str) {
        let written = super::lock(&self.0).write_all(format!("{line}\n").as_bytes());
        if let Err(error) = written {
            log::warn!("cannot write the key log: {error}");
        }
    }
}
