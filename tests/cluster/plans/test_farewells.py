"""How actors end when their program does."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow

PROGRAM = """
import os, signal, sys, threading, time
from pathlib import Path
import hyperloom as loom

class Noted:
    def __init__(self, path):
        self.path = Path(path)

    def note(self, word):
        with self.path.open("a") as file:
            file.write(word + "\\n")

    def ready(self):
        return True

    def hang(self, began):
        self.note("hangs")
        began.put(True)
        threading.Event().wait()

class Polite(Noted):
    def on_exit(self):
        self.note(f"farewell {loom.get(loom.put('still here'))}")
        print("goodbye", flush=True)

class Gentle(Noted):
    async def ready(self):
        return True

    async def on_exit(self):
        self.note("gentle farewell")

where, address, what = sys.argv[1:]
loom.init(address, num_cpus=2) if address == "local" else loom.init(address)
polite, gentle = loom.actor(Polite).remote(where), loom.actor(Gentle).remote(where)
rude = loom.actor(Noted).remote(where)
loom.get([each.ready.remote() for each in (polite, gentle, rude)])
if what == "busy":
    began = loom.util.Queue()
    refs = [rude.hang.remote(began), rude.ready.remote(), rude.ready.remote()]
    began.get()
    started = time.monotonic()
if what == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
loom.shutdown()
if what == "busy":
    assert time.monotonic() - started < 4, "nobody waits for what has no farewell"
"""


def run(home: Home, path: Path, *arguments: str, exits: int = 0) -> tuple[list[str], str, str]:
    """What was noted, printed and warned of."""
    notes = path / "notes"
    notes.touch()
    process = home.python("-c", PROGRAM, str(notes), *arguments)
    out, err = process.communicate(timeout=40)
    assert process.returncode == exits, err
    return sorted(notes.read_text().splitlines()), out, err


FAREWELLS = ["farewell still here", "gentle farewell"]


@pytest.mark.parametrize("address", ["auto", "local"])
def test_actors_say_farewell_when_their_program_ends(
    head: Home, tmp_path: Path, address: str
) -> None:
    """While the job is still there; and what they print is shown."""
    notes, out, err = run(head, tmp_path, address, "ends")
    assert notes == FAREWELLS
    assert "goodbye" in out
    assert err == ""


@pytest.mark.parametrize("address", ["auto", "local"])
def test_what_is_not_answered_then_is_counted(head: Home, tmp_path: Path, address: str) -> None:
    notes, _, err = run(head, tmp_path, address, "busy")
    assert notes == [*FAREWELLS, "hangs"]
    assert err == (
        "hyperloom: 3 calls of actors were not answered when the program ended, and will not be: "
        "get the results first, or call detached actors\n"
    )


def test_a_killed_program_takes_its_actors_along(head: Home, tmp_path: Path) -> None:
    notes, _, _ = run(head, tmp_path, "auto", "killed", exits=-signal.SIGKILL)
    wait_until(lambda: head.jobs() == [])
    assert notes == []
