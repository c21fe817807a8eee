"""Where a node puts what it keeps, and how much of it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

import hyperloom as loom
from tests.waiting import wait_until

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
