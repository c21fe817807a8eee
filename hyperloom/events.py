"""What happened in a job, as its events say it: for people, and nothing depends on it.

A job's events are one capped stream in the control plane.  An entry is a kind and a payload::

    J  opened     about, as JSON
    T  declared   template id (8), body
    s  submitted  first and last task of those said together (16 each), the task that did it
    R  ran        a node's attempts: `Ran`
    H  taken      a node (8), tasks that it has and that wait there: a row of `TAKEN` each
    K  cancelled  tasks that nobody held (16 each), each with its template (8)
    L  requeued   a node that was lost (8), tasks that it held and that are tried again
    M  lost       a node that was lost (8), tasks that it held and that are not, each with its
                  template (8)
    X  too late   a node (8), tasks whose results it reported and did not hold any more
    C  calls      the size of a failure, ";", that failure if it is short; calls that were lost with
                  their actor (16 each, perhaps not all), each with its template (8), and "1" if it
                  may have run
    A  dead       an actor (16), its template (8), the failure that it became, if that is short
    P  planned    a plan (10), what it is and which tasks are its: `hyperloom.plan.told`; said again
                  when parts of it are run again
    E  ended      the job's counts: template id (8), what (1), number (12 digits), and again

All but ``R`` and ``H`` are written by the transitions themselves, so they are as true as these.
``R`` is what a node tells of its attempts a moment later, many at a time: a `Run` for each report
of a worker, made by that worker, passed on unread.  What had to be fetched from other nodes before
an attempt could begin is told with them, a `FETCH` each; and which have run for a while already, a
`BEGUN` each, so that something is known of them if their node is lost.  An attempt may be missing
(its raylet was killed; the stream was full and nobody read it); what is counted (`keys.COUNTS`)
never is.  ``H`` tells when a node took what has waited there for a second: what began sooner was
taken then.

Times are seconds since 1970: of an entry by the server's clock, of an attempt by its node's.
"""

from __future__ import annotations

import re
from array import array
from enum import IntEnum
from struct import Struct as Layout
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Raw, Struct, msgpack

from hyperloom import failures
from hyperloom.gcs import codes
from hyperloom.ids import NODE_BYTES, TASK_BYTES, TEMPLATE_BYTES, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

# One attempt by itself: task, template, attempt, how it ended, when it began, how long it took,
# bytes of its outputs
ROW = Layout("<16s8sHBdfQ")
# task, template, attempt, since when it waited for inputs from elsewhere, how long, their bytes
FETCH = Layout("<16s8sHdfQ")
# task, template, attempt, process, when it began
BEGUN = Layout("<16s8sHId")
# task, attempt, when a node took it
TAKEN = Layout("<16sHd")
ATTEMPTS_SHOWN = 0xFFFF  # more are shown as so many

INPUTS_MOST = 8  # of a task are told; more would say little and cost much
_TEXT_MOST = 200  # characters of an error, and of its place, that are kept in an event
_TRACEBACK_MOST = 16_000  # of one that is told whole
_PLACE = re.compile(r'File "(?P<file>[^"\n]*)", line (?P<line>\d+)(?:, in (?P<function>.*))?')


class Ended(IntEnum):
    """How an attempt ended."""

    DONE = 0
    FAILED = 1  # for good; the error says why
    RETRIED = 2  # it came to nothing, and the task is tried again
    PASSED_ON = 3  # an input had failed, so this did: its function was not called
    REDIRECTED = 4  # it named another task in its place, and that is to run


class Error(NamedTuple):
    """Why an attempt has no value: a category of `hyperloom.failures`, and the first line."""

    category: str
    text: str
    place: str = ""  # where it was raised: file, line and function
    traceback: str = ""  # of a few of those at one place; see `hyperloom.core.attempts.Tracebacks`
    origin: str = ""  # the task (in hex) whose failure it was first, if it was another's
    name: str = ""  # of the task that failed first: its label, or its function's name

    @property
    def is_cancelled(self) -> bool:
        """Nobody wanted the task any more, or what it takes: that is no failure."""
        return self.category == "cancelled"

    @property
    def kind(self) -> str:
        """The class of what was raised; for what was not, the category."""
        return self.text.partition(":")[0] if self.category == "app" else self.category


class Run(Struct, frozen=True, array_like=True):
    """Attempts of one worker, in the order in which they ended: a column for each thing to say.

    For a worker this is cheaper to make than rows, and it is smaller.  Numbers are little endian.
    """

    pid: int
    epoch: float  # to be added to when they began
    tasks: bytes  # 16 each
    templates: bytes  # 8 each; or 8, if all have one
    began: bytes  # a double each
    seconds: bytes  # how long each took, a float
    sizes: list[int]  # bytes of the outputs of each
    ended: bytes = b""  # `Ended` of each; empty: all are done
    attempts: bytes = b""  # the number of each, a short; empty: all were the first
    errors: dict[int, tuple[str, ...]] = {}  # number of the attempt here -> what `Error` has
    inputs: dict[int, bytes] = {}  # number here -> tasks that made its inputs, joined

    def __len__(self) -> int:
        """How many there are."""
        return len(self.tasks) // TASK_BYTES

    def each_template(self) -> bytes:
        """Of each of them, joined."""
        return self.templates * (len(self) if len(self.templates) == TEMPLATE_BYTES else 1)

    def templates_of(self, wanted: set[bytes]) -> dict[bytes, bytes]:
        """Of those of these tasks that are here."""
        each = cut(self.tasks, TASK_BYTES)
        here = wanted.intersection(each)
        if not here or len(self.templates) == TEMPLATE_BYTES:
            return dict.fromkeys(here, self.templates)
        pairs = zip(each, cut(self.templates, TEMPLATE_BYTES), strict=True)
        return {task: template for task, template in pairs if task in here}

    def ends_of(self, wanted: set[bytes]) -> Iterator[tuple[bytes, int]]:
        """How those of these tasks ended that are here, each attempt, in order."""
        each = cut(self.tasks, TASK_BYTES)
        if wanted.isdisjoint(each):
            return iter(())
        pairs = zip(each, self.each_ended(), strict=True)
        return ((task, ended) for task, ended in pairs if task in wanted)

    def each_ended(self) -> bytes:
        """How, of each of them."""
        return self.ended or bytes(len(self))

    def ends(self) -> Iterator[tuple[bytes, int, int]]:
        """Task, number of the attempt and how it ended, of each: for who looks at very many."""
        attempts = array("H", self.attempts) if self.attempts else array("H", [1]) * len(self)
        return zip(cut(self.tasks, TASK_BYTES), attempts, self.each_ended(), strict=True)


class Ran(Struct, frozen=True, array_like=True):
    """The payload of ``R``.  Fields are added at the end."""

    node: bytes
    runs: list[Run]
    fetches: bytes = b""  # a `FETCH` each
    begun: bytes = b""  # a `BEGUN` each


class Fetch(NamedTuple):
    """Inputs of an attempt that were on other nodes.

    What several wait for is fetched once, and its bytes are those of who asked first.
    """

    task: bytes
    template: bytes
    attempt: int
    begun: float
    seconds: float
    bytes: int


class Begun(NamedTuple):
    """An attempt that has not ended."""

    task: bytes
    template: bytes
    attempt: int
    pid: int
    at: float


class Taken(NamedTuple):
    """An attempt that a node has, and that has waited there for a while."""

    task: bytes
    attempt: int
    at: float


class Attempt(NamedTuple):
    """One of a `Run`."""

    task: bytes
    template: bytes
    attempt: int
    ended: Ended
    begun: float
    seconds: float
    output_bytes: int
    node: bytes
    pid: int
    error: Error | None
    inputs: list[bytes]  # tasks that made its inputs, the first few


_SHORT, _FLOAT, _DOUBLE = Layout("<H"), Layout("<f"), Layout("<d")
_ran = msgpack.Decoder(Ran)
encode = msgpack.encode


def told(node: bytes, runs: list[bytes], fetches: bytes = b"", begun: bytes = b"") -> bytes:
    """An ``R`` of a node; its runs are encoded already."""
    return encode((node, [Raw(run) for run in runs], fetches, begun))


def ran(payload: bytes) -> Ran:
    """An ``R``, its runs as they are: for who takes very many."""
    return _ran.decode(payload)


def run_of(
    pid: int,
    rows: bytes,
    errors: dict[int, tuple[str, ...]] | None = None,
    inputs: dict[int, bytes] | None = None,
) -> Run:
    """Attempts that are a `ROW` each."""
    columns = zip(*ROW.iter_unpack(rows), strict=True) if rows else [()] * 7
    tasks, templates, attempts, ended, began, seconds, sizes = columns
    return Run(
        pid, 0.0, b"".join(tasks), b"".join(templates), array("d", began).tobytes(),
        array("f", seconds).tobytes(), list(sizes), bytes(ended), array("H", attempts).tobytes(),
        errors or {}, inputs or {},
    )  # fmt: skip


def fetches(payload: bytes) -> Iterator[Fetch]:
    """What an ``R`` tells of inputs that were fetched."""
    return (Fetch(*row) for row in FETCH.iter_unpack(ran(payload).fetches))


def begun(payload: bytes) -> Iterator[Begun]:
    """What an ``R`` tells of attempts that have run for a while."""
    return (Begun(*row) for row in BEGUN.iter_unpack(ran(payload).begun))


def attempts(payload: bytes) -> Iterator[Attempt]:
    """The attempts of an ``R``."""
    told = ran(payload)
    return (attempt(told.node, run, at) for run in told.runs for at in range(len(run)))


def attempt(node: bytes, run: Run, number: int) -> Attempt:
    """One of those of a worker on a node."""
    task, template = number * TASK_BYTES, number * TEMPLATE_BYTES
    template = 0 if len(run.templates) == TEMPLATE_BYTES else template
    error = run.errors.get(number)
    return Attempt(
        run.tasks[task : task + TASK_BYTES],
        run.templates[template : template + TEMPLATE_BYTES],
        _SHORT.unpack_from(run.attempts, number * _SHORT.size)[0] if run.attempts else 1,
        Ended(run.ended[number]) if run.ended else Ended.DONE,
        _DOUBLE.unpack_from(run.began, number * _DOUBLE.size)[0] + run.epoch,
        _FLOAT.unpack_from(run.seconds, number * _FLOAT.size)[0],
        run.sizes[number],
        node,
        run.pid,
        Error(*error) if error else None,
        cut(run.inputs.get(number, b""), TASK_BYTES),
    )


def error_of(category: str, text: str, traceback: str = "", name: str = "") -> Error:
    """As much of a failure as an event keeps."""
    first = text.strip().partition("\n")[0][:_TEXT_MOST]
    return Error(category, first, place_in(traceback), name=name[:_TEXT_MOST])


def shortened(traceback: str) -> str:
    """One that is told whole; of a very long one the middle is left out."""
    if len(traceback) <= _TRACEBACK_MOST:
        return traceback
    end = _TRACEBACK_MOST // 2
    left_out = len(traceback) - 2 * end
    return f"{traceback[:end]}\n  … ({left_out:,} characters)\n{traceback[-end:]}"


def place_in(traceback: str) -> str:
    """The last place in a printed traceback: ``file:line in function``."""
    found = _PLACE.search(traceback, max(0, traceback.rfind('File "')))
    if found is None:
        return ""
    file, line, function = found.groups()
    where = f":{line} in {function}" if function else f":{line}"
    return f"{file[len(where) - _TEXT_MOST :]}{where}"


class Submitted(NamedTuple):
    """The payload of ``s``: tasks of one process, by number, about; others may lie between."""

    first: bytes
    last: bytes
    parent: bytes  # the task that submitted them; empty: the driver did


def submitted(payload: bytes) -> Submitted:
    """Take it apart."""
    one, other = payload[:TASK_BYTES], payload[TASK_BYTES : 2 * TASK_BYTES]
    return Submitted(min(one, other), max(one, other), payload[2 * TASK_BYTES :])


def taken(payload: bytes) -> tuple[bytes, list[Taken]]:
    """The payload of ``H``: a node and what it took."""
    return payload[:NODE_BYTES], [Taken(*row) for row in TAKEN.iter_unpack(payload[NODE_BYTES:])]


def of_node(payload: bytes) -> tuple[bytes, list[bytes]]:
    """The payload of ``L`` and ``X``: a node and tasks."""
    return payload[:NODE_BYTES], cut(payload[NODE_BYTES:], TASK_BYTES)


def failed_with_node(payload: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The payload of ``M``: a node; tasks, and their templates."""
    return payload[:NODE_BYTES], cancelled(payload[NODE_BYTES:])


def cancelled(payload: bytes) -> dict[bytes, bytes]:
    """The payload of ``K``: tasks, and their templates."""
    rows = cut(payload, TASK_BYTES + TEMPLATE_BYTES)
    return {row[:TASK_BYTES]: row[TASK_BYTES:] for row in rows}


class CallsLost(NamedTuple):
    """The payload of ``C``."""

    error: Error
    templates: dict[bytes, bytes]  # of each call
    may_have_run: frozenset[bytes]


def calls_lost(payload: bytes) -> CallsLost:
    """Take it apart."""
    size, _, rest = payload.partition(b";")
    rows = cut(rest[int(size) :], TASK_BYTES + TEMPLATE_BYTES + 1)
    return CallsLost(
        _died_of(rest[: int(size)]),
        {row[:TASK_BYTES]: row[TASK_BYTES:-1] for row in rows},
        frozenset(row[:TASK_BYTES] for row in rows if row[-1:] == b"1"),
    )


class ActorEnded(NamedTuple):
    """The payload of ``A``."""

    actor: bytes
    template: bytes
    error: Error
    in_peace: bool  # nobody had a handle any more: it is done, and has not failed


def actor_ended(payload: bytes) -> ActorEnded:
    """Take it apart."""
    at = TASK_BYTES + TEMPLATE_BYTES
    actor, template, became = payload[:TASK_BYTES], payload[TASK_BYTES:at], payload[at:]
    return ActorEnded(actor, template, _died_of(became), became == codes.LOST)


def _died_of(value: bytes) -> Error:
    if value[:1] == codes.FAILURE:
        failure = failures.decode(value[1:])
        return error_of(failure.category, failure.text, failure.traceback, failure.name)
    why = "nobody had a handle any more" if value == codes.LOST else "it said too much of why"
    return Error("died", why)
