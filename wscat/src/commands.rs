//! Lines that are typed: messages, and commands, which begin with a slash.

use landline::CloseCode;

pub(crate) const HELP: &str = "\
/ping [TEXT]           ping, and say how long the answer took
/binary HEX            send these bytes as a binary message
/close [CODE [REASON]] close the connection
/help                  show this
//TEXT                 send a text that begins with a slash
Ctrl-D                 close the connection with code 1000";

/// What a line asks for.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Command {
    Text(String),
    Binary(Vec<u8>),
    Ping(String),
    Close(CloseCode, String),
    Help,
}

impl Command {
    /// Or what is wrong with it.
    pub(crate) fn parse(line: String) -> Result<Self, String> {
        let Some(rest) = line.strip_prefix('/') else { return Ok(Self::Text(line)) };
        if rest.starts_with('/') {
            return Ok(Self::Text(rest.to_owned()));
        }
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let rest = rest.trim();
        match word {
            "ping" => Ok(Self::Ping(rest.to_owned())),
            "binary" => bytes(rest).map(Self::Binary),
            "close" => close(rest),
            "help" => Ok(Self::Help),
            _ => Err(format!("there is no command /{word}; /help lists them, and //{word} sends a slash")),
        }
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<_>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        _ => Err("/binary: give pairs of hexadecimal digits, as in 01 ff".to_owned()),
    }
}

fn close(text: &str) -> Result<Command, String> {
    if text.is_empty() {
        return Ok(Command::Close(CloseCode::NORMAL_CLOSURE, String::new()));
    }
    let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
    let code: u16 = code.parse().map_err(|_| "/close: give a number first, such as 1000".to_owned())?;
    Ok(Command::Close(code.into(), reason.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_texts_or_commands() {
        let text = |text: &str| Ok(Command::Text(text.to_owned()));
        let parse = |line: &str| Command::parse(line.to_owned());
        assert_eq!(parse("hello"), text("hello"));
        assert_eq!(parse(""), text(""));
        assert_eq!(parse(" /ping"), text(" /ping"));
        assert_eq!(parse("//ping"), text("/ping"));
        assert_eq!(parse("/ping  x "), Ok(Command::Ping("x".to_owned())));
        assert_eq!(parse("/binary 01 fF00"), Ok(Command::Binary(vec![1, 255, 0])));
        assert_eq!(parse("/close"), Ok(Command::Close(CloseCode::NORMAL_CLOSURE, String::new())));
        assert_eq!(parse("/close 4000 so long"), Ok(Command::Close(4000.into(), "so long".to_owned())));
        assert_eq!(parse("/help"), Ok(Command::Help));
        for (line, says) in
            [("/quit", "/help lists them"), ("/binary 0", "pairs"), ("/binary xy", "pairs"), ("/close x", "number")]
        {
            assert!(parse(line).unwrap_err().contains(says), "{line}");
        }
    }
}
