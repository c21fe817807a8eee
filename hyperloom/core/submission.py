"""Calls become tasks: template, record, refs.

This is the hot path of a driver: about 5 microseconds a call without arguments.  What a
function's calls have in common is computed once (`SessionSubmitter.__init__`).
"""

from __future__ import annotations

import pickle
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from hyperloom import specs
from hyperloom.core import current
from hyperloom.core.calling import Calling
from hyperloom.core.cluster import refuse_unless_known, total
from hyperloom.core.grouping import inherited
from hyperloom.core.refs import ObjectRef
from hyperloom.core.session import FIRST
from hyperloom.ids import function_id, object_id, template_id
from hyperloom.resources import CPU
from hyperloom.serialization import (
    EMPTY_CALL,
    noting_refs,
    pack,
    pack_call,
    pack_function,
    to_inline,
)
from hyperloom.specs import Template, encode_template, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperloom.core.calling import RefId
    from hyperloom.core.remote import RemoteFunction
    from hyperloom.core.session import Session
    from hyperloom.ids import TaskID, TemplateID


_EMPTY = to_inline(EMPTY_CALL)
_TASKS_A_CPU = 32  # of a map, so that the last ones end at about the same time
_ITEMS_MOST = 64  # in one task of a map
_SHARED_MOST = 1024  # bytes of a bound map's constants that each range of its tasks has for itself


class Submitter(Protocol):
    """Turns calls of one remote function into tasks of one session."""

    @property
    def closed(self) -> bool:
        """Whether its session is over."""

    def submit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """One call."""

    def map(self, items: Iterable[Any], chunk: int | None) -> list[Any]:
        """Many calls."""

    @property
    def code(self) -> bytes:
        """What identifies the function's code."""

    def pack(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        ref_id: RefId,
        label: str | None = None,
        keep: bytes = b"",
    ) -> tuple[bytes, list[bytes], bytes]:
        """A call of a plan: record, ids of its inputs, large object that holds the arguments."""

    def pack_map(
        self, constants: Mapping[str, Any], ref_id: RefId, label: str | None = None
    ) -> tuple[bytes, list[bytes], list[bytes]]:
        """What the records of a map begin with, ids of the inputs, objects of large constants."""

    def ref_id(self, value: object) -> bytes | None:
        """The id of a ref of this session; None of anything else."""

    def of_plan(self, plan: bytes) -> Submitter:
        """The same for a plan that is counted by itself: its calls have templates of their own."""


class SessionSubmitter(Calling):
    """The tasks of one remote function in one session."""

    def __init__(self, session: Session, remote: RemoteFunction[Any, Any]) -> None:
        refuse_unless_known(session, remote.task_options.needs, remote.name)
        super().__init__(session, remote.name, remote.arity)
        with noting_refs() as captured:
            self._pickled = pack_function(remote.function)
        current.own(captured, session.job)
        # Refs in the function's closure: held by the function here, and by each task there.
        self._captured = list(dict.fromkeys(captured))
        options = remote.task_options
        retry = options.retry_exceptions
        if remote.streams:
            self._returns = specs.STREAMING
        else:
            self._returns = 1 if options.num_returns is None else int(options.num_returns)
        template = Template(
            function=function_id(self._pickled),
            name=remote.name,
            returns=self._returns,
            retries=options.max_retries,
            priority=options.priority,
            shape=str(options.shape()),
            wish=options.wish(),
            timeout_s=options.timeout_s,
            max_calls=options.max_calls,
            retry_exceptions=retry if isinstance(retry, bool) else pickle.dumps(retry),
            ahead=options.stream_ahead,
            captures=bool(captured),
            takes_data=remote.takes_data,
            gives_value=remote.gives_value,
            light=remote.light,
            captures_children=options.captures_children,
        )
        self._become(template)
        # Weakly: it has us, and in a circle the refs that its function captured would live on.
        self._remote_ref = ref(remote)
        self._in_groups: dict[str, tuple[object, Submitter]] = {}

    def _inheriting(self) -> Submitter | None:
        """What submits instead, if what runs here has its children run in its placement group."""
        where = inherited(self._session)
        if where is None or self._remote.task_options.scheduling != "default":
            return None
        known = self._in_groups.get(where.group.id)
        if known is None:
            remote = self._remote.options(scheduling=where)
            known = self._in_groups[where.group.id] = (remote, self._session.submitter(remote))
        return known[1]

    def _declare(self, template: Template) -> Any:  # noqa: ANN401 - a TemplateID
        body = encode_template(template)
        number = template_id(body)
        self._session.declare(
            number,
            template.outputs,
            template.retries,
            template.queue,
            body,
            template.function,
            self._pickled,
        )
        return number

    def submit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """One task."""
        session = self._session
        if session.running is not None and (instead := self._inheriting()) is not None:
            return instead.submit(args, kwargs)
        self._arity.check(args, kwargs)
        data, large = self._call(args, kwargs) if args or kwargs else (self._bare, b"")
        task = session.next_task()
        result = self.promised(task, self._returns, self._template.ahead)
        self._say(self._id, task, data, large)
        session.wake()
        return result if self._returns else None

    def map(self, items: Iterable[Any], chunk: int | None) -> list[Any]:
        """A task for each item, or for each `chunk` of them."""
        if self._session.running is not None and (instead := self._inheriting()) is not None:
            return instead.map(items, chunk)
        if chunk is None:
            items = list(items)
            chunk = self._good_chunk(items)
        if not isinstance(chunk, int) or isinstance(chunk, bool) or chunk < 1:
            raise ValueError(f"chunk={chunk!r} cannot be: it is a number of items, at least 1")
        if self._returns != 1:
            raise ValueError(f"{self._name} has num_returns={self._returns}; map needs 1")
        if chunk > 1:
            return self._map_chunks(items, chunk)
        session = self._session
        next_task, values = session.next_task, session.values
        self._arity.check((None,), {})
        refs: list[Any] = []
        for item in items:
            data, large = self._call((item,), {})
            task = next_task()
            oid = task + FIRST
            values[oid] = None
            refs.append(ObjectRef(oid, session))
            self._say(self._id, task, data, large)
        session.wake()
        return refs

    def _good_chunk(self, items: list[Any]) -> int:
        """Few enough tasks to be cheap, enough of them to keep every CPU busy to the end."""
        template = self._template
        if len(items) <= _TASKS_A_CPU or template.timeout_s is not None or template.max_calls:
            return 1
        if any(isinstance(item, ObjectRef) for item in items):
            return 1  # together they would wait for the last of their inputs
        cpus = total(self._session, "resources").get(CPU, 1)
        return int(min(_ITEMS_MOST, max(1, len(items) // (_TASKS_A_CPU * max(1, cpus)))))

    def _map_chunks(self, items: Iterable[Any], chunk: int) -> list[Any]:
        session = self._session
        everything = list(items)
        refs: list[Any] = []
        for first in range(0, len(everything), chunk):
            part = everything[first : first + chunk]
            template = self._declare_chunk(len(part))
            data, large = self._call(tuple(part), {}, template)
            task = session.next_task()
            refs += [session.promise(object_id(task, i)) for i in range(len(part))]
            self._say(template, task, data, large)
        session.wake()
        return refs

    def _declare_chunk(self, size: int) -> Any:  # noqa: ANN401 - a TemplateID
        from msgspec.structs import replace  # noqa: PLC0415

        return self._declare(replace(self._template, returns=size, chunk=size))

    def _call(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        template: Any = None,  # noqa: ANN401 - a TemplateID
    ) -> tuple[bytes, bytes]:
        """The record, and the object that holds its arguments, if they are large.

        That object must be released after the task was said: the task holds it from then on.
        """
        data, _, large = self.packed(
            args, kwargs, template or self._id, self.ref_id, self._captured
        )
        return data, large

    def pack(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        ref_id: RefId,
        label: str | None = None,
        keep: bytes = b"",
    ) -> tuple[bytes, list[bytes], bytes]:
        """A call of a plan: record, ids of its inputs, large object that holds the arguments.

        `keep`: an encoded `hyperloom.specs.Keep`.
        """
        lead = specs.encode_label(label) + keep if label else keep
        if not args and not kwargs and not lead:
            return self._bare, [], b""
        template = self.keeping if keep else self._id
        return self.packed(args, kwargs, template, ref_id, self._captured, lead)

    @cached_property
    def keeping(self) -> TemplateID:
        """The template of those calls whose results are kept."""
        from msgspec.structs import replace  # noqa: PLC0415 - few need it

        # A worker writes and reads the files, not a raylet between other things.
        number: TemplateID = self._declare(replace(self._template, keeps=True, light=False))
        return number

    def of_plan(self, plan: bytes) -> Submitter:
        """The same for a plan that is counted by itself: its calls have templates of their own."""
        from msgspec.structs import replace  # noqa: PLC0415 - few need it

        of = copy(self)
        of.__dict__.pop("keeping", None)
        of._become(replace(self._template, plan=plan))  # noqa: SLF001 - one of us
        return of

    def _become(self, template: Template) -> None:
        self._template = template
        self._id = self._declare(template)
        self._bare = record(self._id, (), self._captured, _EMPTY)

    @property
    def _remote(self) -> RemoteFunction[Any, Any]:
        remote = self._remote_ref()
        assert remote is not None, "whoever calls us is called by it"
        return remote

    @cached_property
    def code(self) -> bytes:
        """What identifies the function's code (`hyperloom.core.call_keys`)."""
        from hyperloom.core.call_keys import code_of  # noqa: PLC0415 - few need it

        version = self._remote.task_options.version
        return code_of(self._remote.function, self._pickled, version)

    def outputs(self, task: TaskID) -> list[bytes]:
        """The ids of a task's results."""
        return [object_id(task, index) for index in range(self._template.outputs)]

    def pack_map(
        self, constants: Mapping[str, Any], ref_id: RefId, label: str | None = None
    ) -> tuple[bytes, list[bytes], list[bytes]]:
        """What the records of a map begin with, ids of the inputs, objects of large constants."""
        lead = specs.encode_label(label) if label else b""
        if not constants:
            return record(self._id, (), self._captured, lead + specs.mapped(b"")), [], []
        packed, inputs = pack_call((None,), constants, ref_id, what=self._name)
        large: dict[int, bytes] = {}
        if packed.size > _SHARED_MOST:
            # It is kept once for some hundred tasks, so what is large becomes an object.
            for value in constants.values():
                if ref_id(value) is None and pack(value).size > _SHARED_MOST // 8:
                    large[id(value)] = self._kept(value)
            packed, inputs = pack_call(
                (None,), constants, lambda value: large.get(id(value)) or ref_id(value),
                what=self._name,
            )  # fmt: skip
        others = list(dict.fromkeys([*packed.refs, *self._captured]))
        head = record(self._id, inputs, others, lead + specs.mapped(to_inline(packed)))
        return head, inputs, list(large.values())

    def _kept(self, value: object) -> bytes:
        session = self._session
        oid = session.next_task() + FIRST
        session.outbox.put(oid, *session.store.keep(oid, value))
        return oid

    def _say(self, template: bytes, task: bytes, data: bytes, large: bytes) -> None:
        session = self._session
        session.outbox.submit(template, session.parent, task, data)
        if large:
            session.outbox.release(large, made=True)
