"""The frames of a traceback as plain data, and a traceback from them.

The rule: what a reader sees are the frames of users' code.  Ours are cut, on the way down
to the task and below its `get`, unless there are no others: then the bug is ours.
"""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE = str(Path(__file__).resolve().parent.parent) + "/"
# These run as users' code: a demo's tasks, fixtures.
_NOT_OURS = (f"{_PACKAGE}cli/", f"{_PACKAGE}testing")
_MAX_FRAMES = 60  # of a runaway recursion the two ends tell all


class Frame(Struct, frozen=True, array_like=True):
    """A line that was being executed."""

    file: str
    function: str
    line: int
    source: str


def theirs(stack: Sequence[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The frames of users' code."""
    return [
        frame
        for frame in stack
        if not frame.filename.startswith(_PACKAGE) or frame.filename.startswith(_NOT_OURS)
    ]


def without_ours(stack: Sequence[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The frames of users' code; all, if there are no others."""
    return theirs(stack) or list(stack)


def from_traceback(tb: TracebackType | None) -> list[Frame]:
    """The frames as data, at most `_MAX_FRAMES` of them."""
    shown = without_ours(traceback.extract_tb(tb))
    if len(shown) > _MAX_FRAMES:
        shown = shown[: _MAX_FRAMES // 2] + shown[-_MAX_FRAMES // 2 :]
    return [
        Frame(frame.filename, frame.name, frame.lineno or 0, frame.line or "") for frame in shown
    ]


def to_traceback(frames: Sequence[Frame]) -> TracebackType | None:
    """A traceback that prints like the one the frames were taken from."""
    below: TracebackType | None = None
    for frame in reversed(frames):
        _remember_source(frame)
        above = _raised_at(frame)
        below = TracebackType(below, above.tb_frame, above.tb_lasti, frame.line)
    return below


# Raises wherever it is said to stand.  Its table of positions says "first line, no columns"
# (code 13 of Python's location table, up to 8 instructions an entry); with the columns of
# this source, tracebacks would underline the wrong part of the user's.
_RAISE = compile("raise _Here", "<stub>", "exec")
_UNITS = len(_RAISE.co_code) // 2
_NO_COLUMNS = b"".join(
    bytes((0x80 | 13 << 3 | min(8, _UNITS - start) - 1, 0)) for start in range(0, _UNITS, 8)
)


class _Here(Exception):
    """Raised by the stub."""


def _raised_at(frame: Frame) -> TracebackType:
    code = _RAISE.replace(
        co_filename=frame.file,
        co_name=frame.function,
        co_firstlineno=frame.line,
        co_linetable=_NO_COLUMNS,
    )
    here: TracebackType | None = None
    try:
        exec(code, {"_Here": _Here})  # noqa: S102  # our own constant, from above
    except _Here as raised:
        here = raised.__traceback__
    assert here is not None
    assert here.tb_next is not None
    return here.tb_next  # the first is this function


def _remember_source(frame: Frame) -> None:
    """Let Python show a line of a file that is not on this machine."""
    if not frame.source or linecache.getline(frame.file, frame.line):
        return
    known = linecache.cache.get(frame.file)
    lines = list(known[2]) if known is not None and len(known) > 1 else []
    lines += ["\n"] * (frame.line - len(lines))
    lines[frame.line - 1] = f"{frame.source}\n"
    # No time of change: the cache never drops such an entry by itself.
    linecache.cache[frame.file] = (sum(map(len, lines)), None, lines, frame.file)
