"""Options of TLS, and what is known about TLS on connections and requests."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from conftest import Tls, echo, foreign, running

import landline
from landline import TlsOptions

OTHER_PIN = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@contextlib.contextmanager
def serving(tls: Tls, options: Optional[TlsOptions] = None, **more: Any) -> Iterator[str]:
    with running(echo, cert_file=tls.cert, key_file=tls.key, tls=options, **more) as server:
        yield f"wss://localhost:{server.port}/"


def refused(url: str, tls: Tls, options: Optional[TlsOptions] = None, **more: Any) -> str:
    with pytest.raises(landline.TLSError) as caught:
        landline.connect(url, **{"ca_file": tls.ca, "platform_roots": False, "tls": options, **more}).recv(timeout=20)
    return caught.value.text


def test_exceptions_say_why_tls_failed(tls: Tls) -> None:
    def failing(url: str, **options: Any) -> landline.Error:
        with pytest.raises(landline.Error) as caught:
            landline.connect(url, **{"platform_roots": False, **options}).recv(timeout=20)
        return caught.value

    with serving(tls) as url:
        # The tests' certificate is its own issuer.
        unknown = failing(url)
        assert isinstance(unknown, landline.TLSError) and unknown.tls_reason in ("self_signed", "unknown_issuer")
        assert failing(url, ca_file=tls.ca, tls=TlsOptions(pinned_keys=[OTHER_PIN])).tls_reason == "not_pinned"
        assert failing(url.replace("wss://", "ws://")).tls_reason == ""
        through = failing("ws://192.0.2.1/", proxy=url.replace("wss://", "https://"), proxy_platform_roots=False)
        assert isinstance(through, landline.ProxyError) and through.tls_reason == unknown.tls_reason
    required = TlsOptions(client_certs="required", client_ca_file=tls.ca)
    with serving(tls, required) as url:
        nobody = failing(url, ca_file=tls.ca)
        # With TLS 1.3, after the client's part of the handshake.
        assert isinstance(nobody, landline.TLSError) and nobody.tls_reason == "client_certificate_required"


def test_what_is_known_about_tls(tls: Tls) -> None:
    with serving(tls) as url:
        with landline.connect(url, ca_file=tls.ca) as ws:
            known = ws.tls
            assert known is not None
            assert known[:5] == ("1.3", "TLS_AES_256_GCM_SHA384", "http/1.1", False, "native-tls")
            assert known.common_name == "localhost" and known.names == ("localhost", "127.0.0.1")
            assert known.public_key_pin.startswith("sha256//")
            assert [certificate[0] for certificate in known.certificates] == [0x30]
        # After the end, too.
        assert ws.tls == known
        with landline.connect(url, ca_file=tls.ca, tls=TlsOptions(alpn=False)) as ws:
            assert ws.tls is not None and ws.tls.alpn is None
    with running(echo) as server, landline.connect(f"ws://127.0.0.1:{server.port}/") as ws:
        assert ws.tls is None


def older(context: ssl.SSLContext) -> ssl.SSLContext:
    """With TLS 1.2 only."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def test_the_oldest_version_of_a_client(tls: Tls) -> None:
    context = older(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(tls.cert, tls.key)
    with foreign(lambda ws: None, ssl=context) as address:
        url = address.replace("ws://127.0.0.1", "wss://localhost")
        with landline.connect(url, ca_file=tls.ca) as ws:
            assert ws.tls is not None and ws.tls.version == "1.2"
        assert "version" in refused(url, tls, TlsOptions(min_version="1.3"))


def test_the_oldest_version_of_a_server_and_resumed_sessions(tls: Tls) -> None:
    came: List[Optional[landline.TlsInfo]] = []
    context = older(ssl.create_default_context(cafile=str(tls.ca)))

    def ask(url: str, session: Optional[ssl.SSLSession] = None) -> Optional[ssl.SSLSession]:
        with socket.create_connection(("localhost", int(url.rsplit(":")[-1].strip("/"))), 20) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                sock.sendall(
                    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                )
                assert sock.recv(4096).startswith(b"HTTP/1.1 101 ")
                return sock.session

    with serving(tls, process_request=lambda request: came.append(request.tls)) as url:
        session = ask(url)
        ask(url, session)
        assert [(known.version, known.is_resumed) for known in came if known] == [("1.2", False), ("1.2", True)]
    with serving(tls, TlsOptions(min_version="1.3")) as url, pytest.raises(ssl.SSLError):
        ask(url)


def test_a_server_knows_who_came(tls: Tls) -> None:
    came: List[Optional[landline.TlsInfo]] = []
    asking = TlsOptions(client_certs="required", client_ca_pem=tls.ca.read_bytes())
    with serving(tls, asking, process_request=lambda request: came.append(request.tls)) as url:
        with landline.connect(url, ca_file=tls.ca, cert_file=tls.cert, key_file=tls.key):
            pass
        assert came[0] is not None and came[0].common_name == "localhost" and came[0].certificates
        told = refused(url, tls)
        assert told.startswith("peer requires a client certificate") and told.endswith("; give one with cert_file or cert_pem")
    optional = TlsOptions(client_certs="optional", client_ca_file=tls.ca)
    with serving(tls, optional, process_request=lambda request: came.append(request.tls)) as url:
        with landline.connect(url, ca_file=tls.ca):
            pass
        assert came[1] is not None and came[1].certificates == ()
    with pytest.raises(landline.UsageError, match="TlsOptions.client_certs of Required cannot be used"):
        landline.serve(echo, cert_file=tls.cert, key_file=tls.key, tls=TlsOptions(client_certs="required"))


def test_pins_names_and_directories(tls: Tls, tmp_path: Path) -> None:
    shutil.copy(tls.ca, tmp_path / "0a1b2c3d.0")
    with serving(tls) as url:
        with landline.connect(url, platform_roots=False, tls=TlsOptions(ca_dir=tmp_path)) as ws:
            assert ws.tls is not None
            pin = ws.tls.public_key_pin
        landline.connect(url, ca_file=tls.ca, tls=TlsOptions(pinned_keys=[OTHER_PIN, pin])).close()
        told = refused(url, tls, TlsOptions(pinned_keys=[OTHER_PIN]))
        assert pin in told and told.endswith("; pin it with TlsOptions.pinned_keys, if this is the right server")
        told = refused(url, tls, TlsOptions(server_name="other.example"))
        assert "for another name than other.example" in told and "TlsOptions.server_name" in told
        landline.connect(url, ca_file=tls.ca, tls=TlsOptions(server_name="127.0.0.1", min_version="1.3")).close()


def test_certificates_for_several_names_and_renewal(tls: Tls, tmp_path: Path) -> None:
    def make(name: str, host: str) -> "tuple[Path, Path]":
        cert, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split()
        names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{host}"]
        subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=30)
        return cert, key

    def shown(url: str) -> str:
        anyhow: Dict[str, Any] = {"danger_accept_invalid_certs": True, "tls": TlsOptions(server_name="second.example")}
        with landline.connect(url, **anyhow) as ws:
            assert ws.tls is not None
            return ws.tls.common_name

    cert, key = make("second", "second.example")
    with serving(tls, TlsOptions(more_certs=[(cert, key)])) as url:
        assert shown(url) == "second"
        for old, new in zip((cert, key), make("renewed", "second.example")):
            os.replace(new, old)
        assert shown(url) == "renewed"


def test_key_logs(tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "keys.log"
    with serving(tls, TlsOptions(key_log_file=log)) as url:
        landline.connect(url, ca_file=tls.ca).close()
        assert "CLIENT_TRAFFIC_SECRET_0 " in log.read_text()
        with pytest.raises(landline.UsageError, match="TlsOptions.key_log cannot be used with native-tls"):
            landline.connect(url, ca_file=tls.ca, tls=TlsOptions(key_log_file=log))


def test_key_logs_where_the_environment_says(tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    for options, is_written in ((TlsOptions(), False), (TlsOptions(key_log=True), True)):
        with serving(tls, options) as url:
            landline.connect(url, ca_file=tls.ca).close()
        assert log.exists() == is_written


def test_the_library_that_does_tls_can_be_chosen(tls: Tls) -> None:
    with serving(tls) as url:
        for backend in ("native-tls", "rustls"):
            try:
                ws = landline.connect(url, ca_file=tls.ca, tls=TlsOptions(backend=backend))
            except landline.UsageError as error:
                # It may be compiled in.
                assert "rustls" in error.text and backend == "rustls"
            else:
                with ws:
                    assert ws.tls is not None and ws.tls.backend == backend


def test_options_that_cannot_be_used(tls: Tls) -> None:
    for options, text in [
        (TlsOptions(backend="openssl"), "TlsOptions.backend is 'openssl': it must be one of 'native-tls', 'rustls'"),
        (TlsOptions(min_version="1.1"), "TlsOptions.min_version is '1.1': it must be one of '1.2', '1.3'"),
        (TlsOptions(client_certs="maybe"), "TlsOptions.client_certs is 'maybe'"),
        (TlsOptions(pinned_keys=["sha256//AAAA"]), "TlsOptions.pinned_keys of sha256//AAAA cannot be used"),
    ]:
        with pytest.raises(landline.UsageError) as caught:
            landline.connect("wss://127.0.0.1:9/", tls=options)
        assert text in caught.value.text
    with pytest.raises(TypeError, match="tls must be a TlsOptions, not dict"):
        landline.connect("wss://127.0.0.1:9/", tls={})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="pinned_keys must be a list"):
        landline.connect("wss://127.0.0.1:9/", tls=TlsOptions(pinned_keys=OTHER_PIN))
