"""`loom.init()`: which control plane, in which order, and what is said when one will not do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import redis

import hyperloom as loom
from hyperloom import errors
from tests import servers
from tests.cluster.node.somebodys import IN_URL, PASSWORD, one_more, port_of, somebodys_server
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow


def works() -> None:
    assert loom.get(one_more.remote(1), timeout=20) == 2


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
        # What is left of the jobs expires by itself.
        names = [key for key in left.scan_iter() if left.ttl(key) < 0]
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
        with pytest.raises(errors.LoomError, match="asks for a password"):
            loom.init(at)


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
    home.lose_power()
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
