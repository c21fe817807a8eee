"""`ActorHandle`: by which an actor is called, from any process.

The rule: a handle is a counted reference like any ref (to the actor's object, which comes into
being when the actor is over), so it may travel wherever refs may; the actor lives as long as
somebody has one.

A detached actor needs nobody who has one.  So its handle travels as an address, which nobody
counts, into any job; a process that calls by it comes by the reference then (`_loom_ref`).  So does
that of any actor of another program, which has it: a ref may not go into other jobs.
"""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hyperloom import errors
from hyperloom.core import current
from hyperloom.core.actors.options import MethodOptions
from hyperloom.core.actors.terms import decode
from hyperloom.core.refs import restored
from hyperloom.ids import ObjectID, TaskID, short, task_of
from hyperloom.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from hyperloom.core.actors.calls import CallSubmitter
    from hyperloom.core.actors.terms import ActorTerms
    from hyperloom.core.refs import ObjectRef

T = TypeVar("T")


class ActorHandle(Generic[T]):
    """Call its actor's methods: ``handle.method.remote(...)``.

    Copies are cheap; pass it to tasks and other actors.  Calls of one process begin in the order
    in which it made them; there is no order among processes.
    """

    def __init__(self, ref: ObjectRef[Any] | None, encoded: bytes, oid: bytes = b"") -> None:
        self._loom_held = ref  # None: by this one nothing was done here yet; then `oid` is given
        self._loom_oid = oid if ref is None else ref.binary()
        self._loom_encoded = encoded
        self._loom_pending: list[bytes] = []  # see `CallSubmitter`
        # They must not know this handle: its end shall not have to wait for a collection.
        self._loom_submitters: dict[str, CallSubmitter] = {}

    @property
    def _loom_terms(self) -> ActorTerms:
        return decode(self._loom_encoded)

    @property
    def _loom_ref(self) -> ObjectRef[Any]:
        if self._loom_held is None:
            try:
                self._loom_held = restored(self._loom_oid)
            except errors.NotFound:
                raise errors.ActorDied(
                    f"actor {self._loom_terms.name} ({short(self._loom_id)}) is dead, and its job "
                    "is over; nothing was called. Make another, or look it up by name"
                ) from None
        return self._loom_held

    @property
    def _loom_id(self) -> TaskID:
        return task_of(ObjectID(self._loom_oid))

    def __getattr__(self, name: str) -> Any:
        submitter = self._loom_submitters.get(name)
        if submitter is None:
            self._loom_checked(name)
        return ActorMethod(self, name, None, submitter)

    def _loom_checked(self, name: str) -> None:
        terms = self._loom_terms
        if name in terms.methods:
            return
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"actor {terms.name} has no method {name!r}.{did_you_mean(name, terms.methods)} "
            "(What it keeps as attributes is its own: write a method that returns it.)"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorHandle) and other._loom_oid == self._loom_oid

    def __hash__(self) -> int:
        return hash(self._loom_oid)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        if self._loom_terms.detached or _is_guest(self._loom_ref):
            return ActorHandle, (None, self._loom_encoded, self._loom_oid)
        return _restored, (self._loom_ref, self._loom_encoded)

    def __dir__(self) -> list[str]:
        return [*self._loom_terms.methods]

    def __repr__(self) -> str:
        return f"Actor({self._loom_terms.name}, {short(self._loom_id)})"


def _restored(ref: ObjectRef[Any], encoded: bytes) -> ActorHandle[Any]:
    return ActorHandle(ref, encoded)


def _is_guest(ref: ObjectRef[Any]) -> bool:
    session = ref._session  # noqa: SLF001 - a friend
    return session.home is not session and current.visits(session)


class ActorMethod:
    """One method of one actor."""

    __slots__ = ("_handle", "_options", "_submitter", "name")

    def __init__(
        self,
        handle: ActorHandle[Any],
        name: str,
        options: MethodOptions | None = None,
        submitter: CallSubmitter | None = None,
    ) -> None:
        self.name = name
        self._handle = handle
        self._options = options
        self._submitter = submitter

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; the ref to its result at once.

        As with tasks: a list of refs if `num_returns` is not 1, a stream if it is a generator; an
        argument that is a ref arrives as its value.

        Raises:
            TypeError: the arguments do not fit the method.
            NotSerializable: an argument cannot travel.
            PendingCallsExceeded: more calls wait than `max_pending_calls` allows.
        """
        submitter = self._submitter
        if submitter is None or submitter.closed:
            from hyperloom.core.actors.calls import CallSubmitter  # noqa: PLC0415 - it needs us

            submitter = self._submitter = CallSubmitter(self._handle, self.name, self._options)
            if self._options is None:
                self._handle._loom_submitters[self.name] = submitter  # noqa: SLF001 - a friend
        return submitter.submit(args, kwargs)

    def options(self, **changes: Any) -> ActorMethod:
        """The same method with other options (see `hyperloom.method`) for the calls made by it.

        Raises:
            InvalidOption: an option is unknown or cannot have its value.
        """
        before = self._options or MethodOptions()
        return ActorMethod(self._handle, self.name, before.with_(changes))

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: an ordinary call would run here."""
        raise TypeError(f"an actor's method is called by .remote(): write {self.name}.remote(...)")

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return ActorMethod, (self._handle, self.name, self._options)

    def __repr__(self) -> str:
        return f"<method {self.name} of {self._handle!r}>"
