"""What a task is, on the wire: a template that many tasks share, and a record of each.

The rule: what tasks have in common is said once.  A `Template` (function, options) is
declared to the control plane under the hash of its bytes; a record is little more than that
hash and the arguments, so that a waiting no-op costs less than a hundred bytes of server
memory.

A record::

    template id             8
    number of inputs        3   big endian
    number of other refs    3   big endian
    inputs' object ids     20 each, all different: the task waits for them, gets their values
    other refs' ids        20 each: refs inside the arguments; held as long as the task is
    call                        the arguments, inline (`hyperloom.serialization`), or `IN_STORE`;
                                before them the task's label, if it has one (`LABELLED`), and a
                                `Keep`, if the template says so

The Lua library reads the first four; the call is the worker's business alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, msgpack

from hyperloom.ids import (
    FUNCTION_BYTES,
    OBJECT_BYTES,
    TASK_BYTES,
    TEMPLATE_BYTES,
    FunctionID,
    TaskID,
    TemplateID,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

# The call lies in shared memory, as the object that is the record's last input.
IN_STORE = b"A"
# The call of one of many tasks that differ in their first argument, the item: this mark, the
# size of what they share (4, big endian), that as a call with the item left out (or nothing: the
# item is the only argument), then the item: a value, or NUMBER and a whole number as text.
MAPPED = b"M"
# What a call begins with whose task has a label: this mark, its size (4, big endian), the label.
# A raylet reads it, too, so it cannot be mistaken for a `Keep`, which begins with its own size.
LABELLED = b"L"

_COUNTS = TEMPLATE_BYTES
_REFS = TEMPLATE_BYTES + 6
NO_REFS = bytes(6)
MOST_REFS = 2**24 - 1
_KEEP_SIZE = 2  # bytes of its length: paths have 4,096 at most

CALL_QUEUE = "@"  # `hyperloom.gcs.codes.CALL`
Role = Literal["", "actor", "call"]

STREAMING = -1  # `Template.returns` of a task that yields its results one by one


class Template(Struct, frozen=True, array_like=True):
    """What all calls of a function with the same options share.  Fields are added at the end."""

    function: FunctionID
    name: str
    returns: int  # number of results; STREAMING for a generator's items
    retries: int  # after the first attempt; -1 without end
    priority: int  # more is sooner
    shape: str  # what it asks for: a `ResourceSet` in its canonical text
    timeout_s: float | None = None
    max_calls: int = 0  # worker ends after so many calls; 0: never
    retry_exceptions: bool | bytes = False  # bytes: the pickled exception classes
    ahead: int = 0  # items that a stream may be ahead of its reader; 0: no limit
    chunk: int = 0  # not 0: the one argument is a list of so many items, one result for each
    captures: bool = False  # refs in the function's closure; each of its tasks holds them
    takes_data: bool = False  # inputs arrive as data objects, and the result leaves as one
    keeps: bool = False  # each call begins with a `Keep`
    light: bool = False  # one of ours: a raylet may run it itself
    role: Role = ""  # a plain task; an actor, which its constructor begins; a call of one
    concurrency: int = 1  # of an actor: calls that it may run at the same time
    about: bytes = b""  # of an actor: its terms (`hyperloom.core.actors.terms`)
    method: str = ""  # of a call
    group: str = ""  # of a call: the concurrency group in which it runs

    wish: str = ""  # where it would rather run: spread, pack, a node, labels
    captures_children: bool = False  # what its tasks make runs in their placement group, too
    gives_value: bool = False  # of one that takes data: the result leaves as it is
    plan: bytes = b""  # of a large plan, whose tasks it alone has: so its counts are that plan's

    @property
    def outputs(self) -> int:
        """Objects that exist as soon as the task is accepted (a stream has its end)."""
        return 1 if self.returns == STREAMING else self.returns

    @property
    def queue(self) -> str:
        """The ready queue of such tasks; calls have lanes instead (``lua/actor/_lanes.lua``)."""
        if self.role == "call":
            return CALL_QUEUE
        wish = f"|{self.wish}" if self.wish else ""
        return f"{self.priority}|{self.shape}{wish}"


class Keep(Struct, frozen=True, array_like=True):
    """In which files the results of one task are kept; see `hyperloom.checkpoints`."""

    key: bytes  # of what makes the results; empty: nobody can tell
    checkpoint: str = ""  # path of its own file
    cache: str = ""  # folder
    cache_bytes: int = 0


_decoder = msgpack.Decoder(Template)
_keep_decoder = msgpack.Decoder(Keep)


def encode_template(template: Template) -> bytes:
    """The template's body.  It begins with the function's id, in its own 12 bytes, for Lua."""
    return template.function + msgpack.encode(template)


def decode_template(body: bytes) -> Template:
    """The template again."""
    return _decoder.decode(body[FUNCTION_BYTES:])


def record(
    template: TemplateID, inputs: Sequence[bytes], others: Sequence[bytes], call: bytes
) -> bytes:
    """A task's record; `inputs` differ from each other."""
    if not inputs and not others:
        return template + NO_REFS + call
    counts = len(inputs).to_bytes(3, "big") + len(others).to_bytes(3, "big")
    return b"".join((template, counts, *inputs, *others, call))


def encode_keep(keep: Keep) -> bytes:
    """What stands before the call of a task whose template `keeps`."""
    encoded = msgpack.encode(keep)
    assert len(encoded) < LABELLED[0] << 8, "a path has 4,096 bytes at most"
    return len(encoded).to_bytes(_KEEP_SIZE, "big") + encoded


def split_keep(call: bytes) -> tuple[Keep, bytes]:
    """The `Keep` and the call proper."""
    start = _KEEP_SIZE + int.from_bytes(call[:_KEEP_SIZE], "big")
    return _keep_decoder.decode(call[_KEEP_SIZE:start]), call[start:]


def encode_label(label: str) -> bytes:
    """What stands before the call, and its `Keep`, of a task with a label."""
    encoded = label.encode(errors="surrogatepass")
    return LABELLED + len(encoded).to_bytes(4, "big") + encoded


def split_label(call: bytes) -> tuple[str | None, bytes]:
    """The label, if there is one, and the rest."""
    if call[:1] != LABELLED:
        return None, call
    start = 5 + int.from_bytes(call[1:5], "big")
    return call[5:start].decode(errors="surrogatepass"), call[start:]


def template_of(data: bytes) -> TemplateID:
    """Which template the record's task has."""
    return TemplateID(data[:TEMPLATE_BYTES])


def refs_of(data: bytes) -> bytes:
    """All object ids that the record holds, concatenated: inputs first."""
    if data[_COUNTS:_REFS] == NO_REFS:
        return b""
    return data[_REFS : call_start(data)]


def heading_of(data: bytes) -> bytes:
    """What the control plane is told of the record when its task is over: template and refs."""
    if data[_COUNTS:_REFS] == NO_REFS:
        return data[:TEMPLATE_BYTES]
    return data[:TEMPLATE_BYTES] + data[_REFS : call_start(data)]


def inputs_of(data: bytes) -> list[bytes]:
    """The object ids that the task waits for."""
    number = int.from_bytes(data[_COUNTS : _COUNTS + 3], "big")
    return [
        data[at : at + OBJECT_BYTES]
        for at in range(_REFS, _REFS + number * OBJECT_BYTES, OBJECT_BYTES)
    ]


def others_of(data: bytes) -> bytes:
    """The object ids of the refs inside the arguments, concatenated."""
    number = int.from_bytes(data[_COUNTS : _COUNTS + 3], "big")
    return data[_REFS + number * OBJECT_BYTES : call_start(data)]


def actor_of(data: bytes) -> TaskID:
    """The actor of a call's record: named by its first ref that is no input."""
    number = int.from_bytes(data[_COUNTS : _COUNTS + 3], "big")
    at = _REFS + number * OBJECT_BYTES
    return TaskID(data[at : at + TASK_BYTES])


def call_start(data: bytes) -> int:
    """Where in the record the call begins."""
    if data[_COUNTS:_REFS] == NO_REFS:
        return _REFS
    number = int.from_bytes(data[_COUNTS : _COUNTS + 3], "big")
    number += int.from_bytes(data[_COUNTS + 3 : _REFS], "big")
    return _REFS + number * OBJECT_BYTES


def label_of(data: bytes) -> str | None:
    """The label of the record's task, if it has one."""
    start = call_start(data)
    return split_label(data[start:])[0] if data.startswith(LABELLED, start) else None


def mapped(shared: bytes) -> bytes:
    """What the calls of a map begin with; the item follows."""
    return MAPPED + len(shared).to_bytes(4, "big") + shared


def split_mapped(call: bytes) -> tuple[bytes, bytes]:
    """What the tasks of a map share, and the item of this one."""
    item = 5 + int.from_bytes(call[1:5], "big")
    return call[5:item], call[item:]


def split_entry(entry: bytes) -> tuple[TaskID, int]:
    """Task id and attempt of a queue entry (the first attempt is not written)."""
    attempt = entry[TASK_BYTES:]
    return TaskID(entry[:TASK_BYTES]), int(attempt) if attempt else 1


def join_entry(task: bytes, attempt: int) -> bytes:
    """The other way round."""
    return task if attempt == 1 else task + b"%d" % attempt


def plain_entry(entry: bytes) -> bytes:
    """The same without the number of a first attempt, which says that a task was moved."""
    return entry[:TASK_BYTES] if entry[TASK_BYTES:] == b"1" else entry


def split_values(data: bytes) -> list[bytes]:
    """The values of a claimed task's inputs: each is ``<length>:<bytes>``."""
    values = []
    at = 0
    while at < len(data):
        colon = data.index(b":", at)
        at = colon + 1 + int(data[at:colon])
        values.append(data[colon + 1 : at])
    return values
