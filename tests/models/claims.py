"""Ready queues, offers, standing claims and served inboxes, as plainly as it can be said.

Part of `tests.models.control_plane`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import Objects, Refusal, output, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = codes.TEMPLATE_ID + 6
TURNS = 2**32


def amounts(text: bytes) -> dict[bytes, int]:
    """``CPU:5000,GPU:10000`` taken apart."""
    pairs = [part.rpartition(b":") for part in text.split(b",") if part]
    return {name: int(amount) for name, _, amount in pairs}


class HandedOn(int):
    """An attempt of which the entry says so, even of the first."""


def entry_of(task: bytes, attempt: int) -> bytes:
    bare = attempt == 1 and not isinstance(attempt, HandedOn)
    return task if bare else task + b"%d" % attempt


@dataclass
class Offer:
    """What a node has room for."""

    seats: int
    free: dict[bytes, int]
    over: dict[bytes, int]

    @classmethod
    def parse(cls, text: bytes) -> Offer:
        seats, free, *over = text.split(b";")
        pairs = [part.rpartition(b"=") for part in over if part]
        return cls(int(seats), amounts(free), {queue: int(n) for queue, _, n in pairs if int(n)})

    def comes_first(self, wish: bytes) -> bool:
        """Whether this is a node that is wished for."""
        if wish in {b"", b"spread", b"pack"}:
            return True
        return all(b"@" + mark in self.free for mark in wish.split(b"&"))

    def rank(self, queue: bytes, wish: bytes) -> int:
        """Among those that have room: more is sooner."""
        if wish in {b"spread", b"pack"}:
            return self.fit(queue) * (1 if wish == b"spread" else -1)
        return int(self.comes_first(wish))

    def fit(self, queue: bytes) -> int:
        """How many of a queue's tasks it has room for by its resources."""
        needs = amounts(queue.split(b"|")[1])
        wish = b"".join(queue.split(b"|")[2:])
        if b"~" not in self.free and not self.comes_first(wish):
            return 0
        return min([self.seats, *(self.free.get(n, 0) // needs[n] for n in needs)])

    def seat(self, queue: bytes, fit: int, number: int) -> None:
        """So many of them take what they need."""
        needs = amounts(queue.split(b"|")[1])
        seated = min(number, fit)
        self.seats -= seated
        for name in self.free:
            self.free[name] -= seated * needs.get(name, 0)
        if number > seated:
            self.over[queue] -= number - seated
            if not self.over[queue]:
                del self.over[queue]

    def text(self) -> bytes:
        free = b",".join(sorted(b"%s:%d" % item for item in self.free.items()))
        over = b";".join(sorted(b"%s=%d" % item for item in self.over.items()))
        return b"%d;%s;%s" % (self.seats, free, over)


@dataclass
class Range:
    """Tasks that differ in an item only, and that nobody took yet."""

    head: bytes  # what their records begin with
    items: list[bytes]  # of the tasks that are left
    first: int  # last byte of the first one's id
    takers: list[bytes]
    wanted: bool
    number: int | None = None  # the first item; if each is a number, with nothing to be stored
    step: int = 0

    def row(self) -> bytes:
        last, takers = self.first + len(self.items) - 1, b"".join(self.takers)
        packed = b"".join(len(item).to_bytes(3, "big") + item for item in self.items)
        terms = (self.first, last, len(self.head), len(takers), self.wanted)
        head = b"%d,%d,%d,%d,%d" % terms
        if self.number is not None:
            packed = b""
        numbers = b",%d,%d;" % (self.number or 0, self.step)
        return head + numbers + self.head + takers + packed


@dataclass
class Queues(Objects):
    """The tasks themselves, the queues of those that are ready, and who holds them."""

    terms: dict[bytes, tuple[int, int, bytes]] = field(default_factory=dict)
    records: dict[bytes, bytes] = field(default_factory=dict)
    ranges: dict[bytes, Range] = field(default_factory=dict)  # by what the ids have in common
    lacks: dict[bytes, set[bytes]] = field(default_factory=dict)  # a range as its first task
    lackers: dict[bytes, list[bytes]] = field(default_factory=dict)  # object -> tasks
    crowds: set[bytes] = field(default_factory=set)  # objects whose lackers are a crowd
    ready: dict[bytes, list[tuple[bytes, int]]] = field(default_factory=dict)
    turns: dict[bytes, int] = field(default_factory=dict)  # queue -> when it was served last
    turn: int = 0
    held: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    idle: dict[bytes, Offer] = field(default_factory=dict)
    shut: set[bytes] = field(default_factory=set)  # as in the real table
    dropping: list[bytes] = field(default_factory=list)  # spans, what becomes of them behind
    host: tuple[bytes, Offer, list[bytes]] | None = None  # who steps, its offer, what it gets

    # -- what a record says ---------------------------------------------------------------

    def terms_of(self, task: bytes) -> tuple[int, int, bytes]:
        record = self.ranges[task].head if task in self.ranges else self.records[task]
        return self.terms[record[: codes.TEMPLATE_ID]]

    def returns_of(self, task: bytes) -> int:
        return self.terms_of(task)[0]

    def retries_of(self, task: bytes) -> int:
        return self.terms_of(task)[1]

    def refs_of(self, record: bytes) -> tuple[list[bytes], list[bytes]]:
        """Its inputs, and the other refs in it."""
        at = codes.TEMPLATE_ID
        inputs = int.from_bytes(record[at : at + 3], "big")
        others = int.from_bytes(record[at + 3 : at + 6], "big")
        refs = record[HEAD : HEAD + (inputs + others) * codes.OBJECT_ID]
        oids = pieces(refs, codes.OBJECT_ID)
        return oids[:inputs], oids[inputs:]

    def inputs_of(self, task: bytes) -> bytes:
        values = [self.value.get(o, codes.LOST) for o in self.refs_of(self.records[task])[0]]
        return b"".join(b"%d:%s" % (len(value), value) for value in values)

    # -- queues ---------------------------------------------------------------------------

    def is_shut(self, entry: bytes) -> bool:
        """Whether nothing of this task or range is handed out."""
        of_range = entry + b"\0\0" if len(entry) == codes.RANGE_ID else entry
        return bool({entry[: codes.RANGE_ID], of_range} & self.shut)

    def push_back(self, template: bytes, tasks: list[bytes]) -> None:
        self._enqueue(self.terms[template][2], [(task, 1) for task in tasks], front=False)

    def push_back_each(self, tasks: list[bytes]) -> None:
        self._push_each([(task, 1) for task in tasks], front=False)

    def push_front(self, entries: list[tuple[bytes, int]]) -> None:
        self._push_each(entries, front=True)

    def _push_each(self, entries: list[tuple[bytes, int]], *, front: bool) -> None:
        """The queue with the highest priority first."""
        queue_of = {task: self.terms_of(task)[2] for task, _ in entries}
        for queue in sorted(set(queue_of.values()), key=lambda q: (-int(q.partition(b"|")[0]), q)):
            mine = [item for item in entries if queue_of[item[0]] == queue]
            self._enqueue(queue, mine, front=front)

    def _enqueue(self, queue: bytes, items: list[tuple[bytes, int]], *, front: bool) -> None:
        """To who stands idle, if nothing was ready before; the rest is queued and served."""
        items = [item for item in items if not self.is_shut(item[0])]
        wish = b"".join(queue.split(b"|")[2:])
        if wish and not self.ready.get(queue):
            items = self._choose(queue, items, wish)
        elif items and not self.turns:
            items = self._hand_out(queue, items)
        if items:
            there = self.ready.setdefault(queue, [])
            self.ready[queue] = items + there if front else there + items
            self.turns.setdefault(queue, 0)
            if self.host is None:
                self.serve()

    def _choose(
        self, queue: bytes, items: list[tuple[bytes, int]], wish: bytes
    ) -> list[tuple[bytes, int]]:
        """One by one, each to the node that is best."""
        offers = {node: (offer, []) for node, offer in self.idle.items()}
        if self.host is not None:
            offers[self.host[0]] = self.host[1:]
        while items and items[0][0] in self.records:
            room = [(-o.rank(queue, wish), n) for n, (o, _) in offers.items() if o.fit(queue)]
            if not room:
                break
            node = min(room)[1]
            self._hand(node, offers[node][0], queue, items[:1], offers[node][1])
            items = items[1:]
        for node, (offer, given) in sorted(offers.items()):
            if self.host is None or self.host[0] != node:
                self._sent(node, offer, given)
        return items

    def _hand_out(self, queue: bytes, items: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        if self.host is not None:
            node, offer, given = self.host
            items = self._hand(node, offer, queue, items, given)
        for node, offer, given in self._asked():
            items = self._hand(node, offer, queue, items, given)
        return items

    def _asked(self) -> Iterator[tuple[bytes, Offer, list[bytes]]]:
        """Idle nodes: first what they have room for, then what they would have at hand."""
        all_given: dict[bytes, list[bytes]] = {
            node: [] for node in self.idle if self.host is None or self.host[0] != node
        }
        for node, given in all_given.items():
            bare = replace(self.idle[node], over={})
            yield node, bare, given
            self.idle[node].seats = bare.seats  # what is free is the same object
        for node, given in all_given.items():
            if self.idle[node].over:
                yield node, self.idle[node], given
        for node, given in all_given.items():
            self._sent(node, self.idle[node], given)

    def _hand(
        self,
        node: bytes,
        offer: Offer,
        queue: bytes,
        items: list[tuple[bytes, int]],
        given: list[bytes],
    ) -> list[tuple[bytes, int]]:
        fit = offer.fit(queue)
        tasks = [task in self.records for task, _ in items]
        plain = tasks.index(False) if False in tasks else len(items)
        number = min(fit + offer.over.get(queue, 0), plain)
        offer.seat(queue, fit, number)
        given += self._now_held(node, items[:number])
        return items[number:]

    def _now_held(self, node: bytes, items: list[tuple[bytes, int]]) -> list[bytes]:
        given = []
        for task, attempt in items:
            self.held.setdefault(node, {})[task] = int(attempt)
            entry = entry_of(task, attempt)
            given += [entry, self.records[task], self.inputs_of(task)]
        return given

    def _sent(self, node: bytes, offer: Offer, given: list[bytes]) -> None:
        if given:
            self.served[node] = (self.served[node] or 0) + len(given) // 3
            self.tell(node, codes.TASK, b"%d" % self.served[node], *given)
            self._stand(node, offer)

    def score(self, queue: bytes) -> int:
        return -int(queue.partition(b"|")[0]) * TURNS + self.turns[queue]

    def order(self) -> list[bytes]:
        return sorted(self.turns, key=lambda queue: (self.score(queue), queue))

    # -- claims ---------------------------------------------------------------------------

    def serve(self) -> None:
        for node, offer, given in self._asked():
            if self.turns:
                given.extend(self._give(node, offer)[0])

    def task_first(self, queue: bytes) -> list[bytes]:
        task, attempt = (self.ready.get(queue) or [(b"", 1)])[0]
        if task not in self.records:
            return []
        return [entry_of(task, attempt), self.records[task], self.inputs_of(task)]

    def task_hand_on(self, node: bytes, wish: bytes, task: bytes, attempt: int) -> int:
        if self.held.get(node, {}).get(task) != attempt:
            return 0
        del self.held[node][task]
        queue = self.terms_of(task)[2] + b"|" + wish
        self._enqueue(queue, [(task, HandedOn(attempt))], front=True)
        self.serve()
        return 1

    def _stand(self, node: bytes, offer: Offer) -> None:
        if offer.seats > 0:
            self.idle[node] = offer
        else:
            self.idle.pop(node, None)

    def _give(self, node: bytes, offer: Offer) -> tuple[list[bytes], bool]:
        taken: list[tuple[bytes, int]] = []
        seen: set[bytes] = set()
        cut = False
        for most in (self.limits.QUEUES_FIRST, self.limits.QUEUES_MOST):
            order = self.order()[:most]
            for queue in order:
                if queue not in seen and (offer.seats > 0 or offer.over):
                    seen.add(queue)
                    cut = self._take(queue, offer, taken, several=len(order) > 1) or cut
            if len(order) < most or offer.seats <= 0:
                break
        return self._now_held(node, taken), cut

    def _take(
        self, queue: bytes, offer: Offer, taken: list[tuple[bytes, int]], *, several: bool
    ) -> bool:
        fit = offer.fit(queue)
        wanted = min(fit + offer.over.get(queue, 0), self.limits.CLAIM_MOST)
        if wanted == 0:
            return False
        found, empty = self._pop(queue, wanted)
        taken += found
        if empty:
            del self.turns[queue]
        elif found and several:
            self.turn += 1
            self.turns[queue] = self.turn
        offer.seat(queue, fit, len(found))
        return not empty and len(found) < wanted

    def _pop(self, queue: bytes, wanted: int) -> tuple[list[tuple[bytes, int]], bool]:
        found: list[tuple[bytes, int]] = []
        cancelled = 0
        while len(found) < wanted and cancelled < self.limits.CANCELLED_MOST:
            asked = wanted - len(found)
            got, self.ready[queue] = self.ready[queue][:asked], self.ready[queue][asked:]
            few = len(got) < asked
            cancelled += sum(self.is_shut(task) for task, _ in got)
            got = [item for item in got if not self.is_shut(item[0])]
            while got and len(found) < wanted:
                task, attempt = got[0]
                if task in self.ranges:
                    found += [(each, 1) for each in self.draw(task, wanted - len(found))]
                elif task in self.records:
                    found.append((task, attempt))
                else:
                    cancelled += 1
                if task not in self.ranges:
                    got.pop(0)
            self.ready[queue] = got + self.ready[queue]
            if few and not got:
                return found, True
        return found, False

    # -- ranges ---------------------------------------------------------------------------

    def range_of(self, task: bytes) -> Range | None:
        """The range that it is in."""
        found, last = self.ranges.get(task[: codes.RANGE_ID]), task[-1]
        inside = found is not None and found.first <= last < found.first + len(found.items)
        return found if inside else None

    def draw(self, name: bytes, most: int) -> list[bytes]:
        """So many leave the range at most, and are tasks as any others."""
        drawn, of = [], self.ranges[name]
        inputs, others = self.refs_of(of.head)
        while of.items and len(drawn) < most:
            task = name + bytes([of.first])
            drawn.append(task)
            self.records[task] = of.head + of.items.pop(0)
            self.hold(inputs + others, ("task", task))
            of.first += 1
            of.number = None if of.number is None else of.number + of.step
            made = output(task, 0)
            for taker in of.takers:
                self.taken(made, taker)
            if of.takers:
                self.lackers.setdefault(made, []).extend(of.takers)
            if not of.wanted:
                self.let_go_by_maker.add(made)
        if not of.items:
            del self.ranges[name]
            for oid in inputs + others:
                self.holders[oid].remove(("task", name + b"\0"))  # the range itself
        self.crowd()
        return drawn

    def crowd(self) -> None:
        many = {o for o, tasks in self.lackers.items() if len(tasks) >= self.limits.CROWD_FROM}
        self.crowds |= many


__all__ = ["Offer", "Queues", "Refusal"]
