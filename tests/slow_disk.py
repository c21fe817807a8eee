"""A disk that is slow for one process: its syncs take as long as you like (strace)."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYNCS = "fsync,fdatasync"


def why_not() -> str:
    """Why no process can be slowed here; "" if it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not on PATH"
    tried = subprocess.run([strace, "-o", "/dev/null", "true"], capture_output=True, check=False)
    return "strace may not trace here" if tried.returncode else ""


@contextmanager
def slow_disk(pid: int, sync_s: float) -> Iterator[None]:
    """Each sync of the process takes so long from the beginning on, until it ends or this does."""
    inject = f"inject={_SYNCS}:delay_enter={int(sync_s * 1e6)}"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid)]
    strace = subprocess.Popen(
        [*command, "-e", f"trace={_SYNCS}", "-e", inject], stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _is_traced(pid), 10, what="strace has the process")
        yield
    finally:
        # Asked to end, it may wait for ever for a process that was killed while it delayed it.
        strace.kill()
        strace.wait()


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0" not in Path(f"/proc/{pid}/status").read_text()
