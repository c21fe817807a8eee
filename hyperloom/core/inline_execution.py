"""A task of an inline session: the worker's executor, and what is different here.

Three things are.  Tasks nest in one thread, so what runs is a stack.  The frames of an exception
are kept for debuggers.  A stream is not run to its end but stepped through, by its reader.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hyperloom.core.execution import Executor
from hyperloom.ids import object_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from hyperloom.core.code import Code
    from hyperloom.core.context import Running
    from hyperloom.core.objects import Objects


class InlineExecutor(Executor):
    """Of one attempt of one task."""

    def __init__(self, node: bytes, objects: Objects, codes: dict[bytes, Code]) -> None:
        super().__init__(node, objects)
        self.codes = codes
        self.stream: tuple[Running, Iterator[Any]] | None = None  # the task's, once it has begun
        self.frames: TracebackType | None = None  # of the task's failure

    def item(self, stream: InlineStream) -> bytes:
        """The next item of a stream, kept.

        Raises:
            StopIteration: there is none.
        """
        self.running = running = stream.running
        for _ in range(stream.passed_over):
            next(stream.iterator)
        stream.passed_over = 0
        item, number = next(stream.iterator), stream.made + 1
        what = f"item {number} of {stream.code.template.name}"
        return self._kept(object_id(running.task, number), item, what)

    def failure(self, error: BaseException, running: Running) -> bytes:
        """What a task's outputs become that raised `error`."""
        if isinstance(error, KeyboardInterrupt):
            raise error  # Ctrl-C is for the whole program
        frames = error.__traceback__
        while frames is not None and _is_ours(frames):
            frames = frames.tb_next
        self.frames = frames
        return super().failure(error, running)

    def _stream(self, code: Code, running: Running, result: Any) -> list[bytes]:  # noqa: ANN401
        del code
        self.stream = (running, iter(result))
        return []


class InlineStream:
    """A streaming task between two of its items."""

    def __init__(self, code: Code, executor: InlineExecutor, record: bytes) -> None:
        self.code = code
        self.record = record
        self.made = 0
        self.ended = False
        self.begin(executor)

    def begin(self, executor: InlineExecutor) -> None:
        """From its first item on; those that were made already are passed over."""
        assert executor.stream is not None
        self.executor = executor
        self.running, self.iterator = executor.stream
        self.passed_over = self.made

    def may_retry(self) -> bool:
        """Whether its options allow one attempt more."""
        retries = self.code.template.retries
        return retries < 0 or self.running.attempt <= retries

    def close(self) -> None:
        """Nobody reads on."""
        self.ended = True
        close = getattr(self.iterator, "close", None)
        if close is not None:
            close()


class Stack(threading.local):
    """What this thread runs: a task, inside it a task that it submitted, and so on."""

    def __init__(self) -> None:
        self.executors: list[Executor] = []

    @contextmanager
    def running(self, executor: Executor) -> Iterator[None]:
        """Inside the block, it is what runs."""
        self.executors.append(executor)
        try:
            yield
        finally:
            self.executors.pop()


def _is_ours(frames: TracebackType) -> bool:
    name = str(frames.tb_frame.f_globals.get("__name__", ""))
    return name.startswith("hyperloom.")
