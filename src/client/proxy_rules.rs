//! Which proxies lead to which server: given by the program, or by the environment, with exceptions.

use super::Proxy;
use super::proxy::split_port;
use crate::error::{ConfigError, Error, Result};
use crate::transport::TlsConnectorBuilder;
use crate::uri::Endpoint;
use std::net::IpAddr;
use std::sync::Arc;
use url::Host;

/// Which proxies a client connects through: one [`Proxy`], a chain of them, or those of the environment
/// ([`Proxy::from_env`]).
///
/// In a chain, the first proxy is connected to, and each is asked to connect to the next one.
///
/// ```
/// use landline::{Client, Proxy};
/// let (near, far) = (Proxy::parse("http://proxy.example:3128")?, Proxy::parse("socks5h://relay.example")?);
/// let client = Client::builder().proxy([near, far]).build()?;
/// let client = Client::builder().proxy(Proxy::from_env()).build()?;
/// # Ok::<(), landline::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProxyRules {
    ws: Route,
    wss: Route,
    exceptions: Exceptions,
}

/// The proxies for one scheme, the nearest first, or why they cannot be used.
type Route = Result<Arc<[Proxy]>>;

impl ProxyRules {
    /// Sets the options for TLS with all `https` proxies among these, replacing their own: see [`Proxy::tls_options`].
    #[must_use]
    pub fn tls_options(self, options: &TlsConnectorBuilder) -> Self {
        let with_options = |proxies: Arc<[Proxy]>| {
            proxies.iter().map(|proxy| proxy.clone().tls_options(options.clone())).collect::<Arc<[Proxy]>>()
        };
        Self { ws: self.ws.map(with_options), wss: self.wss.map(with_options), ..self }
    }

    /// Sets the hosts to connect to directly, replacing those of the environment.
    pub(super) fn set_exceptions(&mut self, list: &str) {
        self.exceptions = Exceptions::parse(list);
    }

    /// Makes the rules of an environment.
    pub(super) fn from_variables(value: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            let set = |name| Some((name, value(name).filter(|value: &String| !value.is_empty())?));
            names.iter().copied().find_map(set)
        };
        let route = |names| match first(names) {
            None => Ok(Arc::default()),
            Some((variable, url)) => match Proxy::parse(&url) {
                Ok(proxy) => Ok([proxy].into()),
                Err(Error::Config(reason)) => Err(ConfigError::ProxyVariable { variable, reason }.into()),
                Err(error) => Err(error),
            },
        };
        Self {
            ws: route(&["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"]),
            wss: route(&["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            exceptions: first(&["no_proxy", "NO_PROXY"])
                .map_or_else(Exceptions::default, |(_, list)| Exceptions::parse(&list)),
        }
    }

    /// The proxies that lead to a server, the nearest first; none if it is connected to directly.
    pub(super) fn route(&self, endpoint: &Endpoint) -> Result<&[Proxy]> {
        if self.exceptions.contain(endpoint.host(), endpoint.port()) {
            return Ok(&[]);
        }
        let route = if endpoint.is_tls() { &self.wss } else { &self.ws };
        route.as_deref().map_err(Clone::clone)
    }
}

/// No proxies.
impl Default for ProxyRules {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<Proxy>> for ProxyRules {
    fn from(chain: Vec<Proxy>) -> Self {
        let chain: Arc<[Proxy]> = chain.into();
        Self { ws: Ok(Arc::clone(&chain)), wss: Ok(chain), exceptions: Exceptions::default() }
    }
}

impl<const N: usize> From<[Proxy; N]> for ProxyRules {
    fn from(chain: [Proxy; N]) -> Self {
        Vec::from(chain).into()
    }
}

impl From<Proxy> for ProxyRules {
    fn from(proxy: Proxy) -> Self {
        [proxy].into()
    }
}

/// The servers that are connected to directly.
#[derive(Clone, Debug, Default)]
struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug)]
struct Exception {
    hosts: Hosts,
    /// Any if there is none.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// This name, in lower case without a dot at either end, and those that end with a dot and this name.
    Domain(String),
    /// The addresses whose first bits are those of this one.
    Network(IpAddr, u8),
}

impl Exceptions {
    fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Exception::parse).collect())
    }

    fn contain(&self, host: &Host<String>, port: u16) -> bool {
        let has =
            |exception: &Exception| exception.port.is_none_or(|of| of == port) && exception.hosts.contain(host);
        self.0.iter().any(has)
    }
}

impl Exception {
    /// `None` for what cannot be the name or address of a host.
    fn parse(entry: &str) -> Option<Self> {
        // An IPv6 address may stand there without brackets, but not with a port then.
        if let Some(hosts) = Hosts::parse_network(entry) {
            return Some(Self { hosts, port: None });
        }
        let (host, port) = match split_port(entry) {
            (host, Some(port)) => (host, Some(port.parse().ok()?)),
            (host, None) => (host, None),
        };
        Some(Self { hosts: Hosts::parse(host)?, port })
    }
}

impl Hosts {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some(network) = Self::parse_network(text) {
            return Some(network);
        }
        let name = text.strip_prefix('*').unwrap_or(text).trim_start_matches('.');
        match Host::parse(name.strip_suffix('.').unwrap_or(name)).ok()? {
            Host::Domain(name) => Some(Self::Domain(name)),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// Parses an address, in brackets or not, with the number of bits that count or without.
    fn parse_network(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        let address: IpAddr = bare.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self::Network(address, bits))
    }

    fn contain(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Domain(domain), Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                name.strip_suffix(&**domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            (Self::Network(IpAddr::V4(network), bits), Host::Ipv4(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*bits)
            }
            (Self::Network(IpAddr::V6(network), bits), Host::Ipv6(address)) => {
                let differing = network.to_bits() ^ address.to_bits();
                differing.leading_zeros() >= u32::from(*bits)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn rules(variables: &[(&str, &str)]) -> ProxyRules {
        ProxyRules::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn chosen(rules: &ProxyRules, url: &str) -> String {
        let route = rules.route(&Endpoint::parse(url).unwrap()).unwrap();
        route.iter().map(Proxy::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let all = [
            ("ws_proxy", "http://1"),
            ("WS_PROXY", "http://2"),
            ("http_proxy", "http://3"),
            ("HTTP_PROXY", "http://in-a-cgi-program-this-is-a-header-of-the-request"),
            ("all_proxy", "http://4"),
            ("ALL_PROXY", "socks5://5"),
        ];
        let expected = ["http://0.0.0.1:80", "http://0.0.0.2:80", "http://0.0.0.3:80", "http://0.0.0.4:80"];
        let expected = [&expected[..3], &expected[3..], &["socks5://0.0.0.5:1080"]].concat();
        for (first, expected) in [0, 1, 2, 4, 5].into_iter().zip(expected) {
            assert_eq!(chosen(&rules(&all[first..]), "ws://a"), expected);
            // An empty one is as good as none.
            let mut with_empty = all;
            with_empty[..first].iter_mut().for_each(|(_, value)| *value = "");
            assert_eq!(chosen(&rules(&with_empty), "ws://a"), expected);
        }
        let all = ["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
            .map(|name| (name, name));
        for first in 0..all.len() {
            let expected = format!("http://{}:80", all[first].0.to_lowercase());
            assert_eq!(chosen(&rules(&all[first..]), "wss://a"), expected);
            let others = [("http_proxy", "x"), ("ws_proxy", "y")];
            assert_eq!(chosen(&rules(&[&others[..], &all[first..]].concat()), "wss://a"), expected);
        }
        for url in ["ws://a", "wss://a"] {
            assert_eq!(chosen(&rules(&[("HTTP_PROXY", "x"), ("ftp_proxy", "y")]), url), "");
        }
    }

    #[test]
    fn a_variable_that_cannot_be_used_is_an_error_only_where_it_counts() {
        let rules = rules(&[("https_proxy", "ftp://u:hunter2@a"), ("http_proxy", "b"), ("no_proxy", "c")]);
        assert_eq!(chosen(&rules, "ws://a"), "http://b:80");
        assert_eq!(chosen(&rules, "wss://c"), "");
        let error = rules.route(&Endpoint::parse("wss://a").unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("the environment variable https_proxy cannot be used: the scheme"), "{error}");
        assert!(!error.contains("hunter2"));
    }

    #[test]
    fn no_proxy_lists_hosts_domains_ports_addresses_and_networks() {
        for (list, direct, through) in [
            ("*", &["a", "1.2.3.4", "[::1]:9"][..], &[][..]),
            ("a,*", &["b"], &[]),
            ("", &[], &["a"]),
            ("example.com", &["example.com", "EXAMPLE.com.", "x.y.example.com:8080"], &["badexample.com", "com"]),
            (".example.com", &["example.com", "a.example.com"], &["badexample.com"]),
            ("*.example.com", &["example.com", "a.example.com"], &["badexample.com"]),
            (" a ,,\tb. c", &["a", "b", "c", "x.c."], &["d"]),
            ("B\u{dc}CHER.example", &["b\u{fc}cher.example", "a.xn--bcher-kva.example"], &["example"]),
            ("a:8080", &["a:8080", "b.a:8080"], &["a", "a:80", "a:8081"]),
            ("*:8080", &["a:8080", "[::1]:8080"], &["a"]),
            ("1.2.3.4", &["1.2.3.4", "1.2.3.4:9"], &["1.2.3.5", "x.1.2.3.4.example"]),
            ("1.2.3.4:80", &["1.2.3.4"], &["1.2.3.4:81"]),
            ("10.0.0.0/8", &["10.255.0.1:99"], &["11.0.0.1", "a", "[::a00:1]"]),
            ("192.168.4.0/22", &["192.168.7.255"], &["192.168.8.0"]),
            ("0.0.0.0/0", &["1.2.3.4"], &["a", "[::1]"]),
            ("::1", &["[::1]", "[0:0::1]:9"], &["[::2]"]),
            ("[::1]", &["[::1]:9"], &["[::2]"]),
            ("[::1]:80", &["[::1]"], &["[::1]:81"]),
            ("fd00::/8", &["[fdff::1]"], &["[fe80::1]", "1.2.3.4"]),
            ("[fd00::]/8", &["[fdff::1]"], &["[fe80::1]"]),
            // What makes no sense excepts nothing.
            ("10.0.0.0/33,a:b,::1/129,[::1,a b:99999,%", &["a"], &["10.0.0.0", "b", "[::1]"]),
        ] {
            let rules = rules(&[("all_proxy", "proxy"), ("NO_PROXY", list)]);
            for host in direct {
                assert_eq!(chosen(&rules, &format!("ws://{host}")), "", "{list}: {host}");
            }
            for host in through {
                assert_eq!(chosen(&rules, &format!("ws://{host}")), "http://proxy:80", "{list}: {host}");
            }
        }
        let both = [("all_proxy", "proxy"), ("no_proxy", "a"), ("NO_PROXY", "b")];
        assert_eq!(chosen(&rules(&both), "ws://b"), "http://proxy:80", "lower case comes first");
    }

    #[test]
    fn exceptions_of_the_program_replace_those_of_the_environment() {
        let mut rules = rules(&[("all_proxy", "proxy"), ("no_proxy", "a")]);
        rules.set_exceptions("b");
        assert_eq!((chosen(&rules, "ws://a"), chosen(&rules, "ws://b")), ("http://proxy:80".into(), String::new()));
        let mut chain = ProxyRules::from([Proxy::parse("a").unwrap(), Proxy::parse("socks5://b").unwrap()]);
        assert_eq!(chosen(&chain, "wss://c"), "http://a:80 socks5://b:1080");
        chain.set_exceptions("*");
        assert_eq!(chosen(&chain, "wss://c"), "");
    }
}
