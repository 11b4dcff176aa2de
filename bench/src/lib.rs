//! What the load generator and the peers share: frames, the opening handshake and payloads, without any WebSocket
//! library.

pub mod frame;
pub mod handshake;
pub mod payload;

/// The options of the command line; invalid ones end the program with one line.
pub fn options<T: clap::Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        let text = error.to_string();
        let line = text.lines().next().filter(|line| line.starts_with("error:"));
        eprintln!("{}", line.unwrap_or("error: a command is missing; --help shows what there is"));
        std::process::exit(2)
    })
}

/// Ends the program with one line if something went wrong.
pub fn finish<T>(result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        std::process::exit(1)
    })
}

/// One object of JSON.
pub fn json(fields: &[(&str, f64)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}
