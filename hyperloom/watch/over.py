"""Tasks that are over, as their events tell; there may be a million of them.

The rule: of a task that is not shown nothing is made but what sorting needs.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from hyperloom.watch.story import Event

_STATE = {Ended.DONE.value: "DONE", Ended.FAILED.value: "FAILED", Ended.PASSED_ON.value: "FAILED"}
_SLACK = 1000  # between two sorts


class End(NamedTuple):
    """One end of a task; whose result was lost and made again, has several."""

    state: str
    task: bytes
    row: Callable[[], dict[str, Any]]  # of a table


class Over:
    """Each task that is over once, with its last end; but for those that are `alive` again."""

    def __init__(
        self,
        told: Sequence[Event],
        name_of: Callable[[bytes], str],
        alive: Collection[bytes] = (),
    ) -> None:
        self._told = told
        self._name_of = name_of
        self._names: dict[bytes, str] = {}
        # Few have an end that may be another one of theirs; all others need not be remembered.
        self._again: dict[bytes, End | None] = {}
        self._left_out = {*alive}
        ends = self._look()
        again = 0
        for end in self._ends(self._again) if self._again else ():
            self._again[end.task] = end
            again += 1
        self._left_out |= self._again.keys()
        self.number = ends - again + len(self._again)

    def __iter__(self) -> Iterator[End]:
        return self.of_functions(None)

    def of_functions(self, wanted: Callable[[str], bool] | None) -> Iterator[End]:
        """Those of the functions whose names are `wanted`: no row is made to find that out."""
        yield from self._ends(wanted=wanted)
        again = (end for end in self._again.values() if end is not None)
        yield from (end for end in again if wanted is None or wanted(end.row()["name"]))

    def _look(self) -> int:
        """How many ends there are; who may have several is put among `_again`."""
        ends = 0
        for event in self._told:
            if event.kind != codes.RAN:
                found = [end.task for end in self._unattempted(event)]
                again = found if event.kind != codes.CANCELLED else []  # those nobody had
            else:
                runs = events.ran(event.payload).runs
                ended = [end for run in runs for end in run.ends() if end[2] in _STATE]
                found = [task for task, _, _ in ended]
                again = [task for task, attempt, _ in ended if attempt > 1]
            if self._left_out:
                found = [task for task in found if task not in self._left_out]
            ends += len(found)
            self._again |= dict.fromkeys(task for task in again if task not in self._left_out)
        return ends

    def _ends(
        self,
        only: Collection[bytes] | None = None,
        wanted: Callable[[str], bool] | None = None,
    ) -> Iterator[End]:
        for event in self._told:
            if event.kind == codes.RAN:
                found = self._ran(event, wanted)
            else:
                every = self._unattempted(event)
                found = (end for end in every if wanted is None or wanted(end.row()["name"]))
            for end in found:
                if end.task not in self._left_out and (only is None or end.task in only):
                    yield end

    def _name(self, template: bytes) -> str:
        if template not in self._names:
            self._names[template] = self._name_of(template)
        return self._names[template]

    def _ran(self, event: Event, wanted: Callable[[str], bool] | None) -> Iterator[End]:
        told = events.ran(event.payload)
        for run in told.runs:
            templates = ids.cut(run.each_template(), ids.TEMPLATE_BYTES)
            ours = {each for each in {*templates} if wanted is None or wanted(self._name(each))}
            if not ours:
                continue
            cancelled = {at for at, error in run.errors.items() if error[0] == "cancelled"}
            for at, (task, _, ended) in enumerate(run.ends()):
                if ended in _STATE and templates[at] in ours:
                    state = "CANCELLED" if at in cancelled else _STATE[ended]
                    yield End(state, task, partial(self._attempted, told.node, run, at, state))

    def _attempted(self, node: bytes, run: events.Run, at: int, state: str) -> dict[str, Any]:
        ran = events.attempt(node, run, at)
        return blank_row(
            ran.task,
            self._name(ran.template),
            state,
            attempt=ran.attempt,
            node=ran.node.hex(),
            pid=ran.pid,
            began=ran.begun or None,
            seconds=round(ran.seconds, 6),
            bytes=ran.output_bytes,
            error=ran.error.text if ran.error else None,
        )

    def _unattempted(self, event: Event) -> Iterator[End]:
        told = unattempted(event)
        if told is not None:
            for task, template in told.templates.items():
                row = partial(
                    self._row, task, template, told.state, node=told.node, error=told.error
                )
                yield End(told.state, task, row)

    def _row(self, task: bytes, template: bytes, state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        return blank_row(task, self._name(template), state, **more)


class Unattempted(NamedTuple):
    """Tasks of whose ends no attempt tells, with their templates."""

    state: str
    templates: dict[bytes, bytes]
    node: str | None = None
    error: str | None = None


def unattempted(event: Event) -> Unattempted | None:
    """What an event tells of such tasks; None: nothing."""
    match event.kind:
        case codes.CANCELLED:
            return Unattempted("CANCELLED", events.cancelled(event.payload))
        case codes.CALLS_LOST:
            lost = events.calls_lost(event.payload)
            return Unattempted("FAILED", lost.templates, error=lost.error.text)
        case codes.NODE_FAILED:
            at, templates = events.failed_with_node(event.payload)
            return Unattempted("FAILED", templates, at.hex(), "its node was lost")
        case codes.ACTOR_ENDED:
            over = events.actor_ended(event.payload)
            state = "DONE" if over.in_peace else "FAILED"
            return Unattempted(state, {over.actor: over.template}, error=over.error.text)
        case _:
            return None


def blank_row(task: bytes, name: str, state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row of a table of tasks; what is not said is not known."""
    blank = dict.fromkeys(("attempt", "node", "pid", "began", "seconds", "bytes", "error"))
    return {
        "id": task.hex(), "short": ids.short(task), "name": name, "state": state, **blank, **more
    }  # fmt: skip


class First:
    """The first of very many in the order of their keys; the others are counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[Any, Any]] = []
        self._last: Any = None  # key of the last one that matters, when there are enough
        self.of = 0

    def add(self, key: Any, each: Any) -> None:  # noqa: ANN401 - whatever can be sorted
        """One more."""
        self.of += 1
        if self._last is None or key < self._last:
            self._kept.append((key, each))
            if len(self._kept) > 2 * self._most + _SLACK:
                self._settle()

    def all(self) -> list[Any]:
        """The first of them."""
        self._settle()
        return [each for _, each in self._kept]

    def _settle(self) -> None:
        self._kept.sort(key=itemgetter(0))
        del self._kept[self._most :]
        if self._most and len(self._kept) == self._most:
            self._last = self._kept[-1][0]
