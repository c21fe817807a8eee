"""Why a task is not over: one decision, made from facts that somebody else has gathered.

`decide` is asked by `loom why`, by the `GetTimeout` of a `get` and by a `get` that waits for long.
The rule: a reason says what is, in words that continue "task f …", and what to do about it; when
nothing is to be done it says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hyperloom.resources import NOTHING, ResourceSet, at_node
from hyperloom.why.actors import AtActor, Rests, at_actor, rests
from hyperloom.why.reason import LONG_S, Reason, Why, spoken
from hyperloom.why.streams import Paused, paused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.why.nodes import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to know of a task; what was not asked for stays as it is here."""

    state: str  # a `TaskState`, UNKNOWN, or DONE, FAILED, CANCELLED where a record of that is left
    lacks: Sequence[str] = ()  # names of inputs that are not there yet, perhaps not all
    missing: int = 0  # how many; of a call that is ready, 1: its actor
    lost: Sequence[str] = ()  # those of them that nobody makes
    becomes: str = ""  # FAILED or CANCELLED, of what is ready, since the input of `lacks` is that
    asked: ResourceSet = NOTHING
    priority: int = 0
    position: int | None = None  # in its queue, from 0 on
    waiting: int = 0  # tasks in that queue
    nodes: Sequence[Node] = ()
    group_state: str = ""  # of what runs in a placement group, and waits: how that stands,
    group_fits: bool = True  # and whether the nodes could keep it if they were idle
    actor: str = ""  # of a call that waits: its actor, or "its actor" where that was not asked
    stands: AtActor | Rests | None = None  # of a call, or an actor, as its node tells it
    holder: str = ""  # the node that has it
    # There: "running", "blocked", "behind" a task, "seat", "fetching" inputs.
    at_node: str = ""
    pid: int = 0
    seconds: float = 0.0  # since its worker's last progress
    attempt: int = 1
    error: str = ""  # of the attempt before this one, or the last; of what an actor died
    origin: str = ""  # of what failed with an input: the name of the task that failed first
    calls: int | None = None  # of an actor that is open: those that it has not answered
    paused_calls: Sequence[str] = ()  # of those calls: streams as far ahead as they may be
    paused: Paused | None = None  # of what makes a stream, and is as far ahead as it may be


def decide(facts: Facts) -> Reason:
    """The first thing that keeps the task from being over."""
    if isinstance(facts.stands, AtActor):
        if facts.paused and facts.stands.runs:
            where = f"at its actor in worker {facts.stands.pid}"
            return paused(facts.paused, where, facts.stands.seconds)
        return at_actor(facts.stands, facts.holder)
    if facts.stands is not None:
        return rests(facts.stands, facts.holder)
    if facts.actor and facts.state == "READY":
        return _awaits_actor(facts)
    plain = _PLAIN.get(facts.state)
    return plain if plain is not None else _OF_STATE[facts.state](facts)


def _unknown(_: Facts) -> Reason:
    return Reason(
        Why.UNKNOWN,
        "is not known to the control plane",
        "it was never accepted, or its job is over, or all that was known of it was let go: loom "
        "ls jobs shows the jobs that there are",
    )


def _failed(facts: Facts) -> Reason:
    error = facts.error or "no reason is known"
    if facts.origin:
        says = f"failed, since what it takes comes from {facts.origin}, which failed: {error}"
        return Reason(Why.FAILED, says, f"loom show {facts.origin} tells how that failed")
    advice = "loom show tells its attempts, with a traceback; loom logs what it printed"
    return Reason(Why.FAILED, f"failed: {error}", advice)


def _dead(facts: Facts) -> Reason:
    return Reason(Why.DEAD, f"is over: {facts.error}")


def _waits(facts: Facts) -> Reason:
    if facts.lost:
        return Reason(
            Why.INPUT_LOST,
            f"waits for {facts.lost[0]}, which does not exist any more and which nobody makes",
            "cancel it (loom cancel), and submit again what makes that input",
        )
    named = ", ".join(facts.lacks)
    more = facts.missing - len(facts.lacks)
    rest = f" and {more} more" if named and more > 0 else ""
    says = f"waits for {facts.missing} of its inputs{named and ': '}{named}{rest}"
    return Reason(Why.INPUTS, says)


def _awaits_actor(facts: Facts) -> Reason:
    does, advice = (
        "answers earlier calls",
        "max_concurrency= lets an actor answer several at a time",
    )
    if facts.missing:
        does, advice = "takes no calls yet", "loom why of the actor tells why not"
    return Reason(
        Why.ACTOR, f"waits for {facts.actor}, which {does}", f"loom ls actors shows it; {advice}"
    )


def _is_ready(facts: Facts) -> str:
    again = ""
    first = f" at priority {facts.priority}" if facts.priority else ""
    if facts.attempt > 1:
        again = f", for attempt {facts.attempt}{facts.error and f' after: {facts.error}'}"
    return f"is ready{first}{again} and waits for"


def _ready(facts: Facts) -> Reason:
    if facts.becomes:
        became = {"FAILED": "failed", "CANCELLED": "was cancelled"}[facts.becomes]
        return Reason(
            Why.INPUT_ENDED,
            f"does not run: what it takes from {facts.lacks[0]} {became}, and so it ends, too, as "
            "soon as a node has room to take it",
        )
    if facts.group_state:
        return _in_group(facts)
    asked = facts.asked
    says = f"{_is_ready(facts)} a node with {asked.describe()} free"
    alive = [node for node in facts.nodes if node.alive]
    if not alive:
        return Reason(
            Why.NO_NODE, f"{says}; no node is alive",
            "start one: loom start --head, or join one with loom start --address",
        )  # fmt: skip
    able = [node for node in alive if asked.fits_in(node.total)]
    if not able:
        least = min((asked.missing_from(node.total) for node in alive), key=_kinds)
        return Reason(
            Why.TOO_LARGE,
            f"{says}; no node has that much in all: {least.describe()} missing",
            "ask for less, or add a node that has it; it runs as soon as one joins",
        )
    return _in_queue(f"{says}{_before(facts)}", asked, able)


def _in_queue(says: str, asked: ResourceSet, able: Sequence[Node]) -> Reason:
    """There are nodes that could run it, if they had nothing else to do."""
    staying = [node for node in able if not node.drains]
    if not staying:
        return _drains(says, asked, able)
    if all(node.calm for node in staying):
        return Reason(
            Why.CALM,
            f"{says}; memory was short there, so tasks run one at a time for a moment",
            "ask for memory= so that fewer run at the same time",
        )
    if any(asked.fits_in(node.free) for node in staying):
        return Reason(Why.NEXT, f"{says}; there is room, so it is about to be taken")
    several = len(staying) > 1
    has = f"the {len(staying)} nodes that have it are" if several else "the one that has it is"
    return Reason(
        Why.BUSY,
        f"{says}; {has} busy",
        "wait, or add a node, or give what is urgent a higher priority=",
    )


def _drains(says: str, asked: ResourceSet, able: Sequence[Node]) -> Reason:
    """All that could run it are to leave."""
    named = ", ".join(f"node {node.node[:8]}" for node in able)
    who = "the only one that has it drains" if len(able) == 1 else "all that have it drain"
    advice = "add a node that has it: it runs as soon as one joins"
    if any(asked.units(name) for node in able for name, _ in at_node(node.node).items()):
        advice = (
            "cancel it (loom cancel) and submit it with scheduling= for another node: it was "
            "placed on this one, and nothing else can run it; NodeAffinity(…, soft=True) lets "
            "others"
        )
    return Reason(Why.DRAINS, f"{says}; {who} ({named}): to leave, and takes nothing new", advice)


def _before(facts: Facts) -> str:
    """Where it is in its queue, if that is known."""
    others = facts.waiting - 1
    if facts.position is None:
        return ""
    if others <= 0:
        return "; nothing else is in its queue"
    if not facts.position:
        return f"; it is the first of {facts.waiting:,} in its queue"
    are = "are" if facts.position > 1 else "is"
    return f"; {facts.position:,} of {others:,} others in its queue {are} before it"


def _in_group(facts: Facts) -> Reason:
    says = f"{_is_ready(facts)} {facts.asked.describe()}"
    if facts.group_state == "CREATED":
        return Reason(
            Why.BUSY, f"{says}, which other tasks of the group have",
            "wait, or make a group with larger bundles",
        )  # fmt: skip
    group = of_group(facts.group_state, fits=facts.group_fits)
    return Reason(group.why, f"{says}, which {group.says}", group.advice)


def of_group(state: str, fits: bool) -> Reason:  # noqa: FBT001 - of `hyperloom.gcs.groups`
    """Why a placement group has no place; `fits`: the nodes could keep it if they were idle."""
    match state:
        case "GONE":
            return Reason(
                Why.GROUP, "does not exist any more",
                "it was removed, or its job has ended; what waits for it fails in a moment",
            )  # fmt: skip
        case "CREATED":
            return Reason(Why.DONE, "is there: nodes keep all its bundles")
        case "PREPARED":
            return Reason(
                Why.GROUP, "has its places, and tasks still have what its bundles take",
                "it is there when they end, or looks for other places after a while",
            )  # fmt: skip
        case _ if not fits:
            return Reason(
                Why.TOO_LARGE,
                "is more than the nodes that there are could keep if they had nothing else to do",
                "remove it and ask for less, or add nodes; it is placed as soon as they join",
            )
        case _:
            return Reason(
                Why.GROUP, "waits for room on enough nodes at the same time",
                "it is placed when tasks end, another group is removed, or a node joins; loom ls "
                "groups and loom ls nodes show who has what",
            )  # fmt: skip


def _held(facts: Facts) -> Reason:
    short = facts.holder[:8]
    holder = next((node for node in facts.nodes if node.node == facts.holder), None)
    if facts.nodes and (holder is None or not holder.alive or _is_silent(facts, holder)):
        return _at_silent(holder, short)
    if facts.calls is not None:
        return _alive(facts, facts.calls)
    return _at_node(facts, short)


def _is_silent(facts: Facts, holder: Node) -> bool:
    """It misses its beats, and nobody there tells of the task."""
    return holder.silent_s > 0 and not facts.at_node and facts.stands is None


def _at_silent(holder: Node | None, short: str) -> Reason:
    goes = "the task goes to another node now"
    silent = "is not heard of any more"
    if holder is not None and holder.silent_s > 0:
        silent = f"has not been heard of for {spoken(holder.silent_s)}"
    if holder is not None and holder.alive:
        goes = f"if it stays so, the task goes to another node in {spoken(holder.left_s)}"
    return Reason(
        Why.NODE_SILENT,
        f"was taken by node {short}, which {silent}; {goes}",
        "loom ls nodes shows it; how long a node is waited for is its LOOM_LEASE_S",
    )


def _at_node(facts: Facts, short: str) -> Reason:
    where = f"on node {short}"
    spent = f"for {spoken(facts.seconds)}"
    worker = f"{where} in worker {facts.pid}"
    match facts.at_node:
        case "blocked" if facts.paused:
            return paused(facts.paused, worker, facts.seconds)
        case "running":
            long = facts.seconds >= LONG_S
            advice = "loom stack shows where it is; timeout_s= bounds it" if long else ""
            return Reason(Why.RUNNING, f"has run {spent} {worker}", advice)
        case "blocked":
            return Reason(
                Why.BLOCKED,
                f"runs {worker} and has waited there {spent} in get() for tasks of its own",
                "loom stack shows for which; loom why tells of them too",
            )
        case "behind":
            return Reason(Why.BEHIND, f"is {worker}, behind the task that has run there {spent}")
        case _:
            return _not_begun(facts, where)


def _not_begun(facts: Facts, where: str) -> Reason:
    """A node has it, and none of its workers."""
    match facts.at_node:
        case "fetching":
            return Reason(
                Why.FETCHING, f"is {where}, which fetches its inputs from other nodes",
                "loom ls nodes tells what moved, raylet.log of that node what did not, and why; "
                "scheduling= may have it run where its inputs are",
            )  # fmt: skip
        case "seat":
            asked = facts.asked.describe()
            return Reason(Why.SEAT, f"is {where}, and waits for {asked} or a worker")
        case _:
            does = "runs it, fetches its inputs, or will have room for it"
            return Reason(Why.AT_NODE, f"was taken by {where[3:]}, which {does}")


def _alive(facts: Facts, unanswered: int) -> Reason:
    where = f"on node {facts.holder[:8]}{f' in worker {facts.pid}' if facts.pid else ''}"
    has = f"calls to answer: {unanswered:,}" if unanswered else "answered all its calls"
    says = f"is alive {where}, and has {has}"
    if not facts.paused_calls:
        return Reason(Why.ALIVE, says)
    number = len(facts.paused_calls)
    one = facts.paused_calls[0]
    return Reason(
        Why.ALIVE,
        f"{says}; {number:,} of them {'is' if number == 1 else 'are'} paused: what reads the items "
        f"of {one} has to take the next one",
        f"loom why {one} tells who reads",
    )


def _kinds(amounts: ResourceSet) -> int:
    return len(amounts.items())


_OF_STATE = {
    "UNKNOWN": _unknown, "FAILED": _failed, "DEAD": _dead, "WAITING": _waits, "READY": _ready,
    "HELD": _held,
}  # fmt: skip
_PLAIN = {
    "OVER": Reason(Why.OVER, "is over; its result is on its way"),
    "DONE": Reason(Why.DONE, "is done"), "CANCELLED": Reason(Why.CANCELLED, "was cancelled"),
}  # fmt: skip
