"""The key of a call: what its results are known by, in this run and in later ones.

A key is made of the function's code (or of its `version`), its number of results, and its
arguments: constants by content, results of other calls by the keys of those.  Resources, retries,
names and places are not in it, since they do not change a result.

The rule: equal keys, equal results, if functions depend on nothing but what is in the key.  A
call of which that cannot be known has no key, and says why (`Unidentified`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask, output_of
from hyperloom.core.refs import ObjectRef
from hyperloom.serialization import unpack_function
from hyperloom.serialization.identity import Identities, Unidentified, UnknownOrigin, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.core.bound import Node
    from hyperloom.core.remote import RemoteFunction
    from hyperloom.core.session import Session

# An attribute of a function: called with the same arguments it gives what else its result
# depends on, as a file of which only the name is an argument.
READS = "__loom_reads__"

_SCHEME = "call 1"  # another one when something else goes into keys


class CallKeys:
    """Makes the keys of one session's calls.

    `of_bound` gives the key of a node of the plan that is looked at.
    """

    def __init__(
        self,
        session: Session,
        of_bound: Callable[[Node], bytes] | None = None,
    ) -> None:
        self._session = session
        self._of_bound = of_bound
        self._identities = Identities(self._of_ref)

    def of(self, node: Node) -> bytes:
        """The key of a node of a plan; raises as `key`."""
        if isinstance(node, BoundMap):
            return self.key(node.function, (node.items,), node.kwargs)
        return self.key(node.function, node.args, node.kwargs)

    def key(
        self, remote: RemoteFunction[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> bytes:
        """The key of this call.

        Raises:
            Unidentified: it has none; the message names the argument at fault.
        """
        parts = [remote.submitter().code, b"%d" % remote.returns]
        for name, value in (*enumerate(args), *sorted(kwargs.items())):
            try:
                parts += (str(name).encode(), self._identities.of(value))
            except Unidentified as error:
                where = remote.arity.parameters[name : name + 1] if isinstance(name, int) else ()
                label = repr(where[0] if where else name)
                raise type(error)(f"its argument {label}: {error}") from None
        reads = getattr(remote.function, READS, None)
        if reads is not None:
            parts.append(self._read(reads, args, kwargs))
        return joined(_SCHEME, parts)

    def _read(
        self, reads: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> bytes:
        try:
            return self._identities.of(reads(*args, **kwargs))
        except OSError as error:
            raise Unidentified(f"what it reads cannot be looked at: {error}") from error

    def _of_ref(self, value: object) -> bytes | None:
        if type(value) is ObjectRef:
            return self._origin(value)
        if isinstance(value, (BoundTask, BoundMap, BoundOutput)):
            assert self._of_bound is not None, "only plans have bound tasks"
            output = output_of(value)
            if output is None:  # a map, of which all is taken
                assert isinstance(value, BoundMap), "all others are one output"
                return self._of_bound(value)
            node, index = output
            if isinstance(node, BoundMap):  # as if it had been bound by itself
                return origin(self.key(node.function, (node.items[index],), node.kwargs), 0)
            return origin(self._of_bound(node), index)
        return None

    def _origin(self, ref: ObjectRef[Any]) -> bytes:
        session, oid = self._session, ref.binary()
        known = session.origins.get(oid)
        if known is None and oid in session.was_put:
            known = session.origins[oid] = joined("put", [Identities().of(session.value_of(oid))])
        if known is None:
            raise UnknownOrigin(
                f"{ref!r} was made by a call without a key (a task has one with cache=True or "
                "checkpoint=, an object that this program put always)"
            )
        return known


def origin(key: bytes, index: int) -> bytes:
    """What identifies one result of a call."""
    return joined("result", (key, b"%d" % index))


def code_of(function: Any, pickled: bytes, version: str | None) -> bytes:  # noqa: ANN401
    """What identifies a function as its workers have it.

    Raises:
        Unidentified: what it captured cannot be told from others.
    """
    if version is not None:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        return joined("version", [_module_of(function).encode(), name.encode(), version.encode()])
    # As it was packed: what it names may have changed here since then, but not there.
    return Identities(_captured_ref).of(unpack_function(pickled))


def _captured_ref(value: object) -> None:
    if type(value) is ObjectRef:
        raise UnknownOrigin(f"its function captured {value!r}: make that an argument")


def _module_of(function: Any) -> str:  # noqa: ANN401
    """The same for a script that is run and for one that is imported."""
    name = str(getattr(function, "__module__", ""))
    if name != "__main__":
        return name
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return name if file is None else Path(file).stem
