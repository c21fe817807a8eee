"""What is said first on a connection, and what a connection is made of."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs.address import Address, parse_address
from hyperloom.gcs.dialing import dial, greeting
from hyperloom.gcs.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("redis://head", []),
        ("redis://head/0", []),
        ("redis://:a%40b@head", [("AUTH", "a@b")]),
        ("redis://me:secret@head/2", [("AUTH", "me", "secret"), ("SELECT", "2")]),
        ("rediss://head/2?db=3", [("SELECT", "3")]),
        ("unix:///run/s?db=1", [("SELECT", "1")]),
        ("unix:///run/s?password=secret", [("AUTH", "secret")]),
    ],
)
def test_who_we_are_is_said_first(text: str, first: list[tuple[str, ...]]) -> None:
    assert list(greeting(parse_address(text))) == first


def test_a_connection_to_another_machine_notices_that_it_is_gone() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        dial(Address(f"redis://127.0.0.1:{listener.getsockname()[1]}")) as sock,
    ):
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.gettimeout() is None


def test_no_connection_is_a_lost_control_plane(tmp_path: Path) -> None:
    there = f"unix://{tmp_path}/nobody"
    with pytest.raises(errors.ControlPlaneLost, match=f"no connection .* at {there}: .*No such"):
        Wire(Address(there))


def test_a_missing_authority_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        address = Address(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/ca.pem")
        with pytest.raises(errors.ControlPlaneLost, match=f"no such file: {tmp_path}/ca.pem"):
            Wire(address)
