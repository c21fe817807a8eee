"""Objects and who holds them, as plainly as it can be said: sets of holders, no arithmetic.

The real tables count holders with one signed number; here every holder is written down by
name, and `stored_refs` says which number that must be.  Part of `tests.models.control_plane`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hyperloom.gcs import codes

NO_MORE = 9007199254740991  # a last call behind which there is none: the process is buried


class Refusal(Exception):
    """The answer "no"; its text is the code."""


@dataclass(frozen=True)
class Limits:
    """The constants of `codes` that make crowds and slices; small, so that tests meet them."""

    CROWD_FROM: int = 3
    WAKE_MOST: int = 2
    RELEASE_AT_ONCE: int = 3
    RELEASE_SLICE: int = 2
    CLAIM_MOST: int = 3
    CANCELLED_MOST: int = 2
    QUEUES_FIRST: int = 1
    QUEUES_MOST: int = 3
    DEATHS_MOST: int = 1
    REDIRECTS_MOST: int = 2
    NOTIFY_MOST: int = 12
    LINEAGE_DEPTH: int = 2
    LINEAGE_TASKS: int = 3
    LINEAGE_BYTES: int = 700
    LINEAGE_SLICE: int = 2


def pieces(text: bytes, width: int) -> list[bytes]:
    return [text[i : i + width] for i in range(0, len(text), width)]


def task_of(oid: bytes) -> bytes:
    return oid[: codes.TASK_ID]


def maker_of(oid: bytes) -> bytes:
    return oid[: codes.PROCESS_ID]


def place_of(value: bytes) -> bytes:
    return value[1 : 1 + codes.NODE_ID]


def made_by(value: bytes, record: bytes) -> bytes:
    """What a task made, as it is kept: of what lies in a store it is said who made it."""
    large = value.startswith(codes.SHARED)
    return value + b"," + record[: codes.TEMPLATE_ID] if large else value


def output(task: bytes, index: int) -> bytes:
    return task + index.to_bytes(4, "big")


@dataclass
class Objects:
    """Values, holders, inboxes.  A holder is a pair such as ``("task", id)``."""

    limits: Limits
    closed: bool = False
    deserted: bytes = b""  # a driver, and why the job is rid of it
    value: dict[bytes, bytes] = field(default_factory=dict)
    holders: dict[bytes, list[tuple[str, bytes]]] = field(default_factory=dict)  # but its maker
    # Who let go of what a range's tasks, or tasks that were not said yet, will make, before they
    # were written down as holders.
    owed: dict[bytes, list[tuple[str, bytes]]] = field(default_factory=dict)
    copies: dict[bytes, list[bytes]] = field(default_factory=dict)  # nodes beside the value's
    releasing: list[list[tuple[bytes, tuple[str, bytes]]]] = field(default_factory=list)
    let_go_by_maker: set[bytes] = field(default_factory=set)
    inside: dict[bytes, list[bytes]] = field(default_factory=dict)
    watchers: dict[bytes, list[bytes]] = field(default_factory=dict)
    holds: dict[bytes, set[bytes]] = field(default_factory=dict)  # process -> acquired
    heard: dict[bytes, int] = field(default_factory=dict)
    made: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    homes: dict[bytes, bytes] = field(default_factory=dict)  # process -> its node
    served: dict[bytes, int | None] = field(default_factory=dict)  # None: lost
    inbox: dict[bytes, list[bytes]] = field(default_factory=dict)

    # -- a process speaks -----------------------------------------------------------------

    def hears(self, process: bytes, seq: int) -> bool:
        """Whether this is the next thing it says; else it was said, or something is missing."""
        last = self.heard.get(process, 0)
        if last == NO_MORE and not self.closed:
            raise Refusal("GAP")
        if self.closed or seq <= last:
            return False
        if seq > last + 1:
            raise Refusal("GAP")
        self.heard[process] = seq
        return True

    def is_gone(self, process: bytes) -> bool:
        """It was never heard, or is buried."""
        return self.heard.get(process, NO_MORE) == NO_MORE

    def process_heard(self, process: bytes) -> int | bytes:
        if self.deserted[: codes.PROCESS_ID] == process:
            return self.deserted[len(process) :]
        heard = self.heard.get(process, 0)
        return -1 if self.closed else 0 if heard == NO_MORE else heard

    def has_made(self, process: bytes, count: int, width: int) -> None:
        before, widest = self.made.get(process, (0, 1))
        self.made[process] = (max(before, count), max(widest, width))

    def tell(self, who: bytes, *entries: bytes) -> None:
        self.inbox.setdefault(who, []).extend(entries)

    # -- holders --------------------------------------------------------------------------

    def is_held(self, oid: bytes) -> bool:
        return oid not in self.let_go_by_maker or bool(self.holders.get(oid))

    def foreseen(self, oid: bytes) -> bool:
        """Whether a task will make it that is still in its range."""
        raise NotImplementedError

    def unsaid(self, oid: bytes) -> bool:
        """Whether nobody has heard yet of the task that will make it."""
        raise NotImplementedError

    def taken(self, oid: bytes, taker: bytes) -> None:
        """A task is to take it: it is written down, unless it has let go already."""
        if ("task", taker) in self.owed.get(oid, []):
            self.owed[oid].remove(("task", taker))
        else:
            self.hold([oid], ("task", taker))

    def hold(self, oids: list[bytes], who: tuple[str, bytes]) -> None:
        for oid in oids:
            self.holders.setdefault(oid, []).append(who)

    def let_go(self, oids: list[bytes], who: tuple[str, bytes]) -> None:
        self.drop(self._unheld_after([(oid, who) for oid in oids]))

    def abandon(self, oids: list[bytes]) -> None:
        """Their maker lets go of them."""
        alone = [oid for oid in oids if oid in self.value and not self.holders.get(oid)]
        others = [oid for oid in oids if oid not in alone]
        self.drop(alone)
        self.let_go_by_maker.update(others)
        self.drop([oid for oid in others if not self.is_held(oid)])

    def _unheld_after(self, ends: list[tuple[bytes, tuple[str, bytes]]]) -> list[bytes]:
        for oid, who in ends:
            coming = self.foreseen(oid) or self.unsaid(oid)
            if coming and who not in self.holders.get(oid, []):
                self.owed.setdefault(oid, []).append(who)
            else:
                self.holders[oid].remove(who)
        return [oid for oid in dict.fromkeys(oid for oid, _ in ends) if not self.is_held(oid)]

    def let_go_in_slices(self, ends: list[tuple[bytes, tuple[str, bytes]]]) -> None:
        """Tasks that are over held these; of very many, one slice goes with each step of a node."""
        most = self.limits.RELEASE_SLICE
        if len(ends) <= self.limits.RELEASE_AT_ONCE:
            self.drop(self._unheld_after(ends))
            return
        self.releasing += [ends[at : at + most] for at in range(0, len(ends), most)]
        for node in sorted(node for node, n in self.served.items() if n is not None)[:1]:
            self.tell(node, codes.GO_ON, b"")

    def release_next(self) -> int:
        if self.releasing:
            self.drop(self._unheld_after(self.releasing.pop(0)))
        return len(self.releasing)

    def drop(self, oids: list[bytes]) -> None:
        """Of what nobody holds goes what exists; what it held may go next."""
        makers: list[bytes] = []
        while oids:
            ends = []
            for oid in oids:
                if oid not in self.value:
                    continue  # its task is not over: it is dropped when it comes
                makers += [task_of(oid)] if self.places(oid) else []
                self.free(oid, self.value.pop(oid))
                ends += [(inner, ("object", oid)) for inner in self.inside.pop(oid, [])]
                self.let_go_by_maker.discard(oid)
                if self.comes_again(oid):
                    self.let_go_by_maker.add(oid)  # and goes when it does
                self.holders.pop(oid, None)
            oids = self._unheld_after(ends)
        if makers:
            self.forget_makers(makers)

    def comes_again(self, oid: bytes) -> bool:
        """Its task makes it anew, though it exists: `tests.models.lineage`."""
        raise NotImplementedError

    def forget_makers(self, tasks: list[bytes]) -> None:
        """Something large of these has gone: `tests.models.lineage`."""
        raise NotImplementedError

    def free(self, oid: bytes, value: bytes) -> None:
        if value.startswith(codes.SHARED):
            for node in [place_of(value), *self.copies.pop(oid, [])]:
                self._tell_free(node, oid)

    def _tell_free(self, node: bytes, oid: bytes) -> None:
        if self.served.get(node) is not None:
            self.tell(node, codes.FREE, oid)

    def turn_away(self, oid: bytes, value: bytes) -> None:
        """It was made and is not kept."""
        if oid not in self.value:
            self.let_go(self.inside.pop(oid, []), ("object", oid))
        if value.startswith(codes.SHARED) and place_of(value) not in self.places(oid):
            self._tell_free(place_of(value), oid)

    # -- where they lie -------------------------------------------------------------------

    def places(self, oid: bytes) -> list[bytes]:
        kept = self.value.get(oid, b"")
        if not kept.startswith(codes.SHARED):
            return []
        return [place_of(kept), *self.copies.get(oid, [])]

    def object_places(self, *oids: bytes) -> list[bytes]:
        return [b"".join(self.places(oid)) for oid in oids]

    def object_copied(self, node: bytes, *oids: bytes) -> bytes:
        ended = b""
        for oid in oids:
            if not self.places(oid):
                ended += oid
            elif node not in self.places(oid):
                self.copies.setdefault(oid, []).append(node)
        return ended

    # -- the transitions of objects and refs ----------------------------------------------

    def object_put(self, process: bytes, seq: int, count: int, *args: bytes) -> int:
        if not self.hears(process, seq):
            return 0
        oids = list(args[0::3])
        for oid, value, contained in zip(oids, args[1::3], args[2::3], strict=True):
            self.value[oid] = value
            self._put_inside(oid, pieces(contained, codes.OBJECT_ID))
        self.has_made(process, count, 1)
        return len(oids)

    def _put_inside(self, oid: bytes, contained: list[bytes]) -> None:
        if contained:
            self.inside[oid] = contained
            self.hold(contained, ("object", oid))

    def ref_acquire(self, process: bytes, seq: int, oids: bytes) -> int:
        if not self.hears(process, seq):
            return 0
        mine = self.holds.setdefault(process, set())
        new = [o for o in dict.fromkeys(pieces(oids, codes.OBJECT_ID)) if o not in mine]
        self.hold(new, ("process", process))
        mine.update(new)
        return len(new)

    def ref_release(self, process: bytes, seq: int, made: bytes, borrowed: bytes) -> int:
        if not self.hears(process, seq):
            return 0
        mine = self.holds.get(process, set())
        own, others = pieces(made, codes.OBJECT_ID), pieces(borrowed, codes.OBJECT_ID)
        others = [oid for oid in dict.fromkeys(others) if oid in mine]
        self.abandon(own)
        mine.difference_update(others)
        self.let_go(others, ("process", process))
        return len(own) + len(others)

    def stored_refs(self) -> dict[bytes, bytes]:
        """The signed number by which the real tables remember the holders."""
        counts = {}
        for oid in self.holders.keys() | self.let_go_by_maker | self.owed.keys():
            number = len(self.holders.get(oid, [])) - len(self.owed.get(oid, []))
            number -= codes.GONE if oid in self.let_go_by_maker else 0
            if number != 0:
                counts[oid] = b"%d" % number
        return counts
