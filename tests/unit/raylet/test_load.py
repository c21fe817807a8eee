"""How busy the machine is, from what the kernel says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from hyperloom.raylet import load
from hyperloom.raylet.load import Load

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NET = """Inter-| Receive | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: {} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0
"""


def told(proc: Path, user: int, idle: int, received: int, sent: int) -> None:
    (proc / "net").mkdir(exist_ok=True)
    (proc / "stat").write_text(f"cpu {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
    (proc / "net/dev").write_text(NET.format(received, sent))


def test_rates_are_of_the_time_between_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 12.0, 12.1])
    monkeypatch.setattr(load, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told(tmp_path, 100, 100, 1000, 0)
    watched = Load(tmp_path / "spill", tmp_path)
    told(tmp_path, 175, 125, 3000, 500)
    now = watched.now()
    assert (now["cpu_percent"], now["received_s"], now["sent_s"]) == (75, 1000, 250)
    told(tmp_path, 999, 125, 9000, 500)
    assert watched.now()["cpu_percent"] == 75, "a moment is too short to tell"
    assert 0 < now["memory_used"] < now["memory_bytes"]
    assert now["spilled"] == 0


def test_a_system_that_says_nothing_is_at_rest(tmp_path: Path) -> None:
    assert Load(tmp_path, tmp_path).now()["cpu_percent"] == 0
