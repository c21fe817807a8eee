"""What the control plane has, read with plain commands and transitions that write nothing.

The rule: the cost of an answer is bounded by what is shown, not by what there is; of a table that
is larger, a part is looked at and the answer says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import DecodeError

from hyperloom import specs
from hyperloom.gcs import asking, codes, keys, orphans, overview
from hyperloom.gcs.wire import Wire, fcall
from hyperloom.ids import PROCESS_BYTES
from hyperloom.watch import counted
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hyperloom.gcs.address import Address
    from hyperloom.gcs.wire import Argument
    from hyperloom.specs import Template

_AT_ONCE = 500  # rows or events in one call
_STANDS = 250  # tasks of which it is asked where they stand
_QUEUES = 500  # of a job, whose first task is looked at


class Stand(NamedTuple):
    """Where a task stands, as ``task_where`` tells it."""

    state: str
    detail: str
    template: Template | None  # none: the task is over or unknown
    lacks: list[bytes]
    becomes: str = ""  # of one that is ready: FAILED or CANCELLED, as the input of `lacks` did


class Live:
    """A connection to one control plane.

    Raises:
        errors.ControlPlaneLost: from any method, when it does not answer.
    """

    def __init__(self, address: Address) -> None:
        self.wire = Wire(address)
        self._templates: dict[tuple[bytes, bytes], Template] = {}

    def close(self) -> None:
        """Hang up."""
        self.wire.close()

    def ask(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """The replies to some commands, in one round trip."""
        return overview.ask(self.wire, commands)

    # -- the cluster ------------------------------------------------------------------------

    def overview(self) -> dict[str, Any]:
        """Nodes, jobs and the server, in figures."""
        return overview.of(self.wire)

    def nodes(self) -> list[dict[str, Any]]:
        """The cluster's nodes, as they said lately."""
        return overview.nodes(self.wire)

    def groups(self) -> list[bytes]:
        """The ids of the cluster's placement groups."""
        return list(self.wire.call("HKEYS", keys.GROUPS.name(keys.CLUSTER)))

    def jobs(self) -> dict[bytes, dict[str, Any]]:
        """Open jobs: who and where their drivers are."""
        listed = self.wire.call("HGETALL", keys.JOBS.name(keys.CLUSTER))
        return {listed[at]: json.loads(listed[at + 1]) for at in range(0, len(listed), 2)}

    def orphans(self, jobs: Mapping[bytes, Mapping[str, Any]]) -> dict[bytes, orphans.Orphan]:
        """Those of these jobs whose driver's node is lost."""
        return orphans.of(self.ask(orphans.COMMANDS), jobs)

    def answers(self, *asked: object, timeout_s: float = asking.ANSWER_S) -> dict[str, Any]:
        """What all living nodes answer to a question, by node."""
        alive = [bytes.fromhex(node["node"]) for node in self.nodes() if node["alive"]]
        return self.answers_of(alive, *asked, timeout_s=timeout_s)

    def answers_of(
        self, nodes: Sequence[bytes], *asked: object, timeout_s: float = asking.ANSWER_S
    ) -> dict[str, Any]:
        """What some nodes answer."""
        told = asking.ask(self.wire, nodes, asked, timeout_s)
        return {node.hex(): answer for node, answer in told.items()}

    # -- a job ------------------------------------------------------------------------------

    def counts(self, job: bytes) -> counted.Counts:
        """How many tasks of each template were submitted, ended in which way, and so on."""
        flat = self.wire.call("HGETALL", keys.COUNTS.name(keys.job_namespace(job)))
        return counted.of(dict(zip(flat[::2], flat[1::2], strict=True)))

    def holding(self, job: bytes) -> dict[bytes, int]:
        """How many tasks of each template nodes hold."""
        flat = self.wire.call(*fcall("task_holding", keys.job_namespace(job)))
        return dict(zip(flat[::2], flat[1::2], strict=True))

    def template(self, job: bytes, template: bytes) -> Template | None:
        """What all tasks of a template have in common."""
        known = self._templates.get((job, template))
        if known is None:
            ns = keys.job_namespace(job)
            body = self.wire.call("HGET", keys.TEMPLATE.name(ns), template)
            known = decoded(body)
            if known is not None:
                self._templates[job, template] = known
        return known

    def name(self, job: bytes, template: bytes) -> str:
        """The name of a template's function."""
        known = self.template(job, template)
        return known.name if known else template.hex()

    def events(self, job: bytes, after: bytes = b"-") -> Iterator[Event]:
        """What happened, as far as it is kept; the oldest first."""
        for _, event in self.entries(job, after):
            yield event

    def first(self, job: bytes) -> float | None:
        """When the oldest of them was, if there is any."""
        entry = self.oldest(job)
        return int(entry.partition(b"-")[0]) / 1000 if entry else None

    def oldest(self, job: bytes) -> bytes | None:
        """The name of the oldest of them."""
        name = keys.EVENTS.name(keys.job_namespace(job))
        part = self.wire.call("XRANGE", name, "-", "+", "COUNT", 1)
        return part[0][0] if part else None

    def entries(self, job: bytes, after: bytes = b"-") -> Iterator[tuple[bytes, Event]]:
        """The same, each with its name: what came later is read by giving it."""
        name = keys.EVENTS.name(keys.job_namespace(job))
        while True:
            start = after if after == b"-" else b"(" + after
            part = self.wire.call("XRANGE", name, start, "+", "COUNT", _AT_ONCE)
            for entry, (kind, payload) in part:
                after = entry
                yield entry, Event(int(entry.partition(b"-")[0]) / 1000, kind, payload)
            if len(part) < _AT_ONCE:
                return

    def added(self, job: bytes) -> int:
        """How many events there ever were of a job, those included that went."""
        flat = self.wire.call("XINFO", "STREAM", keys.EVENTS.name(keys.job_namespace(job)))
        about = dict(zip(flat[::2], flat[1::2], strict=True))
        return int(about[b"entries-added"])

    def held(self, job: bytes) -> dict[bytes, tuple[str, int]]:
        """Tasks that nodes have: where, and which attempt."""
        ns = keys.job_namespace(job)
        nodes = self.wire.call("HKEYS", keys.SERVED.name(ns))
        tables = self.ask([("HGETALL", keys.HELD.name(ns, node)) for node in nodes])
        return {
            flat[at]: (node.hex(), int(flat[at + 1]))
            for node, flat in zip(nodes, tables, strict=True)
            for at in range(0, len(flat), 2)
        }

    def tasks(self, job: bytes, most: int) -> tuple[list[bytes], int]:
        """Tasks that are not over, by id, and how many there are; if so many are too many, some.

        These are what nodes have, the first of each queue, and others.
        """
        ns = keys.job_namespace(job)
        found = [task for flat in self._scan(keys.TASK.name(ns), most) for task in flat[::2]]
        ranged: list[bytes] = []
        for flat in self._scan(keys.RANGE.name(ns), most):
            for name, row in zip(flat[::2], flat[1::2], strict=True):
                ranged += Range(row).tasks(name)
            if len(ranged) >= most:
                break
        some = sorted({*found, *ranged})
        if max(len(found), len(ranged)) < most and len(some) <= most:
            return some, len(some)
        total = sum(each["submitted"] - counted.over_in(each) for each in self.counts(job).values())
        foremost = [*self.held(job), *self._foremost(job)]
        chosen = sorted([*dict.fromkeys([*foremost, *some])][:most])
        return chosen, max(total, len(chosen))

    def _foremost(self, job: bytes) -> list[bytes]:
        """The first task of each queue; of many queues those that are served first.

        What was cancelled may stand in a queue for a while: then that has none here.
        """
        ns = keys.job_namespace(job)
        queues = self.wire.call("ZRANGE", keys.QUEUES.name(ns), 0, _QUEUES - 1)
        names = [keys.READY.name(ns, queue) for queue in queues]
        first = [row[0] for row in self.ask([("LRANGE", name, 0, 0) for name in names]) if row]
        rows = self.ask([("HGET", keys.RANGE.name(ns), name[: codes.RANGE_ID]) for name in first])
        tasks = [
            name + bytes([Range(row).first])
            if len(name) == codes.RANGE_ID and row else name[: codes.TASK_ID]
            for name, row in zip(first, rows, strict=True)
        ]  # fmt: skip
        records = self.records(job, tasks)
        return [task for task, record in zip(tasks, records, strict=True) if record is not None]

    def _scan(self, name: bytes, most: int) -> Iterator[list[bytes]]:
        """The fields and values of a hash, part by part, until there are enough."""
        cursor, seen = b"0", 0
        while seen < most:
            cursor, flat = self.wire.call("HSCAN", name, cursor, "COUNT", _AT_ONCE)
            seen += len(flat) // 2
            yield flat
            if cursor == b"0":
                return

    def where(self, job: bytes, tasks: Sequence[bytes], lacks: int = 0) -> list[Stand]:
        """Where tasks stand, with the first `lacks` inputs that each waits for."""
        stands = []
        for at in range(0, len(tasks), _STANDS):
            part = tasks[at : at + _STANDS]
            flat = self.wire.call(*fcall("task_where", keys.job_namespace(job), lacks, *part))
            for row in range(0, len(flat), 5):
                state, detail, body, missing, _ = flat[row : row + 5]
                template = decoded(body)
                lacking, becomes = codes.lacked(missing)
                stands.append(Stand(state.decode(), detail.decode(), template, lacking, becomes))
        return stands

    def record(self, job: bytes, task: bytes) -> bytes | None:
        """The record of a task that is not over; of one in a range without its own item."""
        return self.records(job, [task])[0]

    def records(self, job: bytes, tasks: Sequence[bytes]) -> list[bytes | None]:
        """The same of several."""
        if not tasks:
            return []
        ns = keys.job_namespace(job)
        ranges = list(dict.fromkeys(task[: codes.RANGE_ID] for task in tasks))
        records, rows = self.ask([
            ("HMGET", keys.TASK.name(ns), *tasks), ("HMGET", keys.RANGE.name(ns), *ranges)
        ])  # fmt: skip
        shared = {name: Range(row) for name, row in zip(ranges, rows, strict=True) if row}
        return [
            record or (of.record(task) if (of := shared.get(task[: codes.RANGE_ID])) else None)
            for task, record in zip(tasks, records, strict=True)
        ]

    def tries(self, job: bytes, task: bytes) -> int:
        """Attempts of a task that came to nothing."""
        name = keys.TRIES.name(keys.job_namespace(job))
        return int(self.wire.call("HGET", name, task) or 0)

    def place(self, job: bytes, queue: str, task: bytes, attempt: int) -> tuple[int | None, int]:
        """How many are before a task in its queue, and how many wait there.

        None: so many that nobody looks.
        """
        name = keys.READY.name(keys.job_namespace(job), queue.encode())
        entry = task + (b"%d" % attempt if attempt > 1 else b"")
        at, of_range, size = self.ask([
            ("LPOS", name, entry, "MAXLEN", _LOOKED_AT),
            ("LPOS", name, task[: codes.RANGE_ID], "MAXLEN", _LOOKED_AT),
            ("LLEN", name),
        ])  # fmt: skip
        return of_range if at is None else at, size

    def value(self, job: bytes, oid: bytes) -> bytes | None:
        """The value of an object, or where it lies; None: it is not there."""
        found: bytes | None = self.wire.call("HGET", keys.OBJECT.name(keys.job_namespace(job)), oid)
        return found

    def processes(self, job: bytes) -> list[bytes]:
        """The driver and the workers that have said anything, and those that made its actors."""
        ns = keys.job_namespace(job)
        heard, made = self.ask([("HKEYS", keys.HEARD.name(ns)), ("HKEYS", keys.ACTOR.name(ns))])
        return [*dict.fromkeys([*heard, *[actor[:PROCESS_BYTES] for actor in made]])]


_LOOKED_AT = 100_000  # tasks of a queue, from its front


class Range:
    """Tasks that nobody took yet (``lua/task/_range.lua``)."""

    def __init__(self, row: bytes) -> None:
        about, _, rest = row.partition(b";")
        self.first, self.last, head = map(int, about.split(b",")[:3])
        self.head = rest[:head]  # what their records have in common

    def tasks(self, name: bytes) -> list[bytes]:
        """Those that are left, of the range of this name."""
        return [name + bytes((n,)) for n in range(self.first, self.last + 1)]

    def record(self, task: bytes) -> bytes | None:
        """What they have in common; None: this one was taken."""
        return self.head if self.first <= task[codes.RANGE_ID] <= self.last else None


def decoded(body: bytes | None) -> Template | None:
    """A template's body; None if there is none, or another version made it."""
    if not body:
        return None
    try:
        return specs.decode_template(body)
    except DecodeError:
        return None


def templates_in(told: Iterator[Event]) -> dict[bytes, Template]:
    """The templates that events tell of."""
    found = {}
    for _, kind, payload in told:
        if kind == codes.DECLARED:
            template = decoded(payload[codes.TEMPLATE_ID :])
            if template is not None:
                found[payload[: codes.TEMPLATE_ID]] = template
    return found
