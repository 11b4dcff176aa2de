//! A certificate that lives as long as one run.

use std::fs;
use std::io;
use std::path::Path;

pub(crate) fn write(directory: &Path) -> io::Result<String> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
    fs::write(directory.join("cert.pem"), made.cert.pem())?;
    fs::write(directory.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok("{}".to_owned())
}
