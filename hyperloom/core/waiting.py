"""Who waits for which objects, and whether that is enough yet.

The rule: values arrive in batches, in whichever thread happens to read the inbox, with the
session's lock held; a `Waiter` only counts.  Whoever reads looks after each batch whether its
own waiter is satisfied, and wakes the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Waiter:
    """Somebody wants `need` of some objects, or (`until_failure`) the first failure."""

    __slots__ = ("done", "need", "until_failure", "when_done")
    stays = False  # registered, when it is satisfied

    def __init__(
        self,
        need: int,
        *,
        until_failure: bool = False,
        when_done: Callable[[], None] | None = None,
    ) -> None:
        self.need = need
        self.until_failure = until_failure
        self.when_done = when_done
        self.done = need <= 0

    def arrived(self, oid: bytes, *, failed: bool) -> None:
        """One of the objects is there."""
        del oid
        self.need -= 1
        if not self.done and (self.need <= 0 or (failed and self.until_failure)):
            self.done = True
            if self.when_done is not None:
                self.when_done()


class Gathering(Waiter):
    """Somebody wants each as it comes: it is satisfied while there is one that was not taken."""

    __slots__ = ("_there",)
    stays = True

    def __init__(self) -> None:
        super().__init__(1)
        self._there: list[bytes] = []

    def arrived(self, oid: bytes, *, failed: bool) -> None:
        """One of the objects is there."""
        del failed
        self._there.append(oid)
        self.done = True

    def take(self) -> list[bytes]:
        """What has come since the last time."""
        # In this order: what comes between the two is taken now, and looked for once in vain.
        self.done = False
        there, self._there = self._there, []
        return there


class Waiters:
    """By object.  Mostly an object has one waiter, which then stands there itself."""

    __slots__ = ("_by_object",)

    def __init__(self) -> None:
        self._by_object: dict[bytes, Waiter | list[Waiter]] = {}

    def add(self, waiter: Waiter, oids: Iterable[bytes]) -> None:
        """`waiter` waits for each of these."""
        by_object = self._by_object
        for oid in oids:
            there = by_object.get(oid)
            if there is None:
                by_object[oid] = waiter
            elif isinstance(there, list):
                there.append(waiter)
            else:
                by_object[oid] = [there, waiter]

    def remove(self, waiter: Waiter, oids: Iterable[bytes]) -> None:
        """It does not wait any more (it gave up, or has enough)."""
        by_object = self._by_object
        for oid in oids:
            there = by_object.get(oid)
            if there is waiter:
                del by_object[oid]
            elif isinstance(there, list) and waiter in there:
                there.remove(waiter)
                if not there:
                    del by_object[oid]

    def arrived(self, oid: bytes, *, failed: bool) -> None:
        """The object is there: its waiters are told, and forgotten."""
        there = self._by_object.pop(oid, None)
        if there is None:
            return
        if isinstance(there, list):
            for waiter in there:
                waiter.arrived(oid, failed=failed)
        else:
            there.arrived(oid, failed=failed)

    def give_up(self) -> None:
        """Nothing will arrive any more: who asked to be called is called, once."""
        for there in list(self._by_object.values()):
            for waiter in there if isinstance(there, list) else [there]:
                if waiter.when_done is not None and not waiter.done:
                    waiter.done = True
                    waiter.when_done()

    def __bool__(self) -> bool:
        return bool(self._by_object)

    def __contains__(self, oid: bytes) -> bool:
        return oid in self._by_object

    def objects(self) -> list[bytes]:
        """What is waited for."""
        return list(self._by_object)
