"""A process between a cluster and its server, that delays, jitters, breaks and forgets.

``python -m tests.chaos.proxy HERE THERE OPTIONS``

HERE and THERE are unix sockets; OPTIONS are `Faults` as JSON.  It ends with its standard input, and
prints what it did, {function and how: number of faults}, and how often each function was called.
What goes through stays in order, as on a line.

Of the calls of our functions, some are not answered: the line breaks, and the word was

lost      not carried out
done      carried out, and nobody heard of it: it will be said again
late      carried out some time later, when perhaps it was said again already
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from math import inf
from random import Random
from typing import TYPE_CHECKING, Any

import hiredis

from tests.home import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_CHUNK_BYTES = 1 << 16
_ANSWERED_S = 0.01
_FIRST, _OFTEN = 3, 0.3  # where calls are cut off, so many first ones of each function are so often
_LIVES_S = 3.0  # a connection that breaks does so within this


@dataclass(frozen=True)
class Faults:
    """What is done to the lines."""

    seed: int = 0
    delay_s: float = 0.0  # each way
    jitter_s: float = 0.0  # more or less
    breaks: float = 0.0  # of all connections, so many break
    early: int = 0  # of the first connections, every other one breaks early, so many in all
    cuts: float = 0.0  # of all calls, so many are cut off
    late_s: float = 0.05  # so late a call arrives at most; 0: none does


class Proxy:
    """Its process, as the test sees it."""

    def __init__(self, here: Path, there: Path, faults: Faults) -> None:
        self.path = here
        self.faults: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(here), str(there), json.dumps(asdict(faults))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def close(self) -> None:
        """End it, and learn what it did."""
        out, _ = self._process.communicate()
        self.faults, self.called = map(Counter, json.loads(out))


class _Lines:
    def __init__(self, there: str, faults: Faults) -> None:
        self._there = there
        self._faults = faults
        self._choose = Random(faults.seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._password: list[bytes] = []
        self._met = 0  # connections
        self.done: Counter[str] = Counter()
        self.called: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            up, down = await asyncio.open_unix_connection(self._there)
        except OSError:
            writer.close()
            return
        answers = asyncio.ensure_future(self._answers(up, writer, self._most()))
        calls = asyncio.ensure_future(self._calls(reader, down))
        ends: list[asyncio.Future[Any]] = [answers, calls]
        if self._choose.random() < self._faults.breaks:
            self.done["connections broken"] += 1
            life = asyncio.sleep(self._choose.random() * _LIVES_S)  # the task of a proxy
            ends.append(asyncio.ensure_future(life))
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if calls.done() and (cut := calls.result()):
            # What was said before has been answered then.
            await asyncio.sleep(_ANSWERED_S)  # the task of a proxy
            answers.cancel()
            self._cut(*cut, down)
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
        for end in (down, writer):
            end.close()

    def _most(self) -> float:
        """How many answers the next connection lives to see: none, one, two, … each other time."""
        number, odd = divmod(self._met, 2)
        self._met += 1
        if odd or number >= self._faults.early:
            return inf
        self.done["connections broken"] += 1
        return number

    async def _calls(
        self, reader: asyncio.StreamReader, down: asyncio.StreamWriter
    ) -> tuple[str, bytes] | None:
        """Until the client hangs up, or a call is cut off: which."""
        commands, forward = hiredis.Reader(), self._delayed(down)
        while data := await _read(reader):
            commands.feed(data)
            while (command := commands.gets()) is not False:
                packed = hiredis.pack_command(tuple(command))  # type: ignore[arg-type]
                if command[0] == b"AUTH":
                    self._password = command
                if command[0] == b"FCALL" and self._is_cut(command[1].decode()):
                    return command[1].decode(), packed
                forward(packed)
        return None

    def _is_cut(self, function: str) -> bool:
        name = function.removeprefix("loom_")
        self.called[name] += 1
        # Else what is called once in a while would hardly ever be cut off.
        often = _OFTEN if self._faults.cuts and self.called[name] <= _FIRST else 0.0
        return self._choose.random() < max(self._faults.cuts, often)

    async def _answers(
        self, up: asyncio.StreamReader, writer: asyncio.StreamWriter, most: float
    ) -> None:
        forward, seen = self._delayed(writer), 0
        while (data := await _read(up)) and seen < most:
            forward(data)
            seen += 1

    def _delayed(self, to: asyncio.StreamWriter) -> Any:
        """What is handed to it is written in order, and not before its time."""
        if not self._faults.delay_s:
            return to.write
        last = 0.0
        loop = asyncio.get_running_loop()

        def write(data: bytes) -> None:
            if not to.is_closing():
                to.write(data)

        def forward(data: bytes) -> None:
            nonlocal last
            jitter = self._faults.jitter_s * (2 * self._choose.random() - 1)
            # Never two at the same time, which the loop would call in any order.
            last = max(last + 1e-6, loop.time() + self._faults.delay_s + jitter)
            loop.call_at(last, write, data)

        return forward

    def _cut(self, function: str, packed: bytes, down: asyncio.StreamWriter) -> None:
        late = ["late"] if self._faults.late_s else []
        how = self._choose.choice(["lost", "done", *late])
        self.done[f"{function.removeprefix('loom_')} {how}"] += 1
        if how == "done":
            down.write(packed)
        elif how == "late":
            task = asyncio.ensure_future(self._later(packed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _later(self, packed: bytes) -> None:
        await asyncio.sleep(self._choose.random() * self._faults.late_s)  # the task of a proxy
        with suppress(OSError):
            up, down = await asyncio.open_unix_connection(self._there)
            if self._password:
                down.write(hiredis.pack_command(tuple(self._password)))  # type: ignore[arg-type]
            down.write(packed)
            down.write_eof()
            while await up.read(_CHUNK_BYTES):
                pass
            down.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What came; nothing at the end of the line, however it ended."""
    with suppress(ConnectionError):
        return await reader.read(_CHUNK_BYTES)
    return b""


async def _main(here: str, there: str, faults: Faults) -> None:
    lines = _Lines(there, faults)
    server = await asyncio.start_unix_server(lines.serve, here)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    sys.stdout.write(json.dumps([lines.done, lines.called]))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], Faults(**json.loads(sys.argv[3]))))
