"""The texts of errors: the cause, and options by their names in Python."""

import errno
import inspect
import re
import socket
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
from conftest import Tls, echo, running, url_of

import landline
from landline import _exceptions


def test_every_option_that_the_package_sets_has_a_name_in_python() -> None:
    package = Path(_exceptions.__file__).parent
    used = {name for file in package.glob("*.py") for name in re.findall(r"_abi\.OPT_(\w+)", file.read_text())}
    assert used == set(_exceptions.OPTIONS)
    arguments = {
        name
        for function in (landline.connect, landline.reconnect, landline.serve)
        for name in inspect.signature(function).parameters
    }
    attributes = {f"Compression.{name}" for name in inspect.signature(landline.Compression).parameters}
    attributes |= {f"TcpOptions.{name}" for name in inspect.signature(landline.TcpOptions).parameters}
    attributes |= {f"TlsOptions.{name}" for name in inspect.signature(landline.TlsOptions).parameters}
    assert set(_exceptions.OPTIONS.values()) <= arguments | attributes


def test_a_message_over_the_limit_names_the_argument_that_raises_it() -> None:
    with running(echo) as server, landline.connect(url_of(server), max_size=5) as ws:
        ws.send("more than five")
        with pytest.raises(landline.MessageTooBig) as caught:
            ws.recv()
    assert caught.value.text == "message of at least 14 bytes is over the limit of 5; raise max_size to accept it"


def test_an_untrusted_certificate_is_reported_with_the_cause_and_the_arguments(tls: Tls) -> None:
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        with pytest.raises(landline.TLSError) as caught:
            landline.connect(f"wss://localhost:{server.port}/")
    text = caught.value.text
    assert text.startswith("TLS handshake failed: peer's certificate was issued by an authority that is not trusted: ")
    assert text.endswith("; trust its issuer with ca_file or ca_pem, if this is the right server")


def test_an_option_out_of_range_has_its_python_name() -> None:
    for bad, name in [
        (landline.Compression(level=0), "Compression.level"),
        (landline.Compression(server_max_window_bits=8), "Compression.server_max_window_bits"),
    ]:
        with pytest.raises(landline.UsageError) as caught:
            landline.connect("ws://127.0.0.1:9/", compression=bad)
        assert name in caught.value.text and "LANDLINE" not in caught.value.text


def test_failures_of_the_system_are_reported_with_the_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(landline.ConnectError, match=rf'^listening on "127.0.0.1:{port}" failed: Address already'):
            landline.serve(echo, "127.0.0.1", port)
    with pytest.raises(landline.ConnectError, match=rf"^cannot connect to 127.0.0.1:{port}: Connection refused"):
        landline.connect(f"ws://127.0.0.1:{port}/")


def test_arguments_of_the_wrong_type_are_named() -> None:
    wrong: "Dict[str, Any]" = {
        "ca_file": 3,
        "cert_file": 3,
        "key_file": ["x"],
        "origin": b"http://a",
        "host": 1,
        "pkcs12_password": b"x",
        "max_size": "1",
    }
    for name, value in wrong.items():
        with pytest.raises(TypeError, match=rf"^{name} must be "):
            landline.connect("wss://127.0.0.1:9/", **{name: value})
    with pytest.raises(TypeError, match="^url must be a str"):
        landline.connect(b"ws://127.0.0.1:9/")  # type: ignore[arg-type]
    wrong = {"origins": [1], "subprotocols": [b"a"], "unix": 3, "host": b"127.0.0.1", "cert_file": object()}
    for name, value in wrong.items():
        with pytest.raises(TypeError, match=rf"^{name} must be "):
            landline.serve(echo, **{name: value})
    wrong = {
        "subprotocols": "chat",
        "compression": "deflate",
        "headers": 5,
        "tcp": {"nodelay": False},
        "sock": 5,
    }
    for name, value in wrong.items():
        with pytest.raises(TypeError, match=rf"^{name} must be .*, not {type(value).__name__}$"):
            landline.connect("ws://127.0.0.1:9/", **{name: value})
    with pytest.raises(TypeError, match="^headers must be .*, and one of them is not a pair$"):
        landline.connect("ws://127.0.0.1:9/", headers=["a: b"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="^recv_buffer_size must be an int, not str"):
        landline.connect("ws://127.0.0.1:9/", tcp=landline.TcpOptions(recv_buffer_size="1"))  # type: ignore[arg-type]
    wrong = {
        "handler": None,
        "process_request": 5,
        "select_subprotocol": 5,
        "port": "9001",
        "max_connections": "5",
        "origins": 5,
        "public_scheme": ["https"],
        "sock": 5,
    }
    for name, value in wrong.items():
        with pytest.raises(TypeError, match=rf"^{name} must be .*, not {type(value).__name__}$"):
            landline.serve(**{"handler": echo, name: value})
    with pytest.raises(landline.UsageError, match="^max_connections is -1: it must be 0 or more"):
        landline.serve(echo, max_connections=-1)
    for size in (2**64, -1):
        with pytest.raises(landline.UsageError, match="max_size"):
            landline.connect("ws://127.0.0.1:9/", max_size=size)
    # The text may be a secret.
    for text, said in (("a\0b", "contains a NUL"), ("a\ud800", "cannot be encoded as UTF-8: it has a lone surrogate")):
        with pytest.raises(landline.UsageError, match=f"^origin {said} at index 1$"):
            landline.connect("ws://127.0.0.1:9/", origin=text)


def test_a_close_frame_of_the_wrong_type_is_refused_and_the_connection_stays_open() -> None:
    with running(echo) as server, landline.connect(url_of(server)) as ws:
        for close in (ws.close, ws.close_start):
            with pytest.raises(TypeError, match="^code must be an int, not str$"):
                close("bye")  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="^reason must be a str, not bytes$"):
                close(1000, b"bye")  # type: ignore[arg-type]
        ws.send("open")
        assert ws.recv(timeout=10) == "open"


def test_a_wrong_result_of_process_request_is_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    with running(echo, process_request=lambda request: "no") as server:
        with pytest.raises(landline.InvalidHandshake) as caught:
            landline.connect(url_of(server))
    assert caught.value.http_status == 500
    assert "the result of process_request must be a Response or None, not str" in caplog.text


@pytest.mark.parametrize("as_path", [str, Path, lambda path: str(path).encode()])
def test_paths_are_str_bytes_or_path_like(as_path: Callable[[Path], Any], tls: Tls, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running(echo, unix=as_path(path), cert_file=as_path(tls.cert), key_file=as_path(tls.key)) as server:
        assert server.address == str(path) and path.is_socket()
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        with landline.connect("wss://localhost/", sock=client, ca_file=as_path(tls.ca)) as ws:
            ws.send("found")
            assert ws.recv(timeout=10) == "found"


def test_a_missing_certificate_or_key_file_is_a_tls_error_with_an_errno(tls: Tls) -> None:
    missing = tls.cert.with_name("missing.pem")
    calls: "List[Callable[[], object]]" = [
        lambda: landline.serve(echo, cert_file=missing, key_file=tls.key),
        lambda: landline.serve(echo, cert_file=tls.cert, key_file=missing),
        lambda: landline.connect("wss://127.0.0.1:9/", ca_file=missing),
        lambda: landline.connect("wss://127.0.0.1:9/", cert_file=missing, key_file=tls.key),
    ]
    for call in calls:
        with pytest.raises(landline.TLSError) as caught:
            call()
        assert caught.value.errno == errno.ENOENT and str(missing) in caught.value.text
        assert caught.value.status == "LANDLINE_ERR_TLS" and caught.value.phase == "tls"


def test_certificates_that_are_given_in_two_ways_are_refused_by_name(tls: Tls) -> None:
    pem, key = tls.cert.read_bytes(), tls.key.read_bytes()
    cases: "List[Tuple[Dict[str, Any], str]]" = [
        (dict(cert_file=tls.cert, key_pem=key), "cert_file cannot go with key_pem"),
        (dict(cert_pem=pem, key_file=tls.key), "cert_pem cannot go with key_file"),
        (dict(cert_file=tls.cert), "cert_file is given without key_file"),
        (dict(cert_file=tls.cert, key_file=tls.key, cert_pem=pem, key_pem=key), "cert_file and cert_pem are both given"),
        (dict(cert_pem=pem, key_pem=key, pkcs12=b"x"), "pkcs12 and cert_pem are both given"),
        (dict(cert_pem=pem, key_pem=key, pkcs12_password="x"), "pkcs12_password is given without pkcs12"),
    ]
    for options, text in cases:
        with pytest.raises(landline.UsageError, match=f"^{text}"):
            landline.serve(echo, **options)
        with pytest.raises(landline.UsageError, match=f"^{text}"):
            landline.connect("wss://127.0.0.1:9/", **options)


def test_options_that_no_request_could_match_are_refused_by_name() -> None:
    cases: "List[Dict[str, Any]]" = [
        dict(subprotocols=["a b"]),
        dict(origins=["nonsense"]),
        dict(origins=["https://a.b", "https://a.b/c"]),
    ]
    for options in cases:
        ((_, values),) = options.items()
        with pytest.raises(landline.UsageError) as caught:
            landline.serve(echo, **options)
        assert f'"{values[-1]}"' in caught.value.text
    calls: "List[Callable[..., object]]" = [
        lambda **options: landline.serve(echo, **options),
        lambda **options: landline.accept(socket.socketpair()[0], **options),
        lambda **options: landline.connect("ws://127.0.0.1:9/", **options),
    ]
    for call in calls:
        with pytest.raises(landline.UsageError, match="^header upgrade is written by the library"):
            call(headers={"X-Mine": "1", "Upgrade": "mine"})


@pytest.mark.parametrize("host", ["no such host", "256.1.1.1", "127.0.0.1:1"])
def test_a_malformed_address_is_named_with_the_required_form(host: str) -> None:
    with pytest.raises(landline.UsageError, match="127.0.0.1:9001") as caught:
        landline.serve(echo, host)
    assert host in caught.value.text
