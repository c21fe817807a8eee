"""Stopping a task that runs, from another thread, without breaking what it uses.

A thread of the worker hears that its task is cancelled and sends this process a signal; the
handler, in the main thread, raises `Interrupted` in the user's code, even out of a blocking
call.  But not everywhere: raised between two lines of our own code it could lose a message
that was read and not stored.  So the handler looks at the interrupted frames: inside our
packages it does nothing, except at the one line that blocks there (`Wire.readable`), and the
thread asks again a moment later, until it was raised or the task has ended.  The signal may
also come late, when the next task runs: the handler compares.

The rule: a task gets the exception once, so that its `except` and `finally` run undisturbed.  One
that swallows it and goes on is killed with its worker (`Config.kill_grace_s`).
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from hyperloom.gcs.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from hyperloom.core.context import Running

SIGNAL = signal.SIGUSR1
AGAIN_S = 0.05

_OURS = ("hyperloom.core.", "hyperloom.gcs.", "hyperloom.objectstore.", "hyperloom.serialization")
_BLOCKS = Wire.readable.__code__


class Interrupted(KeyboardInterrupt):
    """This task was cancelled, or its time is over.  Clean up and let it pass."""


def interruptible(frame: FrameType | None) -> bool:
    """Whether it is safe to raise in this frame of the main thread."""
    if frame is not None and frame.f_code is _BLOCKS:
        return True
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name == "hyperloom.core.execution":
            return frame.f_code.co_name in ("_called", "_several", "_chunk", "_stream")
        if name.startswith(_OURS):
            return False
        frame = frame.f_back
    return False


class Interrupter:
    """Of one worker process; `running` says what its main thread runs."""

    def __init__(self, running: Callable[[], Running | None]) -> None:
        self._running = running
        self._main = threading.main_thread().ident or 0
        self._target: Running | None = None

    def install(self) -> None:
        """Take the signal over; in the main thread."""
        signal.signal(SIGNAL, self._handle)

    def interrupt(self, running: Running) -> None:
        """Raise in the main thread now, if it is safe; call again until it `was_interrupted`."""
        self._target = running
        signal.pthread_kill(self._main, SIGNAL)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number
        target = self._target
        if target is None or target.was_interrupted or target is not self._running():
            return
        if interruptible(frame):
            target.was_interrupted = True
            raise Interrupted("the task was cancelled")
