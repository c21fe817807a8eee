"""Actors of an inline session: objects of this process, whose calls run inside `.remote()`.

The rule is that of the whole mode: one thing after the other, with the failures of a cluster.  So
`max_concurrency` means nothing, a coroutine is run to its end, and nothing restarts.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from hyperloom import errors, failures, specs
from hyperloom.core import redirection
from hyperloom.core.actors.hosting import Hosted, construct, living, why_it_leaves
from hyperloom.core.bound import Replacing
from hyperloom.core.inline_execution import InlineExecutor
from hyperloom.core.session import FIRST
from hyperloom.gcs import codes
from hyperloom.ids import OBJECT_BYTES, TASK_BYTES, cut
from hyperloom.serialization import failure_inline, failure_record, is_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hyperloom.core.code import Code
    from hyperloom.core.context import Running
    from hyperloom.core.objects import Objects
    from hyperloom.core.plane import Plane


class InlineCall(InlineExecutor):
    """Of one call of an actor."""

    def __init__(self, objects: Objects, hosted: Hosted) -> None:
        super().__init__(hosted.node, objects, hosted.codes)
        self.hosted = hosted

    def _function(self, code: Code) -> Callable[..., Any]:
        method = getattr(self.hosted.instance, code.template.method)

        def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the user's
            with living(self.hosted.who.task_id, self.hosted.template.about):
                result = method(*args, **kwargs)
                if inspect.isasyncgen(result):
                    return _stepped(result)
                if inspect.isawaitable(result):
                    return _loop().run_until_complete(result)
                return redirection.value_of(result) if isinstance(result, Replacing) else result

        return run

    def raised(self, code: Code, running: Running, error: BaseException) -> list[bytes]:
        """The outputs of a call that raised; see `Executor.raised`."""
        self.leaving = why_it_leaves(error)
        return [] if self.leaving else super().raised(code, running, error)


class InlineActors:
    """Those of one session."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._hosted: dict[bytes, Hosted] = {}
        self._refs: dict[bytes, list[bytes]] = {}  # actor -> what its constructor's record holds
        self._names: dict[bytes, bytes] = {}
        self._detached: set[bytes] = set()

    def create(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, template: bytes, task: bytes, record: bytes, name: bytes, found: int, detached: int,
        claim: bytes, unordered: int,
    ) -> None:  # fmt: skip
        """An actor, in the form of ``lua/actor/create.lua``."""
        del template, claim, unordered
        plane, oid = self._plane, task + FIRST
        if name and name in self._names:
            if found:
                plane.acquire(self._names[name] + FIRST)
            return
        plane.acquire(oid)
        refs = self._refs[task] = cut(specs.refs_of(record), OBJECT_BYTES)
        if detached:
            self._detached.add(task)
            refs.append(oid)
        plane.hold(refs)
        if name:
            self._names[name] = task
        made = plane.run(
            lambda executor, inputs: _constructed(executor, task, record, inputs), record
        )
        if isinstance(made, bytes):
            self._end(task, made)
        else:
            made.loop = _loop() if made.terms.is_async else None
            self._hosted[task] = made

    def call(self, actor: bytes, parent: bytes, task: bytes, record: bytes, width: int) -> None:
        """A call of an actor: it has run when this returns."""
        del width
        template = specs.template_of(record)
        if actor in self._hosted:
            self._plane.submit(template, parent, task, record)
        else:
            failure = self._plane.call("object_watch", b"", actor + FIRST)[0]
            known = failure != codes.LOST
            self._plane.end(template, task, failure if known else codes.ACTOR_OVER)

    def executor(self, record: bytes, code: Code) -> InlineExecutor | None:
        """Who runs this record, if it is a call."""
        if code.template.role != "call":
            return None
        hosted = self._hosted[specs.actor_of(record)]
        return InlineCall(self._plane.objects, hosted)

    def left(self, executor: InlineExecutor, call: str) -> bytes:
        """The actor called `exit_actor` in this call; what that becomes."""
        assert isinstance(executor, InlineCall)
        hosted = executor.hosted
        failure = hosted.ended(executor.leaving)
        hosted.farewell()
        self._end(hosted.who.task_id, failure)
        return of_call(failure, call, ran=True)

    def unheld(self, oid: bytes) -> None:
        """Nobody holds the object any more."""
        hosted = self._hosted.get(oid[:TASK_BYTES])
        if hosted is not None and oid[TASK_BYTES:] == FIRST:
            hosted.farewell()
            self._end(hosted.who.task_id, codes.LOST)

    def farewell(self) -> None:
        """The program ends, and they do."""
        for actor, hosted in list(self._hosted.items()):
            with living(actor, hosted.template.about):
                hosted.farewell()
        self._hosted.clear()

    def answer(self, function: str, *args: Any) -> Any:  # noqa: ANN401 - see the transitions
        """What a session asks about actors."""
        match function, args:
            case "actor_names", ():
                return sorted(self._names)
            case "actor_claim", (_, job, _):
                return job and job + b"1"  # there is no other
            case "actor_claims", ():
                return []
            case "actor_find", (_, name):
                actor = self._names.get(name)
                if actor is None:
                    return None
                self._plane.acquire(actor + FIRST)
                about = self._hosted[actor].about
                return [actor, about]
            case "actor_kill", (actor, restart, _, failure):
                if actor in self._hosted and not restart:
                    self._end(actor, failure)
                return b"DEAD"
            case _:
                raise errors.LibraryBug(f"inline mode has no {function}; please report this")

    def _end(self, actor: bytes, failure: bytes) -> None:
        self._hosted.pop(actor, None)
        for name in [name for name, of in self._names.items() if of == actor]:
            del self._names[name]
        self._plane.settle_if_held(actor + FIRST, failure)
        self._plane.let_go(self._refs.pop(actor))


def of_call(failure: bytes, call: str, *, ran: bool) -> bytes:
    """What an actor became, as one of its calls gets it (``lua/actor/_told.lua``)."""
    if not is_failure(failure):
        return failure
    record = failures.decode(failure_record(failure))
    return failure_inline(failures.encode(replace(record, may_have_run=ran, call=call)))


def _constructed(
    executor: InlineExecutor, task: bytes, record: bytes, inputs: bytes
) -> Hosted | bytes:
    with living(task, executor.codes[specs.template_of(record)].template.about):
        return construct(executor, task, record, inputs)


_loops: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    """One for all: what an actor keeps of it, such as an event, must find it again."""
    if not _loops:
        _loops.append(asyncio.new_event_loop())
    return _loops[0]


def _stepped(items: Any) -> Iterator[Any]:  # noqa: ANN401 - an asynchronous generator
    while True:
        try:
            item = _loop().run_until_complete(anext(items))
        except StopAsyncIteration:
            return
        yield item
