"""A worker process: takes tasks from its raylet, runs them, sends back what came of them.

Two sockets join it to its raylet.  On the first come tasks, in batches, and go results.  On
the second come words that must be heard while a task runs; a thread listens to it: give back
what you have not begun, stop that task.

Main thread's loop: read a frame if there is nothing to do; run a task; send results when
there is nothing left to run or some milliseconds have passed.  When a task takes longer than
that, the raylet asks back what waits behind it, and the listening thread sends with it the
results of those before it.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from hyperloom import failpoints, frames, specs
from hyperloom.core import current, looking, output, visiting, words
from hyperloom.core.actors.crowd import Crowd, running_here
from hyperloom.core.actors.hosting import CallExecutor, Hosted, construct, move_in, move_out
from hyperloom.core.backlog import Backlog
from hyperloom.core.blocking import Blocking
from hyperloom.core.execution import WITHDRAWN, Executor, Retry
from hyperloom.core.interrupt import AGAIN_S, Interrupter
from hyperloom.core.pump import Pump
from hyperloom.core.redirection import Redirected
from hyperloom.core.tally import Tally
from hyperloom.events import Ended
from hyperloom.ids import TEMPLATE_BYTES
from hyperloom.serialization import stored

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from hyperloom.core.attempts import Attempts
    from hyperloom.core.context import Running
    from hyperloom.core.objects import Objects
    from hyperloom.core.session import Session
    from hyperloom.ids import JobID

_REPORT_AFTER_S = 0.002
_REPORT_BYTES = 1 << 18


class Worker:
    """See the module."""

    def __init__(  # noqa: PLR0913, PLR0917 - what the raylet gave it, and what it works with
        self,
        data: socket.socket,
        control: socket.socket,
        begun: int,
        node: bytes,
        objects: Objects,
        attempts: Attempts,
    ) -> None:
        self._data = data
        self._control = control
        self._reader = frames.FrameReader(data)
        self._backlog = Backlog(self._reader, self.take, lambda: self.leaving)
        self._queue = self._backlog.tasks
        self._sending = threading.Lock()
        self._reporting = threading.Lock()  # of `_done` and what is counted with it
        self.executor = Executor(node, objects)
        self._objects = objects
        self._hosted: Hosted | None = None  # the actor that lives here
        self._crowd: Crowd | None = None  # its calls, if several run at the same time
        self._blocking = Blocking(
            lambda: self.executor.running, self._say_blocked, self._say_unblocked
        )
        self._interrupter = Interrupter(lambda: self.executor.running)
        self._stopping: Running | None = None  # what is being interrupted
        self._entry = b""  # of what was begun last
        # How many tasks this process has begun, where the raylet sees it even after our death.
        self._tally = Tally(begun)
        self._attempts = attempts
        self._done: list[Any] = []
        self._done_count = 0
        self._done_bytes = 0
        self._saved: tuple[bytes, ...] = ()  # the state of the actor after what is done
        self._busy_s = 0.0
        self.leaving = False

    def serve(self) -> None:
        """Until the raylet hangs up or says so."""
        stored.held_by(lambda: self.executor.running)
        output.belongs_to(self._printing)
        self._interrupter.install()
        threading.Thread(target=self._listen, name="loom-control", daemon=True).start()
        while not self.leaving:
            if not self._queue:
                self.report()
                if failpoints.ON:
                    failpoints.hit("worker.before_read")
                if not self._backlog.receive():
                    return
                continue
            try:
                entry, record, inputs = self._queue.popleft()
            except IndexError:  # given back between the two lines
                continue
            self._run(entry, record, inputs)
            if self._hosted is not None and not self._hosted.alone and not self.leaving:
                self._host_crowd(self._hosted)
        self.report()
        if self._hosted is not None:
            move_out(self._hosted)

    # -- tasks ------------------------------------------------------------------------------

    def take(self, frame: list[Any]) -> list[tuple[bytes, bytes, bytes]]:
        """Entry, record and inputs of the tasks in a message of the raylet."""
        if frame[0] == words.EXIT:
            self.leaving = True
            return []
        _, templates, tasks, gpus = frame
        for template in templates:
            self.executor.learn(*template)
        self._set_gpus(tuple(gpus))
        return list(zip(tasks[::3], tasks[1::3], tasks[2::3], strict=True))

    def _set_gpus(self, gpus: tuple[int, ...]) -> None:
        if gpus != self.executor.gpus:
            self.executor.gpus = gpus
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))

    def _run(self, entry: bytes, record: bytes, inputs: bytes) -> None:
        self._tally.begin()
        self._entry = entry
        if failpoints.ON:
            failpoints.hit("worker.begun")
        code = self.executor.codes[record[:8]]
        if code.template.role == "actor":
            self._become_actor(entry, record, inputs)
            return
        start = time.perf_counter()
        try:
            outputs = self.executor.run(entry, record, inputs)
        except Retry as retry:
            message = [words.RETRY, entry, retry.failure]
            self._instead_of_results(start, record, Ended.RETRIED, message)
            return
        except Redirected as redirected:
            message = [words.REDIRECT, entry, redirected.record]
            self._instead_of_results(start, record, Ended.REDIRECTED, message)
        else:
            if self._hosted is not None and self.executor.leaving:
                self.end_actor(self.executor.leaving)
                return
            if outputs is WITHDRAWN:
                return
            self._add_results(start, entry, record, outputs)
        if code.template.max_calls and code.calls >= code.template.max_calls:
            self.report()
            self._send([words.LEAVING])
            self.leaving = True

    def _withdraw(self, task: bytes) -> None:
        """A call that waits behind another was cancelled: who waits for it need not any longer."""
        found = self._backlog.find(task)
        if found is not None and (failure := self.executor.unwanted.tell(task)):
            outputs = self.executor.codes[found[1][:8]].template.outputs
            now = time.perf_counter()
            self.finished(*found[:2], [failure] * outputs, now, now)
            self.report()

    def _add_results(self, start: float, entry: bytes, record: bytes, outputs: list[bytes]) -> None:
        output.end_lines()
        self._before_report()
        now = time.perf_counter()
        self._busy_s += now - start
        saved, self.executor.saved = self.executor.saved, ()
        self.finished(entry, record, outputs, start, now, saved)
        if self._saved or self._busy_s > _REPORT_AFTER_S or self._done_bytes > _REPORT_BYTES:
            self.report()

    def finished(  # noqa: PLR0913, PLR0917 - all there is to say of it
        self,
        entry: bytes,
        record: bytes,
        outputs: list[bytes],
        start: float,
        now: float,
        saved: tuple[bytes, ...] = (),
    ) -> None:
        """A task is over, and what it said is settled; `report` says so.  From any thread."""
        with self._reporting:
            heading = specs.heading_of(record)
            if len(heading) > TEMPLATE_BYTES:
                self._attempts.takes(record)
            self._attempts.times += (start, now - start)
            self._done += (entry[:16], entry[16:] or b"1", heading, len(outputs), *outputs)
            self._done_count += 1
            self._done_bytes += sum(map(len, outputs))
            self._saved = saved or self._saved

    def _instead_of_results(
        self, start: float, record: bytes, ended: Ended, message: list[Any]
    ) -> None:
        output.end_lines()
        self._before_report()
        now = time.perf_counter()
        self._busy_s += now - start
        self.report()
        row = self._attempts.without_outputs(message[1], record, start, now, ended)
        self._tell([*message, row])

    # -- an actor ---------------------------------------------------------------------------

    def _become_actor(self, entry: bytes, record: bytes, inputs: bytes) -> None:
        """From now on, and for good, this worker runs calls of one actor."""
        move_in(entry[:16], self.executor.codes[record[:8]].template.about)
        hosted = construct(self.executor, entry, record, inputs)
        output.end_lines()
        self._before_report()
        if isinstance(hosted, bytes):
            self._send([words.OVER, hosted])
            self.leaving = True
            return
        self._hosted = hosted
        self.executor = CallExecutor(self.executor.node, self._objects, hosted)
        self._send([words.OPEN, hosted.bids_farewell])

    def end_actor(self, cause: str) -> None:
        """What the actor answered before counts; this call, and those behind it, fail with it."""
        assert self._hosted is not None
        output.end_lines()
        self._before_report()
        self.report()
        self._send([words.OVER, self._hosted.ended(cause)])
        self.leaving = True

    def _host_crowd(self, hosted: Hosted) -> None:
        """Several calls at the same time, from now on to the end."""
        left = list(self._queue)
        self._queue.clear()
        crowd = self._crowd = Crowd(self, hosted, self._objects, hosted.terms.limits)
        if hosted.terms.is_async:
            crowd.serve_async(self._data, self._reader, left)
        else:
            crowd.serve(self._reader, left)
        self.leaving = True

    def mark_begun(self, group: int, number: int) -> None:
        """So many calls of a concurrency group may have begun."""
        self._tally.begin_in(group, number)

    def settle(self) -> None:
        """What a call said is in the control plane before its end is."""
        output.end_lines(alone=False)
        session = current.current()
        if session is not None:
            visiting.settle(session)

    def _running(self) -> Running | None:
        return self.executor.running if self._crowd is None else running_here.get()

    def _printing(self) -> bytes:
        """Whose it is what is printed now, also just after its end."""
        if self._crowd is None:
            return self._entry[:16]
        running = running_here.get()
        return running.task if running is not None else b""

    def _before_report(self) -> None:
        self._blocking.task_ended()
        # What the task submitted, put and holds must be in the control plane before its end is:
        # then nothing that it was promised can be lost, and nothing it passes on be dropped.
        session = current.current()
        if session is not None:
            visiting.settle(session)
        if failpoints.ON:
            failpoints.hit("worker.packed")

    def report(self) -> None:
        """Send the results that are there.  From any thread: they are settled already."""
        with self._reporting:
            if not self._done_count:
                return
            sys.stdout.flush()
            sys.stderr.flush()
            told = self._attempts.take(self._done)
            self._tell([words.DONE, self._done_count, self._busy_s, self._done, told, *self._saved])
            self._done, self._saved = [], ()
            self._done_count = 0
            self._done_bytes = 0
            self._busy_s = 0.0

    def _tell(self, how_it_ended: list[Any]) -> None:
        self._send(how_it_ended)
        if failpoints.ON:
            failpoints.hit("worker.reported")

    # -- what is said while a task runs -----------------------------------------------------

    def join(self, session: Session) -> None:
        """A task uses the API: from now on this process is one that holds refs."""
        self._send([words.SESSION, session.process])
        session.outbox.tell("process_join", session.process, session.node)  # before all else
        session.running = self._running
        session.blocked = self._blocked
        session.enter = lambda job: self._enter(session, job)
        session.announce = self._announce

    def _announce(self, process: bytes, how: int) -> None:
        self._send([words.VISITS, process, how])

    def _enter(self, home: Session, job: JobID) -> Session:
        """A task reaches into another job."""

        def depart() -> None:
            pump.close()
            guest.close()
            self._announce(guest.process, words.ENDS)

        guest = visiting.begin(home, job, self._announce)
        guest.outbox.tell("process_join", guest.process, guest.node)
        pump = Pump(guest)
        guest.depart = depart
        return guest

    def _blocked(self, oids: Sequence[bytes]) -> Callable[[], None]:
        crowd = self._crowd
        return self._blocking.begin() if crowd is None else crowd.waits.begin(oids)

    def _say_blocked(self) -> None:
        """The task waits for an object: its CPU is free, and so are the tasks behind it."""
        self.report()
        # An actor's calls can run nowhere else.
        self._send([words.BLOCKED, [] if self._hosted else self._backlog.take_back()])

    def _say_unblocked(self) -> None:
        """The task goes on."""
        self._send([words.UNBLOCKED])

    def _listen(self) -> None:
        reader = frames.FrameReader(self._control)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        while True:
            if self._stopping is not None and not poll.poll(AGAIN_S * 1000):
                self._interrupt_again()
                continue
            messages = reader.receive_some()
            if messages is None:
                os._exit(0)  # the raylet is gone; nothing that this process does counts any more
            for message in messages:
                self._hear(message)

    def _hear(self, message: list[Any]) -> None:
        if message[0] == words.GIVE_BACK:
            self.report()
            self._send([words.BACK, self._backlog.take_back()])
        elif message[0] == words.FORGET:
            self._backlog.take_back() if self._crowd is None else self._crowd.forget()
        elif message[0] == words.STOP:
            self._stop(message[1], message[2])
        elif message[0] == words.STACKS:
            self._send([words.STACKS, looking.stacks()])
        elif message[0] == words.WAITS:
            self._send([words.WAITS, self._crowd.told_waits() if self._crowd else []])
        elif message[0] == words.PROFILE:
            looking.profile(message[1], message[2], lambda told: self._send([words.PROFILE, told]))

    def _stop(self, task: bytes, failure: bytes) -> None:
        """Interrupt the task; the raylet kills us if it takes too long to end."""
        if self._crowd is not None:
            self._crowd.cancel(task, failure)
            return
        self.executor.unwanted.add(task, failure)
        running = self.executor.running
        if running is not None and running.task == task:
            self.executor.unwanted.take(task)
            running.cancelled = failure
            if self._hosted is None:  # else it may look: context().is_cancelled()
                self._stopping = running
                self._interrupt_again()
        elif self._hosted is not None and self._hosted.alone:
            self._withdraw(task)

    def _interrupt_again(self) -> None:
        stopping = self._stopping
        if stopping and self.executor.running is stopping and not stopping.was_interrupted:
            self._interrupter.interrupt(stopping)
        else:
            self._stopping = None

    def _send(self, message: list[Any]) -> None:
        frame = frames.encode(message)
        try:
            with self._sending:
                self._data.sendall(frame)
        except OSError:
            os._exit(0)  # the raylet is gone
