"""A task that a node has claimed, and what the node must know of its template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from hyperloom import bundles
from hyperloom.resources import CPU, GPU, HIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping

LIGHT_BYTES = 1 << 16  # arguments and inputs of a task that a raylet runs itself


class Begun(NamedTuple):
    """What a worker has begun: so many tasks, and calls by concurrency group (`core.tally`)."""

    tasks: int
    in_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """What a node must know of a template to place its tasks."""

    template: bytes
    job: bytes
    name: str
    queue: str  # "priority|shape", or "priority|shape|wish"
    needs: Mapping[str, int]  # the shape: resource -> 1/10000
    outputs: int = 1
    timeout_s: float | None = None
    retries: int = 0  # after the first attempt; -1 without end
    single: bool = False  # never in a batch with others: time limit, or calls are counted
    light: bool = False  # one of ours that takes no time
    role: Literal["", "actor", "call"] = ""  # see `hyperloom.specs.Template`
    concurrency: int = 1  # of an actor: calls that it may run at the same time
    lane: str = ""  # of a call: the concurrency group in which it runs
    group: str = ""  # the placement group in which it runs, if it does
    cpus: tuple[str, ...] = (CPU,)  # what of its needs is lent while it waits
    gpu: str = GPU  # what of its needs are GPUs

    def in_group(self) -> Kind:
        """The same, with what its needs say of a placement group."""
        group = bundles.group_of(self.needs)
        if not group:
            return self
        names = (bundles.ANY, bundles.bundle_of(self.needs))
        cpus = tuple({bundles.name_of(group, each, CPU): 0 for each in names})
        gpu = bundles.name_of(group, bundles.ANY, GPU)
        return replace(self, group=group, cpus=cpus, gpu=gpu)

    def in_none(self) -> Kind:
        """The same, with what it needs out of what the node has for everybody."""
        needs = bundles.plain(self.needs)
        return replace(self, needs=needs, group="", cpus=(CPU,), gpu=GPU)

    @property
    def takes_nothing(self) -> bool:
        """Whether any number of them fits: at most they ask for a node, or for labels."""
        return all(name.startswith(HIDDEN) for name in bundles.plain(self.needs))

    @property
    def priority(self) -> int:
        """More is sooner."""
        return int(self.queue.partition("|")[0])


@dataclass(slots=True, eq=False)
class Held:
    """A task that this node has claimed, for one attempt."""

    entry: bytes  # id, and the attempt from the second on
    record: bytes
    inputs: bytes
    kind: Kind
    moved: bool = False  # another node had it, and left it to others
    since: float = 0.0  # when it was taken, as `time.monotonic` gives it; 0: nobody wants to know
    away: int = 0  # bytes of its inputs that had to come from other nodes
    asked: float = 0.0  # when the machine heard of these

    @property
    def task(self) -> bytes:
        """Its id."""
        return self.entry[:16]

    @property
    def attempt(self) -> int:
        """Its number."""
        return int(self.entry[16:] or b"1")

    @property
    def is_light(self) -> bool:
        """Whether the raylet may try to run it itself."""
        return self.kind.light and len(self.record) + len(self.inputs) <= LIGHT_BYTES

    @property
    def may_be_handed_on(self) -> bool:
        """It was not yet, and may run anywhere."""
        queue = self.kind.queue
        first = self.entry == self.task
        return first and not self.moved and "@" not in queue and queue.count("|") == 1

    def __repr__(self) -> str:
        return f"Held({self.entry!r})"
