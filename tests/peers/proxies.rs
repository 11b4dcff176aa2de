//! The proxies that the tests go through, and the servers behind them.

use crate::common::*;
use crate::program::*;
use crate::talk::*;
use landline::error::{Error, ProxyError, ProxyFailure};
use landline::{Client, ClientBuilder, Proxy, Server, WebSocket};
use std::sync::Arc;

/// What all of the proxies that ask for it know.
pub(crate) const USER: &str = "wanda";
pub(crate) const PASSWORD: &str = "open-sesame";

/// Names that only the proxies can look up. The second one is forbidden by their rules, and has another address, because
/// squid and dante compare addresses too.
const HOSTS: &str = "127.0.0.1 localhost\n127.0.0.1 server.test\n127.0.0.77 forbidden.test\n";

/// An HTTP proxy that wants Basic authentication.
pub(crate) fn tinyproxy() -> Program {
    tinyproxy_at(None)
}

/// On the port of one that has ended.
pub(crate) fn tinyproxy_at(port: Option<u16>) -> Program {
    let plan = Plan::of("tinyproxy", &["-d", "-c", "@DIR@/tinyproxy.conf"]);
    let plan = plan.template("tinyproxy.conf").template("tinyproxy-filter.txt").names(HOSTS);
    plan.port_at("PORT", port).start()
}

/// An HTTP proxy, with TLS on a second port (`TLS`), that wants authentication by one of these schemes: `basic`, `digest`.
pub(crate) fn squid(schemes: &[&str], certificate: &Certificate) -> Program {
    let mut plan = Plan::of("squid", &["-N", "-f", "@DIR@/squid.conf"]).template("squid.conf").file("hosts", HOSTS);
    for scheme in schemes {
        plan = match *scheme {
            "basic" => plan.template("squid-auth-basic.conf").template("basic-users.txt"),
            _ => plan.template("squid-auth-digest.conf").template("squid-digest-users.txt"),
        };
    }
    plan.certificate(certificate).port("PORT").port("TLS").start()
}

/// A SOCKS proxy that asks for nothing (`none`), or for a user and a password (`username`).
pub(crate) fn dante(method: &str) -> Program {
    dante_at(method, None)
}

/// On the port of one that has ended.
pub(crate) fn dante_at(method: &str, port: Option<u16>) -> Program {
    let plan =
        Plan::of("danted", &["-N", "1", "-f", "@DIR@/danted.conf", "-p", "@DIR@/pid"]).template("danted.conf");
    // It looks users up in the system's tables, of which it is given its own.
    let plan =
        plan.template("dante-passwd.txt").template("dante-shadow.txt").template("dante-group.txt").names(HOSTS);
    let plan = plan.variable("NSS_WRAPPER_PASSWD", "@DIR@/dante-passwd.txt");
    let plan = plan.variable("NSS_WRAPPER_SHADOW", "@DIR@/dante-shadow.txt");
    let plan = plan.variable("NSS_WRAPPER_GROUP", "@DIR@/dante-group.txt");
    plan.value("METHOD", method).port_at("PORT", port).start()
}

/// Another SOCKS proxy that asks for a user and a password.
pub(crate) fn microsocks() -> Program {
    let plan =
        Plan::of("microsocks", &["-i", "127.0.0.1", "-p", "@PORT@", "-u", USER, "-P", PASSWORD]).names(HOSTS);
    plan.port("PORT").start()
}

/// A SOCKS proxy that knows 4a, and is never asked for user or password: `ssh -D`, whose server looks names up.
pub(crate) fn ssh() -> Program {
    Plan::of("sh", &["@DIR@/ssh-socks.sh"]).template("ssh-socks.sh").names(HOSTS).port("PORT").start()
}

/// The URL of a proxy, with user and password.
pub(crate) fn with_password(scheme: &str, program: &Program) -> String {
    format!("{scheme}://{USER}:{PASSWORD}@127.0.0.1:{}", program.port("PORT"))
}

pub(crate) fn without_password(scheme: &str, program: &Program) -> String {
    format!("{scheme}://127.0.0.1:{}", program.port("PORT"))
}

/// Two of our servers, one of which speaks TLS, and an authority that their clients trust.
pub(crate) struct Servers {
    pub(crate) ca: Ca,
    pub(crate) plain: Reporting,
    pub(crate) tls: Reporting,
}

impl Servers {
    pub(crate) fn start() -> Self {
        let ca = Ca::new();
        let identity = ca.issue(&["server.test", "localhost"]).identity();
        let (plain, tls) = (
            Reporting::start(Server::builder()),
            Reporting::start(Server::builder().tls_options(acceptor(identity))),
        );
        Self { ca, plain, tls }
    }

    /// By a name that only a proxy can look up.
    pub(crate) fn url(&self) -> String {
        format!("ws://server.test:{}/", self.plain.serving.addr.port())
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("wss://server.test:{}/", self.tls.serving.addr.port())
    }

    /// The same servers by a name that everybody knows.
    pub(crate) fn local_url(&self) -> String {
        self.url().replace("server.test", "localhost")
    }

    /// A name that the proxies do not allow.
    pub(crate) fn forbidden_url(&self) -> String {
        self.url().replace("server.test", "forbidden.test")
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.ca.issue(&["localhost", "127.0.0.1"])
    }

    /// A proxy, which is trusted if it speaks TLS.
    pub(crate) fn proxy(&self, url: &str) -> Proxy {
        let tls = connector().ca_pem(self.ca.pem().as_bytes()).platform_roots(false);
        Proxy::parse(url).unwrap().tls_options(tls)
    }

    pub(crate) fn options(&self, proxies: &[&str]) -> ClientBuilder {
        let proxies: Vec<_> = proxies.iter().map(|url| self.proxy(url)).collect();
        Client::builder().tls(self.ca.connector()).recv_timeout(Some(LIMIT)).proxy(proxies)
    }

    pub(crate) fn open(&self, proxies: &[&str], url: &str) -> WebSocket {
        let opened = self.options(proxies).build().unwrap().connect(url);
        opened.unwrap_or_else(|error| panic!("{url} through {proxies:?}: {error:#}"))
    }

    /// The failure to connect through these proxies, which has to be the proxies' and not the server's, and what it says.
    pub(crate) fn refused(&self, proxies: &[&str], url: &str) -> (Arc<ProxyError>, String) {
        let error = self.options(proxies).build().unwrap().connect(url).unwrap_err();
        let told = told_once(&error);
        assert_eq!(error.status(), None, "a proxy's status is not the server's: {told}");
        assert!(!told.contains(PASSWORD) && !told.contains("the server refused"), "{told}");
        let Error::Proxy(failure) = error else { panic!("not a proxy's failure: {told}") };
        self.plain.saw_nothing();
        self.tls.saw_nothing();
        (failure, told)
    }

    /// Everything that can be said to either server through these proxies.
    pub(crate) fn converse_through(&self, proxies: &[&str]) {
        for (url, server) in [(self.url(), &self.plain), (self.tls_url(), &self.tls)] {
            let mut ws = self.open(proxies, &url);
            converse(&mut ws);
            talks_to(ws, server);
            closes(|| self.open(proxies, &url), server);
        }
    }
}

pub(crate) fn is_about_credentials(failure: &ProxyError) -> bool {
    matches!(failure.failure, ProxyFailure::Credentials(_))
}
