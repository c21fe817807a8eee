"""The logs of a node's own processes are kept short: raylet, server, supervisor, recorder, page.

The rule: who writes is not asked.  All of them append, so a file is copied to its older half and
cut to nothing while it is open; a line that comes just between the two is lost.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader
    from pathlib import Path


def of_node(folder: Path, server: Path | None) -> Iterator[Path]:
    """The files there are; `server`: the folder of the server's data, of a head."""
    yield from sorted(folder.glob("*.log"))
    if server is not None and (server / "server.log").exists():
        yield server / "server.log"


def shorten(logs: Iterable[Path], most_bytes: int) -> None:
    """Of each at most so many bytes are kept, in two halves: ``x.log`` and the older ``x.log.1``.

    Raises:
        OSError: there is no room for the older half; that log stays as it is.
    """
    for log in logs:
        if log.stat().st_size >= most_bytes // 2:
            _turn(log, most_bytes // 2)


def _turn(log: Path, half: int) -> None:
    older = log.with_name(f"{log.name}.1")
    aside = log.with_name(f".{log.name}.1")
    with log.open("rb") as source, aside.open("wb") as target:
        source.seek(_first_whole_line(source, log.stat().st_size - half))
        shutil.copyfileobj(source, target)
        os.truncate(log, 0)
    aside.replace(older)


def _first_whole_line(log: BufferedReader, at: int) -> int:
    """Where the first line begins that begins at `at` or behind; `at` itself, if none does."""
    if at <= 0:
        return 0
    log.seek(at - 1)
    return log.tell() if log.readline().endswith(b"\n") and log.peek(1) else at
