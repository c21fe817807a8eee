"""Tasks that wish for another node: it has the first choice, and they do not wait for ever."""

from __future__ import annotations

from hyperloom.raylet import messages as m
from tests.unit.raylet.scene import JOB, Scene, kind_of

ONE = kind_of("one")
SMALL = kind_of("small", "disk:10000", wish="0123456789abcdef")  # of a node that is not there
LOOK_S = 0.25  # so often a node that is at work looks at the queues


def busy_node() -> Scene:
    """Both CPUs are taken, and more tasks wait for them: it never has nothing else to do."""
    scene = Scene(cpus=2, disk=2)
    scene.claim(ONE, 6)
    scene.ready(1, 2)
    return scene


def asks_for(scene: Scene, kind: m.Kind) -> bool:
    return f"{kind.queue}=1" in scene.machine.offer(JOB).split(";")


def look(scene: Scene, seconds: float) -> None:
    """The queue is seen again and again for so long."""
    for _ in range(round(seconds / LOOK_S)):
        scene.tell(m.QueuesSeen(JOB, [SMALL.queue]))
        scene.pass_time(LOOK_S)


def test_a_busy_node_that_has_what_it_asks_for_takes_it_in_the_end() -> None:
    """It never has nothing to do, and so is never hungry; nobody else may ever take it."""
    scene = busy_node()
    look(scene, 0.5)
    assert not asks_for(scene, SMALL), "who is wished for has the first choice"
    look(scene, 2)
    assert asks_for(scene, SMALL)
    ((_, worker, _),) = scene.claim(SMALL)
    scene.ready(worker)
    assert scene.running(worker) == [7]
    scene.done(worker, 7)
    look(scene, 0.5)
    assert not asks_for(scene, SMALL), "one at a time"
    look(scene, 2)
    assert asks_for(scene, SMALL)


def test_a_queue_that_was_empty_meanwhile_is_seen_anew() -> None:
    scene = busy_node()
    look(scene, 0.5)
    scene.pass_time(5)
    look(scene, 0.5)
    assert not asks_for(scene, SMALL)


def test_what_wishes_for_this_node_needs_no_patience() -> None:
    scene = Scene(cpus=2, disk=2, **{"@0123456789abcdef": 1})
    scene.claim(ONE, 6)
    look(scene, 5)
    assert not asks_for(scene, SMALL), "it fits, and comes with the next claim"


def test_a_full_node_leaves_what_wishes_for_another_to_it_for_a_while() -> None:
    """1. Both are full.  2. A task goes after its inputs to the queue of the one that has them.
    3. The other asks for a task of each queue that does not fit it; but not for this one."""
    scene = Scene(cpus=1)
    scene.claim(kind_of("long"))
    scene.ready(1)
    wish = kind_of("rather", wish="0123456789abcdef")
    for _ in range(3):
        scene.tell(m.QueuesSeen(JOB, [wish.queue]))
        assert not asks_for(scene, wish)
        scene.pass_time(LOOK_S)
    for _ in range(6):
        scene.tell(m.QueuesSeen(JOB, [wish.queue]))
        scene.pass_time(LOOK_S)
    assert asks_for(scene, wish), "but nothing waits for ever"
