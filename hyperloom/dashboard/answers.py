"""What the pages show besides the common moment; the same numbers as the command line's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.dashboard import stream
from hyperloom.dashboard.tail import Tail
from hyperloom.watch import objects, reasons, tasks, things

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.watch.cluster import Cluster

    Answer = Callable[[Cluster, Mapping[str, str]], dict[str, Any]]

_TAILS_MOST = 8  # jobs that are followed at a time
_LIMIT = 200
_LIMIT_MOST = 2000
_SHOWN_S = 60.0  # of a task stream, when nothing else is asked for


class Answers:
    """See the module.  For one thread."""

    def __init__(self) -> None:
        self._tails: dict[bytes, Tail] = {}

    def _tail(self, cluster: Cluster, job: bytes) -> Tail:
        tail = self._tails.pop(job, None) or Tail(job)
        self._tails[job] = tail  # the latest last
        while len(self._tails) > _TAILS_MOST:
            del self._tails[next(iter(self._tails))]
        tail.catch_up(cluster)
        return tail

    def job(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """How far each function of a job is."""
        job = cluster.job(asked.get("job"))
        tail = self._tail(cluster, job)
        mean = tail.mean_s()
        rows: dict[str, dict[str, Any]] = {}
        for template, counts in cluster.counts(job).items():
            name = cluster.name(job, template)
            row = rows.setdefault(name, {"name": name, **dict.fromkeys(counts, 0)})
            for what, number in counts.items():
                row[what] += number
        for name, row in rows.items():
            row["left"] = row["submitted"] - row["done"] - row["failed"]
            row["mean_s"] = mean.get(name)
        return {"job": job.hex(), "names": list(rows.values())}

    def stream(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The task stream between two moments; by itself, the last minute in which anything ran."""
        job = cluster.job(asked.get("job"))
        tail = self._tail(cluster, job)
        last = max((bar.began + bar.seconds for bar in tail.bars[-1000:]), default=time.time())
        first = min((bar.began for bar in tail.bars[:1000]), default=last)
        end = _number(asked, "end", last)
        start = _number(asked, "start", max(first, end - _SHOWN_S))
        if not start < end:
            start = end - 1
        width = int(_number(asked, "width", 1000))
        seen = stream.view(tail.bars, start, end, width)
        return {"job": job.hex(), "first": first, "last": last, "dropped": tail.dropped, **seen}

    def errors(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """Failures, those that are the same together, the most frequent first."""
        job = cluster.job(asked.get("job"))
        found = sorted(self._tail(cluster, job).errors.values(), key=lambda each: -each["count"])
        return {"job": job.hex(), "errors": found}

    def tasks(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """A table of tasks."""
        job = cluster.job(asked.get("job"))
        states = frozenset(filter(None, asked.get("state", "").split(",")))
        name = asked.get("name", "")
        limit = min(_LIMIT_MOST, int(_number(asked, "limit", _LIMIT)))
        unknown = states - set(tasks.STATES)
        if unknown:
            raise errors.InvalidOption(f"there is no state {', '.join(sorted(unknown))}")
        found = tasks.table(
            cluster, [job], lambda row: name in row["name"], limit,
            states or frozenset(tasks.STATES),
        )  # fmt: skip
        return {"job": job.hex(), **found}

    def task(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """One task: its story, and why it is not over."""
        found = cluster.find(asked.get("id", ""))
        if found.kind == "object":
            task = found.id[:16]
        elif found.kind == "task":
            task = found.id
        else:
            raise errors.NotFound(f"{asked.get('id')!r} is a {found.kind}, and no task")
        about = reasons.show(cluster, task)
        return {**about, "why": reasons.explain(cluster, task)}

    def nodes(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The nodes, as they say now, and their workers."""
        del asked
        return {"nodes": things.nodes(cluster), "workers": things.workers(cluster)}

    def objects(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """What is kept, by creator and by holder; and the largest."""
        job = cluster.job(asked.get("job"))
        limit = min(_LIMIT_MOST, int(_number(asked, "limit", _LIMIT)))
        return {
            "job": job.hex(),
            **objects.memory(cluster, [job]),
            **objects.table(cluster, [job], lambda _: True, limit),
        }


def _number(asked: Mapping[str, str], name: str, default: float) -> float:
    text = asked.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e12:  # noqa: PLR2004 - neither a time nor a size; NaN is not below
        raise errors.InvalidOption(f"{name}={text!r} is no number")
    return number


PAGES: tuple[str, ...] = ("job", "stream", "errors", "tasks", "task", "nodes", "objects")


def page(answers: Answers, name: str) -> Answer:
    """What answers one page."""
    answer: Answer = getattr(answers, name)
    return answer
