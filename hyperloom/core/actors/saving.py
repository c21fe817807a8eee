"""An actor's state, kept over its restarts: the hooks `checkpoint` and `restore` of its class.

The rule: a state travels with the results of the calls that led to it, and is kept in the same
transition (``lua/actor/save.lua``).  So a call that was answered is in the state with which the
actor starts again; one that was not answered is not, and may be made again.
"""

# ruff: noqa: ANN401 - what an actor is, and what it keeps, is the user's

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from hyperloom.core import current
from hyperloom.errors import InvalidOption
from hyperloom.serialization import from_inline, pack, to_inline

if TYPE_CHECKING:
    from hyperloom.core.actors.terms import ActorTerms

_SAVE, _RESTORE = "checkpoint", "restore"
NOTHING: tuple[bytes, ...] = ()  # is kept after this call


def check_hooks(cls: type, terms: ActorTerms) -> None:
    """Refuse a class whose state cannot be kept as its options say.

    Raises:
        InvalidOption: it lacks a hook, or runs several calls at the same time.
    """
    if not terms.checkpoint_every:
        return
    what = f"checkpoint_every={terms.checkpoint_every} of {cls.__qualname__} cannot be: "
    for hook, arguments in ((_SAVE, 1), (_RESTORE, 2)):
        function = getattr(cls, hook, None)
        if not callable(function) or not _takes(function, arguments):
            wanted = "restore(self, state)" if hook == _RESTORE else "checkpoint(self)"
            raise InvalidOption(f"{what}the class has no method {wanted}")
    if sum(terms.limits.values()) > 1 or terms.is_async:
        raise InvalidOption(
            f"{what}it runs several calls at the same time, and its state may be in the middle of "
            "some of them"
        )


def _takes(function: Any, arguments: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * arguments)
    except TypeError:
        return False
    return True


class Saving:
    """When the state of one actor is kept, and how."""

    def __init__(self, instance: Any, every: int) -> None:
        self._instance = instance
        self._every = every
        self._calls = 0  # since the last time

    def after_call(self) -> tuple[bytes, ...]:
        """A call has ended: the refs in the state, and the state, if it is time to keep it.

        Raises:
            BaseException: what the hook raised; or its value cannot travel.
        """
        if not self._every:
            return NOTHING
        self._calls += 1
        if self._calls < self._every:
            return NOTHING
        self._calls = 0
        name = type(self._instance).__qualname__
        packed = pack(getattr(self._instance, _SAVE)(), what=f"what {name}.{_SAVE}() returned")
        return b"".join(packed.refs), to_inline(packed)


def take_up(instance: Any, actor: bytes) -> None:
    """A new incarnation goes on with the state that was kept, if one was."""
    kept = current.session().outbox.call("actor_saved", actor)
    if kept is not None:
        getattr(instance, _RESTORE)(from_inline(kept))
