"""Bars while a program waits: by function, how far, how fast, what failed, and the time left.

The rule: who does not wait for long pays nothing, and what the bars show is read by a thread of
their own over a connection of its own.  They stand on stderr, or under the cell of a notebook,
while anything waits, above them whatever tasks print, and are gone when it is over.  Waits that
follow each other closely, as those of a loop over results, are one: a `Spell`.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors
from hyperloom.gcs import pauses
from hyperloom.watch import notebook
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from hyperloom.watch.overall import counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address

AFTER_S = 1.0  # who waits no longer sees none
GAP_S = 1.0  # who waits again sooner goes on waiting
_EVERY_S = 0.25
_IDLE_S = 2.0  # the thread ends when nobody has waited for so long
_BARS = 8  # functions that are shown


class _Bar(NamedTuple):
    """One that is shown; and from when on, and from how many items, its rate counts.

    A task that is of no map, or of one with an item a task, is one item.
    """

    number: Any
    since: float
    done: int


class Spell:
    """Waiting, with nothing of note between; all times are those of one clock."""

    def __init__(self) -> None:
        self._waiting = 0
        self._since = 0.0
        self._ended = -math.inf

    def begin(self, now: float) -> None:
        """Somebody waits."""
        if not self.goes_on(now):
            self._since = now
        self._waiting += 1

    def end(self, now: float) -> None:
        """One who did does not wait any more."""
        self._waiting -= 1
        self._ended = now

    @property
    def waits(self) -> bool:
        """Whether somebody waits at this moment."""
        return self._waiting > 0

    def goes_on(self, now: float) -> bool:
        """Whether somebody waits, or did a moment ago."""
        return self._waiting > 0 or now - self._ended < GAP_S

    def is_long(self, now: float) -> bool:
        """Whether that has been so for long."""
        return self.goes_on(now) and now - self._since >= AFTER_S

    def idle_s(self, now: float) -> float:
        """How long nobody has waited."""
        return 0.0 if self._waiting else now - self._ended


class Bars:
    """Of one driver.  `begin` is `Session.blocked`."""

    def __init__(self, address: Address, job: bytes, *, stream: Any = None) -> None:  # noqa: ANN401
        self._address = address
        self._job = job
        self._stream = stream
        self._spell = Spell()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def begin(self) -> Callable[[], None]:
        """Somebody waits; called when that ends."""
        with self._lock:
            self._spell.begin(time.monotonic())
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="loom-progress", daemon=True
                )
                self._thread.start()
        return self._end

    def _end(self) -> None:
        with self._lock:
            self._spell.end(time.monotonic())

    def close(self) -> None:
        """No more bars."""
        self._closed.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    # -- the thread -------------------------------------------------------------------------

    def _watch(self) -> None:
        cluster: Cluster | None = None
        tries = 0  # in vain: a control plane that is away has nothing to show, and may come back
        while not self._closed.wait(_EVERY_S + pauses.after(tries)):
            if self._spell.is_long(time.monotonic()):
                try:
                    cluster = cluster or Cluster(Live(self._address))
                    self._show(cluster)
                    tries = 0
                except errors.LoomError:
                    _hang_up(cluster)
                    cluster, tries = None, tries + 1
            elif self._nobody_comes():
                break
        _hang_up(cluster)

    def _nobody_comes(self) -> bool:
        with self._lock:
            idle = self._spell.idle_s(time.monotonic()) >= _IDLE_S
            if idle:
                self._thread = None
            return idle

    def _show(self, cluster: Cluster) -> None:
        with _progress(self._stream) as progress:
            bars: dict[str, _Bar] = {}
            while self._spell.goes_on(time.monotonic()) and not self._closed.wait(_EVERY_S):
                rows = counts(cluster, self._job)
                draw(progress, bars, rows)
                if not self._spell.waits and not any(row["left"] for row in rows):
                    return  # the loop is over: nothing is left to come back for


def _hang_up(cluster: Cluster | None) -> None:
    """Of what was left open, if anything was, nothing is."""
    if cluster is not None:
        cluster.close()


def draw(progress: Any, bars: dict[str, _Bar], rows: list[dict[str, Any]]) -> None:  # noqa: ANN401
    """Show these counts; `bars` knows the bars that are there, by function."""
    now = time.monotonic()
    for row in rows:
        over = row["items_over"]
        if row["name"] not in bars:
            if len(bars) >= _BARS or not row["left"]:
                continue
            number = progress.add_task(row["name"], failed="", cancelled="", rate="", left="")
            bars[row["name"]] = _Bar(number, now, over)
        bar = bars[row["name"]]
        number, seconds = over - bar.done, now - bar.since
        progress.update(
            bar.number,
            total=row["items"],
            completed=over,
            failed=f"{row['items_failed']:,} failed" if row["items_failed"] else "",
            cancelled=f"{row['items_cancelled']:,} cancelled" if row["items_cancelled"] else "",
            rate=_rate(number, seconds),
            left=_left(row["items_left"], number, seconds),
        )


def _rate(number: int, seconds: float) -> str:
    """So many items in so many seconds; nothing while there is nothing to tell."""
    if not number or not seconds:
        return ""
    rate = number / seconds
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"  # noqa: PLR2004 - two digits


def _left(items: int, number: int, seconds: float) -> str:
    """How long so many items take at that rate."""
    if not number or not items:
        return ""
    return f"{timedelta(seconds=math.ceil(items * seconds / number))} left"


def _is_terminal(stream: Any) -> bool:  # noqa: ANN401 - it may be anything of the user's
    asks = getattr(stream, "isatty", None)
    return bool(asks and asks())


def _progress(stream: Any) -> Any:  # noqa: ANN401 - rich's, or what does the same
    if stream is None and notebook.is_notebook():
        return notebook.NotebookBars()
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[failed]}", style="red"),
        TextColumn("{task.fields[cancelled]}", style="dim"),
        TextColumn("{task.fields[left]}"),
        console=Console(file=stream or sys.stderr),
        transient=True,
        # What the program prints comes above the bars; but a file is given its own.
        redirect_stdout=_is_terminal(sys.stdout),
    )
