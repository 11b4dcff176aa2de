//! TLS as the options want it.

use crate::arguments::Tls;
use crate::errors::describe;
use landline::transport::{Identity, TlsAcceptor, TlsAcceptorBuilder, TlsConnector, TlsVersion};
use std::path::Path;

/// For a client, if the options are about TLS.
pub(crate) fn client(options: &Tls, may_be_tls: bool) -> Result<Option<TlsConnector>, String> {
    let given = [
        ("--cacert", options.cacert.is_some()),
        ("--capath", options.capath.is_some()),
        ("--no-system-certs", options.no_system_certs),
        ("--pinned-key", !options.pinned_key.is_empty()),
        ("--server-name", options.server_name.is_some()),
        ("--min-tls", options.min_tls.is_some()),
        ("--tlsv1.2", options.tlsv1_2),
        ("--tlsv1.3", options.tlsv1_3),
        ("--tls-backend", options.tls_backend.is_some()),
        ("--no-alpn", options.no_alpn),
        ("--key-log", options.key_log),
        ("--cert", options.cert.is_some()),
        ("--insecure", options.insecure),
    ];
    let Some((name, _)) = given.iter().find(|(_, given)| *given) else { return Ok(None) };
    if !may_be_tls {
        return Err(format!("{name} is for TLS: give a wss:// URL"));
    }
    let mut tls = TlsConnector::builder()
        .danger_accept_invalid_certs(options.insecure)
        .platform_roots(!options.no_system_certs)
        .alpn(!options.no_alpn)
        .key_log(options.key_log);
    if let Some(path) = &options.capath {
        tls = tls.ca_dir(path);
    }
    if let Some(path) = &options.cacert {
        tls = tls.ca_file(path);
    }
    if let Some(name) = &options.server_name {
        tls = tls.server_name(name);
    }
    if let Some(version) = min_version(options) {
        tls = tls.min_version(version);
    }
    if let Some(backend) = options.tls_backend {
        tls = tls.backend(backend);
    }
    tls = options.pinned_key.iter().flat_map(|pins| &pins.0).fold(tls, |tls, pin| tls.pinned_key(pin));
    if let Some(path) = &options.cert {
        tls = tls.identity(identity(options, path)?);
    }
    tls.build().map(Some).map_err(|error| describe(&error))
}

/// For a server, if there is a certificate.
pub(crate) fn server(options: &Tls) -> Result<Option<TlsAcceptorBuilder>, String> {
    let Some(path) = &options.cert else { return Ok(None) };
    let mut tls = TlsAcceptor::builder().identity(identity(options, path)?).alpn(!options.no_alpn);
    if let Some(version) = min_version(options) {
        tls = tls.min_version(version);
    }
    if let Some(backend) = options.tls_backend {
        tls = tls.backend(backend);
    }
    Ok(Some(tls.key_log(options.key_log)))
}

fn min_version(options: &Tls) -> Option<TlsVersion> {
    let named = || options.tlsv1_3.then_some(TlsVersion::V1_3).or(options.tlsv1_2.then_some(TlsVersion::V1_2));
    options.min_tls.or_else(named)
}

fn identity(options: &Tls, cert: &Path) -> Result<Identity, String> {
    if options.cert_type.eq_ignore_ascii_case("P12") {
        let archive =
            std::fs::read(cert).map_err(|error| format!("--cert: cannot read {}: {error}", cert.display()))?;
        let password = options.pass.as_deref().unwrap_or_default();
        return Identity::from_pkcs12(&archive, password).map_err(|error| describe(&error));
    }
    let key = options.key.as_deref();
    Identity::from_pem_files(cert, key.unwrap_or(cert)).map_err(|error| match key {
        Some(_) => describe(&error),
        None => format!("{}; if its key is in another file, give that with --key", describe(&error)),
    })
}
