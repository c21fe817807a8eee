"""What a node answers to people who ask: how it is, and what its workers do.

Asked at the door of the raylet, by programs of this machine, or through the control plane
(`hyperloom.gcs.asking`), by anybody in the cluster.  Nothing is changed by a question; who brings
a program is led to a process of its own.
"""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperloom.core import words
from hyperloom.gcs import asking, keys
from hyperloom.ids import OBJECT_BYTES
from hyperloom.objectstore import census
from hyperloom.objectstore.places import Places
from hyperloom.raylet import native, resting
from hyperloom.raylet.load import Load
from hyperloom.raylet.printed import spans_of
from hyperloom.raylet.reception import Receptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.held import Held
    from hyperloom.raylet.node import NodeSettings
    from hyperloom.raylet.standing import Standing
    from hyperloom.raylet.state import WorkerState

    Say = Callable[[Any], None]

_SOON_S = 0.2  # who asks how a call stands does not wait for longer
_PATIENCE_S = 1.0  # a worker that is deep in native code does not say what it does
_LOG_MOST = 1 << 20  # bytes of one answer
_FETCHING_MOST = 1000  # tasks that are told
_ANSWERING_MOST = 1000  # calls of an actor that are told
_VIEWED_MOST = 2000  # objects
_LOOKED_AT_MOST = 32  # workers, by a program each


class Answers:
    """See the module.  `describe` says how the node is, for the table of nodes."""

    def __init__(
        self,
        settings: NodeSettings,
        gcs: Conversation,
        standing: Standing,
        describe: Callable[[], dict[str, Any]],
    ) -> None:
        self._settings = settings
        self._gcs = gcs
        self._machine = standing.machine
        self._pool = standing.pool
        self._describe = describe
        self._standing = standing
        self._load = Load(settings.spill)
        self._receptions = Receptions(settings, gcs.loop)
        self._waiting: list[_Round] = []  # rounds of questions to workers

    def status(self) -> dict[str, Any]:
        """How it is; for `loom status`."""
        return {
            **self._describe(),
            "load": self._load.now(),
            "queued": self._machine.waiting(),
            "fetching": [
                task.hex() for task in islice(resting.fetched(self._machine), _FETCHING_MOST)
            ],
            "workers": [self._worker(worker) for worker in self._machine.workers.values()],
            "connected": self._gcs.connected,
            "raylet_pid": os.getpid(),
        }

    def _worker(self, worker: WorkerState) -> dict[str, Any]:
        first = worker.sent[0] if worker.sent else None
        answering = self._standing.answering(worker)
        alone = time.monotonic() - worker.call_since if len(answering) == 1 else None
        return {
            "pid": self._pool.pid(worker.number),
            "job": worker.job.hex(),
            "state": worker.state,
            "task": first.kind.name if first else None,
            "task_id": first.task.hex() if first else None,
            "attempt": first.attempt if first else None,
            "calls": len(worker.calls),
            "begun": len(answering),
            "answering": [_answering(held, alone) for held in answering[:_ANSWERING_MOST]],
            "behind": [held.task.hex() for held in list(worker.sent)[1:]],
            "seconds": round(time.monotonic() - worker.since, 3) if worker.since else 0.0,
        }

    # -- through the control plane ----------------------------------------------------------

    def asked(self, reply_to: bytes, question: list[Any]) -> None:
        """Somebody in the cluster asks; what we do not know is not answered."""
        say = self.to(reply_to)
        match question:
            case ["status"]:
                say(self.status())
            case ["stands", list(tasks)]:
                self._tell_standing(tasks, say)
            case ["stacks", list(pids)]:
                self._ask_workers([words.STACKS], pids, _PATIENCE_S, say)
            case ["reception", bytes(channel)]:
                if why_not := self._receptions.open(channel, reply_to):
                    say({"error": why_not})
            case ["native", list(pids)]:
                self._look_at(pids, say)
            case ["profile", list(pids), float(seconds), float(every_s)]:
                ask = [words.PROFILE, seconds, every_s]
                self._ask_workers(ask, pids, seconds + _PATIENCE_S, say)
            case _:
                self._asked_of_disk(question, say)

    def _asked_of_disk(self, question: list[Any], say: Say) -> None:
        match question:
            case ["log", str(name), int(start), str(task)]:
                say(_part(self._settings.logs, name, start, task))
            case ["logs"]:
                say(_files(self._settings.logs))
            case ["views"]:
                say(_views(self._settings.store))
            case _:
                pass

    def _tell_standing(self, tasks: list[bytes], say: Say) -> None:
        told = [self._standing.of(task) for task in tasks]
        pids = {each["pid"] for each in told if each is not None and each.get("many")}

        def heard(answers: list[dict[str, Any]]) -> None:
            waits = dict(pair for each in answers for pair in each["told"] or ())
            for task, each in zip(tasks, told, strict=True):
                if each is not None and task in waits:
                    each["waits"] = waits[task]
            say(told)

        if pids:
            self._ask_workers([words.WAITS], list(pids), _SOON_S, heard)
        else:
            say(told)

    def _look_at(self, pids: list[int], say: Say) -> None:
        workers = {
            self._pool.pid(number): self._worker(worker)
            for number, worker in self._machine.workers.items()
            if worker.state != "starting"
        }
        chosen = [pid for pid in workers if not pids or pid in pids][:_LOOKED_AT_MOST]

        def told(texts: dict[int, str]) -> None:
            say([{**workers[pid], "told": text} for pid, text in texts.items()])

        native.stacks(self._gcs.loop, chosen, told)

    def close(self) -> None:
        """The node ends."""
        self._receptions.close()

    def to(self, reply_to: bytes) -> Say:
        """What answers who listens there."""

        def say(told: Any) -> None:  # noqa: ANN401 - any plain value
            message = asking.answer(self._settings.node, told)
            self._gcs.command("SPUBLISH", keys.INBOX.name(keys.CLUSTER, reply_to), message)

        return say

    def _ask_workers(self, ask: list[Any], pids: list[int], patience_s: float, say: Say) -> None:
        workers = {
            number: self._worker(worker)
            for number, worker in self._machine.workers.items()
            if worker.state != "starting" and (not pids or self._pool.pid(number) in pids)
        }
        asked = _Round(ask[0], workers, say)
        if not workers:
            say([])
            return
        self._waiting.append(asked)
        for number in workers:
            self._pool.control(number, ask)
        self._gcs.later(patience_s, lambda: self._end(asked))

    def worker_tells(self, worker: int, kind: int, told: object) -> None:
        """A worker answers what it was asked."""
        for asked in list(self._waiting):
            if asked.kind == kind and asked.hear(worker, told):
                self._end(asked)

    def _end(self, asked: _Round) -> None:
        if asked in self._waiting:
            self._waiting.remove(asked)
            asked.say(list(asked.told()))


class _Round:
    """One question to some workers."""

    def __init__(self, kind: int, workers: dict[int, dict[str, Any]], say: Say) -> None:
        self.kind = kind
        self.say = say
        self._workers = workers
        self._answers: dict[int, object] = {}

    def hear(self, worker: int, told: object) -> bool:
        """One answers; True: all have."""
        if worker in self._workers:
            self._answers.setdefault(worker, told)
        return len(self._answers) == len(self._workers)

    def told(self) -> Iterable[dict[str, Any]]:
        """What each does, and its answer; None: it gave none."""
        for number, about in self._workers.items():
            yield {**about, "told": self._answers.get(number)}


def _answering(held: Held, seconds: float | None) -> dict[str, Any]:
    """A call that runs; `seconds`: since when, unless others run beside it."""
    return {
        "task": held.kind.name, "task_id": held.task.hex(), "attempt": held.attempt,
        "seconds": None if seconds is None else round(seconds, 3),
    }  # fmt: skip


def _files(folder: Path) -> list[dict[str, Any]]:
    """The logs of workers, the latest last."""
    files = [(path.stat(), path.name) for path in folder.glob("worker-*.log*")]
    files.sort(key=lambda each: each[0].st_mtime)
    return [
        {"name": name, "file": stat.st_ino, "bytes": stat.st_size, "at": stat.st_mtime}
        for stat, name in files
    ]


def _views(store: Path) -> list[tuple[bytes, list[int]]]:
    """Objects that processes have mapped, each with their pids."""
    told = census.viewed(Places(store), _VIEWED_MOST)
    return [(oid[:OBJECT_BYTES], pids) for oid, pids in told]


def _part(folder: Path, name: str, start: int, task: str = "") -> dict[str, Any] | None:
    """A part of a log from byte `start` on; a negative one counts from the end.

    With a task (in hex): only what is its own.

    `file` says which file it is: its name is another's when it is full.  Then that is read from
    its beginning.
    """
    path = folder / name
    if "/" in name or not name.startswith("worker-") or not path.is_file():
        return None
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        spans = spans_of(path, task, size) if task else [(0, size)]
        if start < 0:
            spans = _last(spans, -start)
        elif start <= size:
            spans = [(max(first, start), end) for first, end in spans if end > start]
        part, end = _read(file, spans, size)
        number = os.fstat(file.fileno()).st_ino
    text = part.decode(errors="replace")
    return {"name": name, "file": number, "text": text, "next": end, "size": size}


def _last(spans: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """So many bytes of them, from the end."""
    kept: list[tuple[int, int]] = []
    for first, end in reversed(spans):
        if most > 0:
            kept.append((max(first, end - most), end))
            most -= end - first
    return kept[::-1]


def _read(file: BinaryIO, spans: list[tuple[int, int]], size: int) -> tuple[bytes, int]:
    """What is there, as much as one answer has; and from where on to read the next time."""
    parts, left = [], _LOG_MOST
    for first, end in spans:
        file.seek(first)
        parts.append(file.read(min(left, end - first)))
        left -= len(parts[-1])
        if not left:
            return b"".join(parts), file.tell()
    return b"".join(parts), size
