//! Cookies that are given, and the file that they are read from and written to: the format of curl and Netscape.
//!
//! While the program runs, the library's jar has the cookies that servers set. At the end, those that belong to the URL
//! are written. How long they last and where they belong is known of those that the final answer set; others last for the
//! session.

use landline::uri::Endpoint;
use landline::{ClientBuilder, CookieJar, Handshake};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What marks a cookie that scripts in browsers do not see.
const HTTP_ONLY: &str = "#HttpOnly_";

/// The cookies of a run.
#[derive(Default)]
pub(crate) struct Cookies {
    given: Vec<(String, String)>,
    kept: Vec<Kept>,
    jar: CookieJar,
}

/// A line of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Kept {
    domain: String,
    subdomains: bool,
    path: String,
    is_secure: bool,
    /// Seconds since 1970; 0 for the session.
    expires: u64,
    name: String,
    value: String,
    is_http_only: bool,
}

impl Cookies {
    /// From the values of the option: pairs, or files. A file that is not there has no cookies, as with curl.
    pub(crate) fn read(options: &[String]) -> Result<Self, String> {
        let mut cookies = Self::default();
        for text in options {
            if text.contains('=') {
                let pairs = text.split(';').map(str::trim).filter(|pair| !pair.is_empty());
                for pair in pairs {
                    let (name, value) =
                        pair.split_once('=').ok_or("--cookie: write it as 'NAME=VALUE; NAME=VALUE'")?;
                    cookies.given.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            } else if let Some(file) = read(Path::new(text))? {
                cookies.kept.extend(file.lines().filter_map(Kept::parse));
            }
        }
        Ok(cookies)
    }

    /// Hands those for this URL to the client.
    pub(crate) fn give(&self, mut client: ClientBuilder, endpoint: &Endpoint) -> ClientBuilder {
        let now = now();
        for kept in self.kept.iter().filter(|kept| kept.is_for(endpoint) && !kept.is_over(now)) {
            client = client.cookie(&kept.name, &kept.value);
        }
        for (name, value) in &self.given {
            client = client.cookie(name, value);
        }
        client.cookie_jar(&self.jar)
    }

    /// Writes them all to a file, with those that servers have set.
    pub(crate) fn write(mut self, path: &Path, url: &str, answer: Option<&Handshake>) -> Result<(), String> {
        // After redirects, another one than that of the command line.
        let url = answer.and_then(|answer| answer.url.as_deref()).unwrap_or(url);
        if let Ok(endpoint) = Endpoint::parse(url) {
            let headers = answer.into_iter().flat_map(|answer| answer.headers.get_all("set-cookie"));
            let lines: Vec<_> = headers.filter_map(|line| line.to_str().ok()).collect();
            for (name, value) in self.jar.cookies(url).unwrap_or_default() {
                self.keep(Kept::new(&endpoint, &lines, name, value));
            }
            self.forget(&endpoint, &lines);
        }
        let now = now();
        let mut text =
            "# Netscape HTTP Cookie File\n# Written by wscat. Whoever reads it can use the cookies.\n\n".to_owned();
        for kept in self.kept.iter().filter(|kept| !kept.is_over(now)) {
            kept.print(&mut text);
        }
        write(path, &text).map_err(|error| format!("--cookie-jar: cannot write {}: {error}", path.display()))
    }

    fn keep(&mut self, new: Kept) {
        self.kept.retain(|old| !old.is_same(&new));
        self.kept.push(new);
    }

    /// Those that the answer ends are not in the jar any more, and must not stay in the file.
    fn forget(&mut self, endpoint: &Endpoint, lines: &[&str]) {
        for line in lines {
            let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let new = Kept::new(endpoint, lines, name.trim().to_owned(), value.trim().to_owned());
            if new.is_over(now()) {
                self.kept.retain(|old| !old.is_same(&new));
            }
        }
    }
}

impl Kept {
    fn parse(line: &str) -> Option<Self> {
        let (line, is_http_only) = match line.strip_prefix(HTTP_ONLY) {
            Some(line) => (line, true),
            None => (line, false),
        };
        if line.starts_with('#') {
            return None;
        }
        let mut fields = line.trim_end_matches(['\r', '\n']).splitn(7, '\t');
        let domain = fields.next()?.trim_start_matches('.').to_ascii_lowercase();
        let subdomains = fields.next()? == "TRUE";
        let path = fields.next()?.to_owned();
        let is_secure = fields.next()? == "TRUE";
        let expires = fields.next()?.parse().ok()?;
        let name = fields.next()?.to_owned();
        let value = fields.next().unwrap_or_default().to_owned();
        Some(Self { domain, subdomains, path, is_secure, expires, name, value, is_http_only })
    }

    /// One that a server has set, with what the header says if there is one.
    fn new(endpoint: &Endpoint, lines: &[&str], name: String, value: String) -> Self {
        let domain = endpoint.host().to_string();
        let mut kept = Self {
            domain,
            subdomains: false,
            path: default_path(endpoint.target()),
            is_secure: false,
            expires: 0,
            name,
            value,
            is_http_only: false,
        };
        let is_it = |line: &&&str| line.split('=').next().is_some_and(|name| name.trim() == kept.name);
        let Some(line) = lines.iter().rfind(is_it) else { return kept };
        let mut max_age = None;
        for attribute in line.split(';').skip(1) {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match &*name.trim().to_ascii_lowercase() {
                "path" if value.starts_with('/') => value.clone_into(&mut kept.path),
                "secure" => kept.is_secure = true,
                "httponly" => kept.is_http_only = true,
                "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
                "expires" => {
                    let date = httpdate::parse_http_date(value).ok();
                    let seconds = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
                    // The very first second is no session.
                    kept.expires = seconds.map_or(kept.expires, |seconds| seconds.as_secs().max(1));
                }
                _ => {}
            }
        }
        // It goes before the date (RFC 6265 5.3).
        if let Some(age) = max_age {
            kept.expires = u64::try_from(age).map_or(1, |age| now().saturating_add(age)).max(1);
        }
        kept
    }

    fn is_for(&self, endpoint: &Endpoint) -> bool {
        let host = endpoint.host().to_string();
        let is_below = || host.strip_suffix(&self.domain).is_some_and(|rest| rest.ends_with('.'));
        let path = endpoint.target().split('?').next().unwrap_or_default();
        let is_path = match path.strip_prefix(&self.path) {
            Some(rest) => rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'),
            None => false,
        };
        (host == self.domain || (self.subdomains && is_below()))
            && is_path
            && (endpoint.is_tls() || !self.is_secure)
    }

    fn is_over(&self, now: u64) -> bool {
        self.expires != 0 && self.expires <= now
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.domain, &self.path, &self.name) == (&other.domain, &other.path, &other.name)
    }

    fn print(&self, text: &mut String) {
        let word = |is: bool| if is { "TRUE" } else { "FALSE" };
        let mark = if self.is_http_only { HTTP_ONLY } else { "" };
        let dot = if self.subdomains { "." } else { "" };
        let (domain, subdomains, path, secure) =
            (&self.domain, word(self.subdomains), &self.path, word(self.is_secure));
        let (expires, name, value) = (self.expires, &self.name, &self.value);
        let _ = writeln!(text, "{mark}{dot}{domain}\t{subdomains}\t{path}\t{secure}\t{expires}\t{name}\t{value}");
    }
}

/// Where a cookie without a path belongs (RFC 6265 5.1.4).
fn default_path(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("--cookie: cannot read {}: {error}", path.display())),
    }
}

/// For the user's eyes only.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str) -> Kept {
        Kept::parse(line).unwrap()
    }

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url).unwrap()
    }

    #[test]
    fn lines_of_a_file_are_read_and_written_unchanged() {
        for line in [
            "a.example\tFALSE\t/\tFALSE\t0\tx\t1",
            ".a.example\tTRUE\t/b\tTRUE\t4102444800\tx\t",
            "#HttpOnly_a.example\tFALSE\t/\tFALSE\t0\tx\ta\tb",
        ] {
            let mut text = String::new();
            kept(line).print(&mut text);
            assert_eq!(text.trim_end_matches('\n'), line);
        }
        for line in ["", "# comment", "a.example\tFALSE\t/", "a.example\tFALSE\t/\tFALSE\tsoon\tx\t1"] {
            assert_eq!(Kept::parse(line), None, "{line}");
        }
    }

    #[test]
    fn cookies_of_a_file_go_where_they_belong() {
        for (line, url, expected) in [
            ("a.example\tFALSE\t/\tFALSE\t0\tx\t1", "ws://a.example/b", true),
            ("a.example\tFALSE\t/\tFALSE\t0\tx\t1", "ws://b.a.example/", false),
            ("a.example\tFALSE\t/\tFALSE\t0\tx\t1", "ws://xa.example/", false),
            (".a.example\tTRUE\t/\tFALSE\t0\tx\t1", "ws://b.a.example/", true),
            (".a.example\tTRUE\t/\tFALSE\t0\tx\t1", "ws://ba.example/", false),
            ("a.example\tFALSE\t/b\tFALSE\t0\tx\t1", "ws://a.example/b/c?d", true),
            ("a.example\tFALSE\t/b\tFALSE\t0\tx\t1", "ws://a.example/bc", false),
            ("a.example\tFALSE\t/\tTRUE\t0\tx\t1", "ws://a.example/", false),
            ("a.example\tFALSE\t/\tTRUE\t0\tx\t1", "wss://a.example/", true),
        ] {
            assert_eq!(kept(line).is_for(&endpoint(url)), expected, "{line} {url}");
        }
        assert!(!kept("a\tFALSE\t/\tFALSE\t0\tx\t1").is_over(1000));
        assert!(kept("a\tFALSE\t/\tFALSE\t1000\tx\t1").is_over(1000));
        assert!(!kept("a\tFALSE\t/\tFALSE\t1001\tx\t1").is_over(1000));
    }

    #[test]
    fn attributes_of_a_header_are_kept() {
        let new = |line: &str| {
            Kept::new(&endpoint("wss://a.example/b/c"), &["other=2", line], "x".to_owned(), "1".to_owned())
        };
        assert_eq!(new("x=1"), kept("a.example\tFALSE\t/b\tFALSE\t0\tx\t1"));
        let line = "x=1; Path=/; Secure; HttpOnly; Expires=Fri, 01 Jan 2100 00:00:00 GMT";
        assert_eq!(new(line), kept("#HttpOnly_a.example\tFALSE\t/\tTRUE\t4102444800\tx\t1"));
        let soon = new("x=1; Max-Age=60; Expires=Fri, 01 Jan 2100 00:00:00 GMT").expires;
        assert!((now() + 58..=now() + 60).contains(&soon), "{soon}");
        assert!(new("x=; Max-Age=0").is_over(now()));
        assert!(new("x=; Expires=Thu, 01 Jan 1970 00:00:00 GMT").is_over(now()));
    }
}
