"""Where a node's objects lie, and what becomes of them when there is no room for them at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.api.holdings import settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

MIB = 1 << 20


def test_objects_lie_where_they_are_told_to(tmp_path: Path) -> None:
    with loom.init("local", num_cpus=1, shm_dir=str(tmp_path), object_store_memory=256 * MIB):
        ref = loom.put(bytearray(MIB))
        assert settings().store.parent == tmp_path
        assert [entry.name for entry in (settings().store / "o").iterdir()] == [ref.hex()]
    assert list(tmp_path.iterdir()) == []


# -- file systems of our own: nothing fits any more ------------------------------------------------


def _mounted(script: str, *mounts: str, arguments: tuple[str, ...] = ()) -> tuple[str, str, int]:
    """What a program prints, and its exit code, that sees these ``size folder`` file systems."""
    commands = [f"mount -t tmpfs -o size={mount.replace(' ', ' tmpfs ')}" for mount in mounts]
    unshare = [shutil.which("unshare") or "unshare", "--mount", "sh", "-c"]
    try:
        subprocess.run([*unshare, " && ".join(commands)], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system of its own")
    whole = " && ".join([*commands, 'exec "$@"'])
    done = subprocess.run(
        [*unshare, whole, "sh", sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    return done.stdout, done.stderr, done.returncode


FULL = """
import os, sys
from pathlib import Path
import numpy as np
import hyperloom as loom
from hyperloom import errors
from tests.waiting import wait_until

MIB = 1 << 20

@loom.task
def pid():
    return os.getpid()

@loom.task(max_retries=0)
def make(number):
    return np.full(10 * MIB, number, dtype=np.uint8)

def right(ref, number):
    return bool((loom.get(ref) == number).all())

loom.init("local", num_cpus=1, spill_dir=sys.argv[1])
worker = loom.get(pid.remote())
capacity = loom.nodes()[0]["store"]["capacity"]
assert 256 * MIB < capacity < 300 * MIB, capacity
other = Path("/dev/shm/somebody-else")
with other.open("wb") as file:  # takes what the store was promised
    for _ in range(240):
        file.write(bytes(MIB))

kept = []
try:
    for number in range(30):
        kept.append(loom.put(np.full(10 * MIB, number, dtype=np.uint8)))
except errors.ObjectStoreFull as error:
    text = str(error)
    assert "was not stored" in text and "Largest:" in text and sys.argv[1] in text, text
else:
    sys.exit("all of it fitted")
assert 5 <= len(kept) <= 12, len(kept)
try:
    loom.get(make.remote(1), timeout=30)
except errors.ObjectStoreFull as error:
    assert isinstance(error, errors.TaskError) and error.task_name == "make"
else:
    sys.exit("there was room for a result")
assert all(right(ref, number) for number, ref in enumerate(kept))
assert loom.get(pid.remote()) == worker, "no SIGBUS"

del kept[:]
ref = make.remote(7)
assert right(ref, 7)
other.unlink()
kept = [make.remote(number) for number in range(20)]
assert all(right(ref, number) for number, ref in enumerate(kept))
loom.shutdown()
"""


def test_a_shared_memory_that_others_fill_is_an_error_with_a_class_and_no_signal(
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    printed = _mounted(FULL, "300m /dev/shm", f"40m {disk}", arguments=(str(disk),))
    assert printed == ("", "", 0)


TINY = """
import numpy as np, hyperloom as loom

@loom.task
def make(n):
    return np.full(10 << 20, n, dtype=np.uint8)

with loom.init("local", num_cpus=1):
    refs = [make.remote(n) for n in range(20)]
    print([int(loom.get(ref)[-1]) for ref in refs] == list(range(20)))
"""


def test_a_tiny_shared_memory_as_in_a_container_works_and_says_so() -> None:
    out, err, code = _mounted(TINY, "64m /dev/shm")
    assert (out, code) == ("True\n", 0)
    assert "docker run --shm-size" in err
