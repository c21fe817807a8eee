"""`loom.init()`: which control plane, in which order, and what is said when one will not do."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

import hyperloom as loom
from hyperloom import errors
from tests import servers
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.home import Home

pytestmark = pytest.mark.slow

PASSWORD = "correct/horse@battery:staple"
IN_URL = "correct%2Fhorse%40battery%3Astaple"


@loom.task
def one_more(x: int) -> int:
    return x + 1


def works() -> None:
    assert loom.get(one_more.remote(1), timeout=20) == 2


@pytest.fixture
def somebodys(home: Home) -> Iterator[servers.Server]:
    """A server that somebody else runs, on a port and a socket, without a password."""
    del home
    with somebodys_server() as server:
        yield server


@contextmanager
def somebodys_server(
    *options: str, kind: str = "embedded", password: str = ""
) -> Iterator[servers.Server]:
    server = servers.start(kind, options=["--port", str(free_port()), *options])
    try:
        if password:
            with redis.Redis(unix_socket_path=str(server.socket)) as client:
                client.config_set("requirepass", password)
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(server: servers.Server) -> int:
    arguments = Path(f"/proc/{server.process.pid}/cmdline").read_bytes().decode()
    found = re.search(r":(\d+)", arguments.split("\0")[0])
    if found:  # Valkey and Redis write where they listen into their title
        return int(found[1])
    words = arguments.split("\0")
    return int(words[len(words) - 1 - words[::-1].index("--port") + 1])


# -- the order ------------------------------------------------------------------------------


def test_with_nothing_running_a_node_of_its_own_is_started(home: Home) -> None:
    with loom.init(num_cpus=1) as connection:
        works()
        assert connection.address.startswith("unix://")
        (folder,) = home.sessions()
        assert str(folder) in connection.address
    assert home.sessions() == []
    assert home.left() == []


def test_auto_is_content_with_nothing_but_a_running_node(home: Home) -> None:
    with pytest.raises(errors.NotConnected, match="loom start --head"):
        loom.init("auto")
    home.start_head()
    with loom.init("auto"):
        works()


def test_a_running_node_is_found_and_local_passes_it_by(head: Home) -> None:
    with loom.init():
        works()
        assert len(head.sessions()) == 1
    with loom.init("local", num_cpus=1):
        works()
        assert len(head.sessions()) == 2
    with pytest.raises(ValueError, match="num_cpus cannot be given"):
        loom.init(num_cpus=1)


def test_the_variable_comes_before_the_running_node_and_the_argument_before_both(
    head: Home, somebodys: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    del head
    theirs = f"unix://{somebodys.socket}"
    monkeypatch.setenv("LOOM_ADDRESS", theirs)
    with loom.init() as connection:
        works()
        assert connection.address == theirs
    with loom.init("auto") as connection:
        assert connection.address != theirs
    monkeypatch.setenv("LOOM_ADDRESS", "local")
    with loom.init(num_cpus=1) as connection:
        assert "session-" in connection.address


def test_a_heads_own_address_leads_to_its_node(head: Home) -> None:
    with loom.init(head.status()["address"]):
        works()
        assert len(head.sessions()) == 1, "a second node was started"


def test_the_runtime_folder_must_be_ours(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or whoever makes it first in /tmp would be sent our tasks."""
    del home
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "current").symlink_to(tmp_path)
    if os.getuid() == 0:
        os.chown(theirs, 12345, 12345)
    else:
        link = tmp_path / "link"
        link.symlink_to(theirs)
        theirs = link
    monkeypatch.setenv("LOOM_RUNTIME_DIR", str(theirs))
    for how in ("auto", "local"):
        with pytest.raises(errors.LoomError, match="not a folder of yours"):
            loom.init(how)


# -- servers that somebody else runs --------------------------------------------------------


@pytest.mark.parametrize("kind", servers.KINDS)
def test_a_server_that_somebody_else_runs(home: Home, kind: str) -> None:
    if servers.binary(kind) is None:
        pytest.skip(f"there is no {kind} server here")
    with somebodys_server(kind=kind) as server:
        with loom.init(f"redis://127.0.0.1:{port_of(server)}", num_cpus=1):
            works()
        with loom.init(f"unix://{server.socket}", num_cpus=1):  # a second time, all is there
            works()
        left = redis.Redis(unix_socket_path=str(server.socket))
        # Of the jobs only marks are left that they are over; they expire.
        names = [key for key in left.scan_iter() if b":closed" not in key]
        assert sorted(names) == [b"{loom}:about"]
        left.close()
    assert home.left() == []


def test_a_password_is_given_in_the_url_or_in_a_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with somebodys_server(password=PASSWORD) as server:
        at = f"127.0.0.1:{port_of(server)}"
        for address in (f"redis://:{IN_URL}@{at}", f"redis://default:{IN_URL}@{at}"):
            with loom.init(address, num_cpus=1) as connection:
                works()
                assert "horse" not in repr(connection) + connection.address
        file = home.path / "password"
        file.write_text(PASSWORD + "\n")
        file.chmod(0o600)
        monkeypatch.setenv("LOOM_PASSWORD_FILE", str(file))
        with loom.init(at, num_cpus=1):
            works()
        file.chmod(0o644)
        with pytest.raises(errors.LoomError, match="chmod 600"):
            loom.init(at)
        file.chmod(0o600)
        file.write_text("wrong/secret")
        with pytest.raises(errors.LoomError, match="password") as refused:
            loom.init(at)
        assert "wrong/secret" not in str(refused.value)
        monkeypatch.delenv("LOOM_PASSWORD_FILE")
        with pytest.raises(errors.LoomError, match=r"(?i)auth"):
            loom.init(at)


def test_nobody_answers_at_the_address(home: Home) -> None:
    with pytest.raises(errors.ControlPlaneLost, match=r"127\.0\.0\.1"):
        loom.init(f"redis://127.0.0.1:{free_port()}")
    assert home.left() == []


def test_a_server_that_forgets_keys_is_refused(home: Home) -> None:
    del home
    with (
        somebodys_server("--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru") as server,
        pytest.raises(errors.LoomError, match=r"allkeys-lru.*CONFIG SET maxmemory-policy noev"),
    ):
        loom.init(f"unix://{server.socket}")


def test_another_version_of_our_library_is_refused_by_both_names(
    home: Home, somebodys: servers.Server
) -> None:
    del home
    from hyperloom.gcs.library import build  # noqa: PLC0415

    with redis.Redis(unix_socket_path=str(somebodys.socket)) as client:
        client.hset("{loom}:about", "version", "0123456789ab")
    with pytest.raises(errors.LoomError, match=f"0123456789ab.*{build().version}"):
        loom.init(f"unix://{somebodys.socket}")


def test_a_replica_is_refused_with_its_primarys_address(
    home: Home, somebodys: servers.Server
) -> None:
    del home
    port = port_of(somebodys)
    with somebodys_server("--replicaof", f"127.0.0.1 {port}") as replica:
        with redis.Redis(unix_socket_path=str(replica.socket)) as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", 20)
        with pytest.raises(errors.LoomError, match=f"read-only replica.*127.0.0.1:{port}"):
            loom.init(f"unix://{replica.socket}")


def test_a_server_that_is_too_old_is_refused_by_its_version(home: Home) -> None:
    del home
    with old_server() as port, pytest.raises(errors.LoomError, match=r"6\.2\.14.*Redis 7\.0"):
        loom.init(f"redis://127.0.0.1:{port}")


@contextmanager
def old_server() -> Iterator[int]:
    """Says of itself what Redis 6.2 does; the real one is in no package that we may expect."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(4096):
                    info = b"# Server\r\nredis_version:6.2.14\r\n"
                    answer = b"+PONG\r\n"
                    if b"INFO" in data:
                        answer = b"$%d\r\n%s\r\n" % (len(info), info)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()


def test_an_encrypted_connection(home: Home) -> None:
    binary = servers.binary("debian")
    if binary is None or shutil.which("openssl") is None:
        pytest.skip("needs a redis-server with TLS (Debian's) and openssl")
    make = (
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run(make.split(), cwd=home.path, check=True, capture_output=True)
    port, cert = free_port(), home.path / "cert.pem"
    options = ["--tls-port", str(port), "--tls-cert-file", str(cert), "--tls-auth-clients", "no"]
    options += ["--tls-key-file", str(home.path / "key.pem"), "--tls-ca-cert-file", str(cert)]
    with somebodys_server(*options, password=PASSWORD, kind="debian"):
        address = f"rediss://:{IN_URL}@localhost:{port}"
        with pytest.raises(errors.ControlPlaneLost, match=r"(?i)certificate"):
            loom.init(address)
        with loom.init(f"{address}?ssl_ca_certs={cert}", num_cpus=1) as connection:
            assert loom.get([one_more.remote(i) for i in range(2000)]) == list(range(1, 2001))
            assert connection.address.startswith("rediss://localhost")


# -- ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["", "loom.shutdown()", "sys.exit(3)", "raise KeyError(1)"])
def test_a_program_that_ends_ends_its_embedded_node(home: Home, how: str) -> None:
    program = home.python("-c", f"{_PROGRAM}\n{how}")
    out, _ = program.communicate(timeout=40)
    assert out == "2\n"
    home.wait_empty()
    assert home.sessions() == []


_PROGRAM = """
import hyperloom as loom

@loom.task
def one_more(x):
    return x + 1

print(loom.get(one_more.remote(1)), flush=True)
"""


def test_a_killed_program_leaves_nothing(home: Home) -> None:
    program = home.python("-c", f"{_PROGRAM}\nimport signal; signal.pause()")
    assert program.stdout is not None
    assert program.stdout.readline() == "2\n"
    program.kill()
    program.communicate()
    home.wait_empty()
    assert home.sessions() == []


def test_what_is_left_of_an_embedded_session_is_swept_by_the_next(home: Home) -> None:
    program = home.python("-c", f"{_PROGRAM}\nimport signal; signal.pause()")
    assert program.stdout is not None
    assert program.stdout.readline() == "2\n"
    (stale,) = home.sessions()
    for pid in home.processes():  # nobody has the time to clean up
        os.kill(pid, signal.SIGSTOP)
    for pid in home.processes():
        os.kill(pid, signal.SIGKILL)
    program.communicate()
    wait_until(lambda: not home.processes())
    assert stale.exists()
    assert len(home.shared_memory()) == 1
    with loom.init("local", num_cpus=1):
        assert not stale.exists()
        assert [str(stale) in str(path) for path in home.shared_memory()] in ([], [False])
    assert home.left() == []


def test_a_forked_child_does_not_end_its_parents_node(home: Home) -> None:
    source = _PROGRAM + _FORKS
    program = home.python("-c", source)
    out, err = program.communicate(timeout=40)
    assert out == "2\nrefused\n3\n", err
    home.wait_empty()


_FORKS = """
import os
pid = os.fork()
if pid == 0:
    try:
        loom.get(one_more.remote(1))
    except loom.errors.NotConnected:
        print("refused", flush=True)
    sys.exit(0)
os.waitpid(pid, 0)
print(loom.get(one_more.remote(2)), flush=True)
"""


def test_joining_from_the_command_line_makes_two_nodes(home: Home) -> None:
    folder = home.start_head()
    address, password = home.status()["address"], folder / "password"
    size = ("--num-cpus", "1", "--resources", '{"printer": 1}')
    joined = home.loom("start", "--address", address, "--password-file", password, *size)
    assert "control plane " + address in joined.stdout
    status = home.status()
    assert status["kind"] == "joined"
    assert sorted(n["resources"]["CPU"] for n in status["cluster"]["nodes"]) == [1, 2]
    with loom.init("auto"):
        assert loom.get(one_more.options(resources={"printer": 1}).remote(1), timeout=20) == 2
    home.loom("stop")
    (left,) = json.loads(home.loom("status", "--json").stdout)["sessions"]
    assert [n["resources"]["CPU"] for n in left["cluster"]["nodes"]] == [2]
