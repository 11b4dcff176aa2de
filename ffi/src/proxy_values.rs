//! The options of a client that are about proxies.

use crate::failure::{Failure, Outcome};
use crate::status::LANDLINE_ERR_CONFIG;
use landline::transport::{TlsConnector, TlsConnectorBuilder};
use landline::{ClientBuilder, Proxy, ProxyRules};

#[derive(Clone)]
pub(crate) struct Proxies {
    /// The nearest first.
    chain: Vec<Proxy>,
    environment: Option<ProxyRules>,
    pub(crate) exceptions: Option<String>,
    pub(crate) platform_roots: bool,
    pub(crate) accept_invalid_certs: bool,
    pub(crate) accept_invalid_hostnames: bool,
    pub(crate) ca_files: Vec<String>,
    pub(crate) cert_file: Option<String>,
    pub(crate) key_file: Option<String>,
}

impl Default for Proxies {
    fn default() -> Self {
        Self {
            chain: Vec::new(),
            environment: None,
            exceptions: None,
            platform_roots: true,
            accept_invalid_certs: false,
            accept_invalid_hostnames: false,
            ca_files: Vec::new(),
            cert_file: None,
            key_file: None,
        }
    }
}

impl Proxies {
    /// Adds a proxy by its URL; `None` removes all.
    pub(crate) fn add(&mut self, url: Option<&str>) -> Outcome<()> {
        match url {
            Some(url) => self.chain.push(Proxy::parse(url).map_err(invalid)?),
            None => self.chain.clear(),
        }
        Ok(())
    }

    /// Reads the environment now, or does without it.
    pub(crate) fn use_environment(&mut self, use_it: bool) {
        self.environment = use_it.then(Proxy::from_env);
    }

    /// Adds a header to the last proxy's request.
    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Outcome<()> {
        let Some(last) = self.chain.last_mut() else {
            return Err(Failure::state("there is no proxy for this header: set LANDLINE_OPT_PROXY first"));
        };
        *last = last.clone().header(name, value).map_err(invalid)?;
        Ok(())
    }

    pub(crate) fn apply(&self, builder: ClientBuilder) -> Outcome<ClientBuilder> {
        let rules = match &self.environment {
            _ if !self.chain.is_empty() => ProxyRules::from(self.chain.clone()),
            Some(environment) => environment.clone(),
            None => return Ok(builder),
        };
        let builder = builder.proxy(rules.tls_options(&self.connector()?));
        Ok(match &self.exceptions {
            Some(list) => builder.no_proxy(list),
            None => builder,
        })
    }

    fn connector(&self) -> Outcome<TlsConnectorBuilder> {
        let mut builder = TlsConnector::builder()
            .platform_roots(self.platform_roots)
            .danger_accept_invalid_certs(self.accept_invalid_certs)
            .danger_accept_invalid_hostnames(self.accept_invalid_hostnames);
        for file in &self.ca_files {
            builder = builder.ca_file(file);
        }
        const CERT: &str = "LANDLINE_OPT_PROXY_TLS_CERT_FILE";
        const KEY: &str = "LANDLINE_OPT_PROXY_TLS_KEY_FILE";
        let without = |one, other| {
            Err(Failure::Misuse(LANDLINE_ERR_CONFIG, format!("{one} is given without {other}").into()))
        };
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => Ok(builder.identity_pem_files(cert, key)),
            (None, None) => Ok(builder),
            (Some(_), None) => without(CERT, KEY),
            (None, Some(_)) => without(KEY, CERT),
        }
    }
}

fn invalid(error: landline::Error) -> Failure {
    Failure::invalid(error.to_string())
}
