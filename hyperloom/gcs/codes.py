"""The small constants that Lua and Python share; the Lua preamble is rendered from them.

A *value* of an object says by its first byte what it is: a digit begins an inline value
(`hyperloom.serialization`), ``S`` a location in shared memory.  A message
to a node begins with one of these letters, then come its fields; one to a process is pairs of
object id and value.
"""

from __future__ import annotations

from hyperloom import failures
from hyperloom.ids import cut

# Widths in bytes (`hyperloom.ids`).
JOB_ID = 4
NODE_ID = 8
TEMPLATE_ID = 8
FUNCTION_ID = 12
PROCESS_ID = 10
TASK_ID = 16
RANGE_ID = 15  # a range's tasks have ids that differ in their last byte only,
RANGE_TASKS = 256  # so there are so many at most
OBJECT_ID = 20

# Values.
SHARED = b"S"  # then node (8), size in bytes as decimal text; of what a task made: ",", template
FAILURE = b"4"  # an inline failure: why there is no value
# What a failure begins with whose task was cancelled, or took what one that was would have made.
WAS_CANCELLED = FAILURE + failures.beginning("cancelled")
LARGE = b"L"  # in a message: the value is too large to send along, ask for it
LOST = b"X"  # the object does not exist and nobody is making it

# Records.
LABELLED = b"L"  # what the call of a task with a label begins with: `hyperloom.specs`

# Lineage: whether a task can make again what was lost, or why not (``lua/lineage``).
REMAKE = b"R"
FROM_ACTOR = b"A"  # a method of an actor made it
NO_RETRIES = b"N"  # its task is never to run again
NO_TRIES = b"T"  # its task has used up its retries
WAS_PUT = b"P"
STREAMED = b"S"  # a generator yielded it
DROPPED = b"B"  # its record had to go: LINEAGE_BYTES
FORGOTTEN = b"F"  # nobody held it, and no record leant on it
TOO_DEEP = b"D"  # LINEAGE_DEPTH or LINEAGE_TASKS

LINEAGE_DEPTH = 100  # tasks, one after the other, that run again for one object
LINEAGE_TASKS = 2000  # that run again for one object in all
LINEAGE_BYTES = 64 << 20  # of records, and of small values held for them
LINEAGE_ROW = 100  # bytes that a record takes besides its own, about
LINEAGE_SLICE = 500  # records that end in one call

# What owns a job, by the first byte of what is said about it (``lua/owner/add.lua``).
VISITOR = b"V"  # then the node that the process lives on
DETACHED = b"D"  # then what it is, as JSON
RESIDENT = b"A"  # a detached actor; then its full name

# Messages to a node.
TASK = b"T"  # tasks served so far; then for each: entry (id and attempt), record, inputs
CANCEL = b"C"  # id, force
FREE = b"F"  # object id
JOB_OPENED = b"J"  # job, about
JOB_ENDED = b"E"  # job
ASK = b"?"  # where to answer, the question: `hyperloom.gcs.asking`
GROUPS = b"G"  # ask what to keep for placement groups (``lua/group/sync.lua``)
GO_ON = b"S"  # there is something left to do in slices: step
CALLS = b"M"  # actor, attempt, calls dealt to it so far; then as for TASK
ACTOR = b"A"  # actor, what shall become of it:
KILL = b"K"  # it is over: end its worker now
REST = b"R"  # it is over, since nobody holds it: end its worker in peace
PART = b"P"  # its program ends: so does its worker, in peace, and what it has not answered is lost
RESTART = b"A"  # end its worker; it goes on as its restarts allow

# Actors.
CALL = b"@"  # the queue of calls, which wait in lanes
ATTACHED = b"A"  # in `actor`: it lives as long as somebody holds it
DETACHED = b"D"
# What a call becomes of an actor that is over, when nobody kept what it died of.
ACTOR_OVER = FAILURE + failures.made(
    "died",
    failures.Attempt(b"", "", 0, b""),
    "the actor is dead, and nobody kept of what it died",
)
# What an actor becomes whose node is lost before it said what to say then.
ACTOR_LOST = FAILURE + failures.made(
    "died",
    failures.Attempt(b"", "", 0, b""),
    "the actor is dead: its node was lost while its constructor ran, and no restart was left",
)
PARKED = b"%d" % 2**40  # score of a lane whose first call lacks an input

# A message to a process whose object id begins with this is about a stream: task id, n.
CONSUMED = b"#"

FOR_EVER = b"%d" % 2**40  # so many items "consumed": the reader is gone, do not wait for it

RANGE = b"*"  # in `wait`: the row is a range's, under the id of its first task
NUMBER = b"#"  # the item of a mapped task that is a whole number, as decimal text
# Events of a job (`hyperloom.events`), and what `counts` counts.
OPENED = b"J"  # about, as JSON
DECLARED = b"T"  # template id, body
SUBMITTED = b"s"  # first and last task of those submitted together; the task that did it, if any
RAN = b"R"  # a node's attempts: `hyperloom.events`
TAKEN = b"H"  # node; tasks that wait there, with attempt and since when: `hyperloom.events`
CANCELLED = b"K"  # tasks that nobody held, each with its template; counted are all that were
NODE_LOST = b"L"  # node, tasks that it held and that are tried again
NODE_FAILED = b"M"  # node, tasks that it held and that are not, each with its template
TOO_LATE = b"X"  # node, tasks whose results it reported and did not hold any more
CALLS_LOST = b"C"  # size, ";", what they became; then each: call, template, 1 if it may have run
ACTOR_ENDED = b"A"  # actor, its template, what it became (nothing, if that is long)
PLANNED = b"P"  # plan (10), what is told of it: `hyperloom.plan.told`
ENDED = b"E"  # the counts: template id, what, 12 digits; and again
DONE = b"d"
FAILED = b"f"
AGAIN = b"r"
WAITING = b"w"  # that lack an input now
ITEMS = b"i"  # outputs that failed, of tasks that have several

FAILURE = b"4"  # first byte of a value that is a failure: `hyperloom.serialization.inline`
EVENT_BYTES = 100  # what an event takes besides its payload, about
EVENTS_MOST = 8 << 20  # bytes of a job's events
EVENTS_TRIM = 32  # events that go at a time
EVENTS_KEEP_S = 60  # so long after the job's end

CROWD = b"+"  # in `waiters`: the tasks are in a list of their own

# `refs`: see lua/ref/_count.lua.  2^40 is above any number of holders and exact in a double.
GONE = 2**40
NOBODY = b"%d" % -GONE

NOTIFY_MOST = 4096  # bytes of a value that are sent along with a notification
CALLS_TOLD = 1000  # calls lost with an actor that one event names
CLAIM_MOST = 1000  # tasks of one queue in one claim
CANCELLED_MOST = 1000  # entries of cancelled tasks that a claim clears from one queue
QUEUES_FIRST = 64  # queues that a claim looks at; if there is room left, at
QUEUES_MOST = 1024
CROWD_FROM = 65  # tasks that lack one object: so many are a crowd
RELEASE_AT_ONCE = 1000  # refs of tasks that are over that are let go of in one call; if more,
RELEASE_SLICE = 250  # so many in a call
WAKE_MOST = 500  # tasks of a crowd that are woken in one call
REDIRECTS_MOST = 1000  # times that a task may name another in its place: task/redirect.lua
GROUP_AGAIN_MS = 500  # a placement group is tried so often; a node that says nothing waited for
GROUP_PATIENT_MS = 1000  # it waits so long before it takes what tasks have that end some time,
GROUP_HOLD_MS = 2000  # and first for so long until they have ended
ROOMS_LOOKED = 20_000  # in search of places for a group: lua/group/_search.lua
DEATHS_MOST = 3  # workers that a task may kill, unless it asks for more retries: task/retry.lua


def stored_bytes(kept: bytes) -> int:
    """How large a value is that lies in shared memory."""
    return int(kept[1 + NODE_ID :].partition(b",")[0])


def stored_by(kept: bytes) -> bytes:
    """The template of the task that made it; empty if it was put."""
    return kept[1 + NODE_ID :].partition(b",")[2]


def lacked(told: bytes) -> tuple[list[bytes], str]:
    """What ``task_where`` says that a task lacks; and what it becomes by an input, or nothing."""
    ended = {FAILED: "FAILED", CANCELLED: "CANCELLED"}.get(told[-1:] * (len(told) % OBJECT_ID), "")
    return cut(told[: len(told) // OBJECT_ID * OBJECT_ID], OBJECT_ID), ended


def lua_constants() -> dict[str, int | bytes]:
    """What the preamble shows to Lua as ``code.<NAME>``."""
    return {name: value for name, value in globals().items() if name.isupper()}
