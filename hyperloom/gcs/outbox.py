"""What one process says to the control plane: in order, in batches, and exactly once.

The rule: words are numbered, and the server applies each number once and in order
(``lua/process/_answered.lua``).  So they may be sent again until they are answered, whatever
happens on the way (`hyperloom.gcs.delivery`).

Batches are gathered until they are large enough or somebody flushes: `get` does, and the
process's pump does after a moment.  A flush says, in this order::

    puts, contains      objects that later words may name
    submits             they hold their inputs from here on
    acquires, releases  a ref is released after what was made with it

Dropped refs come from ``__del__``, which may run anywhere, even inside this file with its
lock held.  So they go into a deque, and are looked at in the next flush.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.gcs.delivery import Delivery, Said
from hyperloom.gcs.wire import Arguments, fcall, pack
from hyperloom.ids import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.gcs.address import Address
    from hyperloom.gcs.wire import Argument

_UNREAD_MOST = 8  # answers that nobody waits for, before we look at them
_BATCH_BYTES = 1 << 18
_ACTORS_AT_ONCE = 8  # for each of so many, a full batch of calls is gathered
_RELEASES_AT_ONCE = 2000  # of one call: a plan's million results may be dropped at once


def _made(ids: Sequence[bytes]) -> int:
    """How many tasks and puts the process has made, as far as these ids tell."""
    return number_of(max(ids))


class Prepared(NamedTuple):
    """Words that are packed, and take little memory until they are said."""

    function: str
    made: int
    args: Arguments


class Outbox:
    """The words of one process.  For any thread.

    `repeats`: a server that comes back without the last of them is told them again; `when_back` is
    called after each reconnection.
    """

    def __init__(  # noqa: PLR0913 - who speaks, to whom, how
        self,
        address: Address,
        namespace: str,
        process: bytes,
        *,
        batch: int,
        outage_s: float,
        repeats: bool = False,
        when_back: Callable[[], None] | None = None,
    ) -> None:
        self._ns = namespace
        self._process = process
        self._batch = batch
        self._delivery = Delivery(
            address, fcall("process_heard", namespace, process), outage_s, repeats=repeats
        )
        self._delivery.when_back = when_back
        self._lock = threading.RLock()
        self._seq = 0
        self._fresh()

    def _fresh(self) -> None:
        self._count = 0
        self._bytes = 0
        self._declares: list[tuple[Argument, ...]] = []
        self._puts: list[bytes] = []
        self._contains: list[bytes] = []
        self._submits: dict[tuple[bytes, bytes], list[bytes]] = {}
        self._creates: list[tuple[Argument, ...]] = []
        self._calls: dict[tuple[bytes, bytes], list[bytes]] = {}
        self._width = 1  # most outputs of one of the calls
        self._acquired: list[bytes] = []
        self._measured: list[Argument] = []
        self._made: list[bytes] = []
        self._borrowed: dict[bytes, None] = {}  # in order

    # -- words ------------------------------------------------------------------------------

    def declare(self, *args: Argument) -> None:
        """Say a template before its first task."""
        with self._lock:
            self._declares.append(args)

    def tell(self, function: str, *args: Argument) -> None:
        """Apply an idempotent transition soon; nobody waits for its answer."""
        with self._lock:
            self.flush()
            self._delivery.say([Said(pack(fcall(function, self._ns, *args)))])

    def submit(self, template: bytes, parent: bytes, task: bytes, record: bytes) -> None:
        """A task."""
        with self._lock:
            group = self._submits.get((template, parent))
            if group is None:
                group = self._submits[template, parent] = []
            group += (task, record)
            self._count += 1
            self._bytes += len(record)
            if self._count >= self._batch or self._bytes > _BATCH_BYTES:
                self.flush()

    def create_actor(self, template: bytes, task: bytes, *rest: Argument) -> None:
        """An actor, in the form of ``lua/actor/create.lua``."""
        with self._lock:
            self._creates.append((_made([task]), template, task, *rest))
            self._count += 1

    def call_actor(
        self, actor: bytes, parent: bytes, task: bytes, record: bytes, width: int
    ) -> None:
        """A call of an actor; those of one actor stay in their order."""
        with self._lock:
            group = self._calls.get((actor, parent))
            if group is None:
                group = self._calls[actor, parent] = []
            group += (task, record)
            self._width = max(self._width, width)
            self._count += 1
            self._bytes += len(record)
            # What is said of several actors is said of each by itself.
            most = self._batch * min(len(self._calls), _ACTORS_AT_ONCE)
            if self._count >= most or self._bytes > _BATCH_BYTES:
                self.flush()

    def prepare(self, function: str, made: int, *args: Argument) -> Prepared:
        """Words for `say`, packed already; `made`: the highest number of a task in them."""
        return Prepared(function, made, Arguments.of(args))

    def say(self, prepared: Prepared) -> None:
        """Prepared words, after all that was said before."""
        with self._lock:
            self.flush()
            self._seq += 1
            function, made, args = prepared
            first = fcall(function, self._ns, self._process, self._seq, made)
            self._delivery.say([Said(args.behind(first), self._seq)])

    def put(self, oid: bytes, value: bytes, contained: Iterable[bytes] = ()) -> None:
        """An object that this process made itself."""
        with self._lock:
            self._puts += (oid, value, b"".join(contained))
            self._count += 1
            self._bytes += len(value)
            if self._count >= self._batch or self._bytes > _BATCH_BYTES:
                self.flush()

    def contain(self, oid: bytes, contained: Iterable[bytes]) -> None:
        """A result that is about to be reported contains these refs."""
        with self._lock:
            self._contains += (oid, b"".join(contained))
            self._count += 1

    def measure(self, how: str, name: str, value: float) -> None:
        """A metric of the user's: see ``lua/metric/add.lua``."""
        with self._lock:
            self._measured += (how, name, value)
            self._count += 1

    def acquire(self, oid: bytes) -> None:
        """The process came by a ref that it did not make."""
        with self._lock:
            if oid in self._borrowed:
                # It was let go of, and that is not said yet: then it never was.  Said in
                # their order within a batch, the hold would be taken first and then dropped.
                del self._borrowed[oid]
                self._count -= 1
                return
            self._acquired.append(oid)
            self._count += 1

    def release(self, oid: bytes, *, made: bool) -> None:
        """The last ref to the object in this process is gone."""
        with self._lock:
            if made:
                self._made.append(oid)
            else:
                self._borrowed[oid] = None
            self._count += 1

    # -- sending ----------------------------------------------------------------------------

    def connections(self) -> int:
        """How many there were; behind each but the first may be a server that has forgotten."""
        with self._lock:
            return self._delivery.connections()

    @property
    def has_calls(self) -> bool:
        """Whether actors, or calls of them, were said and not sent yet."""
        return bool(self._calls or self._creates)

    @property
    def calls_unsent(self) -> int:
        """How many calls of actors were said and not sent yet."""
        return sum(len(group) for group in self._calls.values()) // 2

    @property
    def waiting(self) -> bool:
        """Whether anything is not sent, or not answered yet."""
        return bool(self._count or self._declares or self._delivery.unanswered)

    def flush(self, *, wanted_only: bool = False) -> None:
        """Send all that was said; do not wait for the answers.

        `wanted_only`: somebody waits for what comes of it, and will soon again.  Nobody waits
        for releases, nor for our looking at answers, so that is left until it is worth a call;
        another flush must come within some milliseconds.
        """
        with self._lock:
            self._delivery.check()
            if self._count or self._declares:
                self._delivery.say(self._words(later=wanted_only))
            if not wanted_only or self._delivery.unanswered > _UNREAD_MOST:
                self._delivery.look()

    def settle(self) -> None:
        """Send all that was said and wait until the server has applied it."""
        with self._lock:
            self.flush()
            self._delivery.settle()

    def call(self, function: str, *args: Argument, namespace: str | None = None) -> Any:  # noqa: ANN401
        """Apply an idempotent transition after all that was said; its answer.

        Raises:
            errors.Refused: the server said no.
        """
        with self._lock:
            self.flush()
            return self._delivery.ask(pack(fcall(function, namespace or self._ns, *args)))

    def answers(self, within_s: float) -> bool:
        """Whether there is a server that answers within so long, and nothing is left unanswered."""
        if not self._lock.acquire(timeout=within_s):
            return False  # somebody waits for its answer
        try:
            return self._delivery.answers(within_s)
        finally:
            self._lock.release()

    def compare(self) -> None:
        """See whether the server remembers what it answered, and say again what it does not.

        Raises:
            errors.ClusterStateLost: it has forgotten more than is known here.
            errors.JobEnded: the job was ended without us.
        """
        with self._lock:
            self._delivery.compare()

    def break_off(self, error: Exception) -> None:
        """There will be no server any more: who speaks from now on, or is speaking, hears why."""
        self._delivery.break_off(error)  # without the lock: whoever tries to connect holds it

    def close(self) -> None:
        """Hang up; what was not flushed is not said."""
        self._delivery.close()

    def _words(self, *, later: bool = False) -> list[Said]:
        said: list[Said] = []

        def say(function: str, *args: Argument) -> None:
            self._seq += 1
            words = fcall(function, self._ns, self._process, self._seq, *args)
            said.append(Said(pack(words), self._seq))

        said += [Said(pack(fcall("template_declare", self._ns, *args))) for args in self._declares]
        self._say_made(say)
        if self._acquired:
            say("ref_acquire", b"".join(self._acquired))
        if self._measured:
            say("metric_add", 0, *self._measured)
        made, borrowed = self._made, self._borrowed
        self._fresh()
        if later and len(made) + len(borrowed) < self._batch:
            self._made, self._borrowed, self._count = made, borrowed, len(made) + len(borrowed)
        else:
            others = list(borrowed)
            for at in range(0, max(len(made), len(others)), _RELEASES_AT_ONCE):
                part = slice(at, at + _RELEASES_AT_ONCE)
                say("ref_release", b"".join(made[part]), b"".join(others[part]))
        return said

    def _say_made(self, say: Callable[..., None]) -> None:
        """What this process made: objects, tasks, actors and their calls."""
        if self._puts:
            say("object_put", _made(self._puts[::3]), *self._puts)
        if self._contains:
            say("ref_contain", *self._contains)
        for (template, parent), group in self._submits.items():
            say("task_submit", _made(group[::2]), parent, template, *group)
        for words in self._creates:
            say("actor_create", *words)
        for (actor, parent), group in self._calls.items():
            say("actor_call", _made(group[::2]), self._width, parent, actor, *group)
