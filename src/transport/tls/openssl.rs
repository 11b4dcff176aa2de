//! OpenSSL itself, where native-tls is made of it: what native-tls does not offer. Above all the server's side of TLS 1.3.

use super::backend::{Acceptor, Check, Handshake, Progress, Session};
use super::buffers::Buffers;
use super::certificates::parse_certificates;
use super::failure::{HandshakeFailure, Meaning, unusable, unusable_because};
use super::identity::{Parsed, unusable_archive};
use super::info::TlsVersion;
use super::key_log::KeyLog;
use super::server_names::{Names, choose};
use super::settings::{ClientCerts, HTTP_1_1, ServerSettings};
use super::shared;
use crate::error::{Error, Result, TlsReason};
use openssl::error::ErrorStack;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{
    AlpnError, HandshakeError, MidHandshakeSslStream, NameType, SniError, Ssl, SslAcceptor, SslAcceptorBuilder,
    SslContext, SslMethod, SslOptions, SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// A context for each certificate.
struct Server {
    /// The first one. It has the callback that takes another one by the name that the client asks for.
    context: SslContext,
}

pub(super) fn acceptor(settings: &ServerSettings) -> Result<Arc<dyn Acceptor>> {
    let key_log = settings.key_log.as_deref().map(KeyLog::open).transpose()?.map(Arc::new);
    let mut roots = Vec::new();
    for pem in &settings.client_roots {
        for certificate in parse_certificates(&pem.text, &pem.name)? {
            let damaged = |source| unusable_because(format!("{} cannot be used: it is damaged", pem.name), source);
            roots.push(X509::from_der(&certificate).map_err(damaged)?);
        }
    }
    let mut names = Vec::new();
    let mut builders = Vec::new();
    for material in &settings.identities {
        let identity = shared::identity(material)?;
        let Parsed::Der { chain, key } = &*identity else {
            return Err(unusable("TLS cannot be set up: OpenSSL does not read the certificate".to_owned()));
        };
        names.push(Names::of(chain.first().map_or(&[], |certificate| &certificate[..])));
        builders.push(build(settings, &roots, key_log.as_ref(), chain, key).map_err(not_set_up)?);
    }
    let mut builders = builders.into_iter();
    let Some(mut first) = builders.next() else {
        return Err(unusable("TLS cannot be set up: there is no certificate".to_owned()));
    };
    let others: Vec<SslContext> = builders.map(|builder| builder.build().into_context()).collect();
    if !others.is_empty() {
        first.set_servername_callback(move |ssl, _| {
            if let Some(other) = choose(&names, ssl.servername(NameType::HOST_NAME)).checked_sub(1) {
                // It only fails without memory. The first certificate is shown then.
                let _ = others.get(other).map(|context| ssl.set_ssl_context(context));
            }
            Ok::<(), SniError>(())
        });
    }
    Ok(Arc::new(Server { context: first.build().into_context() }))
}

/// Mozilla's "intermediate" recommendation: TLS 1.2 and 1.3, forward secrecy.
fn build(
    settings: &ServerSettings,
    roots: &[X509],
    key_log: Option<&Arc<KeyLog>>,
    chain: &[Vec<u8>],
    key: &[u8],
) -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
    builder.set_min_proto_version(Some(match settings.min_version {
        TlsVersion::V1_2 => SslVersion::TLS1_2,
        TlsVersion::V1_3 => SslVersion::TLS1_3,
    }))?;
    // A client could keep the server busy with it, and a TLS write in the middle of it would have to wait.
    builder.set_options(SslOptions::NO_RENEGOTIATION);
    // Sessions are resumed by tickets; those in memory would pile up.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_private_key(&*private_key(key)?)?;
    for (i, certificate) in chain.iter().enumerate() {
        let certificate = X509::from_der(certificate)?;
        if i == 0 {
            builder.set_certificate(&certificate)?;
        } else {
            builder.add_extra_chain_cert(certificate)?;
        }
    }
    ask_for_certificates(&mut builder, settings.client_certs, roots)?;
    if settings.alpn {
        builder.set_alpn_select_callback(|_, offered| choose_protocol(offered));
    }
    if let Some(key_log) = key_log {
        let key_log = Arc::clone(key_log);
        builder.set_keylog_callback(move |_, line| key_log.write(line));
    }
    Ok(builder)
}

fn ask_for_certificates(
    builder: &mut SslAcceptorBuilder,
    client_certs: ClientCerts,
    roots: &[X509],
) -> Result<(), ErrorStack> {
    let verify = match client_certs {
        ClientCerts::Off => return Ok(()),
        ClientCerts::Optional => SslVerifyMode::PEER,
        ClientCerts::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
    };
    let mut store = X509StoreBuilder::new()?;
    for root in roots {
        store.add_cert(root.clone())?;
        builder.add_client_ca(root)?;
    }
    builder.set_cert_store(store.build());
    builder.set_verify(verify);
    // Without it, OpenSSL refuses to resume sessions of clients with certificates.
    builder.set_session_id_context(b"landline")
}

/// `http/1.1`, if it is offered. A client that offers only others is refused (RFC 7301 3.2).
fn choose_protocol(offered: &[u8]) -> Result<&[u8], AlpnError> {
    let mut rest = offered;
    while let Some((&len, names)) = rest.split_first() {
        let (name, behind) = names.split_at_checked(len.into()).ok_or(AlpnError::ALERT_FATAL)?;
        if name == HTTP_1_1.as_bytes() {
            return Ok(name);
        }
        rest = behind;
    }
    Err(AlpnError::ALERT_FATAL)
}

fn not_set_up(source: ErrorStack) -> Error {
    unusable_because("TLS cannot be set up".to_owned(), source)
}

impl Acceptor for Server {
    fn accept(&self, buffers: Buffers) -> Progress {
        match Ssl::new(&self.context) {
            Ok(ssl) => progress(ssl.accept(buffers)),
            Err(source) => Progress::Failed(HandshakeFailure::new(Meaning::Unknown, source)),
        }
    }
}

fn progress(result: Result<SslStream<Buffers>, HandshakeError<Buffers>>) -> Progress {
    match result {
        Ok(session) => Progress::Done(Box::new(session)),
        Err(HandshakeError::WouldBlock(handshake)) => Progress::Blocked(Box::new(handshake)),
        Err(HandshakeError::Failure(handshake)) => {
            let verdict = handshake.ssl().verify_result().error_string();
            let source = handshake.into_error();
            Progress::Failed(HandshakeFailure::new(meaning(source.ssl_error(), verdict), source))
        }
        Err(HandshakeError::SetupFailure(source)) => {
            Progress::Failed(HandshakeFailure::new(Meaning::Unknown, source))
        }
    }
}

impl Handshake for MidHandshakeSslStream<Buffers> {
    fn buffers(&mut self) -> &mut Buffers {
        self.get_mut()
    }

    fn proceed(self: Box<Self>) -> Progress {
        progress(self.handshake())
    }
}

impl Session for SslStream<Buffers> {
    fn buffers(&mut self) -> &mut Buffers {
        self.get_mut()
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buf)
    }

    fn write_all(&mut self, plaintext: &[u8]) -> io::Result<()> {
        Write::write_all(self, plaintext)
    }

    fn close(&mut self) {
        let _ = self.shutdown();
    }

    fn peer_certificates(&self) -> Vec<Vec<u8>> {
        // On a server, the chain is without the peer's own certificate.
        let others = self.ssl().peer_cert_chain().into_iter().flatten().map(|other| other.to_der());
        let own = self.ssl().peer_certificate().map(|certificate| certificate.to_der());
        own.into_iter().chain(others).filter_map(Result::ok).collect()
    }

    fn alpn(&self) -> Option<Vec<u8>> {
        self.ssl().selected_alpn_protocol().map(<[u8]>::to_vec)
    }
}

/// Certificate and key of an archive, in the form that all libraries take.
pub(super) fn read_pkcs12(archive: &[u8], password: &str) -> Result<Parsed> {
    let read = || {
        let parsed = Pkcs12::from_der(archive)?.parse2(password)?;
        let (Some(certificate), Some(key)) = (parsed.cert, parsed.pkey) else { return Ok(None) };
        let mut chain = vec![certificate.to_der()?];
        // In the archive's order: OpenSSL gives them the other way round.
        for other in parsed.ca.into_iter().flatten().rev() {
            chain.push(other.to_der()?);
        }
        Ok(Some(Parsed::Der { chain, key: key.private_key_to_pkcs8()? }))
    };
    match read() {
        Ok(Some(parsed)) => Ok(parsed),
        Ok(None) => {
            Err(unusable_archive("there is no private key in it, or no certificate that belongs to the key"))
        }
        Err(source) => Err(unusable_because_of(source)),
    }
}

fn unusable_because_of(source: ErrorStack) -> Error {
    let why = match source.errors().first().and_then(openssl::error::Error::reason) {
        Some("mac verify failure") => "the password is wrong, or it is damaged",
        Some("unsupported") => "its encryption is outdated; export it again",
        _ => "it is damaged, or something else",
    };
    unusable_because(format!("the PKCS#12 archive cannot be used: {why}"), source)
}

fn private_key(pkcs8: &[u8]) -> Result<PKey<Private>, ErrorStack> {
    PKey::private_key_from_pkcs8(pkcs8)
}

/// Whether a certificate and a key are well-formed and belong together.
pub(super) fn check(chain: &[Vec<u8>], key: &[u8]) -> Result<Check> {
    let certificates: Result<Vec<X509>, _> = chain.iter().map(|certificate| X509::from_der(certificate)).collect();
    let Ok(certificates) = certificates else { return Ok(Check::BadCertificate) };
    let Ok(key) = private_key(key) else { return Ok(Check::BadKey) };
    Ok(match certificates.first().map(|certificate| certificate.public_key()) {
        Some(Ok(public)) if !key.public_eq(&public) => Check::Mismatch,
        // If the library cannot compare this kind of key, the handshake decides.
        _ => Check::Fine,
    })
}

/// Of an error that a session gave.
pub(super) fn meaning_of_io(error: &io::Error) -> Option<Meaning> {
    let error: &openssl::ssl::Error = error.get_ref()?.downcast_ref()?;
    Some(meaning(error.ssl_error(), ""))
}

/// What OpenSSL says, and what it thinks of the peer's certificate, as it says that.
pub(super) fn meaning(stack: Option<&ErrorStack>, verdict: &str) -> Meaning {
    /// Reasons from here on are alerts of the peer, by their number (RFC 8446 6).
    const ALERTS: i32 = 1000;
    /// Of `sslerr.h`: SSL_R_….
    const BAD_RECORD: [i32; 3] = [147, 281, 129];
    const CERTIFICATE_VERIFY_FAILED: i32 = 134;
    const PEER_DID_NOT_RETURN_A_CERTIFICATE: i32 = 199;
    /// No protocols available, unsupported protocol, wrong SSL version, version too low.
    const VERSIONS: [i32; 4] = [191, 258, 266, 396];
    let Some(first) = stack.and_then(|stack| stack.errors().first()) else { return Meaning::Unknown };
    Meaning::Reason(match first.reason_code() {
        code @ ALERTS..1256 => return Meaning::Alert((code - ALERTS) as u8),
        code if BAD_RECORD.contains(&code) => return Meaning::BadRecord,
        code if VERSIONS.contains(&code) => TlsReason::NoCommonVersion,
        PEER_DID_NOT_RETURN_A_CERTIFICATE => TlsReason::NoClientCertificate,
        CERTIFICATE_VERIFY_FAILED => match reason_of(verdict) {
            Some(reason) => reason,
            None => return Meaning::Unknown,
        },
        _ => return Meaning::NotTls,
    })
}

/// By the words of `X509_verify_cert_error_string`, which versions of OpenSSL write with different hyphens and capitals.
fn reason_of(verdict: &str) -> Option<TlsReason> {
    Some(match &verdict.to_ascii_lowercase().replace("self signed", "self-signed")[..] {
        "certificate has expired" => TlsReason::Expired,
        "certificate is not yet valid" => TlsReason::NotYetValid,
        "hostname mismatch" | "ip address mismatch" => TlsReason::OtherName,
        "self-signed certificate" => TlsReason::SelfSigned,
        "self-signed certificate in certificate chain"
        | "unable to get issuer certificate"
        | "unable to get local issuer certificate"
        | "unable to verify the first certificate" => TlsReason::UnknownIssuer,
        _ => return None,
    })
}
