"""One test for each reason why a task is not over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hyperloom.bundles import asked
from hyperloom.gcs.lifecycles import TaskState
from hyperloom.resources import ResourceSet, at_node, of_node
from hyperloom.why import AtActor, Facts, Node, Paused, Rests, Why, decide

ONE = ResourceSet.parse("CPU:10000")
TWO = ResourceSet.parse("CPU:20000")
NONE = ResourceSet.parse("CPU:0")
GROUPED = ResourceSet(asked(dict(ONE.items()), "0123456789abcdef", 0))
FREE = Node("aaaaaaaaaaaa", TWO, TWO)
BUSY = Node("bbbbbbbbbbbb", TWO, NONE)
DEAD = Node("cccccccccccc", TWO, TWO, alive=False, silent_s=12.5)
MUTE = Node("eeeeeeeeeeee", TWO, TWO, silent_s=6.1, left_s=3.9)
CALM = Node("dddddddddddd", TWO, TWO, calm=True)
LEAVES = Node("ffffffffffff", TWO + of_node("ffffffffffff"), NONE, drains=True)
AHEAD = Paused(ahead=8, taken=30, reader="the program train.py (pid 5)")


def ready(*nodes: Node, asked: ResourceSet = ONE, **more: object) -> Facts:
    return Facts(state="READY", asked=asked, nodes=nodes, **more)  # type: ignore[arg-type]


def held(at_node: str = "", holder: Node = FREE, **more: object) -> Facts:
    return Facts(
        state="HELD",
        asked=ONE,
        nodes=[FREE, DEAD, MUTE],
        holder=holder.node,
        at_node=at_node,
        **more,
    )  # type: ignore[arg-type]


CASES = {
    Why.UNKNOWN: (Facts(state="UNKNOWN"), "is not known to the control plane", "loom ls jobs"),
    Why.OVER: (Facts(state="OVER"), "is over; its result is on its way", ""),
    Why.DONE: (Facts(state="DONE"), "is done", ""),
    Why.FAILED: (Facts(state="FAILED", error="Bad: x"), "failed: Bad: x", "loom show"),
    Why.CANCELLED: (Facts(state="CANCELLED"), "was cancelled", ""),
    Why.INPUTS: (
        Facts(state="WAITING", lacks=["ab-1:0", "ab-2:0"], missing=5),
        "waits for 5 of its inputs: ab-1:0, ab-2:0 and 3 more", "",
    ),
    Why.INPUT_ENDED: (
        Facts(state="READY", lacks=["ab-1:0"], becomes="CANCELLED"),
        "does not run: what it takes from ab-1:0 was cancelled, and so it ends, too", "",
    ),
    Why.INPUT_LOST: (
        Facts(state="WAITING", lacks=["ab-1:0"], missing=1, lost=["ab-1:0"]),
        "waits for ab-1:0, which does not exist any more and which nobody makes", "loom cancel",
    ),
    Why.ITSELF: (
        held(stands=AtActor(
            pid=7, runs=True, before=0, running=["A.outer (ab-1)"], seconds=3, blocked=True,
            inner="A.add (ab-2)",
        )),
        "waits there in get(), and has called its own actor: A.add (ab-2) cannot begin before this",
        "self.method",
    ),
    Why.RESTS: (
        held(stands=Rests(5, 0.82)),
        "is made anew on node aaaaaaaa: in 0.8 s, since 5 incarnations in a row died before",
        "loom logs",
    ),
    Why.NO_NODE: (ready(DEAD), "no node is alive", "loom start"),
    Why.TOO_LARGE: (
        ready(FREE, BUSY, asked=ResourceSet.parse("CPU:30000")),
        "waits for a node with 3 CPU free; no node has that much in all: 1 CPU missing",
        "ask for less",
    ),
    Why.BUSY: (
        ready(BUSY, DEAD, priority=2, position=3, waiting=10),
        "priority 2 and waits for a node with 1 CPU free; 3 of 9 others in its queue are before it",
        "priority=",
    ),
    Why.GROUP: (
        ready(FREE, asked=GROUPED, group_state="PENDING"),
        "waits for 1 CPU in bundle 0 of placement group 0123456789abcdef, which waits for room",
        "loom ls groups",
    ),
    Why.CALM: (ready(CALM), "memory was short there, so tasks run one at a time", "memory="),
    Why.DRAINS: (
        ready(LEAVES), "the only one that has it drains (node ffffffff): to leave, and takes",
        "add a node that has it",
    ),
    Why.PAUSED: (
        held("blocked", pid=7, seconds=2, paused=AHEAD),
        "8 items are made and not taken, as far as it may be ahead (stream_ahead=8) of its reader",
        "stream_ahead=",
    ),
    Why.NEXT: (ready(BUSY, FREE), "there is room, so it is about to be taken", ""),
    Why.ACTOR: (
        Facts(state="READY", actor="actor ab-1"),
        "waits for actor ab-1, which answers earlier calls",
        "loom ls actors",
    ),
    Why.DEAD: (
        Facts(state="DEAD", error="actor A (ab-1) is dead: so it is"),
        "is over: actor A (ab-1) is dead: so it is", "",
    ),
    Why.ALIVE: (
        held("running", pid=7, calls=2),
        "is alive on node aaaaaaaa in worker 7, and has calls to answer: 2", "",
    ),
    Why.NODE_SILENT: (
        held("running", holder=DEAD),
        "node cccccccc, which has not been heard of for 12.5 s; the task goes to another node now",
        "LOOM_LEASE_S",
    ),
    Why.RUNNING: (
        held("running", pid=7, seconds=75), "has run for 1 min on node aaaaaaaa in worker 7",
        "loom stack",
    ),
    Why.BLOCKED: (
        held("blocked", pid=7, seconds=2), "has waited there for 2.0 s in get() for tasks of its",
        "loom stack",
    ),
    Why.BEHIND: (
        held("behind", pid=7, seconds=0.5),
        "is on node aaaaaaaa in worker 7, behind the task that has run there for 0.5 s", "",
    ),
    Why.SEAT: (held("seat"), "is on node aaaaaaaa, and waits for 1 CPU or a worker", ""),
    Why.FETCHING: (
        held("fetching"), "is on node aaaaaaaa, which fetches its inputs from other nodes",
        "raylet.log of that node",
    ),
    Why.AT_NODE: (
        held(),
        "was taken by node aaaaaaaa, which runs it, fetches its inputs, or will have room for it",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", Why)
def test_each_reason_says_what_is_and_what_to_do(why: Why) -> None:
    facts, says, advice = CASES[why]
    reason = decide(facts)
    assert reason.why == why
    assert says in reason.says
    assert (advice in reason.advice) if advice else reason.advice == ""


def test_each_state_has_a_reason() -> None:
    for state in TaskState:
        assert decide(Facts(state=state)).says


def test_of_a_node_that_is_not_heard_of_it_says_when_it_is_given_up() -> None:
    says = "node eeeeeeee, which has not been heard of for 6.1 s; if it stays so, the task goes to"
    assert decide(held(holder=MUTE)).says == f"was taken by {says} another node in 3.9 s"
    assert decide(held("running", holder=MUTE)).why is Why.RUNNING, "it told so just now"
    gone = decide(held(holder=Node("ffffffffffff", TWO, TWO))).says
    assert gone.endswith("is not heard of any more; the task goes to another node now")


def test_a_task_that_is_tried_again_says_after_what() -> None:
    says = decide(ready(BUSY, attempt=2, error="its worker died")).says
    assert says.startswith("is ready, for attempt 2 after: its worker died and waits for")


@pytest.mark.parametrize(
    ("position", "waiting", "says"),
    [
        (0, 1, "nothing else is in its queue"),
        (0, 0, "nothing else is in its queue"),  # it was taken between two looks
        (0, 3, "it is the first of 3 in its queue"),
        (1, 3, "1 of 2 others in its queue is before it"),
        (2, 3, "2 of 2 others in its queue are before it"),
        (None, 3, "free; the one that has it is busy"),
    ],
)
def test_a_place_in_a_queue_is_said_in_plain_words(
    position: int | None, waiting: int, says: str
) -> None:
    assert says in decide(ready(BUSY, position=position, waiting=waiting)).says


def test_what_a_draining_node_has_is_no_room() -> None:
    """Whoever stays counts; who is placed on the one that leaves is told what helps."""
    assert decide(ready(LEAVES, BUSY)).why is Why.BUSY
    assert decide(ready(LEAVES, FREE)).why is Why.NEXT
    many = decide(ready(LEAVES, replace(LEAVES, node="eeeeeeeeeeee"))).says
    assert "all that have it drain (node ffffffff, node eeeeeeee)" in many
    placed = decide(ready(LEAVES, FREE, asked=ONE + at_node(LEAVES.node)))
    assert placed.why is Why.DRAINS
    assert "submit it with scheduling= for another node" in placed.advice


def test_a_stream_of_an_actor_waits_for_its_reader_too() -> None:
    one = replace(AHEAD, ahead=1)
    reason = decide(replace(at_actor(runs=True), paused=one))
    assert reason.why is Why.PAUSED
    assert reason.says.startswith("runs at its actor in worker 7 and makes no more since 3.0 s: 1")
    assert decide(replace(at_actor(before=1), paused=one)).why is Why.BEHIND


def test_several_busy_nodes_are_counted() -> None:
    assert "the 2 nodes that have it are busy" in decide(ready(BUSY, BUSY)).says


@pytest.mark.parametrize(
    ("state", "fits", "why", "says"),
    [
        ("PENDING", False, Why.TOO_LARGE, "which is more than the nodes that there are could keep"),
        ("RESCHEDULING", True, Why.GROUP, "which waits for room on enough nodes"),
        ("PREPARED", True, Why.GROUP, "which has its places, and tasks still have"),
        ("CREATED", True, Why.BUSY, "which other tasks of the group have"),
        ("GONE", False, Why.GROUP, "which does not exist any more"),
    ],
)
def test_what_waits_for_a_group_waits_as_that_stands(
    state: str,
    fits: bool,  # noqa: FBT001
    why: Why,
    says: str,
) -> None:
    reason = decide(ready(FREE, asked=GROUPED, group_state=state, group_fits=fits))
    assert reason.why == why
    assert says in reason.says


def at_actor(**more: object) -> Facts:
    about = {"pid": 7, "runs": False, "before": 0, "running": ["A.go (ab-1)"], "seconds": 3}
    return held(stands=AtActor(**{**about, **more}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "why", "says"),
    [
        (at_actor(runs=True), Why.RUNNING, "has run at its actor for 3.0 s in worker 7 on node"),
        (at_actor(runs=True, more=2), Why.RUNNING, "runs at its actor: in worker 7 on node"),
        (at_actor(runs=True, blocked=True), Why.BLOCKED, ", and waits there in get()"),
        (
            at_actor(before=2), Why.BEHIND,
            "at its actor: 2 calls are before it, and A.go (ab-1) has run for 3.0 s in worker 7",
        ),
        (at_actor(before=1, running=[]), Why.BEHIND, "at its actor: 1 call is before it"),
        (at_actor(more=4), Why.BEHIND, "and A.go (ab-1) and 4 more have run for 3.0 s"),
        (at_actor(blocked=True, inner="A.x (c-1)"), Why.ITSELF, "A.x (c-1) cannot begin before"),
        (
            at_actor(many=True, inner="A.x (c-1)", more=2), Why.ITSELF,
            "as many as may. One of those that run has called the actor itself: A.x (c-1) cannot",
        ),
        (at_actor(runs=True, many=True, inner="A.x (c-1)"), Why.ITSELF, "A.x (c-1) cannot begin"),
        (at_actor(many=True, is_inner=True), Why.ITSELF, "this one cannot begin before one of"),
        (at_actor(runs=True, many=True), Why.RUNNING, "has run at its actor for 3.0 s"),
        (
            at_actor(runs=True, many=True, blocked=True, waits="c-1:0", inner="A.x (c-1)"),
            Why.BLOCKED, ", and waits there in get() for c-1:0",
        ),
        (
            at_actor(runs=True, many=True, blocked=True, waits="c-1:0", circle=True), Why.ITSELF,
            "waits there in get() for c-1:0. That waits for this one, by what stands above: none",
        ),
        (at_actor(lacking="ab-9"), Why.BEHIND, "call ab-9 of the same process is before it, and"),
        (at_actor(circle=True), Why.ITSELF, "That waits for this one, by what stands above: none"),
        (at_actor(is_inner=True), Why.ITSELF, "which made this call, has run there for 3.0 s"),
    ],
)  # fmt: skip
def test_how_far_an_actor_is_with_a_call_is_told(facts: Facts, why: Why, says: str) -> None:
    reason = decide(facts)
    assert reason.why is why
    assert says in reason.says
