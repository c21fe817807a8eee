"""The worker's side of an actor that runs several calls at the same time.

In threads, or, if the class has async methods, as coroutines on one loop, which is then the
main thread's; its plain methods run on the loop too, and hold it up while they do.

The rule: which calls begin is decided by the `Mailbox`.  Whoever ends a call reports it and begins
what may begin then, so that nobody has to wait for anybody else to look.
"""

from __future__ import annotations

import inspect
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom import specs
from hyperloom.core import current
from hyperloom.core.actors.hosting import CallExecutor, Hosted, why_it_leaves
from hyperloom.core.actors.mailbox import Letter, Mailbox
from hyperloom.core.blocking import Waits
from hyperloom.core.execution import Retry

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from hyperloom.core.code import Code
    from hyperloom.core.context import Running
    from hyperloom.core.objects import Objects
    from hyperloom.frames import FrameReader

running_here: ContextVar[Running | None] = ContextVar("running_here", default=None)


class Ground(Protocol):
    """The worker on which the crowd stands (`hyperloom.core.worker`)."""

    leaving: bool

    def take(self, frame: list[Any]) -> list[tuple[bytes, bytes, bytes]]:
        """Entry, record and inputs of the calls in a message of the raylet."""

    def mark_begun(self, group: int, number: int) -> None:
        """So many calls of a concurrency group may have begun."""

    def settle(self) -> None:
        """What a call said is in the control plane before its end is."""

    def finished(
        self, entry: bytes, record: bytes, outputs: list[bytes], start: float, now: float
    ) -> None:
        """A call is over; `report` says so."""

    def report(self) -> None:
        """Send the results that are there."""

    def end_actor(self, cause: str) -> None:
        """The actor wants to end."""


class CrowdExecutor(CallExecutor):
    """Runs one call among others."""

    def begin(self, entry: bytes, record: bytes) -> tuple[Code, Running]:
        """What runs from now on, here; others run beside it."""
        code, running = super().begin(entry, record)
        running_here.set(running)
        return code, running

    async def run_async(self, entry: bytes, record: bytes, inputs: bytes) -> list[bytes]:
        """As `run`, awaiting what the method gives."""
        tried, template = 0, self.codes[record[:8]].template
        while True:
            code, running = self.begin(entry, record)
            try:
                return await self._attempt_async(code, running, record, inputs)
            except BaseException as error:  # noqa: BLE001 - the user's
                try:
                    return self.raised(code, running, error)
                except Retry as retry:
                    tried += 1
                    if 0 <= template.retries < tried:
                        return [retry.failure] * template.outputs
            finally:
                self.end(code)

    async def _attempt_async(
        self, code: Code, running: Running, record: bytes, inputs: bytes
    ) -> list[bytes]:
        kept = specs.split_values(inputs) if inputs else []
        passed_on = self.passed_on(code, running, kept)
        if passed_on is not None:
            return passed_on
        said = record[specs.call_start(record) :]
        args, kwargs = self.arguments(code, record, kept, said)
        result = self._function(code)(*args, **kwargs)
        del args, kwargs
        if inspect.isasyncgen(result):
            return await self._stream_async(code, running, result)
        if inspect.isawaitable(result):
            result = await result
        return self.outputs(code, running, result)

    async def _stream_async(self, code: Code, running: Running, result: Any) -> list[bytes]:  # noqa: ANN401 - a generator
        outputs: list[bytes] = []
        with self.streaming(code, running, outputs) as items:
            async for item in result:
                if not items.add(item, f"item {items.made + 1} of {code.template.name}"):
                    await result.aclose()
                    break
        return outputs


class Crowd:
    """See the module."""

    def __init__(
        self, ground: Ground, hosted: Hosted, objects: Objects, limits: Mapping[str, int]
    ) -> None:
        self._ground = ground
        self._hosted = hosted
        self._objects = objects
        self._mailbox = Mailbox(limits)
        self.waits = Waits(running_here.get)
        self._lock = threading.Lock()  # of the mailbox, and of who runs
        self._running: dict[bytes, tuple[Running | None, asyncio.Task[None] | None]] = {}
        self._executors: dict[bytes, CrowdExecutor] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reporting_soon = False
        self._is_over = False  # nothing begins any more
        self._pools = {
            group: ThreadPoolExecutor(most, thread_name_prefix=f"loom-{group or 'calls'}")
            for group, most in limits.items()
        }

    # -- in threads -------------------------------------------------------------------------

    def serve(self, reader: FrameReader, left: list[tuple[bytes, bytes, bytes]]) -> None:
        """Run calls in threads, until the raylet hangs up or says so."""
        self._arrived(left)
        while not self._ground.leaving:
            frame = reader.receive()
            if frame is None:
                return
            self._arrived(self._ground.take(frame))

    def _call(self, letter: Letter) -> None:
        executor, start = self._executor(letter), time.perf_counter()
        outputs = executor.run(letter.entry, letter.record, letter.inputs)
        self._ended(letter, executor, outputs, start)
        self._ground.report()

    # -- on a loop --------------------------------------------------------------------------

    def serve_async(
        self, sock: socket.socket, reader: FrameReader, left: list[tuple[bytes, bytes, bytes]]
    ) -> None:
        """The same with coroutines."""
        import asyncio  # noqa: PLC0415 - with threads it is not needed, and it is large

        loop = self._loop = self._hosted.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)

        def readable() -> None:
            frames = reader.receive_some(socket.MSG_DONTWAIT)
            for frame in frames or ():
                self._arrived(self._ground.take(frame))
            if frames is None or self._ground.leaving:
                loop.stop()

        loop.add_reader(sock.fileno(), readable)
        self._arrived(left)
        loop.call_soon(readable)  # some of it may have been read, and not been cut, before
        try:
            loop.run_forever()
        except SystemExit as error:  # not of a call itself, but of a task that one has made
            self._leave(why_it_leaves(error))
        loop.remove_reader(sock.fileno())

    async def _await(self, letter: Letter) -> None:
        executor, start = self._executor(letter), time.perf_counter()
        outputs = await executor.run_async(letter.entry, letter.record, letter.inputs)
        self._ended(letter, executor, outputs, start)
        if not self._reporting_soon and self._loop is not None:
            # Those that end in the same round of the loop are told together.
            self._reporting_soon = True
            self._loop.call_soon(self._report)

    def _report(self) -> None:
        self._reporting_soon = False
        self._ground.report()

    # -- calls ------------------------------------------------------------------------------

    def _arrived(self, calls: list[tuple[bytes, bytes, bytes]]) -> None:
        begun: list[Letter] = []
        with self._lock:
            for entry, record, inputs in calls:
                group = self._hosted.codes[record[:8]].template.group
                self._mailbox.arrive(group, entry, record, inputs)
                begun += self._mailbox.begin(group)
        self._begin(begun)

    def _begin(self, letters: list[Letter]) -> None:
        for letter in letters:
            with self._lock:
                if self._is_over:
                    return
                self._ground.mark_begun(self._mailbox.place(letter.group), letter.number)
            if self._loop is None:
                self._pools[letter.group].submit(self._call, letter)
            else:
                task = self._loop.create_task(self._await(letter))
                self._running[letter.task] = (None, task)

    def _executor(self, letter: Letter) -> CrowdExecutor:
        executor = CrowdExecutor(self._hosted.node, self._objects, self._hosted)
        with self._lock:
            self._executors[letter.task] = executor
        return executor

    def _ended(
        self, letter: Letter, executor: CrowdExecutor, outputs: list[bytes], start: float
    ) -> None:
        running_here.set(None)
        if executor.leaving:
            self._leave(executor.leaving)
        else:
            self._ground.settle()
            now = time.perf_counter()
            self._ground.finished(letter.entry, letter.record, outputs, start, now)
        with self._lock:
            self._executors.pop(letter.task, None)
            self._running.pop(letter.task, None)
            begun = self._mailbox.end(letter)
        self._begin(begun)

    def told_waits(self) -> list[tuple[bytes, bytes]]:
        """Calls that wait in a `get`, and for what.  From any thread."""
        session = current.current()
        return [] if session is None else self.waits.told(session.ready)

    def forget(self) -> None:
        """No call is wanted any more that has not begun, or comes yet.  From any thread."""
        with self._lock:
            self._mailbox.close()

    def _leave(self, cause: str) -> None:
        with self._lock:  # the raylet reads what has begun when it hears of the end
            self._is_over = True
        self._ground.end_actor(cause)

    def cancel(self, task: bytes, failure: bytes) -> None:
        """Nobody wants the call any more.  From any thread."""
        with self._lock:
            letter = self._mailbox.withdraw(task)
            executor = self._executors.get(task)
            _, coroutine = self._running.get(task, (None, None))
        if letter is not None:
            template = self._hosted.codes[letter.record[:8]].template
            now = time.perf_counter()
            outputs = [failure] * template.outputs
            self._ground.finished(letter.entry, letter.record, outputs, now, now)
            self._ground.report()
        elif executor is not None:
            executor.cancel(failure)
            if coroutine is not None and self._loop is not None:
                self._loop.call_soon_threadsafe(coroutine.cancel)
