"""What errors tell: the cause, and options by the names that they have here."""

import inspect
import re
import socket
from pathlib import Path

import pytest
from conftest import Tls, echo, running, url_of

import landline
from landline import _exceptions


def test_every_option_that_the_package_sets_has_its_name_here() -> None:
    package = Path(_exceptions.__file__).parent
    used = {name for file in package.glob("*.py") for name in re.findall(r"_abi\.OPT_(\w+)", file.read_text())}
    assert used == set(_exceptions.OPTIONS)
    arguments = {*inspect.signature(landline.connect).parameters, *inspect.signature(landline.serve).parameters}
    attributes = {f"Compression.{name}" for name in inspect.signature(landline.Compression).parameters}
    assert set(_exceptions.OPTIONS.values()) <= arguments | attributes


def test_a_message_over_the_limit_names_the_argument_that_raises_it() -> None:
    with running(echo) as server, landline.connect(url_of(server), max_size=5) as ws:
        ws.send("more than five")
        with pytest.raises(landline.MessageTooBig) as caught:
            ws.recv()
    assert caught.value.text == "message of at least 14 bytes is over the limit of 5; raise max_size to accept it"


def test_a_certificate_that_is_not_trusted_is_told_with_the_cause_and_the_arguments(tls: Tls) -> None:
    with running(echo, cert_file=tls.cert, key_file=tls.key) as server:
        with pytest.raises(landline.TLSError) as caught:
            landline.connect(f"wss://localhost:{server.port}/")
    text = caught.value.text
    assert text.startswith("TLS handshake failed: certificate verify failed")
    assert text.endswith("; trust its issuer with ca_file or ca_pem, if this is the right server")


def test_an_option_out_of_range_is_named_as_it_is_called_here() -> None:
    for bad, name in [
        (landline.Compression(level=0), "Compression.level"),
        (landline.Compression(server_max_window_bits=8), "Compression.server_max_window_bits"),
    ]:
        with pytest.raises(landline.UsageError) as caught:
            landline.connect("ws://127.0.0.1:9/", compression=bad)
        assert name in caught.value.text and "LANDLINE" not in caught.value.text


def test_failures_of_the_system_are_told_with_the_cause() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(landline.ConnectError, match=rf'^listening on "127.0.0.1:{port}" failed: Address already'):
            landline.serve(echo, "127.0.0.1", port)
    with pytest.raises(landline.ConnectError, match=rf"^cannot connect to 127.0.0.1:{port}: Connection refused"):
        landline.connect(f"ws://127.0.0.1:{port}/")
