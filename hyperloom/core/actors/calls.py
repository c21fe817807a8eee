"""Calls of actors become tasks whose place is fixed.

What the calls of one method of one actor have in common is computed once, as for tasks.
"""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from hyperloom import errors, specs
from hyperloom.core import current
from hyperloom.core.actors.definition import check_group
from hyperloom.core.calling import Calling
from hyperloom.core.session import FIRST
from hyperloom.core.signatures import Arity
from hyperloom.ids import FUNCTION_BYTES, FunctionID, short, template_id
from hyperloom.serialization import EMPTY_CALL, to_inline
from hyperloom.specs import Template, encode_template, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.core.actors.handle import ActorHandle
    from hyperloom.core.actors.options import MethodOptions
    from hyperloom.core.actors.terms import MethodTerms

_NO_FUNCTION = FunctionID(bytes(FUNCTION_BYTES))
_EMPTY = to_inline(EMPTY_CALL)


class CallSubmitter(Calling):
    """The calls of one method of one actor."""

    def __init__(
        self, handle: ActorHandle[Any], method: str, options: MethodOptions | None
    ) -> None:
        ref = handle._loom_ref  # noqa: SLF001 - a friend
        session = ref._session  # noqa: SLF001 - a friend
        if session.closed or not (session is current.current() or current.visits(session)):
            current.refuse_fork()
            raise current.closed(handle)
        terms = handle._loom_terms  # noqa: SLF001 - a friend
        self._pending = handle._loom_pending  # noqa: SLF001 - a friend
        name = f"{terms.name}.{method}"
        about = changed(terms.methods[method], options)
        check_group(name, about.group, terms.limits)
        super().__init__(session, name, Arity(about.signature(), name))
        self._object = ref.binary()
        self._actor = handle._loom_id  # noqa: SLF001 - a friend
        self._max_pending = terms.max_pending
        self._returns = about.returns
        template = Template(
            function=_NO_FUNCTION,
            name=name,
            returns=about.returns,
            retries=terms.max_task_retries if about.retries is None else about.retries,
            priority=0,
            shape="",
            retry_exceptions=about.retry_exceptions,
            ahead=about.ahead,
            role="call",
            method=method,
            group=about.group,
        )
        self._ahead = about.ahead
        self._width = template.outputs
        body = encode_template(template)
        self._id = template_id(body)
        session.declare(
            self._id, template.outputs, template.retries, template.queue, body, _NO_FUNCTION, b""
        )
        self._bare = record(self._id, (), (self._object,), _EMPTY)

    def submit(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """One call."""
        session = self._session
        self._arity.check(args, kwargs)
        if self._max_pending >= 0:
            self._refuse_too_many()
        data, large = self._bare, b""
        if args or kwargs:
            data, _, large = self.packed(args, kwargs, self._id, self.ref_id, (self._object,))
        task = session.next_task()
        result = self.promised(task, self._returns, self._ahead)
        session.outbox.call_actor(self._actor, session.parent, task, data, self._width)
        if large:
            session.outbox.release(large, made=True)
        if self._max_pending >= 0 and self._width:
            self._pending.append(task + FIRST)
        session.wake()
        return result if self._returns else None

    def _refuse_too_many(self) -> None:
        pending, values = self._pending, self._session.values
        if len(pending) < self._max_pending:
            return
        self._session.reading.once(0)
        pending[:] = [oid for oid in pending if oid in values and values[oid] is None]
        if len(pending) >= self._max_pending:
            raise errors.PendingCallsExceeded(
                f"{len(pending)} calls of actor {short(self._actor)} wait, as many as its "
                f"max_pending_calls={self._max_pending} allows; {self._name} was not called. "
                "Get some of the results first"
            )


def changed(about: MethodTerms, options: MethodOptions | None) -> MethodTerms:
    """The terms of a method as a call may change them."""
    if options is None:
        return about
    changes: dict[str, Any] = {}
    if options.num_returns is not None:
        streams = options.num_returns == "streaming"
        changes["returns"] = specs.STREAMING if streams else options.num_returns
    if options.max_task_retries is not None:
        changes["retries"] = options.max_task_retries
    retry = options.retry_exceptions
    if retry is not False:
        changes["retry_exceptions"] = retry if isinstance(retry, bool) else pickle.dumps(retry)
    if options.concurrency_group:
        changes["group"] = options.concurrency_group
    if options.stream_ahead:
        changes["ahead"] = options.stream_ahead
    return replace(about, **changes)
