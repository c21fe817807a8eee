"""What the threads of this process do: now, and over a while.  Nothing stops for it."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from traceback import extract_stack, format_list
from typing import TYPE_CHECKING

from hyperloom.core import execution
from hyperloom.serialization.frames import theirs

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Stack = tuple[tuple[str, str, int], ...]  # function, file, line; the outermost first

_DEEPEST = 200  # frames of a stack that are told
_OURS = "loom-"  # our own threads' names begin so


def stacks() -> str:
    """A traceback of each thread but ours, without our frames; the main thread first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - made for this
        name = names.get(ident, str(ident))
        shown = [each for each in theirs(extract_stack(frame)) if each.filename != _RUNS_US]
        if not name.startswith(_OURS):
            lines = "".join(format_list(shown)) if shown else "  (it waits for a task)\n"
            parts.append((name != "MainThread", f"thread {name}:\n{lines}"))
    return "\n".join(text for _, text in sorted(parts))


def profile(
    seconds: float, every_s: float, tell: Callable[[list[tuple[Stack, int]]], None]
) -> None:
    """Look at the stacks for so long, so often, in a thread of its own; then `tell` of them."""
    threading.Thread(
        target=lambda: tell(_sample(seconds, every_s)), name=f"{_OURS}profile", daemon=True
    ).start()


def _sample(seconds: float, every_s: float) -> list[tuple[Stack, int]]:
    seen: Counter[Stack] = Counter()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ours = {t.ident for t in threading.enumerate() if t.name.startswith(_OURS)}
        for ident, frame in sys._current_frames().items():  # noqa: SLF001 - made for this
            if ident not in ours:
                seen[_stack(frame)] += 1
        time.sleep(every_s)  # the pace of looking; nothing is waited for
    return list(seen.items())


def _stack(frame: FrameType | None) -> Stack:
    """From the task's function on: what is below it is ours, and the same for all.

    Of a thread that serves, and has nothing to run, all is ours: it is told as `_WAITS`.
    """
    frames: list[tuple[str, str, int]] = []
    serves = False
    while frame is not None and len(frames) < _DEEPEST:
        code = frame.f_code
        if code.co_filename == _EXECUTION:
            return tuple(reversed(frames))
        serves = serves or code.co_filename == _WORKER
        frames.append((code.co_qualname, code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return (_WAITS,) if serves else tuple(reversed(frames))


_EXECUTION = execution.__file__
_WORKER = str(Path(__file__).with_name("worker.py"))
_RUNS_US = "<frozen runpy>"
_WAITS = ("it waits for work", _WORKER, 0)
