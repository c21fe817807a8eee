"""What the histories know by themselves: who is alive, and which refs a process holds.

With these books every history can be brought to its end, after which nothing may be left.
Processes are well-behaved; nodes are not: they are lost, come back late, say things twice, and
finish what they do not hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from hyperloom.gcs import codes, keys
from tests.models.control_plane import ControlPlane
from tests.models.references import Limits, Refusal
from tests.models.stored import stored
from tests.unit.gcs.plane import NS, heading_of, node, process, record, shared, task, template

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

# Few names, so that histories collide: the interesting ones are about the same task.
NODES = [node("n1"), node("n2")]
LAST_NODE = node("last")
TEMPLATES = {  # returns, retries, queue
    template("plain"): (1, 1, b"0|CPU:10000"),
    template("pair"): (2, -1, b"0|CPU:10000,GPU:5000"),
    template("urgent"): (1, 0, b"3|"),
    template("none"): (0, 2, b"-1|CPU:5000"),
    template("wide"): (1, 1, b"0|CPU:5000|spread"),
    template("dense"): (1, 1, b"0|CPU:10000|pack"),
}
UNWANTED = codes.WAS_CANCELLED + b", and why"
VALUES = [
    b"0small", b"4failure", b"0" + b"large" * 5, shared(NODES[0]), shared(NODES[1]), UNWANTED,
]  # fmt: skip
OFFERS = [
    b"",
    b"1;CPU:10000;",
    b"2;CPU:20000,GPU:5000;",
    b"3;CPU:20000,GPU:10000;0|CPU:10000=1",
    b"0;;0|CPU:10000=2;3|=1",
    b"4;CPU:40000,GPU:40000;",
    b"2;@n1......:1000,CPU:20000;",
    b"2;CPU:20000,GPU:0,~:1;",
]
ALL = b"%d;CPU:%d,GPU:%d,~:1;" % (1000, 10**9, 10**9)


def pick(from_: list[bytes], which: list[int]) -> list[bytes]:
    """Some of them, chosen by number; none when there are none."""
    return [from_[i % len(from_)] for i in which] if from_ else []


class Books(RuleBasedStateMachine):
    """Says everything to both, and compares the answers and all that is stored."""

    plane: Plane
    model_class: type[ControlPlane] = ControlPlane

    def __init__(self) -> None:
        super().__init__()
        self.plane.wire.call("FLUSHALL")
        self.model = self.model_class(Limits())
        self.names = iter(range(10**6))
        self.counter: dict[bytes, int] = {}
        self.seq: dict[bytes, int] = {}
        self.made: dict[bytes, list[bytes]] = {}  # process -> what it made and holds
        self.borrowed: dict[bytes, list[bytes]] = {}
        self.tasks: list[bytes] = []
        self.age: dict[bytes, int] = {}  # a value may contain what is older only: no cycles
        self.processes = [self.born(), self.born()]
        self.same("event_open", b"{}")
        for kind, terms in TEMPLATES.items():
            function = kind[:1] * codes.FUNCTION_ID
            self.same("template_declare", kind, *terms, function + b"body", function, b"code")
            self.same("template_fetch", kind)
        for name in NODES:
            self.plane.listen(name)
            self.plane.inbox(name)
        for name in NODES:
            self.same("node_attach", name)

    # -- the test's own books -------------------------------------------------------------

    def born(self) -> bytes:
        name = process(f"p{next(self.names)}")
        self.plane.listen(name)
        self.plane.inbox(name)  # an earlier history may have left something
        self.counter[name] = self.seq[name] = 0
        self.made[name], self.borrowed[name] = [], []
        return name

    def busy(self, at: int) -> tuple[bytes, dict[bytes, int]]:
        """That node, or the other one if only it holds anything."""
        name = NODES[at] if self.model.held.get(NODES[at]) else NODES[1 - at]
        return name, self.model.held.get(name, {})

    def next_seq(self, speaks: bytes) -> int:
        self.seq[speaks] += 1
        return self.seq[speaks]

    def next_task(self, speaks: bytes) -> bytes:
        self.counter[speaks] += 1
        new = task(speaks, self.counter[speaks])
        self.age[new] = len(self.age)
        return new

    def alive(self, before: bytes | None = None) -> list[bytes]:
        """Refs that somebody may pass on; only such as are older than task `before`."""
        limit = self.age[before] if before else len(self.age)
        oids = [*self.model.value, *(oid for made in self.made.values() for oid in made)]
        known = [oid for oid in dict.fromkeys(oids) if self.model.is_held(oid)]
        return [oid for oid in known if self.age[oid[: codes.TASK_ID]] < limit]

    def same(self, name: str, *args: Any) -> Any:
        try:
            expected = getattr(self.model, name)(*args)
        except Refusal as refusal:
            expected = str(refusal)
        real = self.plane.answer(name, *args)
        if name == "task_held":  # HSCAN answers in no order
            order = lambda r: [*r[:2], *sorted(zip(*[iter(r[2:])] * 4, strict=True))]  # noqa: E731
            assert order(real) == order(expected)
        else:
            assert real == expected, f"{name}: real {real} expected {expected}"
        return expected

    @invariant()
    def same_world(self) -> None:
        real, expected = self.plane.world(), stored(self.model, NS)
        counts = real.get(keys.COUNTS.name(NS), {})
        nobody = [name for name in counts if name[-1:] == codes.WAITING and counts[name] == b"0"]
        for name in nobody:  # the model has no row of a count that is nobody's any more
            del counts[name]
        different = {k for k in real | expected if real.get(k) != expected.get(k)}
        assert not different, [(k, real.get(k), expected.get(k)) for k in different]
        assert _open(counts) == len(self.model.records) + sum(
            len(of.items) for of in self.model.ranges.values()
        )

    def terms(self, of: bytes) -> tuple[int, int, bytes]:
        return self.model.terms_of(of) if of in self.model.records else (1, 0, b"")

    def finished(self, of: bytes, attempt: int, value: bytes) -> list[Any]:
        text = self.model.records.get(of, record(template("plain")))
        returns = self.terms(of)[0]
        return [of, attempt, heading_of(text), returns, *[value] * returns]

    def finish_everything(self, value: bytes) -> None:
        """The last node takes what comes, and finishes it, until nothing is left to be done."""
        said: list[Any] = []
        while True:
            reply = self.same("task_step", LAST_NODE, self.model.served[LAST_NODE] or 0, ALL, *said)
            held = self.model.held.get(LAST_NODE, {})
            said = [part for t, n in held.items() for part in self.finished(t, n, value)]
            if not said and not reply[1]:
                return


def _open(counts: dict[bytes, bytes]) -> int:
    """How many tasks are not over, as the counts have it."""
    over = (codes.DONE, codes.FAILED, codes.CANCELLED)
    signs = {codes.SUBMITTED: 1, **dict.fromkeys(over, -1)}
    return sum(signs.get(name[codes.TEMPLATE_ID :], 0) * int(n) for name, n in counts.items())
