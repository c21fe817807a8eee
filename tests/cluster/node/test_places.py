"""Where a node puts what it keeps, and how much of it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow


def test_what_spills_goes_to_a_disk_though_sessions_lie_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory(prefix="loom-", dir="/dev/shm") as runtime:
        monkeypatch.setenv("LOOM_RUNTIME_DIR", runtime)
        with loom.init("local", num_cpus=1, object_store_memory=8 << 20):
            (file,) = Path(runtime).glob("session-*/node.json")
            spill = Path(json.loads(file.read_text())["spill"])
            refs = [loom.put(bytes([i]) * (3 << 20)) for i in range(4)]
            assert not spill.is_relative_to("/dev/shm")
            wait_until(lambda: [p for p in spill.iterdir() if p.name != "root"])
            assert [loom.get(ref)[0] for ref in refs] == [0, 1, 2, 3]
        assert not spill.exists()


def test_what_a_worker_printed_is_kept_within_bounds(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOM_WORKER_LOG_BYTES", "128KiB")

    @loom.task
    def chatter() -> None:
        for number in range(20_000):
            sys.stdout.write(f"line {number} " + "x" * 90 + "\n")

    with loom.init("local", num_cpus=1, log_to_driver=False):
        loom.get(chatter.remote())
        (session,) = home.sessions()
        kept = sorted((session / "logs").iterdir(), reverse=True)
        text = "".join(file.read_text() for file in kept)
    assert text.endswith("line 19999 " + "x" * 90 + "\n")
    assert 64 << 10 <= len(text) <= 256 << 10
