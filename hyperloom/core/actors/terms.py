"""What a handle knows of its actor's class: plain data, so that any process can read it.

The class itself travels only to the worker in which the actor lives; whoever holds a handle need
not be able to import it.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

from msgspec import Struct, msgpack

DEFAULT_GROUP = ""

_Kind = inspect._ParameterKind  # noqa: SLF001 - it has no public name


class MethodTerms(Struct, frozen=True, array_like=True):
    """One method.  Fields are added at the end."""

    parameters: tuple[tuple[str, int, bool], ...]  # without self: name, kind, has a default
    returns: int = 1  # specs.STREAMING of a generator
    retries: int | None = None  # None: as the actor says
    retry_exceptions: bool | bytes = False  # bytes: the pickled classes
    group: str = DEFAULT_GROUP
    ahead: int = 0
    runs: str = ""  # "": in a thread; "async": on the actor's loop

    def signature(self) -> inspect.Signature:
        """What a call must fit; of defaults it knows only that they are there."""
        return inspect.Signature(
            [
                inspect.Parameter(
                    name, _Kind(kind), default=_SOME if optional else inspect.Parameter.empty
                )
                for name, kind, optional in self.parameters
            ]
        )


class ActorTerms(Struct, frozen=True, array_like=True):
    """One class, made with some options.  Fields are added at the end."""

    name: str
    methods: dict[str, MethodTerms]
    max_task_retries: int = 0
    limits: dict[str, int] = {}  # concurrency group -> calls at the same time
    is_async: bool = False
    max_pending: int = -1
    checkpoint_every: int = 0
    detached: bool = False


class _Some:
    def __repr__(self) -> str:
        return "..."


_SOME: Any = _Some()
_decoder = msgpack.Decoder(ActorTerms)


def encode(terms: ActorTerms) -> bytes:
    """As bytes, which name the class and its options among a process's handles."""
    return msgpack.encode(terms)


@lru_cache(maxsize=1024)
def decode(data: bytes) -> ActorTerms:
    """Again; the same bytes give the same object."""
    return _decoder.decode(data)


def parameters_of(function: Any) -> tuple[tuple[str, int, bool], ...]:  # noqa: ANN401 - any method
    """What `MethodTerms.parameters` says of a method that is bound already."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none: the worker will find out
        kinds = {"args": _Kind.VAR_POSITIONAL, "kwargs": _Kind.VAR_KEYWORD}
        return tuple((name, int(kind), False) for name, kind in kinds.items())
    return tuple(
        (each.name, int(each.kind), each.default is not inspect.Parameter.empty)
        for each in signature.parameters.values()
    )
