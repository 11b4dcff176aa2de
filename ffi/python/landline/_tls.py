"""Options of TLS beyond those that every program needs, and what is known about TLS on a connection."""

import ctypes
from ctypes import c_int64, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Callable, Iterable, NamedTuple, Optional, Tuple, Union

from . import _abi
from ._exceptions import UsageError, check, outcome
from ._options import Options, PathLike, c_text, path_text

_BACKENDS = {"native-tls": _abi.TLS_BACKEND_NATIVE_TLS, "rustls": _abi.TLS_BACKEND_RUSTLS}
_VERSIONS = {"1.2": _abi.TLS_VERSION_1_2, "1.3": _abi.TLS_VERSION_1_3}
_CLIENT_CERTS = {
    "off": _abi.CLIENT_CERTS_OFF,
    "optional": _abi.CLIENT_CERTS_OPTIONAL,
    "required": _abi.CLIENT_CERTS_REQUIRED,
}


@dataclass(frozen=True)
class TlsOptions:
    """Options of TLS, for connect(), serve() and accept().

    Attributes:
        backend: the TLS library, "native-tls" or "rustls"; None for the default. UsageError if it is not compiled in.
        min_version: the oldest version of TLS to speak, "1.2" or "1.3".
        alpn: whether a client offers "http/1.1" by ALPN (RFC 7301), and a server chooses it. A server that does refuses
            clients that offer only other protocols.
        key_log: whether session secrets are appended to the file that the environment variable SSLKEYLOGFILE names, if it
            is set. Whoever has that file can decrypt the connections. Clients cannot write it with native-tls.
        key_log_file: a file to append session secrets to, whatever the environment says.
        ca_dir: client: a directory whose certificates in PEM files are trusted, whatever the files are called.
        server_name: client: the name to ask the server for, and that its certificate must be for, instead of the URL's host.
        pinned_keys: client: the public keys that the server may have, each as "sha256//" and the SHA-256 of the
            SubjectPublicKeyInfo in Base64, as in TlsInfo.public_key_pin. Empty for any key. They are checked before
            anything is sent.
        more_certs: server: further certificates for other names: pairs of PEM files, certificate and key. A client gets the
            first certificate that is for the name that it asks for. They and cert_file are read again for each client, so
            that renewed ones are used from the next client on.
        client_certs: server: whether clients are asked for certificates, "off", "optional" or "required". Connection.tls
            and Request.tls say who came.
        client_ca_file, client_ca_dir, client_ca_pem: server: a file, a directory or the text of certificates in PEM.
            Clients' certificates that they issued are trusted.
    """

    backend: Optional[str] = None
    min_version: str = "1.2"
    alpn: bool = True
    key_log: bool = False
    key_log_file: Optional[PathLike] = None
    ca_dir: Optional[PathLike] = None
    server_name: Optional[str] = None
    pinned_keys: Iterable[str] = ()
    more_certs: Iterable[Tuple[PathLike, PathLike]] = ()
    client_certs: str = "off"
    client_ca_file: Optional[PathLike] = None
    client_ca_dir: Optional[PathLike] = None
    client_ca_pem: Union[bytes, str, None] = None


def _choice(given: str, choices: "dict[str, int]", what: str) -> int:
    if given not in choices:
        known = ", ".join(repr(name) for name in choices)
        raise UsageError(f"TlsOptions.{what} is {given!r}: it must be one of {known}")
    return choices[given]


def set_tls(options: Options, tls: Optional[TlsOptions]) -> None:
    """Sets these options; None sets nothing."""
    if tls is None:
        return
    if not isinstance(tls, TlsOptions):
        raise TypeError(f"tls must be a TlsOptions, not {type(tls).__name__}")
    if tls.backend is not None:
        options.number(_abi.OPT_TLS_BACKEND, _choice(tls.backend, _BACKENDS, "backend"))
    options.number(_abi.OPT_TLS_MIN_VERSION, _choice(tls.min_version, _VERSIONS, "min_version"))
    options.number(_abi.OPT_TLS_ALPN, tls.alpn)
    options.number(_abi.OPT_TLS_KEY_LOG, tls.key_log)
    options.path(_abi.OPT_TLS_KEY_LOG_FILE, tls.key_log_file)
    options.path(_abi.OPT_TLS_CA_DIR, tls.ca_dir)
    options.text(_abi.OPT_TLS_SERVER_NAME, tls.server_name)
    if isinstance(tls.pinned_keys, str):
        raise TypeError("TlsOptions.pinned_keys must be a list of str, not one str")
    for pin in tls.pinned_keys:
        options.text(_abi.OPT_TLS_PINNED_KEY, pin)
    for cert, key in tls.more_certs:
        files = [c_text(path_text(file, "TlsOptions.more_certs"), "TlsOptions.more_certs") for file in (cert, key)]
        check(_abi.options_add_cert_files(options.handle, *files))
    options.number(_abi.OPT_TLS_CLIENT_CERTS, _choice(tls.client_certs, _CLIENT_CERTS, "client_certs"))
    options.path(_abi.OPT_TLS_CLIENT_CA_FILE, tls.client_ca_file)
    options.path(_abi.OPT_TLS_CLIENT_CA_DIR, tls.client_ca_dir)
    options.data(_abi.OPT_TLS_CLIENT_CA_PEM, tls.client_ca_pem, "CA certificate")


class TlsInfo(NamedTuple):
    """What is known about TLS on a connection.

    Attributes:
        version: "1.2" or "1.3".
        cipher_suite: its name in the registry of IANA, such as "TLS_AES_256_GCM_SHA384".
        alpn: the protocol that was chosen by ALPN, "http/1.1", or None.
        is_resumed: whether an earlier session was resumed.
        backend: the TLS library, "native-tls" or "rustls".
        common_name: that of the subject of the peer's certificate; empty if the peer showed none.
        names: the names that the peer's certificate is for (subjectAltName).
        public_key_pin: the peer's public key in the form of TlsOptions.pinned_keys; empty if the peer showed none.
        certificates: the peer's certificate in DER, followed by the others that it sent, as far as the TLS library shows
            them. Empty if the peer showed none.
    """

    version: str
    cipher_suite: str
    alpn: Optional[str]
    is_resumed: bool
    backend: str
    common_name: str
    names: Tuple[str, ...]
    public_key_pin: str
    certificates: Tuple[bytes, ...]


def tls_info(query: Callable[..., int], owner: c_void_p) -> Optional[TlsInfo]:
    """What is known about TLS of a connection or request; None without TLS."""
    handle = _abi.new_tls()
    status = query(owner, handle)
    if status == _abi.ERR_UNSUPPORTED:
        return None
    if status:
        raise outcome(status)

    def number(key: int) -> int:
        value = c_int64()
        check(_abi.tls_int(handle, key, value))
        return value.value

    def text(key: int) -> str:
        found, length = c_void_p(), c_size_t()
        check(_abi.tls_str(handle, key, found, length))
        return ctypes.string_at(found, length.value).decode("utf-8", "replace") if found.value else ""

    def certificate(index: int) -> bytes:
        found, length = c_void_p(), c_size_t()
        check(_abi.tls_cert(handle, index, found, length))
        return ctypes.string_at(found, length.value)

    return TlsInfo(
        next(name for name, value in _VERSIONS.items() if value == number(_abi.TLS_INFO_VERSION)),
        text(_abi.TLS_INFO_CIPHER_SUITE_NAME),
        text(_abi.TLS_INFO_ALPN) or None,
        bool(number(_abi.TLS_INFO_IS_RESUMED)),
        next(name for name, value in _BACKENDS.items() if value == number(_abi.TLS_INFO_BACKEND)),
        text(_abi.TLS_INFO_COMMON_NAME),
        tuple(text(_abi.TLS_INFO_NAMES).splitlines()),
        text(_abi.TLS_INFO_PUBLIC_KEY_PIN),
        tuple(certificate(index) for index in range(number(_abi.TLS_INFO_CERT_COUNT))),
    )
