"""Nodes and jobs: who is a member, who is told, and where tasks stand."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import ROOM, Node, Process, declare
from tests.unit.gcs.plane import JOB, node, output, task

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

A, B = node("a"), node("b")
LONG_MS, OVER_MS = 60_000, -1_000  # a lease that lasts, and one that ran out a second ago


def cluster(plane: Plane, name: str, *args: Any) -> Any:
    return plane.call(name, *args, ns=keys.CLUSTER)


def test_a_node_joins_beats_and_leaves(plane: Plane) -> None:
    assert cluster(plane, "node_join", A, LONG_MS, "young") == []
    node_id, about, left_ms = cluster(plane, "node_list")
    assert (node_id, about) == (A, b"young")
    assert 0 < left_ms <= LONG_MS
    assert cluster(plane, "node_beat", A, LONG_MS, "older") == []
    assert cluster(plane, "node_list")[:2] == [A, b"older"]
    assert cluster(plane, "node_leave", A) == []
    assert cluster(plane, "node_list") == []
    assert plane.world() == {}


def test_a_node_whose_lease_ran_out_is_named_to_the_others(plane: Plane) -> None:
    """Somebody reaps it; until then a late beat makes it alive again."""
    cluster(plane, "node_join", B, LONG_MS, "b")
    cluster(plane, "node_join", A, OVER_MS, "a")
    *first, left_ms = cluster(plane, "node_list")
    assert [*first[:2], *first[3:]] == [A, b"a", B, b"b"]
    assert first[2] <= OVER_MS < 0 < left_ms <= LONG_MS
    assert cluster(plane, "node_beat", B, LONG_MS, "b") == [A]
    assert cluster(plane, "node_beat", A, LONG_MS, "a") == []
    assert cluster(plane, "node_beat", B, LONG_MS, "b") == []


def test_who_was_away_itself_judges_nobody_by_that_silence(plane: Plane) -> None:
    """1. The server hangs for longer than a lease, and all leases run out.  2. A beats first: B is
    not named, and has a lease from now on.  3. C was dead before A was last heard of: it is."""
    c = node("c")
    before = OVER_MS - LONG_MS - 1_000
    for who, lease_ms in ((A, OVER_MS), (B, OVER_MS - 500), (c, before)):
        cluster(plane, "node_join", who, lease_ms, "")
    assert cluster(plane, "node_beat", A, LONG_MS, "") == [c]
    left = cluster(plane, "node_list")
    assert [left[i] for i in (0, 3, 6)] == [A, B, c]
    assert left[5] > 0 > left[8], "B has a lease, C has not"
    assert cluster(plane, "node_beat", B, LONG_MS, "") == [c]


def test_who_dies_while_the_server_hangs_is_named_a_lease_later(plane: Plane) -> None:
    """1. The server hangs, and B dies.  2. A beats: B may be as A was.  3. B's new lease runs out
    while A's beats come in time: it is dead."""
    cluster(plane, "node_join", A, OVER_MS, "a")
    cluster(plane, "node_join", B, OVER_MS, "b")
    assert cluster(plane, "node_beat", A, LONG_MS, "a") == []
    plane.wire.call("ZADD", keys.LEASES.name(keys.CLUSTER), "XX", 1, B)
    assert cluster(plane, "node_beat", A, LONG_MS, "a") == [B]


def test_no_history_of_beats_loses_who_beats_in_time(plane: Plane) -> None:
    """Against a dumb model: who is named has not been heard of since before the caller was."""
    rng = Random(5)
    nodes = [node(name) for name in "abcde"]
    leases = keys.LEASES.name(keys.CLUSTER)
    now = 0  # of the model, in steps that never add up to a lease; the server's rows move back
    heard: dict[bytes, int] = {}  # until when each has a lease
    for _ in range(400):
        match rng.randrange(4):
            case 0:
                who = rng.choice(nodes)
                cluster(plane, "node_join", who, LONG_MS, "")
                heard[who] = now + LONG_MS
            case 1:  # the time passes, for all of them
                passed = rng.choice([LONG_MS // 3 + 7_013, 2 * LONG_MS + 1_009])
                now += passed
                for who in heard:
                    plane.wire.call("ZINCRBY", leases, -passed, who)
            case _:
                who = rng.choice(nodes)
                if who not in heard:
                    with pytest.raises(errors.Stale):
                        cluster(plane, "node_beat", who, LONG_MS, "")
                    continue
                if heard[who] < now:
                    since = heard[who] - LONG_MS
                    near = {w for w, ends in heard.items() if since <= ends < now}
                    heard |= dict.fromkeys(near, now + LONG_MS)
                heard[who] = now + LONG_MS
                dead = cluster(plane, "node_beat", who, LONG_MS, "")
                assert set(dead) == {w for w, ends in heard.items() if ends < now}
                for each in dead:
                    cluster(plane, "node_leave", each)
                    del heard[each]


def test_a_node_that_was_reaped_learns_it_from_its_next_beat(plane: Plane) -> None:
    """1. Its lease runs out.  2. It is reaped.  3. It beats: STALE, and it kills its workers."""
    cluster(plane, "node_join", A, OVER_MS, "a")
    cluster(plane, "node_leave", A)
    with pytest.raises(errors.Stale, match=f"node {A.hex()} was given up for dead"):
        cluster(plane, "node_beat", A, LONG_MS, "a")
    assert plane.world() == {}


def test_every_node_is_told_of_a_job_whenever_it_joined(plane: Plane) -> None:
    for who in (A, B):
        plane.listen(who, keys.CLUSTER)
    cluster(plane, "node_join", A, LONG_MS, "a")
    assert cluster(plane, "job_open", JOB, "about") == 1
    assert cluster(plane, "node_join", B, LONG_MS, "b") == [JOB, b"about"]
    assert plane.inbox(A) == [codes.JOB_OPENED, JOB, b"about"]
    assert plane.inbox(B) == []
    assert cluster(plane, "job_forget", JOB) == 2
    assert plane.inbox(B) == [codes.JOB_ENDED, JOB]
    assert cluster(plane, "node_leave", A) == []


def test_who_reaps_a_node_is_told_which_jobs_to_look_through(plane: Plane) -> None:
    cluster(plane, "node_join", A, OVER_MS, "a")
    cluster(plane, "job_open", JOB, "about")
    assert cluster(plane, "node_leave", A) == [JOB, b"about"]
    assert cluster(plane, "node_leave", A) == [JOB, b"about"], "twice is harmless"


def test_where_tasks_stand(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    first, second, over = driver.submit(3)
    waiting = driver.submit(inputs=[output(first), output(second)])[0]
    got = {one.id: one for one in host.claim("2;CPU:20000;")}
    host.step("", got[second])
    body = b"F" * 12 + b"body"
    assert plane.call("task_where", 3, first, second, over, waiting, task(driver.id, 99)) == [
        *(b"HELD", host.id.hex().encode(), body, b"", b""),
        *(b"OVER", b"", b"", b"", b""),
        *(b"READY", b"0|CPU:10000", body, b"", b""),
        *(b"WAITING", b"1", body, output(first), b""),
        *(b"UNKNOWN", b"", b"", b"", b""),
    ]


def test_the_first_inputs_that_a_waiting_task_lacks_are_named(
    plane: Plane, driver: Process
) -> None:
    inputs = [driver.put(), *map(output, driver.submit(4))]
    (waiting,) = driver.submit(inputs=inputs, others=[driver.put()])
    answers = [plane.call("task_where", most, waiting)[1:4:2] for most in (0, 2, 9)]
    assert answers == [
        [b"4", lacks] for lacks in (b"", b"".join(inputs[1:3]), b"".join(inputs[1:]))
    ]


def test_of_a_ready_task_the_input_is_named_that_failed_or_was_cancelled(
    plane: Plane, driver: Process
) -> None:
    cancelled, whole = driver.submit(2)
    failed, long, put = driver.put(b"4failed"), driver.put(b"4" + bytes(5000)), driver.put()
    inputs = [
        [put, output(cancelled), failed],
        [put, failed],
        [long],
        [put],
        [output(whole), failed],
    ]
    takers = [driver.submit(inputs=some)[0] for some in inputs]
    plane.call("task_cancel", codes.WAS_CANCELLED, 0, cancelled)
    answers = plane.call("task_where", 0, *takers)
    assert list(zip(answers[::5], answers[3::5], strict=True)) == [
        (b"READY", output(cancelled) + codes.CANCELLED), (b"READY", failed + codes.FAILED),
        (b"READY", b""), (b"READY", b""), (b"WAITING", b""),
    ]  # fmt: skip
    assert codes.lacked(answers[3]) == ([output(cancelled)], "CANCELLED")
    assert codes.lacked(answers[8]) == ([failed], "FAILED")
    assert codes.lacked(output(whole) + failed) == ([output(whole), failed], "")
    assert codes.lacked(b"") == ([], "")


def test_a_template_is_said_once(plane: Plane) -> None:
    assert plane.call("template_fetch", b"UNKNOWN.") is None
    kind = declare(plane, b"KIND....")
    again = ("template_declare", kind, 1, 3, "0|CPU:10000", b"F" * 12 + b"body", b"F" * 12)
    assert plane.call(*again, b"") == 0
    assert plane.call("template_fetch", kind) == [b"F" * 12 + b"body", b""]
    assert plane.call(*again, b"code") == 0
    assert plane.call(*again, b"other code") == 0, "its id is its hash"
    assert plane.call("template_fetch", kind) == [b"F" * 12 + b"body", b"code"]


def test_only_members_of_a_job_hold_its_tasks(plane: Plane, driver: Process) -> None:
    driver.submit()
    stranger = Node(plane, "n9", attached=False)
    assert stranger.claim(ROOM) == []
    assert stranger.standing() is None


def test_who_comes_back_counts_on_above_what_was_sent_to_it_before(plane: Plane) -> None:
    """1. Tasks are on their way to it.  2. It is given up.  3. It comes back, and reads them."""
    host = Node(plane)
    assert plane.call("node_attach", host.id, 100) == 0, "it takes part already"
    host.lost()
    assert plane.call("node_attach", host.id, 100) == 100
    assert plane.call("node_attach", host.id, 200) == 100
