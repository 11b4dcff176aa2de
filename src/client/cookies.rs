//! Cookies: those that the program gives, and those that servers set, in a jar.
//!
//! The jar is stricter than a browser's. A cookie goes back to the host that set it and to no other, whatever its `Domain`
//! says, so no list of public suffixes is needed, and no server can set cookies for its neighbours. `Path`, `Secure`, `Expires`,
//! `Max-Age` and the prefixes `__Secure-` and `__Host-` mean what RFC 6265 and its revision say.
//!
//! Whatever servers send, the jar holds a bounded number of cookies of a bounded size.

use crate::error::Result;
use crate::process::Process;
use crate::proto::cookie::{Lifetime, SetCookie, default_path, domain_matches, is_valid, path_matches};
use crate::uri::Endpoint;
use http::header::{HeaderMap, SET_COOKIE};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use url::Host;

/// How many cookies are kept, altogether and of one host; the oldest ones make room.
const MAX_COOKIES: usize = 256;
const MAX_OF_HOST: usize = 64;

/// Longest name and value together, in bytes; the RFC demands as much.
const MAX_SIZE: usize = 4096;

/// The names and values that the program gives. `Debug` omits the values.
#[derive(Clone, Default)]
pub(super) struct Given(pub(super) Vec<(String, String)>);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Keeps the cookies that servers set: in the answer that opens a connection, in a redirect, or in a refusal. All further
/// requests of the clients that [have it](super::ClientBuilder::cookie_jar) send them, those of other connections included.
/// Clones are the same jar.
///
/// It is in memory only, and stricter than a browser's: a cookie goes back to the host that set it and to no other, even if
/// it has a `Domain`. `Path`, `Secure`, `Expires` and `Max-Age` are honoured (RFC 6265). It holds at most 256 cookies, and 64 of one
/// host; the oldest ones make room for new ones, and of a host those first that are not `Secure`. A forked child does not
/// use the jar that it inherited.
///
/// ```
/// # use landline::{Client, CookieJar, Headers, Listener};
/// # let server = Listener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", server.local_addr().unwrap());
/// # let serving = std::thread::spawn(move || {
/// #     let headers = Headers::new().with("Set-Cookie", "session=6f2a; HttpOnly").unwrap();
/// #     server.accept().unwrap().accept_with(None, headers).unwrap()
/// # });
/// let jar = CookieJar::new();
/// let client = Client::builder().cookie_jar(&jar).build()?;
/// client.connect(&url)?;
/// assert_eq!(jar.cookies(&url)?, [("session".to_owned(), "6f2a".to_owned())]);
/// # serving.join().unwrap();
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct CookieJar(Arc<Shared>);

struct Shared {
    /// A forked child does not use its copy, because another thread could have held the lock at the fork.
    made_in: Process,
    /// In the order in which they were made.
    cookies: Mutex<Vec<Kept>>,
}

struct Kept {
    site: Site,
    name: String,
    value: String,
    path: String,
    is_secure: bool,
    expires: Option<SystemTime>,
}

/// Whom a cookie belongs to: the host, whatever the port (RFC 6265 8.5), or the socket.
#[derive(Clone, PartialEq, Eq)]
struct Site(Host<String>, Option<PathBuf>);

impl Site {
    fn of(endpoint: &Endpoint) -> Self {
        Self(endpoint.host().clone(), endpoint.unix_path().map(PathBuf::from))
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self { made_in: Process::current(), cookies: Mutex::default() }
    }
}

impl CookieJar {
    /// Makes an empty jar.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The names and values that a request to this URL would be sent with. Never blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Url`](crate::Error::Url).
    pub fn cookies(&self, url: &str) -> Result<Vec<(String, String)>> {
        Ok(self.pairs(&Endpoint::parse(url)?, SystemTime::now()))
    }

    /// Keeps the cookies that an answer from there sets.
    pub(super) fn keep(&self, endpoint: &Endpoint, answer: &HeaderMap, time: SystemTime) {
        let mut lines = answer.get_all(SET_COOKIE).iter().peekable();
        if lines.peek().is_none() {
            return;
        }
        let Some(mut cookies) = self.lock() else { return };
        cookies.retain(|cookie| !cookie.is_over(time));
        for line in lines {
            if let Some(cookie) = std::str::from_utf8(line.as_bytes()).ok().and_then(SetCookie::parse) {
                set(&mut cookies, endpoint, cookie, time);
            }
        }
    }

    /// Names and values for a request there, in the order of RFC 6265 5.4.
    pub(super) fn pairs(&self, endpoint: &Endpoint, time: SystemTime) -> Vec<(String, String)> {
        let Some(cookies) = self.lock() else { return Vec::new() };
        let site = Site::of(endpoint);
        let mut found: Vec<_> = cookies
            .iter()
            .filter(|cookie| cookie.site == site && !cookie.is_over(time))
            .filter(|cookie| endpoint.is_tls() || !cookie.is_secure)
            .filter(|cookie| path_matches(endpoint.target(), &cookie.path))
            .collect();
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        found.into_iter().map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect()
    }

    fn lock(&self) -> Option<MutexGuard<'_, Vec<Kept>>> {
        let is_mine = self.0.made_in.is_current();
        is_mine.then(|| self.0.cookies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieJar")
    }
}

impl Kept {
    fn is_over(&self, time: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= time)
    }
}

/// Takes a cookie that the server of `endpoint` sets (RFC 6265 5.3), if it may.
fn set(cookies: &mut Vec<Kept>, endpoint: &Endpoint, cookie: SetCookie, time: SystemTime) {
    let is_for_host = match (&cookie.domain, endpoint.host()) {
        (None, _) => true,
        (Some(domain), Host::Domain(host)) => domain_matches(host, domain),
        (Some(domain), host) => host.to_string() == *domain,
    };
    let fits = cookie.name.len() + cookie.value.len() <= MAX_SIZE && is_valid(&cookie.name, &cookie.value);
    let is_secure_enough = endpoint.is_tls() || !cookie.is_secure;
    if !is_for_host || !fits || !is_secure_enough || !keeps_to_prefix(&cookie) {
        return;
    }
    let site = Site::of(endpoint);
    let path = cookie.path.unwrap_or_else(|| default_path(endpoint.target()).to_owned());
    let old = cookies.iter().position(|old| old.site == site && old.name == cookie.name && old.path == path);
    // What came over TLS is neither changed nor shadowed by what came without.
    let hides =
        |old: &Kept| old.is_secure && old.site == site && old.name == cookie.name && path_matches(&path, &old.path);
    if !endpoint.is_tls() && cookies.iter().any(hides) {
        return;
    }
    let expires = match cookie.lifetime {
        None => None,
        Some(Lifetime::Seconds(seconds)) => time.checked_add(Duration::from_secs(seconds)),
        Some(Lifetime::Until(seconds)) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
    };
    let (name, value, is_secure) = (cookie.name, cookie.value, cookie.is_secure);
    let new = Kept { site, name, value, path, is_secure, expires };
    match old {
        Some(old) if new.is_over(time) => drop(cookies.remove(old)),
        Some(old) => cookies[old] = new,
        None if new.is_over(time) => {}
        None => {
            make_room(cookies, &new.site);
            cookies.push(new);
        }
    }
}

/// Whether a cookie is what its name promises (RFC 6265bis 4.1.3).
fn keeps_to_prefix(cookie: &SetCookie) -> bool {
    let begins_with =
        |prefix: &str| cookie.name.get(..prefix.len()).is_some_and(|s| s.eq_ignore_ascii_case(prefix));
    let is_host_only = cookie.domain.is_none() && cookie.path.as_deref() == Some("/");
    (!begins_with("__Secure-") || cookie.is_secure)
        && (!begins_with("__Host-") || (cookie.is_secure && is_host_only))
}

fn make_room(cookies: &mut Vec<Kept>, site: &Site) {
    let of_host = || cookies.iter().enumerate().filter(|(_, cookie)| cookie.site == *site);
    let oldest = || of_host().find(|(_, cookie)| !cookie.is_secure).or_else(|| of_host().next());
    let of_host_is_full = of_host().count() >= MAX_OF_HOST;
    if let Some((oldest, _)) = oldest().filter(|_| of_host_is_full) {
        cookies.remove(oldest);
    } else if cookies.len() >= MAX_COOKIES {
        cookies.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn keep(jar: &CookieJar, url: &str, lines: &[&str], time: SystemTime) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, line.parse().unwrap());
        }
        jar.keep(&endpoint(url), &headers, time);
    }

    fn sent(jar: &CookieJar, url: &str, time: SystemTime) -> String {
        let pairs = jar.pairs(&endpoint(url), time);
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// What is sent to `to` of what `from` has set.
    fn passed(from: &str, line: &str, to: &str) -> String {
        let jar = CookieJar::new();
        keep(&jar, from, &[line], at(1000));
        sent(&jar, to, at(1000))
    }

    #[test]
    fn cookies_go_back_to_their_host_only() {
        for (from, line, to, expected) in [
            ("ws://a.example/", "x=1", "ws://a.example/", "x=1"),
            ("ws://a.example/", "x=1", "wss://a.example:81/b", "x=1"),
            ("ws://a.example/", "x=1", "ws://b.example/", ""),
            ("ws://a.example/", "x=1", "ws://b.a.example/", ""),
            ("ws://a.example/", "x=1; Domain=a.example", "ws://b.a.example/", ""),
            ("ws://a.example/", "x=1; Domain=.a.example", "ws://a.example/", "x=1"),
            ("ws://b.a.example/", "x=1; Domain=a.example", "ws://b.a.example/", "x=1"),
            ("ws://b.a.example/", "x=1; Domain=a.example", "ws://a.example/", ""),
            ("ws://a.example/", "x=1; Domain=b.example", "ws://a.example/", ""),
            ("ws://a.example/", "x=1; Domain=b.example", "ws://b.example/", ""),
            ("ws://1.2.3.4/", "x=1; Domain=1.2.3.4", "ws://1.2.3.4/", "x=1"),
            ("ws://1.2.3.4/", "x=1; Domain=3.4", "ws://1.2.3.4/", ""),
            ("ws+unix:/a", "x=1", "ws+unix:/a:/b", "x=1"),
            ("ws+unix:/a", "x=1", "ws+unix:/b", ""),
            ("ws+unix:/a", "x=1", "ws://localhost/", ""),
        ] {
            assert_eq!(passed(from, line, to), expected, "{from} {line} {to}");
        }
    }

    #[test]
    fn paths_and_secure_are_honoured() {
        for (from, line, to, expected) in [
            ("ws://a/b/c", "x=1", "ws://a/b/d", "x=1"),
            ("ws://a/b/c", "x=1", "ws://a/d", ""),
            ("ws://a/b/c", "x=1; Path=/", "ws://a/d", "x=1"),
            ("ws://a/", "x=1; Path=/b", "ws://a/b?c", "x=1"),
            ("ws://a/", "x=1; Path=/b", "ws://a/bc", ""),
            ("wss://a/", "x=1; Secure", "wss://a/", "x=1"),
            ("wss://a/", "x=1; Secure", "ws://a/", ""),
            ("ws://a/", "x=1; Secure", "wss://a/", ""),
            ("wss://a/", "__Secure-x=1", "wss://a/", ""),
            ("wss://a/", "__secure-x=1; Secure", "wss://a/", "__secure-x=1"),
            ("wss://a/", "__Host-x=1; Secure; Path=/", "wss://a/", "__Host-x=1"),
            ("wss://a/", "__Host-x=1; Secure", "wss://a/", ""),
            ("wss://a/", "__Host-x=1; Secure; Path=/; Domain=a", "wss://a/", ""),
        ] {
            assert_eq!(passed(from, line, to), expected, "{from} {line} {to}");
        }
        let jar = CookieJar::new();
        keep(&jar, "wss://a/", &["x=1; Secure"], at(0));
        keep(&jar, "ws://a/", &["x=2"], at(0));
        assert_eq!(sent(&jar, "wss://a/", at(0)), "x=1", "not changed without TLS");
        keep(&jar, "ws://a/", &["x=3; Path=/b"], at(0));
        assert_eq!(sent(&jar, "wss://a/b", at(0)), "x=1", "nor put behind another");
        keep(&jar, "ws://a/", &["y=2; path=/b", "z=3"], at(0));
        assert_eq!(sent(&jar, "wss://a/b", at(0)), "y=2; x=1; z=3", "longer paths first, then older ones");
    }

    #[test]
    fn cookies_are_replaced_and_end() {
        let jar = CookieJar::new();
        keep(&jar, "ws://a/", &["x=1", "y=2; Max-Age=10", "z=3; Expires=Thu, 01 Jan 1970 00:17:00 GMT"], at(1000));
        assert_eq!(sent(&jar, "ws://a/", at(1009)), "x=1; y=2; z=3");
        assert_eq!(sent(&jar, "ws://a/", at(1010)), "x=1; z=3");
        assert_eq!(sent(&jar, "ws://a/", at(1020)), "x=1");
        keep(&jar, "ws://a/", &["x=4", "w=0; Max-Age=0"], at(1020));
        assert_eq!(sent(&jar, "ws://a/", at(1020)), "x=4");
        keep(&jar, "ws://a/", &["x=; Max-Age=0", "e=5; Max-Age=99999999999999999999"], at(1020));
        assert_eq!(sent(&jar, "ws://a/", at(1 << 40)), "e=5");
    }

    #[test]
    fn item_10_the_jar_is_bounded() {
        let jar = CookieJar::new();
        let large = "v".repeat(MAX_SIZE);
        keep(&jar, "ws://big/", &[&format!("x={large}"), &format!("y={}", &large[1..])], at(0));
        assert_eq!(jar.pairs(&endpoint("ws://big/"), at(0)).len(), 1);
        for number in 0..1000 {
            keep(&jar, "ws://a/", &[&format!("c{number}=1")], at(0));
        }
        let pairs = jar.pairs(&endpoint("ws://a/"), at(0));
        assert_eq!((pairs.len(), &*pairs[0].0), (MAX_OF_HOST, "c936"));
        assert_eq!(jar.pairs(&endpoint("ws://big/"), at(0)).len(), 1, "no host displaces another's so");
        keep(&jar, "wss://a/", &["safe=1; Secure"], at(0));
        for number in 0..1000 {
            keep(&jar, "ws://a/", &[&format!("d{number}=1")], at(0));
        }
        assert!(sent(&jar, "wss://a/", at(0)).contains("safe=1"), "displaced without TLS");
        for number in 0..1000 {
            keep(&jar, &format!("ws://h{number}/"), &["c=1"], at(0));
        }
        assert_eq!(jar.lock().unwrap().len(), MAX_COOKIES);
    }

    #[test]
    fn a_forked_child_does_not_touch_its_copy() {
        let jar = CookieJar::new();
        keep(&jar, "ws://a/", &["x=1"], at(0));
        let cookies = Mutex::new(std::mem::take(&mut *jar.lock().unwrap()));
        let held = cookies.lock().unwrap();
        drop(held);
        let childs = CookieJar(Arc::new(Shared { made_in: Process::other(), cookies }));
        let _held = childs.0.cookies.lock().unwrap();
        keep(&childs, "ws://a/", &["y=1"], at(0));
        assert_eq!(sent(&childs, "ws://a/", at(0)), "");
    }
}
