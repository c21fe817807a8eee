"""The control plane of an inline session: what Redis and a raylet would do, with a few dicts.

The rule: it stands where a session expects its outbox, and answers what is said there at once: a
task that is submitted has run when `submit` returns.  Only streams stay open; they go on when
somebody asks for an item.

An object lives while the session holds it (from when it is promised or acquired until it is
released), or an object that lives, or a task that runs, contains it.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

from hyperloom import failures, specs
from hyperloom.core.actors.inline import InlineActors, of_call
from hyperloom.core.code import Code, Function
from hyperloom.core.execution import Retry
from hyperloom.core.inline_execution import InlineExecutor, InlineStream, Stack
from hyperloom.core.inline_groups import InlineGroups
from hyperloom.core.inline_plans import in_spans, planned_tasks, ranged_tasks
from hyperloom.core.redirection import Redirected
from hyperloom.core.session import FIRST
from hyperloom.failures import Attempt
from hyperloom.gcs import codes
from hyperloom.ids import OBJECT_BYTES, cut, index_of, object_id, task_of
from hyperloom.resources import ResourceSet, called
from hyperloom.serialization import failure_inline, pack, to_inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from hyperloom.core.context import Running
    from hyperloom.core.objects import Objects
    from hyperloom.core.session import Session


class Plane:
    """See the module.  `_held` is what the session holds, `_holders` what contains what lives."""

    def __init__(
        self, session: Session, node: bytes, objects: Objects, resources: ResourceSet
    ) -> None:
        # Of the task that failed last, and of no other: frames hold all that their callers hold.
        self.frames: tuple[bytes, TracebackType] | None = None
        self.waiting = False  # nothing is ever on its way
        self.metrics: dict[str, float] = {}
        self._session = session
        self._node = node
        self.objects = objects
        self._resources = resources
        self._groups = InlineGroups(node)
        self._codes: dict[bytes, Code] = {}
        self._values: dict[bytes, bytes] = {}
        self._held: set[bytes] = set()
        self._holders: dict[bytes, int] = {}
        self._contains: dict[bytes, list[bytes]] = {}
        self._streams: dict[bytes, InlineStream] = {}
        self._planned: list[tuple[bytes, bytes, list[bytes]]] = []  # see `plan`
        self._stack = Stack()
        self.actors = InlineActors(self)
        self.create_actor, self.call_actor = self.actors.create, self.actors.call

    def running(self) -> Running | None:
        """What this thread runs."""
        return self._stack.executors[-1].running if self._stack.executors else None

    def held(self) -> dict[str, Any]:
        """What lives, by table; for tests."""
        tables = {
            "object": self._values, "held": self._held, "refs": self._holders,
            "contains": self._contains, "stream": self._streams,
        }  # fmt: skip
        return {name: table for name, table in tables.items() if table}

    # -- what a session says ----------------------------------------------------------------

    def declare(self, template: bytes, *rest: Any) -> None:  # noqa: ANN401 - see the outbox
        """A template, before its first task."""
        body, _, pickled = rest[-3:]
        self._codes[template] = Code(specs.decode_template(body), Function(pickled))

    def submit(self, template: bytes, parent: bytes, task: bytes, record: bytes) -> None:
        """Run the task now."""
        del parent
        outputs = [object_id(task, i) for i in range(self._codes[template].template.outputs)]  # type: ignore[arg-type]
        self._held.update(outputs)
        refs = _cut(specs.refs_of(record))
        self.hold(refs)
        try:
            values = self._run(template, task, record)
        finally:
            if task not in self._streams:
                self.let_go(refs)
        self._settle(list(zip(outputs, values, strict=False)))  # of a stream none yet
        self._session.sweep()

    def prepare(self, function: str, made: int, *args: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ANN401
        """Words for `say`."""
        del made
        return function, args

    def say(self, prepared: tuple[str, tuple[Any, ...]]) -> None:
        """Part of a plan, in the form of ``lua/task/plan.lua`` or ``lua/task/range.lua``.

        It comes with those who take before those who make, so it runs when all of it is there.
        """
        function, args = prepared
        if function == "task_plan":
            last = 3 + 5 * args[2]
            planned = planned_tasks(args[3:last:5], args[4:last:5], args[last:])
        else:
            planned = ranged_tasks(*args[1:])
        for _, record, _ in planned:
            self.hold(_cut(specs.refs_of(record)))
        self._planned += planned

    def put(self, oid: bytes, value: bytes, contained: Iterable[bytes] = ()) -> None:
        """An object."""
        self._held.add(oid)
        self._values[oid] = value
        self.contain(oid, contained)
        self._session.sweep()

    def contain(self, oid: bytes, contained: Iterable[bytes]) -> None:
        """An object holds these refs."""
        inner = list(contained)
        if inner:
            self._contains.setdefault(oid, []).extend(inner)
            self.hold(inner)

    def measure(self, how: str, name: str, value: float) -> None:
        """A metric: kept here, where a debugger may look at it."""
        before = self.metrics.get(name, 0.0) if how == "+" else 0.0
        self.metrics[name] = before + value

    def acquire(self, oid: bytes) -> None:
        """The session came by a ref."""
        self._held.add(oid)

    def release(self, oid: bytes, *, made: bool) -> None:
        """The session's last ref is gone."""
        del made
        self._held.discard(oid)
        stream = self._streams.get(task_of(oid))  # type: ignore[arg-type]
        if stream is not None and index_of(oid) == 0:  # type: ignore[arg-type]
            self._end(stream, to_inline(pack(stream.made)))
        self._free_unless_held([oid])

    def tell(self, function: str, *args: Any) -> None:  # noqa: ANN401 - see the outbox
        """How far a stream was read: the reader makes it go on by itself."""

    def flush(self, *, wanted_only: bool = False) -> None:
        """Nothing waits."""

    def settle(self) -> None:
        """Run the plan that was said."""
        planned, self._planned = self._planned, []
        for task, record, _ in reversed(planned):
            self.submit(specs.template_of(record), b"", task, record)
        for _, record, unwanted in planned:
            self.let_go(_cut(specs.refs_of(record)))
            for oid in unwanted:
                self.release(oid, made=True)

    def answers(self, within_s: float) -> bool:
        """At once."""
        return within_s >= 0

    def close(self) -> None:
        """Stop the streams that nobody read to their end."""
        for stream in list(self._streams.values()):
            stream.close()
        self._streams.clear()
        self.frames = None

    def call(self, function: str, *args: Any, namespace: str | None = None) -> Any:  # noqa: ANN401
        """The transitions that a session asks for and waits for."""
        del namespace
        match function:
            case "object_watch":
                return [self._values.get(oid, codes.LOST) for oid in args[1:]]
            case "task_cancel":
                return [b"" for task in args[2:] for _ in self._cancel(task, args[0])]
            case "task_shut" | "task_drop":  # the first does all of it
                for task in in_spans(self._streams, args[1:]):
                    self._cancel(task, args[0])
                return 0
            case "task_where":
                return [part for task in args[1:] for part in self._where(task)]
            case "node_list":
                amounts = dict(self._resources.items())
                about = {"host": "inline", "resources": amounts, "free": amounts}
                return [self._node, json.dumps(about), 1000]
            case _:
                who = self._groups if function in InlineGroups.ANSWERS else self.actors
                return who.answer(function, *args)

    # -- tasks ------------------------------------------------------------------------------

    def _run(self, template: bytes, task: bytes, record: bytes) -> list[bytes]:
        held: list[bytes] = []
        first = 1
        for _ in range(codes.REDIRECTS_MOST + 1):
            try:
                values = self._run_as(template, task, record, first)
                break
            except Redirected as redirected:
                record, template = redirected.record, specs.template_of(redirected.record)
                first = redirected.attempt + 1
                before, held = held, _cut(specs.refs_of(record))
                self.hold(held)
                self.let_go([*before, *self._contains.pop(task + FIRST, ())])
            self._session.sweep()
        else:
            about = self._codes[template].template
            who = Attempt(task, about.name, first, self._node, role=about.role)
            failure = failures.redirected_too_often(who, most=codes.REDIRECTS_MOST)
            values = [failure_inline(failure)] * about.outputs
        self.let_go(held)
        return values

    def _run_as(self, template: bytes, task: bytes, record: bytes, first: int) -> list[bytes]:
        code = self._codes[template]
        shape = ResourceSet.parse(code.template.shape)
        missing = shape.plain().missing_from(self._resources)
        name = failures.known_as(specs.label_of(record), code.template.name)
        who = Attempt(task, name, 1, self._node, role=code.template.role)
        if failure := self._groups.lost(shape, who):
            return [failure_inline(failure)] * code.template.outputs
        if missing:
            failure = failures.infeasible(
                who, asked=shape.describe(), missing=[called(name) for name, _ in missing.items()]
            )
            return [failure_inline(failure)] * code.template.outputs
        inputs = b"".join([_sized(self._input(oid)) for oid in specs.inputs_of(record)])
        for attempt in _attempts(code.template.retries, first):
            executor = self.actors.executor(record, code) or InlineExecutor(
                self._node, self.objects, self._codes
            )
            entry = task + (b"%d" % attempt if attempt > 1 else b"")
            try:
                with self._stack.running(executor):
                    values = executor.run(entry, record, inputs)
            except Retry as retry:
                values = [retry.failure] * code.template.outputs
                continue
            break
        if executor.leaving:
            values = [self.actors.left(executor, code.template.name)] * code.template.outputs
        elif executor.stream is not None:
            self._streams[task] = InlineStream(code, executor, record)
        elif executor.frames is not None:
            self.frames = (task, executor.frames)
        return values

    def run(self, what: Callable[[InlineExecutor, bytes], Any], record: bytes) -> Any:  # noqa: ANN401
        """Do something with the inputs of a record, as what runs."""
        inputs = b"".join([_sized(self._input(oid)) for oid in specs.inputs_of(record)])
        executor = InlineExecutor(self._node, self.objects, self._codes)
        with self._stack.running(executor):
            return what(executor, inputs)

    def end(self, template: bytes, task: bytes, failure: bytes) -> None:
        """A call whose actor is over."""
        about = self._codes[template].template
        failure = of_call(failure, about.name, ran=False)
        for index in range(about.outputs):
            self._held.add(object_id(task, index))  # type: ignore[arg-type]
            self._settle([(object_id(task, index), failure)])  # type: ignore[arg-type]

    def settle_if_held(self, oid: bytes, value: bytes) -> None:
        """An object comes into being, if somebody wants it."""
        if oid in self._held or oid in self._holders:
            self._settle([(oid, value)])

    def _input(self, oid: bytes) -> bytes:
        self.make(oid)
        return self._values[oid]

    # -- streams ----------------------------------------------------------------------------

    def make(self, oid: bytes) -> None:
        """If a stream is to make the object: let it run until it has."""
        stream = self._streams.get(task_of(oid))  # type: ignore[arg-type]
        index = index_of(oid)  # type: ignore[arg-type]
        while stream is not None and not stream.ended and (index == 0 or stream.made < index):
            self._next_item(stream)

    def _next_item(self, stream: InlineStream) -> None:
        executor, running = stream.executor, stream.running
        try:
            with self._stack.running(executor):
                kept = executor.item(stream)
        except StopIteration:
            self._end(stream, to_inline(pack(stream.made)))
            return
        except Exception as error:  # noqa: BLE001 - the user's
            failure = executor.failure(error, running)
            if stream.code.retries(error) and stream.may_retry():
                self._again(stream)
                return
            if executor.frames is not None:
                self.frames = (running.task, executor.frames)
            self._end(stream, failure)
            return
        stream.made += 1
        oid = object_id(running.task, stream.made)
        self._held.add(oid)
        self._settle([(oid, kept)])

    def _again(self, stream: InlineStream) -> None:
        attempt = stream.running.attempt + 1
        executor = InlineExecutor(self._node, self.objects, self._codes)
        inputs = b"".join([_sized(self._values[oid]) for oid in specs.inputs_of(stream.record)])
        try:
            with self._stack.running(executor):
                values = executor.run(stream.running.task + b"%d" % attempt, stream.record, inputs)
        except Retry as retry:
            values = [retry.failure]
        if executor.stream is None:
            self._end(stream, values[0])
        else:
            stream.begin(executor)

    def _end(self, stream: InlineStream, value: bytes) -> None:
        stream.close()
        del self._streams[stream.running.task]
        self.let_go(_cut(specs.refs_of(stream.record)))
        end = object_id(stream.running.task, 0)
        if end in self._held:
            self._settle([(end, value)])

    def _where(self, task: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        stream = self._streams.get(task)  # nothing else is ever between its beginning and end
        if stream is None:
            return b"UNKNOWN", b"", b"", b"", b""
        body = specs.encode_template(stream.code.template)
        return b"HELD", self._node.hex().encode(), body, b"", b""

    def _cancel(self, task: bytes, failure: bytes) -> tuple[int, int]:
        stream = self._streams.get(task)
        if stream is not None:
            self._end(stream, failure)
        return (0, 0)  # two answers for each task: how it stood, and its children

    # -- objects ----------------------------------------------------------------------------

    def _settle(self, made: Sequence[tuple[bytes, bytes]]) -> None:
        self._values.update(made)
        self._session.arrived([part for pair in made for part in pair])

    def hold(self, oids: Iterable[bytes]) -> None:
        """Somebody holds these."""
        for oid in oids:
            self._holders[oid] = self._holders.get(oid, 0) + 1

    def let_go(self, oids: Iterable[bytes]) -> None:
        """And does not any more."""
        freed = []
        for oid in oids:
            left = self._holders.pop(oid) - 1
            if left:
                self._holders[oid] = left
            else:
                freed.append(oid)
        self._free_unless_held(freed)

    def _free_unless_held(self, oids: list[bytes]) -> None:
        while oids:
            oid = oids.pop()
            if oid in self._held or oid in self._holders:
                continue
            self._values.pop(oid, None)
            self.actors.unheld(oid)
            for inner in self._contains.pop(oid, ()):
                self._holders[inner] -= 1
                if not self._holders[inner]:
                    del self._holders[inner]
                    oids.append(inner)


def _attempts(retries: int, first: int) -> Iterable[int]:
    """Their numbers, as many as the template allows."""
    return count(first) if retries < 0 else range(first, first + retries + 1)


def _sized(value: bytes) -> bytes:
    """As `specs.split_values` takes it apart."""
    return b"%d:%b" % (len(value), value)


def _cut(oids: bytes) -> list[bytes]:
    return cut(oids, OBJECT_BYTES)
