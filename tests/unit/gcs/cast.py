"""Who speaks to the control plane in a told race: a process, and a node with its own books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.gcs import codes, keys
from tests.models.stored import CONSTANTS
from tests.unit.gcs.plane import NS, heading_of, node, output, process, record, task, template

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

PLAIN = template("plain")
ROOM = "1000;CPU:10000000;"
FULL = "0;CPU:0;"
ONE = "1;CPU:10000;"


class Given(NamedTuple):
    """A task that a node was given."""

    id: bytes
    attempt: int
    record: bytes
    inputs: bytes


class Reply(NamedTuple):
    """What a step is answered."""

    stale: list[bytes]
    more: int
    given: list[Given]


def given(parts: list[bytes]) -> list[Given]:
    rows = zip(*[iter(parts)] * 3, strict=True)
    return [Given(e[: codes.TASK_ID], int(e[codes.TASK_ID :] or 1), r, i) for e, r, i in rows]


class Process:
    """A driver or a worker: numbers its words and counts its tasks."""

    def __init__(self, plane: Plane, name: str = "p") -> None:
        self.plane, self.id, self.seq, self.made = plane, process(name), 0, 0
        plane.listen(self.id)

    def says(self, name: str, *args: Any) -> Any:
        self.seq += 1
        return self.plane.call(name, self.id, self.seq, *args)

    def ids(self, n: int = 1) -> list[bytes]:
        self.made += n
        return [task(self.id, self.made - n + 1 + i) for i in range(n)]

    def submit(
        self,
        n: int = 1,
        *,
        kind: bytes = PLAIN,
        inputs: list[bytes] = (),
        others: list[bytes] = (),
        parent: bytes = b"",
    ) -> list[bytes]:  # type: ignore[assignment]
        ids = self.ids(n)
        text = record(kind, inputs, others)
        self.says(
            "task_submit", self.made, parent, kind, *(part for t in ids for part in (t, text))
        )
        return ids

    def put(self, value: bytes = b"0value", inner: list[bytes] = ()) -> bytes:  # type: ignore[assignment]
        oid = output(self.ids()[0])
        self.says("object_put", self.made, oid, value, b"".join(inner))
        return oid

    def release(self, *made: bytes) -> None:
        self.says("ref_release", b"".join(made), b"")

    def let_go(self, *borrowed: bytes) -> None:
        self.says("ref_release", b"", b"".join(borrowed))

    def acquire(self, *oids: bytes) -> None:
        self.says("ref_acquire", b"".join(oids))

    def contain(self, oid: bytes, *inner: bytes) -> None:
        self.says("ref_contain", oid, b"".join(inner))

    def told(self) -> list[bytes]:
        return self.plane.inbox(self.id)


class Node:
    """A raylet: knows how many tasks came to its inbox, and what it was given."""

    def __init__(self, plane: Plane, name: str = "n1", *, attached: bool = True) -> None:
        self.plane, self.id, self.seen = plane, node(name), 0
        plane.listen(self.id)
        if attached:
            self.seen = plane.call("node_attach", self.id)

    def step(
        self, offer: str = "", *done: Given, value: bytes = b"0result", returns: int = 1
    ) -> Reply:
        args: list[Any] = []
        for one in done:
            args += [one.id, one.attempt, heading_of(one.record), returns, *[value] * returns]
        stale, more, *parts = self.plane.call("task_step", self.id, self.seen, offer, *args)
        ids = [stale[i : i + codes.TASK_ID] for i in range(0, len(stale), codes.TASK_ID)]
        return Reply(ids, more, given(parts))

    def claim(self, offer: str = ROOM) -> list[Given]:
        return self.step(offer).given

    def read(self) -> list[Given]:
        """The tasks in its inbox; other messages are passed over."""
        tasks: list[bytes] = []
        for message in self.plane.messages(self.id):
            if message[0] == codes.TASK and int(message[1]) > self.seen:
                self.seen = int(message[1])
                tasks += message[2:]
        return given(tasks)

    def retry(self, one: Given, *, died: int = 0) -> str:
        parts = (one.id, one.attempt, died, b"4failed", b"4poisoned")
        return self.plane.call("task_retry", self.id, *parts).decode()

    def lost(self, most: int = 1000) -> int:
        return self.plane.call("task_requeue", self.id, b"4lost", most)

    def standing(self) -> bytes | None:
        return (self.plane.table(keys.IDLE) or {}).get(self.id)


def declare(
    plane: Plane,
    kind: bytes = PLAIN,
    *,
    returns: int = 1,
    retries: int = 3,
    queue: str = "0|CPU:10000",
) -> bytes:
    plane.call(
        "template_declare", kind, returns, retries, queue, b"F" * 12 + b"body", b"F" * 12, b""
    )
    return kind


def left(plane: Plane) -> dict[bytes, Any]:
    """What is stored besides what a job may keep."""
    constants = {key.name(NS) for key in CONSTANTS}
    return {name: held for name, held in plane.world().items() if name not in constants}


def objects(plane: Plane) -> set[bytes]:
    return set(plane.table(keys.OBJECT) or ())
