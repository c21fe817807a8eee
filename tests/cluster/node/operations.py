"""For each transition that a program asks for, a deed that does; of a driver or of a task.

Each leaves nothing that its process, or its own end, does not take away; but for what is detached,
which `clear` finds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom import failpoints, metrics
from hyperloom.core import current
from hyperloom.gcs import keys
from hyperloom.plan import detaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 40


@loom.task(max_retries=-1)
def one(x: int) -> int:
    return x + 1


@loom.task(num_cpus=0, max_retries=-1, max_calls=1)
def boxed(x: int) -> list[Any]:
    return [loom.put(x)]


@loom.task(num_cpus=0, max_retries=-1)
def count(n: int) -> Iterator[int]:
    yield from range(n)


@loom.actor(num_cpus=0)
class Resident:
    """Adds."""

    def add(self, x: int) -> int:
        return x + 1


def submits() -> None:
    assert loom.get(one.remote(1), timeout=PATIENCE_S) == 2


def puts() -> None:
    ref = loom.put(bytes(1 << 19))
    current.session().settle()
    del ref
    current.session().settle()


def unpacks() -> None:
    (inner,) = loom.get(boxed.remote(1), timeout=PATIENCE_S)
    assert loom.get(inner, timeout=PATIENCE_S) == 1
    del inner
    current.session().settle()


def reads() -> None:
    stream = count.options(stream_ahead=2).remote(6)
    assert [loom.get(ref, timeout=PATIENCE_S) for ref in stream] == list(range(6))


def measures() -> None:
    metrics.Counter("deeds").inc()
    current.session().settle()


def calls() -> None:
    assert loom.get(Resident.remote().add.remote(1), timeout=PATIENCE_S) == 2


def kills() -> None:
    actor = Resident.remote()
    assert loom.get(actor.add.remote(1), timeout=PATIENCE_S) == 2
    loom.kill(actor)


def finds() -> None:
    actor = Resident.options(name="found", get_if_exists=True).remote()
    assert loom.get(actor.add.remote(1), timeout=PATIENCE_S) == 2


def claims(name: str = "claimed") -> None:
    actor = Resident.options(name=name, lifetime="detached", get_if_exists=True).remote()
    assert loom.get(actor.add.remote(1), timeout=PATIENCE_S) == 2
    loom.kill(actor)


def claims_anew() -> None:
    """What another job claimed, and has no actor of that name any more."""
    claims("ceded")


def groups() -> None:
    group = loom.placement_group([{"CPU": 1}])
    assert group.wait(PATIENCE_S)
    loom.remove_placement_group(group)


def cancels() -> None:
    """What would run, and be over, if it died before that: tasks of the dead are not cancelled."""
    ref = one.remote(1)
    loom.cancel(ref)


def plans() -> None:
    parts = [one.bind(i) for i in range(3)]
    handle = loom.Plan([*parts, one.bind_map(range(600))]).submit()
    *few, many = handle.fetch(PATIENCE_S)
    assert (few, list(many)) == ([1, 2, 3], list(range(1, 601)))
    handle.release()
    del handle
    current.session().settle()


def drops() -> None:
    handle = loom.Plan([one.bind_map(range(3000))]).submit()
    handle.cancel()
    del handle


def detaches() -> None:
    handle = loom.Plan([one.bind(1)], label="deeds").submit(detach=True, on_error="stop")
    assert handle.fetch(PATIENCE_S) == [2]
    handle.release()


def waits() -> None:
    """For what does not come meanwhile, however slow the machine is."""
    ref = one.options(num_cpus=1000).remote(1)
    loom.wait([ref], timeout=0.1)
    loom.cancel(ref)


DEEDS: dict[str, Callable[[], None]] = {
    "template_declare": submits,
    "task_submit": submits,
    "object_put": puts,
    "ref_release": puts,
    "ref_acquire": unpacks,
    "object_watch": unpacks,
    "stream_consume": reads,
    "metric_add": measures,
    "actor_create": calls,
    "actor_call": calls,
    "actor_kill": kills,
    "actor_find": finds,
    "actor_claim": claims,
    "actor_cede": claims_anew,
    "group_create": groups,
    "group_remove": groups,
    "task_evict": groups,
    "task_cancel": cancels,
    "task_plan": plans,
    "task_range": plans,
    "plan_add": plans,
    "plan_forget": plans,
    "task_shut": drops,
    "task_drop": drops,
    "owner_add": detaches,
    "process_stops": detaches,
    "process_bury": detaches,
}


def clear() -> None:
    """What is detached and was not released."""
    session = current.session()
    jobs = session.outbox.call("job_list", namespace=keys.CLUSTER)[::2]
    for plan in [each.hex() for job in jobs for each in detaching.detached(session, job)]:
        loom.attach(plan).release()
    for name in loom.list_named_actors():
        loom.kill(loom.get_actor(name))


@loom.task(max_retries=3, max_calls=1)  # in a worker that has said nothing yet
def does(mark: str, point: str) -> bool:
    """Dies the first time; whether it did."""
    died = arms(mark, point)
    DEEDS[transition_of(point)]()
    return died


def arms(mark: str, point: str, at: int = 1) -> bool:
    """The first time, of those that have this mark; later only True."""
    died = Path(mark).exists()
    Path(mark).touch()
    failpoints.arm("" if died else f"{point}=kill9@{at}")
    return died


def transition_of(point: str) -> str:
    return "object_watch" if point.endswith("waiting") else point.rpartition(".")[2]


def main(point: str, mark: str) -> None:
    """As a driver, which dies, or whose task does."""
    loom.init("auto")
    if point.startswith("driver."):
        arms(mark, point)
        waits() if point == "driver.waiting" else DEEDS[transition_of(point)]()
    else:
        assert loom.get(does.remote(mark, point), timeout=PATIENCE_S)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    loom.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
