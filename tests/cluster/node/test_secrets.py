"""Secure as installed: who may open what, and where a password is never found."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.gcs.server import ServerSettings, configuration
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.home import Home

pytestmark = pytest.mark.slow


@loom.task
def environment() -> str:
    return repr(sorted(os.environ.items()))


@loom.task(max_retries=0)
def fails() -> None:
    raise RuntimeError("this is the task's own trouble")


@loom.task(max_retries=0)
def dies() -> None:
    os._exit(9)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def listening(home: Home) -> list[tuple[str, int]]:
    """Every TCP port on which a process of the home listens."""
    return [
        (connection.laddr.ip, connection.laddr.port)
        for pid in home.processes()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]


def said_by(home: Home) -> Iterator[tuple[str, bytes]]:
    """All that a reader of this machine could come by, but for the files that are the secret."""
    for path in home.path.rglob("*"):
        secret = path.name.endswith("password") or "appendonly" in path.parent.name
        if path.is_file() and not secret:
            yield str(path), path.read_bytes()
    for pid, command in home.processes().items():
        yield f"cmdline of {command}", Path(f"/proc/{pid}/cmdline").read_bytes()
        yield f"environ of {command}", Path(f"/proc/{pid}/environ").read_bytes()


def test_a_heads_password_is_nowhere_but_in_its_file(
    home: Home, capfd: pytest.CaptureFixture[str]
) -> None:
    data = home.path / "data"
    started = home.loom("start", "--head", "--port", "0", "--num-cpus", "2", "--dir", data)
    secrets = [(data / name).read_bytes() for name in ("password", "admin-password")]
    assert [len(secret) for secret in secrets] == [64, 64], "256 bits in hex"
    address = home.status()["address"]
    joined = home.loom("start", "--address", address, "--password-file", data / "password")
    # A password in an address is no secret to whoever wrote it, but it goes no further.
    url = address.replace("redis://", f"redis://:{secrets[0].decode()}@")
    said = [started.stdout, started.stderr, joined.stdout, joined.stderr]
    with loom.init(url) as connection:
        said += [repr(connection), connection.address, loom.get(environment.remote(), timeout=20)]
        for task in (fails, dies):
            with pytest.raises(errors.TaskError) as caught:
                loom.get(task.remote(), timeout=20)
            said += [str(caught.value), repr(caught.value), repr(caught.getrepr())]
        driver = repr(vars(loom.connection._driver[0])) + repr(
            vars(loom.connection._driver[0].session)
        )
        said += [driver, home.loom("status").stdout, home.loom("status", "--json").stdout]
        settings = NodeSettings.read(home.current)
        said += [repr(settings), repr(settings.address), str(settings.address)]
        found = {name for name, text in said_by(home) for secret in secrets if secret in text}
        assert found == set()
    head = home.sessions()[0]
    server = NodeSettings.read(head).server_settings()
    assert [s for s in secrets if s.decode() in configuration(server) + repr(server)] == []
    home.kill("raylet")
    (data / "password").chmod(0o644)
    refused = home.loom("status").stdout
    (data / "password").chmod(0o600)
    out, err = capfd.readouterr()
    texts = [*said, refused, out, err]
    assert [text for text in texts for secret in secrets if secret.decode() in text] == []


def test_an_embedded_node_is_open_to_its_user_alone_and_to_no_network(home: Home) -> None:
    with loom.init("local", num_cpus=1):
        assert "LOOM_ADDRESS" not in loom.get(environment.remote(), timeout=20)
        (folder,) = home.sessions()
        assert mode(home.runtime) == mode(folder) == 0o700
        assert {mode(folder / name) for name in ("gcs.sock", "raylet.sock", "password")} == {0o600}
        store = home.shared_memory()
        assert [mode(path) for path in store] == [0o700]
        assert [
            oct(mode(p)) for p in store[0].rglob("*") if p.is_socket() and mode(p) & 0o077
        ] == []
        assert listening(home) == []


def test_a_head_listens_on_loopback_if_nothing_else_is_said(home: Home) -> None:
    folder = home.start_head()
    # The control plane's server, and the node where others may ask it for objects.
    assert [ip for ip, _ in listening(home)] == ["127.0.0.1"] * 2
    names = ("gcs.sock", "raylet.sock", "password", "admin-password", "gcs/server.conf")
    assert {mode(folder / name) for name in names} == {0o600}
    assert mode(folder / "gcs") == mode(folder) == mode(home.runtime) == 0o700


def test_a_head_on_all_addresses_lets_nobody_in_without_the_password(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = home.loom("start", "--head", "--port", "0", "--host", "0.0.0.0")
    url = home.status()["address"]
    assert f"loom start --address {url} --password-file loom.password\n" in started.stdout
    folder = home.current
    port = int(url.rpartition(":")[2])
    (objects,) = {number for ip, number in listening(home) if ip == "0.0.0.0"} - {port}
    with socket.create_connection(("127.0.0.1", objects)) as stranger:
        protocol_mark_and_nonce, no_proof = b"LOOMOBJ1" + bytes(16), bytes(32)
        stranger.sendall(protocol_mark_and_nonce + no_proof)
        assert len(b"".join(iter(lambda: stranger.recv(4096), b""))) == 48  # a nonce and a proof
    for address in (f"redis://127.0.0.1:{port}", f"redis://:wrong@127.0.0.1:{port}"):
        with pytest.raises(errors.LoomError, match=r"(?i)auth|password"):
            loom.init(address)
    refused = home.loom("start", "--address", f"127.0.0.1:{port}", exits=1)
    assert "asks for a password" in refused.stderr.lower()
    password = (folder / "password").read_text()
    monkeypatch.setenv("LOOM_ADDRESS", f"redis://:{password}@127.0.0.1:{port}")
    with loom.init(num_cpus=1):
        assert password not in loom.get(environment.remote(), timeout=20)
    monkeypatch.delenv("LOOM_ADDRESS")
    argument = f"redis://:{password}@127.0.0.1:{port}"
    assert "--password-file instead" in home.loom("start", "--address", argument).stderr
    assert {name for name, text in said_by(home) if password.encode() in text} == set()


def test_a_server_open_to_the_network_needs_a_password(tmp_path: Path) -> None:
    about = {"binary": "redis-server", "folder": tmp_path, "socket": tmp_path / "s"}
    about |= {"admin_password": "", "durability": "always"}
    with pytest.raises(errors.LoomError, match=r"0\.0\.0\.0 can be reached by others"):
        ServerSettings(**about, password="", host="0.0.0.0", port=1)
    assert ServerSettings(**about, password="", host="127.0.0.1", port=1).port == 1


@pytest.mark.parametrize(
    ("text", "permissions", "says"),
    [("", 0o600, "is empty"), ("too-short", 0o600, "shorter than 16"), ("x" * 40, 0o644, "chmod")],
)
def test_a_password_file_that_will_not_do_is_refused(
    home: Home, text: str, permissions: int, says: str
) -> None:
    file = home.path / "password"
    file.write_text(text)
    file.chmod(permissions)
    refused = home.loom("start", "--head", "--host", "0.0.0.0", "--password-file", file, exits=1)
    assert says in refused.stderr
    assert home.sessions() == []


def test_data_are_not_kept_where_others_may_write(home: Home) -> None:
    data = home.path / "data"
    data.mkdir()
    data.chmod(0o777)
    assert "chmod 700" in home.loom("start", "--head", "--dir", data, exits=1).stderr
    assert list(data.iterdir()) == []


def test_a_user_of_the_server_may_call_our_functions_and_bring_none(head: Home) -> None:
    from hyperloom.gcs.wire import Wire  # noqa: PLC0415

    settings = NodeSettings.read(head.current)
    wire = Wire(settings.address)
    for command in (
        ("EVAL", "return 1", 0), ("FUNCTION", "FLUSH"), ("FUNCTION", "LOAD", "x"), ("FLUSHALL",),
        ("CONFIG", "GET", "*"), ("SCRIPT", "FLUSH"), ("KEYS", "*"), ("SHUTDOWN",), ("ACL", "LIST"),
        ("MODULE", "LIST"), ("DEBUG", "SLEEP", 0), ("REPLICAOF", "NO", "ONE"), ("MONITOR",),
    ):  # fmt: skip
        with pytest.raises(errors.ServerRefused, match=r"(?i)permission|not allowed"):
            wire.call(*command)
    wire.close()
