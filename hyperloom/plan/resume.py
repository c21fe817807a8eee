"""What a plan keeps, and what of it is there already.

A plan some of whose tasks have ``checkpoint`` or ``cache`` passes through here before it is
submitted.  Each such task gets its key.  Then, from the wanted results down: a task whose
results are there is replaced, by a task that reads them or by the small results themselves, and
what only it needed is not looked at.

The rule: a checkpoint is believed when it is whole, its checksum right, its key the one of now,
and each file that it names what it was.  If not, the task is computed again, and the user is told
why.  Files too large to be read here are read on the nodes, all at once.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from hyperloom.checkpoints import files
from hyperloom.checkpoints.loading import load, verify
from hyperloom.core import getting
from hyperloom.core.bound import BoundTask
from hyperloom.core.call_keys import CallKeys
from hyperloom.core.kept_submission import cached, keep_of, path_of
from hyperloom.core.options import TaskOptions
from hyperloom.core.remote import remote_function
from hyperloom.errors import InvalidOption
from hyperloom.plan.kept import Kept
from hyperloom.serialization.identity import Unidentified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperloom.core.bound import Node
    from hyperloom.core.session import Session

Task = BoundTask[Any]

READ_HERE_BYTES = 64 << 20  # larger files are checked on the nodes: about 20 ms here
_ABSENT = "absent"
_TOLD = 10  # notes to the user; the others are counted


def kept_of(
    session: Session, order: Sequence[Node], wanted: Iterable[Node], *, resume: bool
) -> Kept:
    """What the nodes keep, and what is there of it.

    Raises:
        InvalidOption: a checkpoint cannot be where it should be; nothing was submitted.
    """
    asking = [task for task in order if isinstance(task, BoundTask) and task.keeps]
    if not asking:
        if resume:
            _warn("resume=True, but no task of this plan has a checkpoint: all of it is computed")
        return Kept()
    return _Pass(session, order, asking).result(wanted, resume=resume)


class _Pass:
    def __init__(self, session: Session, order: Sequence[Node], asking: list[Task]) -> None:
        self._session = session
        self._order = order
        self._asking = asking
        self._kept = Kept()
        self._unidentified: dict[int, Unidentified] = {}
        self._paths: dict[int, str] = {}
        self._notes: dict[str, None] = {}
        self._verified: dict[int, str] = {}  # large files -> what is wrong with them

    def result(self, wanted: Iterable[Node], *, resume: bool) -> Kept:
        kept, config = self._kept, self._session.config
        self._find_keys()
        self._find_paths()
        roots = list(wanted)
        while large := self._look(roots, resume=resume):
            self._verify(large)
            kept.loads.clear()
        for task in self._asking:
            keep = keep_of(
                config,
                kept.keys.get(id(task), b""),
                self._paths.get(id(task), ""),
                cache=task.function.task_options.cache,
            )
            if keep is not None and id(task) not in kept.loads:
                kept.keeps[id(task)] = keep
        self._tell()
        return kept

    # -- keys and paths ---------------------------------------------------------------------

    def _find_keys(self) -> None:
        needed = set(map(id, self._asking))
        for task in reversed(self._order):
            if id(task) in needed:
                needed.update(id(below) for below, _ in task.takes())
        keys = CallKeys(self._session, self._key_of)
        for task in self._order:
            if id(task) in needed:
                try:
                    self._kept.keys[id(task)] = keys.of(task)
                except Unidentified as error:
                    self._unidentified[id(task)] = error

    def _key_of(self, task: Node) -> bytes:
        error = self._unidentified.get(id(task))
        if error is not None:
            raise error
        return self._kept.keys[id(task)]

    def _find_paths(self) -> None:
        config = self._session.config
        owners: dict[str, Task] = {}
        for task in self._asking:
            key = self._kept.keys.get(id(task), b"")
            if not key:
                self._notes[
                    f"the results of {task.name} cannot be known again in a later run, which will "
                    f"compute them anew: {self._unidentified[id(task)]}"
                ] = None
            path = path_of(task.kept_at, config, key, task.function.name)
            if not path:
                continue
            other = owners.setdefault(path, task)
            if other is not task and self._kept.keys.get(id(other)) != (key or None):
                raise InvalidOption(
                    f"two different tasks of this plan, {other.name} and {task.name}, have the "
                    f"checkpoint {path}: give each its own, as in f.bind(...).checkpoint(path), or "
                    "True. Nothing was submitted"
                )
            self._paths[id(task)] = path

    # -- what is there ----------------------------------------------------------------------

    def _look(self, roots: list[Node], *, resume: bool) -> list[Task]:
        """Replace what is there; the tasks whose files are too large to be checked here."""
        large: list[Task] = []
        waiting, seen = roots[:], set[int]()
        while waiting:
            task = waiting.pop()
            if id(task) in seen:
                continue
            seen.add(id(task))
            if isinstance(task, BoundTask) and (
                (resume and self._has_checkpoint(task, large)) or self._is_cached(task)
            ):
                continue
            waiting += [below for below, _ in task.takes()]
        return large

    def _is_cached(self, task: Task) -> bool:
        kept, key = self._kept, self._kept.keys.get(id(task), b"")
        if id(task) in kept.there:
            return True
        if not (key and task.function.task_options.cache):
            return False
        found = cached(self._session.config, key, task.function.returns)
        if found:
            kept.there[id(task)] = [self._session.put_packed(result) for result in found]
        return bool(found)

    def _has_checkpoint(self, task: Task, large: list[Task]) -> bool:
        path, key = self._paths.get(id(task)), self._kept.keys.get(id(task))
        if not path or not key:  # without a key nothing is ever believed, which was told
            return False
        wrong = self._verified.get(id(task))
        if wrong is None:
            wrong = self._wrong(path, key, task)
            if wrong is None:
                large.append(task)
            elif wrong != _ABSENT:
                self._verified[id(task)] = wrong
        if wrong:
            if wrong != _ABSENT:
                self._notes[f"{path}: {wrong}; {task.name} is computed again"] = None
            return False
        self._kept.loads[id(task)] = _loading(task, path, key)
        return True

    def _wrong(self, path: str, key: bytes, task: Task) -> str | None:
        """Why the file cannot be used, empty if it can; None: it is too large to say so here."""
        try:
            head = files.look(path)
            if head.key != key:
                return "it was made by other code, arguments or inputs"
            if len(head.results) != task.function.returns:
                return f"it has {len(head.results)} results instead of {task.function.returns}"
            head.check_files()
            if head.size > READ_HERE_BYTES:
                return None
            files.read(path, key)
        except FileNotFoundError:
            return _ABSENT
        except (OSError, files.Unusable) as error:
            return str(error)
        return ""

    def _verify(self, large: list[Task]) -> None:
        task = remote_function(verify, TaskOptions(name="verify checkpoint"))
        refs = [task.remote(self._paths[id(each)], self._kept.keys[id(each)]) for each in large]
        for each, wrong in zip(large, getting.get(self._session, refs, None), strict=True):
            self._verified[id(each)] = wrong

    def _tell(self) -> None:
        notes = list(self._notes)
        for note in notes[:_TOLD]:
            _warn(note)
        if len(notes) > _TOLD:
            _warn(f"and {len(notes) - _TOLD} more like these")


def _warn(note: str) -> None:
    """Tell the user, at the line of his that submits."""
    level = 2
    frame = sys._getframe(1)  # noqa: SLF001 - as `warnings` itself counts
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("hyperloom."):
        frame, level = frame.f_back, level + 1
    warnings.warn(note, stacklevel=level)


def _loading(task: Task, path: str, key: bytes) -> Task:
    """What reads the results of a task instead of computing them."""
    options = TaskOptions(num_returns=task.function.returns, name=task.function.name)
    return remote_function(load, options).bind(path, key)
