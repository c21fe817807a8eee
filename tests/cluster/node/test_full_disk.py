"""The disk of a head's data is full: nothing is lost, it says what to do, and it comes back."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hyperloom.node import ballast
from hyperloom.node.ballast import Ballast, Room
from tests.home import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_MOUNT = 'mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"'


def on_a_small_disk(disk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run it where `disk` is one; nobody else sees that, and it goes with the last process."""
    disk.mkdir(exist_ok=True)
    unshare = shutil.which("unshare") or pytest.skip("there is no unshare(1) here")
    return subprocess.run(
        [unshare, "--mount", "sh", "-c", _MOUNT, str(disk), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("durability", ["always", "everysec"])
def test_a_full_disk_loses_nothing_and_is_left_behind(durability: str, tmp_path: Path) -> None:
    """With ``always`` the server ends, and is started again; else it lives, and refuses."""
    if on_a_small_disk(tmp_path / "disk", "true").returncode:
        pytest.skip("this user may not mount a small disk of its own")
    program = [sys.executable, "-m", "tests.cluster.node.full_disk", str(tmp_path / "disk")]
    program.append(durability)
    done = on_a_small_disk(tmp_path / "disk", *program)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    told = json.loads(done.stdout)
    assert told["right"]
    assert told["ballast freed"]
    assert "MiB left of 24; when it is full, nothing is lost" in told["problems"][0]
    assert "Make room on that disk now" in told["log"][0] + told["log"][1]
    assert told["refused"] == told["lived"] == (durability == "everysec")
    assert told["back_s"] < 10, "what is promised"


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[Room], Ballast]:
    """What it says, the disk as it is from now on (set the first), and the ballast."""
    lines: list[str] = []
    rooms = [Room(free=500 << 20, size=1000 << 20)]
    monkeypatch.setattr(ballast, "room_on", lambda _: rooms[0])
    return lines, rooms, Ballast(tmp_path, lines.append)


def test_the_watermark_warns_once_and_says_when_it_is_over(
    said: tuple[list[str], list[Room], Ballast], tmp_path: Path
) -> None:
    lines, rooms, watch = said
    watch.look()
    assert (tmp_path / "ballast").stat().st_size == 64 << 20
    assert lines == []
    rooms[0] = Room(free=49 << 20, size=1000 << 20)  # below 5 %
    watch.look()
    watch.look()
    assert [line.split(";")[0] for line in lines] == [
        f"the disk of {tmp_path} has 49 MiB left of 1000"
    ]
    rooms[0] = Room(free=50 << 20, size=1000 << 20)
    watch.look()
    assert lines[1:] == [f"the disk of {tmp_path} has enough room again"]
    watch.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_ballast_goes_when_a_server_lives_and_cannot_write(
    said: tuple[list[str], list[Room], Ballast], tmp_path: Path
) -> None:
    lines, rooms, watch = said
    watch.look()
    rooms[0] = Room(free=4096, size=1000 << 20)
    watch.look()
    assert not (tmp_path / "ballast").exists()
    assert "takes nothing that it would have to write; 64 MiB that were kept" in lines[0]
    assert [line.split(";")[0] for line in lines[1:]] == [
        f"the disk of {tmp_path} has 0 MiB left of 1000"
    ]
    rooms[0] = Room(free=64 << 20, size=1000 << 20)  # what was kept
    watch.look()
    rooms[0] = Room(free=0, size=1000 << 20)
    watch.look()
    watch.server_died()
    watch.look()
    assert "is used up: nothing is accepted until there is room" in lines[3]
    assert "its server ended" in lines[5]
    assert len(lines) == 6


def test_of_a_large_disk_a_gibibyte_is_enough() -> None:
    assert Room(free=0, size=1 << 40).low == 1 << 30
    assert Room(free=0, size=10 << 20).ballast == 1 << 20


def test_the_ballast_goes_when_a_server_died_of_a_full_disk(
    said: tuple[list[str], list[Room], Ballast], tmp_path: Path
) -> None:
    lines, rooms, watch = said
    watch.look()
    watch.server_died()
    assert (tmp_path / "ballast").exists(), "it died of something else"
    rooms[0] = Room(free=0, size=1000 << 20)
    watch.server_died()
    assert not (tmp_path / "ballast").exists()
    assert "64 MiB that were kept for this are free now" in lines[0]
    assert "Nothing that was accepted is lost. Make room on that disk now" in lines[0]
    watch.server_died()
    assert "is used up: nothing is accepted until there is room" in lines[1]
