"""Every Redis key HyperLoom uses, written once.

Three readers share this table: Python calls :meth:`Key.name`, the Lua preamble gets a
function ``key.<table>(ns, ...)`` of the same shape, and ``docs/protocols/redis-keys.md``
lists it.

There are two kinds of namespace.  A job's is ``{loom:<job in hex>}``, the cluster's is
``{loom}``; the braces make each one a hash tag, so that all its keys share one slot of a
Redis Cluster and a function may reach any of them.  No function touches two namespaces.

A job's tables are few and large, one hash for all tasks and not one key for each: a batch
then costs one call, an entry a third of a key's memory, and the end of a job one UNLINK.
Ids in keys and fields are raw bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

CLUSTER = "{loom}"


def job_namespace(job: bytes) -> str:
    """The namespace of a job's tables."""
    return "{loom:" + job.hex() + "}"


@dataclass(frozen=True, slots=True)
class Key:
    """A family of keys: its name, what it is keyed by, its type, what it holds."""

    table: str
    by: tuple[str, ...]
    type: str
    holds: str
    scope: str = "job"

    def name(self, ns: str, *ids: bytes) -> bytes:
        """The key itself, e.g. ``{loom:0a1b2c3d}:held:<node>``."""
        if len(ids) != len(self.by):
            msg = f"key {self.table!r} is keyed by {self.by}, got {len(ids)} ids"
            raise TypeError(msg)
        return b":".join((ns.encode(), self.table.encode(), *ids))


# -- what is to be done ---------------------------------------------------------------------
TASK = Key("task", (), "hash", "task id -> record, from submission until it is over")
RANGE = Key("range", (), "hash", "first 15 bytes of task ids -> those of them nobody took yet")
SHUT = Key("shut", (), "set", "cancelled tasks, as ids or their first 15 bytes: task/_shut.lua")
DROPPING = Key("dropping", (), "list", "spans of tasks that are shut, what they become behind them")
WAIT = Key("wait", (), "hash", "task id -> template, inputs it lacks, then: task/_await.lua")
WAITERS = Key("waiters", (), "hash", "object id -> ids of the tasks that lack it; + for a crowd")
CROWD = Key("crowd", ("oid",), "list", "the tasks that lack an object, when they are many")
WAKING = Key("waking", (), "list", "objects that exist and whose crowd is being woken")
READY = Key("ready", ("queue",), "list", "tasks and ranges to take from; attempt added from 2 on")
QUEUES = Key("queues", (), "sorted set", "queues that may hold something, in serving order")
TURN = Key("turn", (), "integer", "counts servings, for fairness among queues")
TRIES = Key("tries", (), "hash", "task id -> attempts that came to nothing")
DEATHS = Key("deaths", (), "hash", "task id -> workers that died of it")
REDIRECTS = Key("redirects", (), "hash", "task id -> how often another was put in its place")
CHILDREN = Key("children", (), "hash", "task id -> ids of the tasks that it submitted")
STREAM = Key("stream", (), "hash", "task id -> process that makes its items, number consumed")
YIELDED = Key("yielded", (), "hash", "task id -> how many items it has made")
TERMS = Key("terms", (), "hash", "template id -> number of returns, retries, queue")
TEMPLATE = Key("template", (), "hash", "template id -> what its tasks have in common")
SOURCE = Key("source", (), "hash", "function id -> the pickled function")

# -- who does it ----------------------------------------------------------------------------
HELD = Key("held", ("node",), "hash", "task id -> attempt: what a node has claimed")
IDLE = Key("idle", (), "hash", "node -> its standing claim")
SERVED = Key("served", (), "hash", "node -> tasks put into its inbox so far")
INBOX = Key("inbox", ("who",), "channel", "messages for a node or a process; nothing is kept")

# -- actors -----------------------------------------------------------------------------------
ACTOR = Key("actor", (), "hash", "actor -> whether it is detached, and its full name; until over")
NAME = Key("name", (), "hash", "full name -> actor")
SAVED = Key("saved", (), "hash", "actor -> its state when it was last saved")
CEDED = Key("ceded", (), "hash", "full name -> the claims up to which another job has it")
HOST = Key("host", (), "hash", "actor that takes calls -> node, attempt, granted, dealt")
UNAVAILABLE = Key("unavailable", (), "hash", "actor -> what its calls become, should its node die")
BEREFT = Key("bereft", (), "hash", "actor -> what it becomes, should its node die for good")
UNORDERED = Key(
    "unordered", (), "set", "actors of which a call may wait without its caller's others"
)
LANES = Key("lanes", ("actor",), "sorted set", "its lanes, in serving order")
LANE = Key("lane", ("lane",), "list", "calls of one process for one actor that wait; or one alone")

# -- what came of it ------------------------------------------------------------------------
OBJECT = Key("object", (), "hash", "object id -> value, or where it lies")
COPIES = Key("copies", (), "hash", "object id -> nodes with a copy, beside the one of its value")
REFS = Key("refs", (), "hash", "object id -> holders besides its maker; negative without it")
HOLDS = Key("holds", ("process",), "set", "objects that a process holds and did not make")
RELEASING = Key("releasing", (), "list", "ids of objects that tasks held which are over, in slices")
CONTAINS = Key("contains", (), "hash", "object id -> object ids inside its value")
LINEAGE = Key("lineage", (), "hash", "task id -> how it makes again what lies in stores alone")
LINEAGE_ORDER = Key("lineage_order", (), "list", "the tasks of `lineage`, the oldest first, about")
LINEAGE_OVER = Key("lineage_over", (), "list", "tasks of `lineage` that nothing needs any more")
LINEAGE_BYTES = Key("lineage_bytes", (), "integer", "what `lineage` takes and holds")
LEANS = Key("leans", (), "hash", "task id -> rows of `lineage` that need it to be made again")
REMADE = Key("remade", (), "hash", "tasks that make again what was lost")
WATCH = Key("watch", (), "hash", "object id -> processes to tell, besides its maker")
HEARD = Key("heard", (), "hash", "process -> its last call applied, number made, their width")
HOMES = Key("homes", (), "hash", "worker process -> the node that it lives on")
METRICS = Key("metrics", (), "hash", "what a program measures, by name as JSON -> value")
COUNTS = Key("counts", (), "hash", "template id, and what -> how many of its tasks")
EVENTS = Key("events", (), "stream", "what happened, the latest; outlives the job for a moment")
NOTED = Key("noted", (), "integer", "bytes of `events`, about")
OWNERS = Key("owners", (), "hash", "what keeps the job besides its driver -> what it is")
PLANS = Key("plans", (), "hash", "process, plan of which it has the handle -> what it is")
RECORD = Key("record", ("owner",), "string", "how to take up a plan, detached or of `plans`")
STOPS = Key("stops", (), "hash", "process whose tasks stop at a failure -> what they become")
STOPPED = Key("stopped", (), "hash", "process whose tasks were stopped -> the first failure")
RESTING = Key(
    "resting", (), "string", "the program ended in order, and the job is about to be over"
)
DESERTED = Key("deserted", (), "string", "driver of whom the job is rid, and why: job/close.lua")
CLOSED = Key("closed", (), "string", "the job is over, and why if somebody may ask; expires")

# -- the cluster ----------------------------------------------------------------------------
NODES = Key("nodes", (), "hash", "node -> what it is and has, as JSON", "cluster")
LEASES = Key("leases", (), "sorted set", "node -> alive until (ms, server's clock)", "cluster")
JOBS = Key("jobs", (), "hash", "job -> who and where its driver is, as JSON", "cluster")
ORPHANS = Key("orphans", (), "hash", "job -> its driver's node, since when it is gone", "cluster")
GROUPS = Key("groups", (), "hash", "placement group -> lua/group/_books.lua", "cluster")
ROOM = Key("room", (), "hash", "node -> what it has for groups, while one waits", "cluster")
NAMES = Key("names", (), "hash", "full name -> job, claim; '' -> claims so far", "cluster")
ABOUT = Key("about", (), "hash", "library version, durability, generation", "cluster")

KEYS = tuple(each for each in tuple(globals().values()) if isinstance(each, Key))
"""All of them, as they are written above."""

OUTLIVE = (EVENTS, NOTED, CLOSED)
"""Tables of a job that expire after its end, by themselves."""
