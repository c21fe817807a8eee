"""The worker processes of a node: start them, speak with them, learn how they end.

Each worker has two sockets (see `hyperloom.core.words`), a pipe for each of stdout and
stderr, and a counter in shared memory of the tasks that it began: when it is killed, that
tells which task it died of.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import msgpack

from hyperloom import frames
from hyperloom.core import scratch, tally
from hyperloom.raylet.held import Begun
from hyperloom.raylet.printed import Printed

if TYPE_CHECKING:
    import mmap

    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.printed import Logs

_NEVER_BEGAN = 1  # exit code of a worker that could not be started


class Listener(Protocol):
    """Who hears of the workers."""

    def worker_ready(self, worker: int) -> None:
        """Its process exists."""

    def worker_says(self, worker: int, message: list[Any]) -> None:
        """One of its messages."""

    def worker_exited(self, worker: int, code: int, begun: Begun) -> None:
        """It is gone; negative codes are signals."""

    def worker_prints(self, worker: int, stream: str, lines: list[str]) -> None:
        """Whole lines of its output."""


@dataclass(slots=True)
class _Process:
    data: socket.socket
    control: socket.socket
    reader: frames.FrameReader
    writer: frames.FrameWriter
    begun: mmap.mmap
    printed: Printed
    pid: int = 0
    doomed: bool = False  # to be killed as soon as it exists


class Pool:
    """See the module."""

    def __init__(
        self, template: socket.socket, template_pid: int, loop: Loop, listener: Listener, logs: Logs
    ) -> None:
        self._template = template
        self._template_pid = template_pid
        self._loop = loop
        self._listener = listener
        self._logs = logs
        self._processes: dict[int, _Process] = {}
        self._scratch = ""  # in it each worker has a folder for its folders
        loop.on_readable(template.fileno(), self._template_says)

    def start(self, worker: int, about: dict[str, Any]) -> None:
        """Fork a worker."""
        data, their_data = socket.socketpair()
        control, their_control = socket.socketpair()
        data.setblocking(False)  # noqa: FBT003
        out, their_out = os.pipe()
        err, their_err = os.pipe()
        counter, begun = tally.open_tally()
        printed = Printed(
            {out: "stdout", err: "stderr"}, self._logs, self._loop.later,
            lambda stream, lines: self._listener.worker_prints(worker, stream, lines),
        )  # fmt: skip
        process = _Process(
            data, control, frames.FrameReader(data), frames.FrameWriter(data), begun, printed
        )
        self._processes[worker] = process
        theirs = [their_data.fileno(), their_control.fileno(), their_out, their_err, counter]
        self._scratch = about["scratch"]
        own = {"template": self._template_pid, "scratch": f"{self._scratch}/{worker}"}
        message = msgpack.encode([worker, {**about, **own}])
        socket.send_fds(self._template, [message], theirs)
        their_data.close()
        their_control.close()
        for fd in (their_out, their_err, counter):
            os.close(fd)
        self._loop.on_readable(data.fileno(), lambda: self._read(worker))
        for fd in printed.pipes:
            os.set_blocking(fd, False)
            self._loop.on_readable(fd, lambda fd=fd: self._hear_print(worker, fd))  # type: ignore[misc]

    def send(self, worker: int, message: list[Any]) -> None:
        """On the data socket.  A worker that is gone is heard of in its own time."""
        process = self._processes[worker]
        try:
            if not process.writer.send(frames.encode(message)):
                self._loop.on_writable(process.data.fileno(), lambda: self._flush(worker))
        except OSError:
            return

    def _flush(self, worker: int) -> None:
        process = self._processes[worker]
        try:
            if process.writer.flush():
                self._loop.on_writable(process.data.fileno(), None)
        except OSError:
            self._loop.on_writable(process.data.fileno(), None)

    def control(self, worker: int, message: list[Any]) -> None:
        """On the control socket."""
        try:
            self._processes[worker].control.send(frames.encode(message), socket.MSG_DONTWAIT)
        except OSError:
            return

    def kill(self, worker: int) -> None:
        """End it now, or as soon as it exists."""
        process = self._processes.get(worker)
        if process is None:
            return
        process.doomed = True
        if process.pid:
            # It may have ended by itself, and the template's word of that not been read yet.
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def pid(self, worker: int) -> int:
        """Its process id; 0 while it starts."""
        process = self._processes.get(worker)
        return 0 if process is None else process.pid

    def pids(self) -> dict[int, int]:
        """Process ids by worker."""
        return {worker: process.pid for worker, process in self._processes.items()}

    def begun(self, worker: int) -> Begun:
        """What it has begun so far."""
        memory = self._processes[worker].begun
        return Begun(tally.tasks_of(memory), tally.groups_of(memory))

    def tail(self, worker: int) -> list[str]:
        """The last lines that it wrote to stderr."""
        process = self._processes.get(worker)
        return list(process.printed.tail) if process else []

    def hear_out(self, worker: int, *, ended: bool) -> None:
        """Read what it has printed; `ended`: nothing follows the line that it began."""
        printed = self._processes[worker].printed
        printed.read_all(self.pid(worker) or worker)
        if ended:
            printed.show_unended()

    # -- hearing ----------------------------------------------------------------------------

    def _template_says(self) -> None:
        data = self._template.recv(4096)
        if not data:
            raise SystemExit("the template process is gone; so are all workers")
        what, worker, value = msgpack.decode(data)
        if what == "started":
            process = self._processes[worker]
            process.pid = value
            if process.doomed:
                self.kill(worker)
            self._listener.worker_ready(worker)
        elif what == "failed":
            why = f"this node could not start a worker process: {os.strerror(value)}"
            self._processes[worker].printed.tail.append(why)
            self._bury(worker, _NEVER_BEGAN)
        else:
            self._bury(worker, value)

    def _read(self, worker: int) -> None:
        process = self._processes[worker]
        messages = process.reader.receive_some()
        if messages is None:
            # Its end is announced by the template, with the exit code: wait for that.
            self._loop.forget(process.data.fileno())
            return
        for message in messages:
            self._listener.worker_says(worker, message)

    def _hear_print(self, worker: int, pipe: int) -> None:
        if not self._processes[worker].printed.read(pipe, self.pid(worker) or worker):
            self._loop.forget(pipe)

    def _bury(self, worker: int, code: int) -> None:
        process = self._processes[worker]
        # What it said and wrote before its end is still in the sockets and pipes.
        messages = process.reader.receive_some()
        while messages:
            for message in messages:
                self._listener.worker_says(worker, message)
            messages = process.reader.receive_some()
        # A line may have no end, and the pipe none either (a grandchild holds it).
        self.hear_out(worker, ended=True)
        begun = self.begun(worker)
        left = Path(self._scratch, str(worker))
        if left.exists():  # large, maybe: nobody waits for it
            threading.Thread(target=scratch.clear, args=(left,), daemon=True).start()
        self._listener.worker_exited(worker, code, begun)
        del self._processes[worker]
        for sock in (process.data, process.control):
            self._loop.forget(sock.fileno())
            sock.close()
        for fd in process.printed.pipes:
            self._loop.forget(fd)
            os.close(fd)
        process.printed.close()
        process.begun.close()
