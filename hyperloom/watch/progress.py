"""Bars while a program waits: by function, how far, how fast, what failed, and the time left.

The rule: who does not wait for long pays nothing, and what the bars show is read by a thread of
their own over a connection of its own.  They stand on stderr, or under the cell of a notebook,
while anything waits, above them whatever tasks print, and are gone when it is over.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.watch import notebook
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from hyperloom.watch.overall import counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address

_AFTER_S = 1.0  # who waits no longer sees none
_EVERY_S = 0.25
_IDLE_S = 2.0  # the thread ends when nobody has waited for so long
_BARS = 8  # functions that are shown


class Bars:
    """Of one driver.  `begin` is `Session.blocked`."""

    def __init__(self, address: Address, job: bytes, *, stream: Any = None) -> None:  # noqa: ANN401
        self._address = address
        self._job = job
        self._stream = stream
        self._waiting = 0
        self._since = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def begin(self) -> Callable[[], None]:
        """Somebody waits; called when that ends."""
        with self._lock:
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="loom-progress", daemon=True
                )
                self._thread.start()
        return self._end

    def _end(self) -> None:
        with self._lock:
            self._waiting -= 1
            self._since = time.monotonic()

    def close(self) -> None:
        """No more bars."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    # -- the thread -------------------------------------------------------------------------

    def _watch(self) -> None:
        with suppress(errors.LoomError):  # a control plane that is away has nothing to show
            while not self._closed.wait(_EVERY_S):
                if self._waits_for_long():
                    self._show()
                elif self._nobody_comes():
                    return
        with self._lock:
            if self._thread is threading.current_thread():
                self._thread = None

    def _waits_for_long(self) -> bool:
        return bool(self._waiting) and time.monotonic() - self._since >= _AFTER_S

    def _nobody_comes(self) -> bool:
        with self._lock:
            idle = not self._waiting and time.monotonic() - self._since >= _IDLE_S
            if idle:
                self._thread = None
            return idle

    def _show(self) -> None:
        cluster = Cluster(Live(self._address))
        try:
            with _progress(self._stream) as progress:
                bars: dict[str, Any] = {}
                while self._waiting and not self._closed.wait(_EVERY_S):
                    draw(progress, bars, counts(cluster, self._job))
        finally:
            cluster.close()


def draw(progress: Any, bars: dict[str, Any], rows: list[dict[str, Any]]) -> None:  # noqa: ANN401
    """Show these counts; `bars` knows the bars that are there, by function."""
    for row in rows:
        if row["name"] not in bars:
            if len(bars) >= _BARS or not row["left"]:
                continue
            bars[row["name"]] = progress.add_task(row["name"], failed="")
        failed = f"{row['failed']:,} failed" if row["failed"] else ""
        progress.update(
            bars[row["name"]],
            total=row["submitted"],
            completed=row["done"] + row["failed"],
            failed=failed,
        )


def _progress(stream: Any) -> Any:  # noqa: ANN401 - rich's, or what does the same
    if stream is None and notebook.is_notebook():
        return notebook.NotebookBars()
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]}", style="red"),
        TimeRemainingColumn(),
        console=Console(file=stream or sys.stderr),
        transient=True,
    )
