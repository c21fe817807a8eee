"""What calls of functions, of classes and of methods have in common: arguments in, refs out.

The rule: a ref of another session is refused, wherever it stands; what is too large for the control
plane becomes an object, which is the call's last input.
"""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.core import current
from hyperloom.core.refs import ObjectRef
from hyperloom.core.session import FIRST
from hyperloom.core.streams import ObjectRefGenerator
from hyperloom.ids import object_id
from hyperloom.serialization import pack_call, to_inline
from hyperloom.specs import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hyperloom.core.session import Session
    from hyperloom.core.signatures import Arity
    from hyperloom.ids import TaskID, TemplateID

    RefId = Callable[[object], bytes | list[bytes] | None]


class Calling:
    """Calls of one thing, `name`, in one session."""

    def __init__(self, session: Session, name: str, arity: Arity) -> None:
        self._session = session
        self._name = name
        self._arity = arity

    @property
    def closed(self) -> bool:
        """Whether its session is over."""
        return self._session.closed

    def ref_id(self, value: object) -> bytes | None:
        """The id of a ref of this session; None of anything else."""
        if type(value) is not ObjectRef:
            return None
        if value._session is not self._session:  # noqa: SLF001 - a friend
            raise current.not_ours(value, self._session.job)
        return value._id  # noqa: SLF001

    def packed(  # noqa: PLR0913, PLR0917 - what a record has
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        template: TemplateID,
        ref_id: RefId,
        held: Sequence[bytes],
        lead: bytes = b"",
    ) -> tuple[bytes, list[bytes], bytes]:
        """The record, the ids of its inputs, and the object that holds large arguments.

        That object must be released after the call was said: the task holds it from then on.

        Args:
            args: by position.
            kwargs: by name.
            template: of the call.
            ref_id: gives the id of a ref, and of what else is an input.
            held: objects that the task holds besides.
            lead: what stands before the call: a label, a `hyperloom.specs.Keep`.

        Raises:
            TooLarge: so many refs cannot be among its arguments.
        """
        session = self._session
        packed, inputs = pack_call(
            args, kwargs, ref_id, what=self._name, parameters=self._arity.parameters
        )
        if len(inputs) + len(packed.refs) > current.REFS_MOST:
            raise self._too_many(len(inputs) + len(packed.refs))
        if packed.refs:
            current.own(packed.refs, session.job)
        if packed.size <= session.config.inline_max_bytes:
            if not inputs and not packed.refs and not held:
                return template + specs.NO_REFS + lead + to_inline(packed), inputs, b""
            others = list(dict.fromkeys([*held, *packed.refs]))
            return record(template, inputs, others, lead + to_inline(packed)), inputs, b""
        oid = session.next_task() + FIRST
        session.outbox.put(oid, session.store.keep_packed(oid, packed), packed.refs)
        inputs.append(oid)
        return record(template, inputs, held, lead + specs.IN_STORE), inputs, oid

    def _too_many(self, refs: int) -> errors.TooLarge:
        return errors.TooLarge(
            f"a call of {self._name} has {refs:,} refs among its arguments; at most "
            f"{current.REFS_MOST:,} may be, since the control plane serves nobody while it looks "
            "them up. Nothing was submitted. Combine them in steps: tasks that take some thousands "
            "each, and one that takes what these make"
        )

    def promised(self, task: TaskID, returns: int, ahead: int) -> Any:
        """What the caller is given: a ref, a stream, or a list of refs."""
        session = self._session
        if returns == 1:
            oid = task + FIRST
            session.values[oid] = None
            return ObjectRef(oid, session)
        if returns == specs.STREAMING:
            return ObjectRefGenerator(session, task, ahead)
        return [session.promise(object_id(task, i)) for i in range(returns)]
