"""One process's part in a job: what it knows of objects, what it says, what it hears.

A `Session` joins the pieces: the outbox (words to the control plane), the inbox (what it is
told), the object store of this node, and its knowledge: `values`, which has an entry for
each object that this process holds, None until the value (or where it lies) is known.

Who reads the inbox, and when, is the business of `hyperloom.core.reading`.

Locks, in the order in which they may be taken: the reader's role, `_lock` (what is known), the
outbox's own.  ``__del__`` takes none.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.core import again, current, inquiry, objects
from hyperloom.core.blocking import nobody_minds
from hyperloom.core.context import context_of
from hyperloom.core.counts import RefCounts
from hyperloom.core.reading import Reading
from hyperloom.core.refs import ObjectRef
from hyperloom.core.visiting import nowhere
from hyperloom.core.waiting import Waiter, Waiters
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.gcs.outbox import Outbox
from hyperloom.gcs.pauses import persist
from hyperloom.ids import OBJECT_BYTES, PROCESS_BYTES, TASK_BYTES, TaskIds, new_process_id
from hyperloom.serialization import Packable, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.config import Config
    from hyperloom.core.alarms import Alarm
    from hyperloom.core.context import Context, Running
    from hyperloom.core.objects import Objects
    from hyperloom.core.remote import RemoteFunction
    from hyperloom.core.streams import Stream
    from hyperloom.core.submission import Submitter
    from hyperloom.gcs.address import Address
    from hyperloom.ids import JobID, ProcessID
    from hyperloom.serialization import Packed

FIRST = bytes(4)  # index of a task's first output
_FAILED = ord("4")  # first byte of an inline failure (`hyperloom.serialization.inline`)


class Session:
    """See the module."""

    def __init__(
        self,
        job: JobID,
        address: Address,
        config: Config,
        store: Objects,
        process: ProcessID | None = None,
    ) -> None:
        self.job = job
        self.address = address
        self.config = config
        self.process, self._is_driver = process or new_process_id(job), process is not None
        self.node = b""
        self.user_namespace = ""
        self.namespace = keys.job_namespace(job)
        self.outbox, inbox = self._doors()
        self.reading = Reading(self, inbox)
        self.store = store
        self.ids = TaskIds(self.process)
        self.next_task = self.ids.next
        self.values: dict[bytes, bytes | None] = {}
        self.was_put: set[bytes] = set()
        # What identifies those objects of which that is known: see `hyperloom.core.call_keys`.
        self.origins: dict[bytes, bytes] = {}
        self.streams: dict[bytes, Stream] = {}
        self.counts = RefCounts()
        self.dropped: deque[bytes] = deque()  # refs that died; see `sweep`
        self.last_words: deque[tuple[Any, ...]] = deque()  # of streams and plans that died
        self.finished: deque[Callable[[], None]] = deque()  # see `hyperloom.core.futures`
        # What runs where this is asked, in a worker; an actor may run several calls at once.
        self.running: Callable[[], Running | None] | None = None
        # Called when somebody begins to wait for these; what it returns, when that ends.
        self.blocked: Callable[[Sequence[bytes]], Callable[[], None]] = lambda _: nobody_minds
        self.wake: Callable[[], None] = lambda: None  # the pump's
        self.when_lost: Callable[[Exception], None] = lambda _: None
        self.home: Session = self  # of a session in another job: the process's own
        self.guests: dict[bytes, Session] = {}  # sessions in other jobs: `hyperloom.core.visiting`
        self.enter: Callable[[JobID], Session] = nowhere  # how there comes to be one
        self.depart: Callable[[], None] = self.close  # how one ends
        # Tells the raylet that this is another process too: `hyperloom.core.words.VISITS`.
        self.announce: Callable[[bytes, int], None] = lambda _process, _how: None
        self.alarms: set[Alarm] = set()
        self.handles, self.ends_with_driver = 0, False  # of detached plans; whether none can be
        self.detached: set[bytes] = set()  # plans that it follows: `hyperloom.core.following`
        self.closed = False
        self.broken: Exception | None = None
        self._lock = threading.RLock()
        self._waiters = Waiters()
        self.unwatched: set[bytes] = set()
        self._declared: set[bytes] = set()

    def _doors(self) -> tuple[Outbox, Inbox]:
        """To the control plane and from it; its server may be dead for a moment just now."""
        name = keys.INBOX.name(self.namespace, self.process)
        inbox = persist(lambda: Inbox(self.address, name), self.config.outage_s)
        return self.outbox_of(self.process, inbox.interrupt), inbox

    def outbox_of(self, process: ProcessID, when_back: Callable[[], None] | None = None) -> Outbox:
        """For the words of a process of this job."""
        config = self.config

        def begin() -> Outbox:
            return Outbox(
                self.address, self.namespace, process, batch=config.submit_batch,
                outage_s=config.outage_s, repeats=self._is_driver, when_back=when_back,
            )  # fmt: skip

        return persist(begin, config.outage_s)

    # -- saying -----------------------------------------------------------------------------

    @property
    def parent(self) -> bytes:
        """The task or call that submits now: what it does is cancelled with it; b"": none."""
        running = None if self.running is None else self.running()
        return b"" if running is None else running.task

    def declare(self, template: bytes, *rest: bytes | str | int) -> None:
        """Say a template, the first time that this process uses it."""
        if template not in self._declared:
            self._declared.add(template)
            self.outbox.declare(template, *rest)

    def submitter(self, remote: RemoteFunction[Any, Any]) -> Submitter:
        """What turns calls of the function into tasks."""
        self._refuse_when_lost()
        if remote.task_options.keeps:
            from hyperloom.core.kept_submission import KeepingSubmitter  # noqa: PLC0415 - few need

            return KeepingSubmitter(self, remote)
        from hyperloom.core.submission import SessionSubmitter  # noqa: PLC0415 - it needs us

        return SessionSubmitter(self, remote)

    def promise(self, oid: bytes) -> ObjectRef[Any]:
        """The ref to an object that this process is about to submit or put."""
        self.values[oid] = None
        return ObjectRef(oid, self)

    def put(self, value: object) -> ObjectRef[Any]:
        """An object with this value."""
        return self.put_packed(pack(value))

    def put_packed(self, packed: Packed) -> ObjectRef[Any]:
        """An object with this packed value."""
        self._refuse_when_lost()
        oid = self.next_task() + FIRST
        self.was_put.add(oid)
        current.own(packed.refs, self.job)
        self.values[oid] = kept = self.store.keep_packed(oid, packed)
        self.outbox.put(oid, kept, packed.refs)
        self.wake()
        return ObjectRef(oid, self)

    def flush(self) -> None:
        """Send what was said and what was dropped."""
        self.sweep()
        self.outbox.flush()

    def settle(self) -> None:
        """The same, and wait until the control plane has it."""
        self.sweep()
        self.outbox.settle()

    # -- refs -------------------------------------------------------------------------------

    def adopt(self, oid: bytes) -> ObjectRef[Any]:
        """A ref that arrived inside a value, or to a result of a plan that is followed."""
        with self._lock:
            self.sweep()
            known = oid in self.values
            if not known:
                self.values[oid] = None
                self.unwatched.add(oid)
            if not known and oid[:PROCESS_BYTES] in self.detached:
                return ObjectRef(oid, self)  # the plan holds it
            if self.counts.adopt(oid, known=known):
                self.outbox.acquire(oid)
        return ObjectRef(oid, self)

    def exported(self, oid: bytes) -> None:
        """The ref is being pickled.  Inside our own packing it is counted there."""
        if not objects.packing():
            with self._lock:
                self.counts.pin(oid)

    def sweep(self) -> None:
        """Act on the refs that died since the last time."""
        while self.last_words:
            # Of a stream: first release the end (in `dropped`), so that the worker learns at its
            # next item.  Of a plan: before its results are released (`hyperloom.plan.living`).
            self.outbox.tell(*self.last_words.popleft())
        dropped = self.dropped
        if not dropped:
            return
        with self._lock:
            for _ in range(len(dropped)):
                try:
                    oid = dropped.popleft()
                except IndexError:  # another thread swept it
                    return
                if self.counts.drop(oid) and oid in self.values:
                    del self.values[oid]
                    self.was_put.discard(oid)
                    if self.origins:
                        self.origins.pop(oid, None)
                    self.unwatched.discard(oid)
                    made = self.counts.forget(oid)
                    if not (made and self.detached and oid[:PROCESS_BYTES] in self.detached):
                        self.outbox.release(oid, made=made)

    # -- hearing ----------------------------------------------------------------------------

    def arrived(self, entries: Sequence[bytes]) -> None:
        """A message from the inbox: object id, value, object id, value and so on."""
        values, waiters = self.values, self._waiters
        with self._lock:
            for at in range(0, len(entries), 2):
                oid, value = entries[at], entries[at + 1]
                if oid in values:
                    values[oid] = value
                    waiters.arrived(oid, failed=value[0] == _FAILED)
                elif self.streams:
                    self._arrived_in_stream(oid, value)
            for alarm in tuple(self.alarms):
                alarm.look(self, entries)

    def _arrived_in_stream(self, oid: bytes, value: bytes) -> None:
        # An item that nobody asked for yet, or word from the reader of a stream made here.
        # By its length: an id begins with any byte at all.
        name = oid[:TASK_BYTES] if len(oid) == OBJECT_BYTES else oid
        stream = self.streams.get(name)
        if stream is not None:
            stream.arrived(oid, value)
            self._waiters.arrived(oid, failed=False)

    def ask(self, oids: Sequence[bytes]) -> None:
        """Ask the control plane about these objects, and be told of those not there yet."""
        inquiry.ask(self, oids)

    # -- waiting ----------------------------------------------------------------------------

    def ready(self, oids: Iterable[bytes]) -> list[bool]:
        """For each object, whether its value or failure is known here."""
        values = self.values
        return [values.get(oid) is not None for oid in oids]

    def register(self, waiter: Waiter, oids: Iterable[bytes]) -> None:
        """`waiter` is told of each object; of those that are there already at once."""
        self.sweep()
        unwatched: list[bytes] = []
        with self._lock:
            values = self.values
            missing = []
            for oid in oids:
                value = values.get(oid)
                if value is None:
                    missing.append(oid)
                else:
                    waiter.arrived(oid, failed=value[0] == _FAILED)
            if not waiter.done or waiter.stays:
                self._waiters.add(waiter, missing)
                unwatched = [oid for oid in missing if oid in self.unwatched]
        # Without the lock, which is never held over I/O.  What arrives meanwhile finds the
        # waiter registered.
        self.ask(unwatched)
        self.finish()

    def unregister(self, waiter: Waiter, oids: Iterable[bytes]) -> None:
        """It has enough, or gave up."""
        with self._lock:
            self._waiters.remove(waiter, oids)

    def wait(self, oids: Sequence[bytes], waiter: Waiter, timeout_s: float | None) -> bool:
        """Wait until `waiter` is satisfied.  False: it was not, in time."""
        try:
            self.register(waiter, oids)
            return self.wait_on(oids, waiter, timeout_s)
        finally:
            self.unregister(waiter, oids)

    def wait_on(self, oids: Sequence[bytes], waiter: Waiter, timeout_s: float | None) -> bool:
        """The same of a waiter that is registered, and stays so."""
        return self.reading.wait(waiter, oids, timeout_s)

    def _refuse_when_lost(self) -> None:
        if self.broken is not None:
            raise self.broken

    def check_open(self) -> None:
        """Who waits must not wait in vain.

        Raises:
            errors.SessionClosed: the session was closed.
            errors.LoomError: it was lost; says how.
        """
        if self.closed:
            self._refuse_when_lost()
            raise errors.SessionClosed("the session is closed, and what is waited for had not come")

    # -- values -----------------------------------------------------------------------------

    def value_of(self, oid: bytes) -> object:
        """The value of an object that is ready.

        Raises:
            Exception: what its task raised.
            errors.ObjectLost: it does not exist any more.
        """
        value = self.values.get(oid)
        if value is None or value == codes.LARGE:  # another thread has just learnt that it is gone
            value = again.asked_anew(self, oid)
        loaded = self.store.load(oid, value)
        return loaded.gathered() if isinstance(loaded, Packable) else loaded

    def failed(self, oid: bytes) -> bool:
        """Whether the object is known to be a failure."""
        value = self.values.get(oid)
        return value is not None and value[0] == _FAILED

    def cancelled(self, oid: bytes) -> bool:
        """Whether it is known to be one since nobody wanted its task any more."""
        value = self.values.get(oid)
        return value is not None and value.startswith(codes.WAS_CANCELLED)

    def finish(self) -> None:
        """Call what waits on `finished`; never while reading or with a lock held."""
        while self.finished:
            try:
                finish = self.finished.popleft()
            except IndexError:  # another thread was faster
                return
            finish()

    def context(self) -> Context:
        """Where the caller runs."""
        return context_of(self)

    @property
    def unsent(self) -> bool:
        """Whether anything was said or dropped that the control plane has not heard."""
        return bool(self.dropped or self.last_words or self.outbox.waiting)

    @property
    def has_waiters(self) -> bool:
        """Whether anybody waits for anything: threads, futures, coroutines."""
        return bool(self._waiters)

    def lost(self, error: Exception) -> None:
        """The control plane cannot be reached any more: nobody shall wait for it in vain."""
        self.broken = error
        self.outbox.break_off(error)
        self._end()
        for guest in list(self.guests.values()):
            guest.lost(error)
        self.when_lost(error)

    def _end(self) -> None:
        self.closed = True
        self.reading.interrupt()
        with self._lock:
            self._waiters.give_up()
        self.finish()

    def close(self) -> None:
        """Stop hearing and saying."""
        self._end()
        self.outbox.close()
        self.reading.close()
