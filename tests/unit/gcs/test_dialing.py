"""What is said first on a connection, and what a connection is made of."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs.address import Address, parse_address
from hyperloom.gcs.dialing import dial, greeting
from hyperloom.gcs.wire import Wire
from tests.cluster.node.somebodys import port_of, somebodys_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests import servers


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("unix:///run/s", []),
        ("unix:///run/s?db=1", [("SELECT", "1")]),
        ("unix:///run/s?password=secret", [("AUTH", "secret")]),
        ("redis://head", []),
        ("redis://head/0", []),
        ("redis://head:1?db=3", [("SELECT", "3")]),
        ("redis://:secret@head/2", [("AUTH", "secret"), ("SELECT", "2")]),
        ("redis://me:secret@[::1]:1", [("AUTH", "me", "secret")]),
        ("rediss://:secret@head/2", []),  # redis-py's business
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


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="it is Linux's")
def test_a_path_that_carries_nothing_is_noticed_in_seconds_and_not_in_minutes() -> None:
    """1. Nothing arrives for a minute, and nothing is refused.  2. The kernels try again ever more
    rarely, and who only listens not at all.  3. The path is back, and nobody sees it for a minute.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        dial(Address(f"redis://127.0.0.1:{listener.getsockname()[1]}")) as sock,
    ):
        seconds = sum(
            sock.getsockopt(socket.IPPROTO_TCP, option) * times
            for option, times in (
                (socket.TCP_KEEPIDLE, 1),
                (socket.TCP_KEEPINTVL, sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)),
            )
        )
        assert seconds == 5
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000


def test_a_server_of_this_machine_is_reached_without_importing_a_client(socket_path: Path) -> None:
    code = (
        "import sys\n"
        "from hyperloom.gcs.address import Address\n"
        "from hyperloom.gcs.wire import Wire\n"
        f"print(Wire(Address('unix://{socket_path}')).call('PING'), 'redis' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "b'PONG' False\n"


def test_a_server_elsewhere_is_too(server: servers.Server) -> None:
    """It is told our password and our database, and answers what it has in that."""
    with somebodys_server(kind=server.kind, password="secret") as other:
        port = port_of(other)
        code = (
            "import sys\n"
            "from hyperloom.gcs.address import parse_address\n"
            "from hyperloom.gcs.wire import Wire\n"
            f"wire = Wire(parse_address('redis://:secret@127.0.0.1:{port}/3'))\n"
            "wire.call('SET', 'here', 'it is')\n"
            "print(wire.call('CLIENT', 'INFO').decode().partition(' db=')[2].partition(' ')[0])\n"
            "print(wire.call('GET', 'here'), 'redis' in sys.modules)"
        )
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
    assert told.stdout == "3\nb'it is' False\n"


def test_no_connection_is_a_lost_control_plane(tmp_path: Path) -> None:
    there = f"unix://{tmp_path}/nobody"
    with pytest.raises(errors.ControlPlaneLost, match=f"no connection .* at {there}: .*No such"):
        Wire(Address(there))


def test_a_missing_authority_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        address = Address(f"rediss://127.0.0.1:{port}?ssl_ca_certs={tmp_path}/ca.pem")
        with pytest.raises(errors.ControlPlaneLost, match=f"{tmp_path}/ca.pem: .*No such file"):
            Wire(address)


@pytest.mark.parametrize(
    ("url", "imported"),
    [("unix:///run/s", "False"), ("redis://h", "False"), ("rediss://h", "True")],
)
def test_forks_find_imported_what_they_need_and_no_more(url: str, imported: str) -> None:
    """It takes a quarter of a second and 36 MB in each worker that would import it for itself."""
    program = f"""
import sys
from hyperloom.gcs.address import Address
from hyperloom.gcs.dialing import prepare
prepare(Address({url!r}))
print("redis.connection" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().strip() == imported
