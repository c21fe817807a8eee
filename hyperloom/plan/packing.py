"""The nodes of a plan become words for the control plane.

The rule: dependencies inside a plan are resolved here.  Each task travels with the number of
inputs that the plan itself makes, each output with the tasks that take it, so that the server
looks nothing up.  Nodes are packed from the end to the beginning, those who take before those who
make, which is the order in which they are said (``lua/task/plan.lua`` says why).

A map travels as ranges of up to 256 tasks (``lua/task/range.lua``) as far as its tasks differ in
nothing but their items.  Where one has an input of its own, or a result that is taken or wanted by
itself, or large items, the 256 around it are tasks as any others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import specs
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask, output_of
from hyperloom.core.refs import ObjectRef
from hyperloom.gcs.codes import RANGE_TASKS
from hyperloom.ids import number_of
from hyperloom.plan.naming import RANGES_FROM
from hyperloom.serialization import pack, to_inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hyperloom.core.bound import Node
    from hyperloom.core.remote import RemoteFunction
    from hyperloom.core.session import Session
    from hyperloom.core.submission import Submitter
    from hyperloom.ids import TaskID
    from hyperloom.plan.kept import Kept
    from hyperloom.plan.naming import Names

_TASKS_AT_ONCE = 250  # of one call
_RANGES_AT_ONCE = 64
_BYTES_AT_ONCE = 1 << 18
_ITEMS_MOST = 1 << 14  # bytes of a range's items: a claim rewrites what is left of them
_EXACT = 1 << 53  # whole numbers below it are exact in Lua


class Wants:
    """Which outputs of which nodes the user wants."""

    def __init__(self, wanted: Iterable[tuple[Node, int | None]]) -> None:
        self.whole: set[int] = set()
        self._single: dict[int, set[int]] = {}
        for node, index in wanted:
            if index is None:
                self.whole.add(id(node))
            else:
                self._single.setdefault(id(node), set()).add(index)

    def has(self, node: Node, index: int) -> bool:
        """This one."""
        return id(node) in self.whole or index in self._single.get(id(node), ())

    def single(self, node: Node) -> set[int]:
        """Those that are wanted by themselves, and not with all others."""
        return set() if id(node) in self.whole else self._single.get(id(node), set())


class Submitters:
    """What turns calls of the functions of one plan into tasks of `session`.

    With `counts_as` these have templates of their own, and the plan has counts of its own.
    """

    def __init__(self, session: Session, counts_as: bytes) -> None:
        self.session = session
        self._counts_as = counts_as
        self._own: dict[Submitter, Submitter] = {}

    def of(self, function: RemoteFunction[Any, Any]) -> Submitter:
        """That of a function."""
        usual = function.submitter_in(self.session)
        if not self._counts_as:
            return usual
        if usual not in self._own:
            self._own[usual] = usual.of_plan(self._counts_as)
        return self._own[usual]


class Packing:
    """See the module.  `large` are objects that hold arguments: let go of them when all is said."""

    def __init__(
        self, submitters: Submitters, names: Names, wants: Wants, width: int, kept: Kept
    ) -> None:
        self._session = submitters.session
        self._submitters = submitters
        self._names = names
        self._wants = wants
        self._width = width
        self._kept = kept
        self._words: list[Any] = []
        self.large: list[bytes] = []
        self._takers: dict[bytes, list[bytes]] = {}  # of single outputs
        self._takers_of_all: dict[int, list[bytes]] = {}  # of all outputs of a map
        self._apart: dict[int, set[int]] = {}  # items of a map that are taken by themselves
        self._submitter: Submitter  # of the node that is being packed
        self._inside: dict[bytes, None] = {}  # its inputs that the plan makes: single ones
        self._inside_all: dict[int, BoundMap[Any]] = {}  # and maps that it takes whole
        self._tasks: list[bytes] = []  # of the call that is being written
        self._objects: list[bytes] = []
        self._bytes = 0

    def add(self, node: Node) -> None:
        """Pack one node more; all that take it were added before.

        Raises:
            NotSerializable: an argument cannot travel.
            SessionClosed: an argument is a ref of an earlier session.
        """
        if isinstance(node, BoundMap):
            self._submitter = self._submitters.of(node.function)
            self._add_map(node)
        else:
            called, keep = self._kept.loads.get(id(node), node), self._kept.keeps.get(id(node), b"")
            self._submitter = self._submitters.of(called.function)
            self._add_task(self._names.task(node), called.args, called.said, node.label, keep)
            self._promise(node, range(node.outputs))

    def finish(self) -> list[Any]:
        """The words of all nodes, in order."""
        self._end_call()
        return self._words

    # -- tasks ------------------------------------------------------------------------------

    def _add_task(
        self,
        own: TaskID,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        label: str | None,
        keep: bytes = b"",
    ) -> None:
        record, inputs, large = self._submitter.pack(args, kwargs, self._id_of, label, keep)
        inside, outside = self._inputs(inputs, [own])
        if len(self._tasks) >= 5 * _TASKS_AT_ONCE or self._bytes > _BYTES_AT_ONCE:
            self._end_call()
        self._tasks += (own, record, b"%d" % inside, outside, specs.others_of(record))
        self._bytes += len(record)
        if large:
            self.large.append(large)

    def _promise(self, node: Node, indices: Sequence[int]) -> None:
        """Say of these outputs who takes them, and whether the user wants them."""
        of_all = b"".join(self._takers_of_all.get(id(node), ()))
        for index in indices:
            oid = self._names.output(node, index)
            takers = b"".join(self._takers.pop(oid, ())) + of_all
            wanted = self._wants.has(node, index)
            if takers or not wanted:
                self._objects += (oid, takers, b"1" if wanted else b"0")

    def _end_call(self) -> None:
        tasks, objects = self._tasks, self._objects
        if tasks:
            made, parent = number_of(max(tasks[::5])), self._session.parent
            words: list[Any] = [self._width, parent, len(tasks) // 5, *tasks, *objects]
            self._words.append(self._session.outbox.prepare("task_plan", made, *words))
            self._tasks, self._objects, self._bytes = [], [], 0

    # -- maps -------------------------------------------------------------------------------

    def _add_map(self, node: BoundMap[Any]) -> None:
        number = node.tasks
        if number < RANGES_FROM:
            self._add_items(node, range(number))
            return
        apart = self._apart.get(id(node), set()) | self._wants.single(node)
        ordinary = {item // RANGE_TASKS for item in apart}
        ranges: list[Any] = []
        for block in range(-(-number // RANGE_TASKS)):
            items = range(block * RANGE_TASKS, min(number, (block + 1) * RANGE_TASKS))
            packed = None if block in ordinary else _packed(node, items)
            if packed is None:
                ordinary.add(block)
            else:
                ranges.append((items, packed))
        self._add_ranges(node, ranges)
        for block in sorted(ordinary):
            first = block * RANGE_TASKS
            self._add_items(node, range(first, min(number, first + RANGE_TASKS)))

    def _add_items(self, node: BoundMap[Any], items: range) -> None:
        """As tasks as any others."""
        for item in items:
            self._add_task(self._names.task(node, item), (node.items[item],), node.said, node.label)
            self._promise(node, (item,))

    def _add_ranges(self, node: BoundMap[Any], ranges: list[tuple[range, bytes]]) -> None:
        if not ranges:
            return
        head, inputs, large = self._submitter.pack_map(node.said, self._id_of, node.label)
        self.large += large
        firsts = [self._names.task(node, items[0]) for items, _ in ranges]
        inside, outside = self._inputs(inputs, firsts)
        takers = b"".join(self._takers_of_all.get(id(node), ()))
        wanted = int(id(node) in self._wants.whole)
        self._end_call()
        fixed = (self._session.parent, head, inside, outside, specs.others_of(head), takers, wanted)
        while ranges:
            part = _together(ranges)
            args: list[Any] = []
            for items, packed in part:
                args += (self._names.task(node, items[0]), len(items), packed)
            last, packed = part[-1]
            made = number_of(self._names.task(node, last[-1]))
            numbers = (0, 0) if packed else (node.items[part[0][0][0]], node.items.step)  # type: ignore[attr-defined]
            words = (*fixed, *numbers, *args)
            self._words.append(self._session.outbox.prepare("task_range", made, *words))
            ranges = ranges[len(part) :]

    # -- inputs -----------------------------------------------------------------------------

    def _inputs(self, inputs: list[bytes], takers: list[TaskID]) -> tuple[int, bytes]:
        """`takers` take these: how many of them the plan makes; the ids of the others."""
        inside, maps = self._inside, self._inside_all
        number = 0
        for node_id, mapped in maps.items():
            self._takers_of_all.setdefault(node_id, []).extend(takers)
            number += mapped.tasks
        within: set[bytes] = set()
        for mapped in maps.values():
            within.update(self._names.outputs(mapped))
        for oid in inside:
            if oid in within:
                continue
            number += 1
            before = self._takers.get(oid)
            if before is None:
                self._takers[oid] = list(takers)
            else:
                before += takers
        outside = b""
        if number < len(inputs):
            outside = b"".join([oid for oid in inputs if oid not in inside and oid not in within])
        inside.clear()
        maps.clear()
        return number, outside

    def _id_of(self, value: object) -> bytes | list[bytes] | None:
        if type(value) is BoundMap:
            if id(value) in self._kept.there:
                return [ref.binary() for ref in self._kept.there[id(value)]]
            self._inside_all[id(value)] = value
            return list(self._names.outputs(value))
        if type(value) is BoundTask:  # with one output: it would not be in order else
            node: Node = value
            index = 0
        elif type(value) is BoundOutput:
            node, index = value.task, value.index
        else:
            return self._submitter.ref_id(value)
        there = self._kept.there
        if there and id(node) in there:
            return self._submitter.ref_id(there[id(node)][index])
        oid = self._names.output(node, index)
        self._inside[oid] = None
        if type(node) is BoundMap:
            self._apart.setdefault(id(node), set()).add(index)
        return oid


def _packed(node: BoundMap[Any], items: range) -> bytes | None:
    """The items of a range; empty if they are numbers in a row, None if it cannot be one."""
    if type(node.items) is range:
        first, last = node.items[items[0]], node.items[items[-1]]
        return b"" if max(abs(first), abs(last)) < _EXACT else None
    parts: list[bytes] = []
    size = 0
    for number in items:
        item = node.items[number]
        if type(item) is ObjectRef or type(item) is BoundMap or output_of(item) is not None:
            return None
        packed = pack(item, what=f"item {number} of {node.name}")
        data = b"" if packed.refs or packed.size > _ITEMS_MOST else to_inline(packed)
        size += len(data)
        if not data or size > _ITEMS_MOST:
            return None
        parts += (len(data).to_bytes(3, "big"), data)
    return b"".join(parts)


def _together(ranges: Sequence[tuple[range, bytes]]) -> Sequence[tuple[range, bytes]]:
    """The first of them that go into one call; of numbers in a row, those without a gap."""
    size = 0
    for at, (items, packed) in enumerate(ranges):
        size += len(packed)
        gap = at and not packed and items[0] != ranges[at - 1][0][-1] + 1
        if gap or at == _RANGES_AT_ONCE or size > _BYTES_AT_ONCE:
            return ranges[: max(at, 1)]
    return ranges
