"""Shared memory that is full: ``python -m tests.cluster.node.full_memory DISK SEED``.

In a mount namespace of its own (`command`), in which /dev/shm has 64 MiB, of which others may have
some, and DISK, where objects go then, is large or small.  200 MiB are stored, in one piece or
many, by a driver and by tasks.  What came of it is printed as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.holdings import settings, stored
from tests.home import ROOT
from tests.waiting import wait_until

MIB = 1 << 20
MEMORY_MIB, STORE_MIB, PUT_MIB = 64, 48, 200
KEYS = ("stored", "refused", "wrong", "refused without figures", "worker died", "wrong afterwards")
_PIECES = ([200], [90, 110], [20] * 10, [4] * 50)


def command(disk: Path, disk_mib: int, *program: str) -> list[str]:
    """What runs a program where memory and disk are so small; nobody else sees that."""
    mounts = f"mount -t tmpfs -o size={MEMORY_MIB}m tmpfs /dev/shm && "
    mounts += f'mount -t tmpfs -o size={disk_mib}m tmpfs "$0"'
    unshare = shutil.which("unshare") or "unshare"
    return [unshare, "--mount", "sh", "-c", f'{mounts} && exec "$@"', str(disk), *program]


def may_mount(disk: Path) -> bool:
    """Whether this user can have such file systems."""
    try:
        done = subprocess.run(command(disk, 1, "true"), capture_output=True, check=False)
    except OSError:
        return False
    return not done.returncode


def told(disk: Path, disk_mib: int, seed: int) -> dict[str, int]:
    """What this program tells, run there."""
    program = [sys.executable, "-m", __name__, str(disk), str(seed)]
    done = subprocess.run(
        command(disk, disk_mib, *program), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@loom.task(max_retries=0)
def make(number: int, mib: int) -> Any:
    return np.full(mib * MIB, number, dtype=np.uint8)


@loom.task(max_retries=0)
def first_and_last(array: Any) -> tuple[int, int]:
    return int(array[0]), int(array[-1])


@loom.task
def pid() -> int:
    return os.getpid()


def story(disk: Path, choose: Random) -> dict[str, Any]:
    worker = loom.get(pid.remote())
    others = Path("/dev/shm/others")
    others.write_bytes(bytes(choose.choice([0, 24, 40]) * MIB))
    told: Counter[str] = Counter(dict.fromkeys(KEYS, 0))
    kept: list[tuple[Any, int, int]] = []
    for number, mib in enumerate(choose.choice(_PIECES)):
        try:
            if choose.random() < 0.5:
                ref = loom.put(np.full(mib * MIB, number, dtype=np.uint8))
            else:
                ref = make.remote(number, mib)
                loom.get(first_and_last.remote(ref), timeout=50)
        except errors.ObjectStoreFull as error:
            told["refused"] += mib
            text = str(error)
            told["refused without figures"] += not (
                f"of {mib}" in text and "MiB" in text and str(disk) in text
            )
        else:
            kept.append((ref, number, mib))
            told["stored"] += mib
    for ref, number, mib in kept:
        array = loom.get(ref, timeout=50)
        told["wrong"] += array.nbytes != mib * MIB or not (array == number).all()
    told["worker died"] += loom.get(pid.remote()) != worker
    kept.clear()
    array = ref = None
    wait_until(lambda: not stored(), 20)
    told["wrong afterwards"] += loom.get(loom.put(b"x" * MIB * 8)) != b"x" * MIB * 8
    return dict(told)


def main(disk: Path, seed: int) -> None:
    with loom.init("local", num_cpus=1, object_store_memory=STORE_MIB * MIB, spill_dir=str(disk)):
        assert settings().store.parent == Path("/dev/shm")
        sys.stdout.write(json.dumps(story(disk, Random(seed))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
