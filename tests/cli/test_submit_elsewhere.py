"""A program that is submitted from another machine: it and its directory travel to the head."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

SCRIPT = """
import os, sys
from pathlib import Path
import hyperloom as loom
from beside.words import word

@loom.task
def double(x):
    return 2 * x

def size(at):
    return os.path.getsize(at)

nodes = {node["node"] for node in loom.nodes()}
print(word, loom.get(double.remote(21)), len(nodes), os.environ["COLOUR"], sys.argv[1:])
link = Path("link").read_text().split()[0]
print(size("large.bin"), os.access("run.sh", os.X_OK), link, os.listdir())
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def away() -> Iterator[Home]:
    """Another machine: a home without a node, that knows an address and a password."""
    away = Home()
    yield away
    away.close()


def _program(away: Home) -> None:
    program = away.path / "program"
    (program / "beside").mkdir(parents=True)
    (program / ".venv").mkdir()
    (program / ".venv" / "large").write_bytes(bytes(1 << 20))
    (program / "script.py").write_text(SCRIPT)
    (program / "beside" / "words.py").write_text("word = 'hello'\n")
    (program / "large.bin").write_bytes(os.urandom(3 << 20))  # comes in several parts
    (program / "run.sh").touch(0o755)
    (program / "link").symlink_to("beside/words.py")
    (program / "outward").symlink_to("/etc/passwd")
    os.mkfifo(program / "pipe")


def test_a_program_travels_runs_there_and_is_looked_at_and_stopped(home: Home, away: Home) -> None:
    head = home.start_head()
    settings = json.loads((head / "node.json").read_text())
    password = away.path / "password"
    shutil.copy(settings["password_file"], password)
    away.variables = {
        "LOOM_ADDRESS": settings["server"]["url"], "LOOM_PASSWORD_FILE": str(password)
    }  # fmt: skip
    _program(away)
    here = ("--dir", away.path / "program")
    told = away.loom(
        "submit", *here, "-e", "COLOUR=red", "--wait", "--", "python", "script.py", "3", exits=3
    )
    first, second = told.stdout.splitlines()
    assert first == "hello 42 1 red ['3']"
    size, may_run, link, *names = second.split(maxsplit=4)
    assert (size, may_run, link) == (str(3 << 20), "True", "word")
    for name in ("outward", "pipe", ".venv"):
        assert f"'{name}'" not in names[-1]
    assert "left out, since they mean nothing there: outward, pipe" in told.stderr

    new = json.loads(away.loom("submit", *here, "--json", "--", "sleep", "1000").stdout)
    assert new["folder"].startswith(str(head))
    known = json.loads(away.loom("submit", "--list", "--json").stdout)
    assert [(each["state"], each["exit_code"], each["env"]) for each in known] == [
        ("RUNNING", None, []), ("FAILED", 3, ["COLOUR"]),
    ]  # fmt: skip
    assert "hello 42" in away.loom("submit", "--logs", known[1]["id"]).stdout
    away.loom("submit", "--stop", "last")

    def stopped() -> bool:
        latest, _ = json.loads(away.loom("submit", "--list", "--json").stdout)
        return latest["state"] == "STOPPED"

    wait_until(stopped, 20)
    assert "there is no submission 'none'" in away.loom("submit", "--logs", "none", exits=1).stderr
    # What the head's own machine says is the same.
    assert json.loads(home.loom("submit", "--list", "--json").stdout)[0]["id"] == new["id"]
    home.loom("stop")
    home.wait_empty()
    assert "no connection to the control plane" in away.loom("submit", "--list", exits=1).stderr


def test_a_cluster_whose_nodes_end_with_their_programs_takes_none(home: Home, away: Home) -> None:
    program = home.python(
        "-c",
        "import hyperloom as loom, sys, hyperloom.core.current as c\n"
        "loom.init('local', num_cpus=1)\n"
        "s = c.session().address\n"
        "print(s.url, s.password_file, flush=True)\n"
        "sys.stdin.read()",
        stdin=-1,
    )
    assert program.stdout is not None
    address, password = program.stdout.readline().split()
    away.variables = {"LOOM_PASSWORD_FILE": password}
    told = away.loom("submit", "--address", address, "--", "true", exits=1).stderr
    assert "no node of that cluster takes programs" in told
    assert "loom start --head" in told
    program.communicate()
    home.wait_empty()
