"""Objects that a node may have missed to free: asked for twice, some at a time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys
from hyperloom.ids import OBJECT_BYTES, cut
from hyperloom.raylet.doubts import Doubts

if TYPE_CHECKING:
    from collections.abc import Sequence

JOB, OTHER = b"JOB1", b"JOB2"
OUTAGE_S, LEASE_S = 60, 10


def oid(job: bytes, n: int) -> bytes:
    return job + n.to_bytes(OBJECT_BYTES - len(job), "big")


class Store:
    """What lies here, and what was freed."""

    def __init__(self, *oids: bytes) -> None:
        self.oids = list(oids)
        self.freed: list[bytes] = []

    def objects_of(self, *owners: bytes) -> list[bytes]:
        return [oid for oid in self.oids if oid.startswith(owners)]

    def free(self, oids: set[bytes]) -> None:
        self.freed += sorted(oids)


class Gcs:
    """Questions are answered, and clocks run, when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[bytes], Any]] = []
        self.clocks: list[tuple[float, Any]] = []

    def apply(self, function: str, namespace: str, node: bytes, *oids: bytes, then: Any) -> None:
        assert (function, node) == ("object_missed", b"node")
        self.asked.append((namespace, list(oids), then))

    def later(self, seconds: float, call: Any) -> None:
        self.clocks.append((seconds, call))

    def answer(self, *missed: bytes, open_: Sequence[bytes] = ()) -> tuple[str, list[bytes]]:
        namespace, oids, then = self.asked.pop(0)
        then([b"".join(missed), b"".join(open_)])
        return namespace, oids

    def ring(self) -> float:
        seconds, call = self.clocks.pop(0)
        call()
        return seconds


def begun(store: Store) -> tuple[Doubts, Gcs]:
    config = SimpleNamespace(outage_s=OUTAGE_S, lease_s=LEASE_S)
    settings = SimpleNamespace(config=config, node=b"node", objects_of=store.objects_of)
    gcs = Gcs()
    return Doubts(settings, gcs, store), gcs  # type: ignore[arg-type]


def test_only_what_is_named_twice_is_freed() -> None:
    """1. A process stored the second, and did not say so yet.  2. We ask.  3. It says so."""
    first, second, kept = (oid(JOB, n) for n in range(3))
    store = Store()
    doubts, gcs = begun(store)
    store.oids += [first, second, kept]
    doubts.missed(JOB)
    gcs.ring()
    assert gcs.answer(first, second) == (keys.job_namespace(JOB), [first, second, kept])
    assert store.freed == []
    assert gcs.ring() == OUTAGE_S + LEASE_S, "any word on its way has come by then, or failed"
    assert gcs.answer(first)[1] == [first, second]
    assert store.freed == [first]
    assert (gcs.asked, gcs.clocks) == ([], [])


def test_what_lay_here_when_it_began_is_doubted_too() -> None:
    mine, theirs = oid(JOB, 1), oid(OTHER, 1)
    store = Store(mine, theirs)
    _, gcs = begun(store)
    assert [gcs.answer()[1] for _ in range(2)] == [[mine], [theirs]]
    assert (gcs.asked, gcs.clocks, store.freed) == ([], [], [])


def test_many_are_asked_for_in_parts() -> None:
    oids = [oid(JOB, n) for n in range(1200)]
    _, gcs = begun(store := Store(*oids))
    assert [len(gcs.answer(*oids[n : n + 1])[1]) for n in (0, 500, 1000)] == [500, 500, 200]
    gcs.ring()
    gcs.answer(oids[0], oids[500])
    assert store.freed == [oids[0], oids[500]]


def test_inboxes_that_break_together_cost_one_look() -> None:
    store = Store()
    doubts, gcs = begun(store)
    store.oids += [oid(JOB, 1), oid(OTHER, 1)]
    doubts.missed(JOB)
    doubts.missed(OTHER)
    assert len(gcs.clocks) == 1
    gcs.ring()
    assert sorted(cut(b"".join(gcs.answer()[1] + gcs.answer()[1]), OBJECT_BYTES)) == store.oids


def test_a_later_doubt_begins_anew_and_one_of_a_job_that_is_over_ends() -> None:
    store = Store(lies := oid(JOB, 1))
    doubts, gcs = begun(store)
    doubts.missed(JOB)
    gcs.ring()
    gcs.answer(lies)  # of the first: it is out of date
    assert gcs.clocks == []
    gcs.answer(lies)
    doubts.end(JOB)
    gcs.ring()
    assert (gcs.asked, store.freed) == ([], [])


def test_what_may_be_made_yet_is_asked_for_until_it_was() -> None:
    """1. It was made here.  2. The server comes back without that, and has it made elsewhere."""
    _, gcs = begun(store := Store(lies := oid(JOB, 1), mine := oid(JOB, 2)))
    gcs.answer(open_=[lies, mine])
    gcs.ring()
    gcs.answer(open_=[lies, mine])
    gcs.answer(lies)
    gcs.ring()
    assert gcs.answer(lies)[1] == [lies], "the other one is here by right"
    assert store.freed == [lies]
    assert (gcs.asked, gcs.clocks) == ([], [])
