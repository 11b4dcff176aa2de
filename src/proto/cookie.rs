//! Cookies in headers (RFC 6265): parsing `Set-Cookie`, and which paths a cookie is for. Without a clock: when a cookie
//! expires is a number.
//!
//! Parsing is as lenient as section 5 of the RFC demands, because that is what servers rely on: attributes that make no sense
//! are ignored. Out of scope: which cookies are kept, and who gets them.

#[cfg(test)]
mod tests;

/// The content of a `Set-Cookie` header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// A path that begins with a slash.
    pub(crate) path: Option<String>,
    /// In lower case, without the dot that may stand in front.
    pub(crate) domain: Option<String>,
    pub(crate) is_secure: bool,
    pub(crate) lifetime: Option<Lifetime>,
}

/// Until when a cookie is to be kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lifetime {
    /// This many seconds from now; 0 removes the cookie.
    Seconds(u64),
    /// Until this many seconds after the beginning of 1970.
    Until(u64),
}

impl SetCookie {
    /// Parses the value of a header (RFC 6265 5.2). `None` if there is no cookie in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return None;
        }
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (trim(name), trim(value));
        if name.is_empty() {
            return None;
        }
        let mut cookie = Self {
            name: name.to_owned(),
            value: value.to_owned(),
            path: None,
            domain: None,
            is_secure: false,
            lifetime: None,
        };
        let (mut max_age, mut expires) = (None, None);
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            let value = trim(value);
            match &*trim(attribute).to_ascii_lowercase() {
                "path" => cookie.path = value.starts_with('/').then(|| value.to_owned()),
                "domain" if !value.is_empty() => {
                    cookie.domain = Some(value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase());
                }
                "secure" => cookie.is_secure = true,
                "max-age" => max_age = parse_max_age(value).or(max_age),
                "expires" => expires = parse_date(value).or(expires),
                _ => {}
            }
        }
        cookie.lifetime = max_age.map(Lifetime::Seconds).or(expires.map(Lifetime::Until));
        Some(cookie)
    }
}

/// The path of a cookie that names none: that of the request, up to its last slash (RFC 6265 5.1.4).
pub(crate) fn default_path(target: &str) -> &str {
    let path = target.split('?').next().unwrap_or_default();
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(end) => &path[..end],
    }
}

/// Whether a cookie with this path is for this request (RFC 6265 5.1.4).
pub(crate) fn path_matches(target: &str, path: &str) -> bool {
    let target = target.split('?').next().unwrap_or_default();
    let rest = target.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
}

/// Whether the host, which is a name, is this domain or one below it (RFC 6265 5.1.3).
pub(crate) fn domain_matches(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A pair for a `Cookie` header that cannot end it or add another pair to it.
pub(crate) fn is_valid(name: &str, value: &str) -> bool {
    let is_clean = |text: &str| !text.contains(|c: char| c == ';' || c.is_control()) && trim(text) == text;
    is_clean(name) && is_clean(value) && !name.is_empty() && !name.contains(['=', ' '])
}

/// Negative numbers count as 0, and those too large for a number as the largest one.
fn parse_max_age(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.starts_with('-') { Some(0) } else { Some(digits.parse().unwrap_or(u64::MAX)) }
}

/// Parses a date in any of the forms that servers write (RFC 6265 5.1.1): seconds after the beginning of 1970, or 0 for an
/// earlier one.
fn parse_date(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || !c.is_ascii());
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none() && token.contains(':') {
            time = Some(parse_time(token)?);
        } else if let (None, Some(number)) = (day, leading_number(token, 1..=2)) {
            day = Some(number);
        } else if let (None, Some(number)) = (month, parse_month(token)) {
            month = Some(number);
        } else if let (None, Some(number)) = (year, leading_number(token, 2..=4)) {
            year = Some(number);
        }
    }
    let (seconds, day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 0..=69 => year + 2000,
        year @ 70..=99 => year + 1900,
        year => year,
    };
    if year < 1601 || day == 0 || day > days_of_month(year, month) {
        return None;
    }
    let days: u64 = (1970..year).map(days_of_year).sum::<u64>()
        + (0..month).map(|month| days_of_month(year, month)).sum::<u64>()
        + (day - 1);
    Some(if year < 1970 { 0 } else { days * 86_400 + seconds })
}

/// Hours, minutes and seconds, as seconds.
fn parse_time(token: &str) -> Option<u64> {
    let mut parts = token.split(':').map(|part| leading_number(part, 1..=2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// From 0 for January.
fn parse_month(token: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let token = token.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().position(|month| *month == token).map(|index| index as u64)
}

/// The number that a token begins with, if it has as many digits.
fn leading_number(token: &str, lengths: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let len = token.bytes().take_while(u8::is_ascii_digit).count();
    lengths.contains(&len).then(|| token[..len].parse().ok()).flatten()
}

fn is_leap(year: u64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

/// From 0 for January.
fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
