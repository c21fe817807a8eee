"""Cancelling very many tasks; and cancelling from outside, by who is no part of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import DecodeError

from hyperloom import failures, specs
from hyperloom.failures import Attempt
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.ids import PROCESS_BYTES, ProcessID, number_of, task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hyperloom.gcs.wire import Argument, Wire

MANY = codes.RANGE_TASKS
"""More tasks than these are dropped in spans, and not by their names."""

_AT_ONCE = 500
_SHUT_AT_ONCE = 4000  # spans
_DROPPED_AT_ONCE = 4
_STATES = {b"CANCELLED": "cancelled", b"RUNNING": "running", b"FINISHED": "finished"}


def cancel(wire: Wire, job: bytes, tasks: Sequence[bytes], *, force: bool) -> dict[str, int]:
    """How many tasks ended at once, run and are told to stop, or were over."""
    told = dict.fromkeys(_STATES.values(), 0)
    ns = keys.job_namespace(job)
    for at in range(0, len(tasks), _AT_ONCE):
        for (name, role), part in _by_name(wire, ns, tasks[at : at + _AT_ONCE]).items():
            one = part[0] if len(part) == 1 else b""
            failure = codes.FAILURE + failures.cancelled(Attempt(one, name, 0, b"", role=role))
            words = fcall("task_cancel", ns, failure, int(force), *part)
            for state in wire.call(*words)[::2]:
                told[_STATES[state]] += 1
    return told


def _by_name(wire: Wire, ns: str, tasks: Sequence[bytes]) -> dict[tuple[str, str], list[bytes]]:
    """What has not run yet fails with what we say here, so it must say which task that was."""
    named: dict[tuple[str, str], list[bytes]] = {}
    flat = wire.call(*fcall("task_where", ns, 0, *tasks))
    for task, body, label in zip(tasks, flat[2::5], flat[4::5], strict=True):
        named.setdefault(_known_as(body, label), []).append(task)
    return named


def _known_as(body: bytes, label: bytes) -> tuple[str, str]:
    """Its name and role; empty: it is over, or another version made its template."""
    try:
        template = specs.decode_template(body) if body else None
    except DecodeError:
        template = None
    if template is None:
        return "", ""
    name = failures.known_as(label.decode(errors="replace"), template.name)
    return name, template.role


def cancel_all(
    wire: Wire, job: bytes, *, force: bool, belongs: Callable[[bytes], bool] | None = None
) -> dict[str, int]:
    """The same for all tasks of a job that are not over: those first that nobody has.

    `belongs`: of those only of which it says so, such as those of a plan.
    """
    tasks = sorted(filter(belongs, _tasks(wire, job)), reverse=True)
    if len(tasks) <= MANY:
        return cancel(wire, job, tasks, force=force)
    ns = keys.job_namespace(job)
    failure = codes.FAILURE + failures.cancelled(Attempt(b"", "", 0, b""))
    spans = _around(tasks) if belongs is None else _of(tasks)
    drop(lambda name, *args: wire.call(*fcall(name, ns, *args)), failure, spans)
    told = cancel(wire, job, list(filter(belongs, _held(wire, job))), force=force)
    return {**told, "cancelled": len(tasks) - told["running"], "finished": 0}


def drop(call: Callable[..., int], failure: bytes, spans: Sequence[bytes]) -> None:
    """Nothing of these `spans` is handed out from now on; what no node has becomes `failure`.

    What they submitted, too.  `call`: applies a transition of the job.
    """
    for at in range(0, len(spans), _SHUT_AT_ONCE):
        call("task_shut", failure, *spans[at : at + _SHUT_AT_ONCE])
    while call("task_drop", _DROPPED_AT_ONCE):
        pass


def spans_of(process: ProcessID, numbers: Iterable[int]) -> list[bytes]:
    """The tasks with these numbers, as ``lua/task/_shut.lua`` takes them, the last ones first."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1 and number % codes.RANGE_TASKS:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return [_span(process, first, last) for first, last in reversed(spans)]


def _around(tasks: Iterable[bytes]) -> list[bytes]:
    """Spans with all tasks of the job that are not over, and with others, which are over."""
    blocks: dict[bytes, list[int]] = {}
    for task in tasks:
        blocks.setdefault(task[:-1], []).append(number_of(task))
    return [
        _span(ProcessID(name[:PROCESS_BYTES]), min(numbers), max(numbers))
        for name, numbers in blocks.items()
    ]


def _of(tasks: Iterable[bytes]) -> list[bytes]:
    """Spans with these tasks and no others."""
    numbers: dict[bytes, list[int]] = {}
    for task in tasks:
        numbers.setdefault(task[:PROCESS_BYTES], []).append(number_of(task))
    return [s for process, some in numbers.items() for s in spans_of(ProcessID(process), some)]


def _span(process: ProcessID, first: int, last: int) -> bytes:
    return task_id(process, first) + bytes([last % codes.RANGE_TASKS])


def kill_actor(wire: Wire, job: bytes, actor: bytes, name: str) -> bool:
    """End an actor for good.  False: it is over already."""
    ns = keys.job_namespace(job)

    def call(name: str, *args: Argument) -> Any:  # noqa: ANN401 - Redis' own reply
        return wire.call(*fcall(name, ns, *args))

    return bool(end_actor(call, actor, name, "it was killed from outside") != b"OVER")


def end_actor(
    call: Callable[..., Any], actor: bytes, name: str, cause: str, *, restart: bool = False
) -> Any:  # noqa: ANN401 - Redis' own reply
    """What ``actor_kill`` answers in the end.  `call`: applies a transition of its job."""
    state: Any = 1  # the incarnation that is to die: mostly there was no other
    while isinstance(state, int):
        who = Attempt(actor, name, state, b"")
        failure = codes.FAILURE + failures.actor_died(who, cause=cause)
        state = call("actor_kill", actor, int(restart), state, failure)
    return state


def _held(wire: Wire, job: bytes) -> Iterator[bytes]:
    ns = keys.job_namespace(job)
    for node in wire.call("HKEYS", keys.SERVED.name(ns)):
        yield from wire.call("HKEYS", keys.HELD.name(ns, node))


def _tasks(wire: Wire, job: bytes) -> Iterator[bytes]:
    ns = keys.job_namespace(job)
    yield from wire.call("HKEYS", keys.TASK.name(ns))
    flat = wire.call("HGETALL", keys.RANGE.name(ns))
    for name, row in zip(flat[::2], flat[1::2], strict=True):
        first, last = (int(part) for part in row.split(b",", 2)[:2])
        yield from (name + bytes([n]) for n in range(first, last + 1))
