"""Folders that a task has for a while, and what was started in them.

The rule: nothing in them outlives the task.  Who leaves a folder removes it; of a worker that was
killed its raylet does, and when that ends or is killed, the template.  Processes are found by what
their environment says (`MARK`), also those whose parent is dead or whose group is another.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "HYPERLOOM_PROGRAM"  # in the environment of a program: the folder that it was started in
_PROC = Path("/proc")

_base: list[str] = []


def set_base(folder: str) -> None:
    """Where this process, a worker, has its folders; made when it first needs one."""
    _base[:] = [folder]


def of_node() -> Path | None:
    """A folder that all workers of a node have, if this is one."""
    return Path(_base[0]).parent if _base else None


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder, removed at the end of the block; in an exception with what runs in it."""
    if _base:
        made = Path(_base[0]) / uuid4().hex[:16]
        made.mkdir(mode=0o700, parents=True)
    else:  # inline, or outside of tasks: nobody would clean up after us
        made = Path(tempfile.mkdtemp(prefix="loom-run-"))
    try:
        yield made
    except BaseException:
        end_processes(made)
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def clear(folder: Path) -> None:
    """End what was started in a folder, or in one inside it, and remove it."""
    if folder.is_dir():
        end_processes(folder)
        shutil.rmtree(folder, ignore_errors=True)


def end_processes(folder: Path) -> None:
    """Kill what was started in a folder, or in one inside it, and is ours."""
    while found := [pid for pid in _pids() if _started_in(pid, folder)]:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _pids() -> Iterator[int]:
    own = os.getpid()
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal() and int(entry.name) != own:
            yield int(entry.name)


def _started_in(pid: int, folder: Path) -> bool:
    try:  # of a zombie it is empty: it is dead, whoever is to reap it
        environment = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:  # gone, or somebody else's
        return False
    for line in environment.split(b"\0"):
        name, _, place = line.partition(b"=")
        if name == MARK.encode():
            return Path(os.fsdecode(place)).is_relative_to(folder)
    return False
