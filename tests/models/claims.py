"""Ready queues, offers, standing claims and served inboxes, as plainly as it can be said.

Part of `tests.models.control_plane`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hyperloom.gcs import codes
from tests.models.references import Objects, Refusal, pieces

HEAD = codes.TEMPLATE_ID + 6
TURNS = 2**32


def amounts(text: bytes) -> dict[bytes, int]:
    """``CPU:5000,GPU:10000`` taken apart."""
    pairs = [part.rpartition(b":") for part in text.split(b",") if part]
    return {name: int(amount) for name, _, amount in pairs}


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

    def text(self) -> bytes:
        free = b",".join(sorted(b"%s:%d" % item for item in self.free.items()))
        over = b";".join(sorted(b"%s=%d" % item for item in self.over.items()))
        return b"%d;%s;%s" % (self.seats, free, over)


@dataclass
class Queues(Objects):
    """The tasks themselves, the queues of those that are ready, and who holds them."""

    terms: dict[bytes, tuple[int, int, bytes]] = field(default_factory=dict)
    records: dict[bytes, bytes] = field(default_factory=dict)
    lacks: dict[bytes, set[bytes]] = field(default_factory=dict)
    ready: dict[bytes, list[tuple[bytes, int]]] = field(default_factory=dict)
    turns: dict[bytes, int] = field(default_factory=dict)  # queue -> when it was served last
    turn: int = 0
    held: dict[bytes, dict[bytes, int]] = field(default_factory=dict)
    idle: dict[bytes, Offer] = field(default_factory=dict)

    # -- what a record says ---------------------------------------------------------------

    def terms_of(self, task: bytes) -> tuple[int, int, bytes]:
        return self.terms[self.records[task][: codes.TEMPLATE_ID]]

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

    def push_back(self, template: bytes, tasks: list[bytes]) -> None:
        queue = self.terms[template][2]
        if tasks:
            self.ready.setdefault(queue, []).extend((task, 1) for task in tasks)
            self.turns.setdefault(queue, 0)

    def push_front(self, entries: list[tuple[bytes, int]]) -> None:
        for task, attempt in reversed(entries):
            queue = self.terms_of(task)[2]
            self.ready.setdefault(queue, []).insert(0, (task, attempt))
            self.turns.setdefault(queue, 0)

    def score(self, queue: bytes) -> int:
        return -int(queue.partition(b"|")[0]) * TURNS + self.turns[queue]

    def order(self) -> list[bytes]:
        return sorted(self.turns, key=lambda queue: (self.score(queue), queue))

    # -- claims ---------------------------------------------------------------------------

    def claim(self, node: bytes, text: bytes) -> tuple[list[bytes], bool]:
        """What the node gets, and whether cancelled tasks stood in the way of more."""
        offer = Offer.parse(text)
        given, cut = self._give(node, offer)
        self._stand(node, offer)
        return given, cut

    def serve(self) -> None:
        for node, offer in list(self.idle.items()):
            if not self.turns:
                return
            given, _ = self._give(node, offer)
            for i in range(0, len(given), 3):
                self.tell(node, codes.TASK, *given[i : i + 3])
            if given:
                self.served[node] = (self.served[node] or 0) + len(given) // 3
                self._stand(node, offer)

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
        given = []
        for task, attempt in taken:
            self.held.setdefault(node, {})[task] = attempt
            entry = task if attempt == 1 else task + b"%d" % attempt
            given += [entry, self.records[task], self.inputs_of(task)]
        return given, cut

    def _take(
        self, queue: bytes, offer: Offer, taken: list[tuple[bytes, int]], *, several: bool
    ) -> bool:
        needs = amounts(queue.partition(b"|")[2])
        fit = min([offer.seats, *(offer.free.get(n, 0) // needs[n] for n in needs)])
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
        seated = min(len(found), fit)
        offer.seats -= seated
        for name in offer.free:
            offer.free[name] -= seated * needs.get(name, 0)
        if len(found) > seated:
            offer.over[queue] -= len(found) - seated
            if not offer.over[queue]:
                del offer.over[queue]
        return not empty and len(found) < wanted

    def _pop(self, queue: bytes, wanted: int) -> tuple[list[tuple[bytes, int]], bool]:
        found: list[tuple[bytes, int]] = []
        cancelled = 0
        while len(found) < wanted and cancelled < self.limits.CANCELLED_MOST:
            asked = wanted - len(found)
            got, self.ready[queue] = self.ready[queue][:asked], self.ready[queue][asked:]
            alive = [(task, attempt) for task, attempt in got if task in self.records]
            found += alive
            cancelled += len(got) - len(alive)
            if len(got) < asked:
                return found, True
        return found, False


__all__ = ["Offer", "Queues", "Refusal"]
