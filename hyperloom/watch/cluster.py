"""One cluster as people look at it: the control plane if it answers, the history if there is one.

Every function of this package that takes a `Cluster` answers with plain values, which are also
what ``--json`` prints.  Ids in answers are hexadecimal text; a person may write the beginning of
one, a name as messages show it (``9a2e41-17``, ``9a2e41-17:0``), the beginning of that
before its number, if no other task has it, ``last``, or the name that an actor was given, also
behind its namespace (``lab/counter``); an id goes first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hyperloom import errors, events, ids
from hyperloom.gcs import codes
from hyperloom.watch import actors, counted, plans
from hyperloom.watch.live import Live, templates_in
from hyperloom.watch.things import RETRY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.specs import Template
    from hyperloom.watch.retold import Recorded
    from hyperloom.watch.samples import Sample
    from hyperloom.watch.story import Event

T = TypeVar("T")

LAST = "last"

_SHORT = re.compile(r"(?:ObjectRef\()?([0-9a-f]{6})-(\d+)(?::(\d+))?\)?")
_HEX = re.compile(r"[0-9a-f]{2,40}")
_SHOWN = re.compile(r"[0-9a-f]{2,6}")  # the process in a name as messages show it


class Found(NamedTuple):
    """What an id means."""

    kind: str  # "job", "node", "group" (of placement), "plan", "task" or "object"
    id: bytes

    @property
    def job(self) -> bytes:
        """The job that it belongs to, unless it is a node or a group."""
        return self.id[: ids.JOB_BYTES]


class Cluster:
    """See the module.  One of `live` and `history` may be missing."""

    def __init__(self, live: Live | None, history: Recorded | None = None) -> None:
        self.live = live
        self.history = history
        self._templates: dict[bytes, dict[bytes, Template]] = {}
        self._openings: dict[bytes, float] = {}

    def close(self) -> None:
        """Hang up."""
        if self.live is not None:
            self.live.close()
        if self.history is not None:
            self.history.close()

    @property
    def control_plane(self) -> Live:
        """The control plane.

        Raises:
            errors.NotConnected: nothing runs; there is only a history.
        """
        if self.live is None:
            raise errors.NotConnected(
                "no node of yours runs here, so only what was recorded can be shown; this needs a "
                "cluster that runs: loom start --head"
            )
        return self.live

    # -- jobs -------------------------------------------------------------------------------

    def jobs(self) -> dict[bytes, dict[str, Any]]:
        """All jobs that are known, the oldest first: who and where, `opened`, `ended`, `state`."""
        jobs = {} if self.history is None else self.history.jobs()
        there = {} if self.live is None else self.live.jobs()
        lost = self.live.orphans(there) if self.live is not None and there else {}
        for job, about in there.items():
            known = jobs.setdefault(job, {"opened": None})
            known |= {"about": about, "state": "open", "ended": None, "orphan": lost.get(job)}
            known["opened"] = known["opened"] or self._opened(job)
        return dict(sorted(jobs.items(), key=lambda item: item[1]["opened"] or 0.0))

    def _opened(self, job: bytes) -> float | None:
        known = self._openings.get(job) or self.control_plane.first(job)
        if known is not None:
            self._openings[job] = known
        return known

    def is_open(self, job: bytes) -> bool:
        """Whether the job goes on."""
        return self.live is not None and job in self.live.jobs()

    def orphan(self, job: bytes) -> str:
        """What is to be said of a job whose program's node is lost; "" of any other."""
        found = self.jobs().get(job, {}).get("orphan")
        return found.says if found else ""

    def counts(self, job: bytes) -> counted.Counts:
        """How many tasks of each template; exact, whatever else was dropped."""
        counts = self.live.counts(job) if self.live is not None else {}
        if not counts and self.history is not None:
            counts = self.history.counts(job)
        return counts

    def events(self, job: bytes) -> Iterator[Event]:
        """What happened, as far as it is kept; the oldest first."""
        recorded = b"-"
        for entry, event in () if self.history is None else self.history.entries(job):
            recorded = entry
            yield event
        if self.live is not None:
            yield from self.live.events(job, recorded)

    def samples(self, began: float, ended: float) -> list[Sample]:
        """How busy nodes were between two times, as far as it was recorded."""
        return [] if self.history is None else self.history.samples(began, ended)

    def name(self, job: bytes, template: bytes) -> str:
        """The name of a template's function."""
        known = self._template(job, template)
        return known.name if known else template.hex()

    def chunk(self, job: bytes, template: bytes) -> int:
        """How many items of a map each task of a template has; 0: it is of no such map."""
        known = self._template(job, template)
        return known.chunk if known else 0

    def plan(self, job: bytes, template: bytes) -> bytes:
        """Of which large plan a template's tasks are, each of them; empty: of none."""
        known = self._template(job, template)
        return known.plan if known else b""

    def _template(self, job: bytes, template: bytes) -> Template | None:
        known = self._templates.setdefault(job, {})
        if template not in known:
            live = self.live.template(job, template) if self.live is not None else None
            known |= {template: live} if live else templates_in(self.events(job))
        return known.get(template)

    # -- ids --------------------------------------------------------------------------------

    def job(self, text: str | None = None) -> bytes:
        """The job that a person means; without a word, the last one.

        Raises:
            errors.NotFound: there is none, or several.
        """
        jobs = self.jobs()
        if text is None or text == LAST:
            meant = [job for job in jobs if jobs[job].get("about", {}).get("argv") != [RETRY]]
            if not meant:
                raise errors.NotFound("no job is known here: nothing has run, or was recorded")
            return meant[-1]
        return _only([job for job in jobs if _begins(job, text)], text, "job")

    def find(self, text: str) -> Found:
        """What an id that a person wrote means.

        Raises:
            errors.NotFound: it means nothing here, or several things.
        """
        if text == LAST:
            return Found("task", self._last_task())
        short = _SHORT.fullmatch(text)
        if short is not None:
            return self._short(text, *short.groups())
        found = self._begun(text) if _HEX.fullmatch(text) else []
        found = found or self._named(text) or self._shown(text)
        if not found and not _HEX.fullmatch(text):
            raise errors.NotFound(
                f"{text!r} is no id, and no actor that lives has this name: write hexadecimal "
                "digits, a name such as 9a2e41-17, last, or an actor's name (loom ls actors)"
            )
        return _only(found, text, "job, node, placement group, plan, task or object")

    def _named(self, text: str) -> list[Found]:
        """Actors that live and were given this name."""
        if self.live is None:
            return []
        named = [actors.named(self.live, job, text) for job in self.live.jobs()]
        return [Found("task", actor) for each in named for actor in each]

    def _begun(self, text: str) -> list[Found]:
        """What has an id that begins so."""
        nodes = [] if self.live is None else self.live.nodes()
        found = [Found("job", job) for job in self.jobs() if _begins(job, text)]
        found += [
            Found("node", node) for node in (bytes.fromhex(each["node"]) for each in nodes)
            if _begins(node, text)
        ]  # fmt: skip
        placed = [] if self.live is None else self.live.groups()
        found += [Found("group", group) for group in placed if _begins(group, text)]
        if len(text) > 2 * ids.JOB_BYTES:
            found += self._plans(text)
            if len(found) != 1:
                found += self._long(text)
        return found

    def _plans(self, text: str) -> list[Found]:
        """A detached plan's id begins those of its tasks: whoever writes no more means the plan."""
        job = bytes.fromhex(text[: 2 * ids.JOB_BYTES])
        known = [p.plan for p in self.history.plans(job)] if self.history is not None else []
        if self.live is not None and job in self.live.jobs():
            known += [p.id for p in plans.listed(self.live, job)]
        return [Found("plan", plan) for plan in dict.fromkeys(known) if _begins(plan, text)]

    def _long(self, text: str) -> list[Found]:
        """Tasks and objects whose id begins so; more than two are not looked for."""
        for kind, width in (("object", ids.OBJECT_BYTES), ("task", ids.TASK_BYTES)):
            if len(text) == 2 * width:
                return [Found(kind, bytes.fromhex(text))]
        job = bytes.fromhex(text[: 2 * ids.JOB_BYTES])
        if job not in self.jobs():
            return []
        begun = dict.fromkeys(task for task in self._tasks_of(job) if _begins(task, text))
        return [Found("task", task) for task in begun][: _NAMED_MOST + 1]

    def _tasks_of(self, job: bytes) -> Iterator[bytes]:
        """Tasks of a job that are known, as they are found; some more than once."""
        if self.live is not None:
            yield from self.live.tasks(job, _SEARCHED)[0]
        for event in self.events(job):
            if event.kind == codes.RAN:
                for run in events.ran(event.payload).runs:
                    yield from ids.cut(run.tasks, ids.TASK_BYTES)

    def _short(self, text: str, process: str, number: str, index: str | None) -> Found:
        found = self._processes_shown(process)
        task = ids.task_id(_only(found, text, "process"), int(number))  # type: ignore[arg-type]
        return Found("object", ids.object_id(task, int(index))) if index else Found("task", task)

    def _shown(self, text: str) -> list[Found]:
        """Tasks of the process whose name, as messages show it, begins so; of many the first few.

        A number is never taken for the beginning of another: that task may be over and forgotten.
        """
        processes = self._processes_shown(text) if _SHOWN.fullmatch(text) else []
        found: dict[bytes, None] = {}
        for job in dict.fromkeys(process[: ids.JOB_BYTES] for process in processes):
            for task in self._tasks_of(job):
                if task[: ids.PROCESS_BYTES] in processes:
                    found[task] = None
                if len(found) > _NAMED_MOST:
                    break
        return [Found("task", task) for task in sorted(found)]

    def _processes_shown(self, begin: str) -> list[bytes]:
        """Processes whose name, as messages show it, begins so."""
        known = dict.fromkeys(p for job in self.jobs() for p in self._processes(job))
        return [p for p in known if ids.short(p).startswith(begin)]

    def _processes(self, job: bytes) -> Iterator[bytes]:
        if self.live is not None:
            yield from self.live.processes(job)
        for event in self.events(job):
            if event.kind == codes.SUBMITTED:
                yield event.payload[: ids.PROCESS_BYTES]

    def _last_task(self) -> bytes:
        told = [e.payload for e in self.events(self.job()) if e.kind == codes.SUBMITTED]
        if not told:
            raise errors.NotFound("the last job has submitted no task yet")
        process = told[-1][: ids.PROCESS_BYTES]
        return max(events.submitted(each).last for each in told if each.startswith(process))


_SEARCHED = 100_000  # tasks in which the beginning of an id is looked for
_NAMED_MOST = 3  # that one may have meant


def _begins(one: bytes, text: str) -> bool:
    return one.hex().startswith(text)


def _only(found: list[T], text: str, what: str) -> T:
    if len(found) == 1:
        return found[0]
    if not found:
        table = "jobs" if what == "job" else "jobs, tasks, actors, plans, nodes ..."
        raise errors.NotFound(f"there is no {what} {text!r} here; see loom ls {table}")
    shown = [ids.short(each.id) for each in found if isinstance(each, Found)]
    if shown and all("-" in each for each in shown):
        more = ", ..." if len(shown) > _NAMED_MOST else ""
        meant = f" ({', '.join(shown[:_NAMED_MOST])}{more})"
        raise errors.NotFound(f"{text!r} may be several tasks{meant}; write which")
    raise errors.NotFound(f"{text!r} may be several things; write more digits of it")
