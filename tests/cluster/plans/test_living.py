"""Plans that are not detached: taken up from elsewhere as long as their program has them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.plan.living import Living
from tests.cluster.plans.programs import (
    ANSWER,
    add,
    fails,
    living,
    needs,
    passes,
    plan_of,
    square,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate
    from tests.home import Home

pytestmark = pytest.mark.slow


def is_gone(plan: str) -> bool:
    """Whether nobody can take it up any more."""
    try:
        loom.attach(plan).release()
    except errors.NotFound:
        return True
    return False


def test_a_plan_of_a_living_program_is_watched_waited_for_and_fetched(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    loom.init("auto")
    with living(head, gate("go")) as program:
        handle = loom.attach(program.plan)
        assert (handle.id, handle.job_id) == (program.plan, program.plan[:8])
        assert handle.progress() == (0, 0, 5, 13, 0)
        stand = handle.states()
        assert (sum(stand.values()), stand["over"] < 13) == (13, True)
        assert not handle.wait(0)
        assert loom.attach(program.plan[:8]).id == program.plan, "by its job"
        gate("go").open()
        assert handle.fetch(30) == ANSWER
        assert handle.progress() == (5, 0, 5, 13, 0)
        assert handle.states() == {"waiting": 0, "ready": 0, "running": 0, "over": 13}
        assert handle.failures() == []
        for use in (lambda: handle.plan, lambda: handle.state("add")):
            with pytest.raises(errors.ObjectLost, match=r"known only to the program.*detach=True"):
                use()
        more = loom.submit([add.bind(handle.results[0], 1)])
        assert more.gather(30) == [47]
        handle.release()
        assert program.told("fetch") == "5 done, 0 failed, 0 cancelled", "it has its results still"
        program.end()


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_who_has_taken_it_up_keeps_it_when_its_program_is_gone(
    head: Home, gate: Callable[[str], Gate], how: str
) -> None:
    """The results are held by who took the plan up, and the job by the visit."""
    loom.init("auto")
    with living(head, gate("go")) as program:
        handle = loom.attach(program.plan)
        if how == "killed":
            program.process.kill()
            program.process.wait()
        else:
            program.end()
        job = program.plan[:8]
        wait_until(lambda: is_gone(program.plan), 20)
        assert job in [each["job"] for each in head.jobs()]
        gate("go").open()
        assert handle.fetch(30) == ANSWER
        handle.release()
        wait_until(lambda: job not in [each["job"] for each in head.jobs()], 20)


def test_without_anybody_it_ends_with_its_program(head: Home, gate: Callable[[str], Gate]) -> None:
    loom.init("auto")
    with living(head, gate("never")) as program:
        program.end()
        wait_until(lambda: is_gone(program.plan), 20)
        with pytest.raises(errors.NotFound, match=r"its program dropped its handle or ended"):
            loom.attach(program.plan)


def test_what_its_program_has_let_go_of_cannot_be_taken_up(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    loom.init("auto")
    with living(head, gate("go")) as program:
        held = loom.attach(program.plan)
        program.told("drop")
        wait_until(lambda: is_gone(program.plan), 20)
        with pytest.raises(errors.NotFound, match=r"that job is there .* but no plan"):
            loom.attach(program.plan[:8])
        gate("go").open()
        assert held.gather(30) == ANSWER
        program.end()


def test_who_takes_it_up_just_when_it_is_let_go_of_holds_nothing(
    gate: Callable[[str], Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. The record is read.  2. Its program lets go of the plan, then of the results.  3. They are
    held, and are gone already: that is found by looking for the record once more."""
    loom.init("auto")
    mine = [plan_of(gate("never")).submit()]
    it, read = mine[0].id, Living.results
    assert it is not None

    def late(plan: Living) -> list[Any]:
        while mine:
            mine.pop().release()
        current.session().settle()
        return read(plan)

    monkeypatch.setattr(Living, "results", late)
    with pytest.raises(errors.NotFound, match="no plan can be taken up"):
        loom.attach(it)
    gc.collect()  # what was caught held its frames, and they the results
    current.session().settle()
    assert current.session().values == {}
    gate("never").open()


def test_it_is_cancelled_from_elsewhere(head: Home, gate: Callable[[str], Gate]) -> None:
    loom.init("auto")
    with living(head, gate("never")) as program:
        handle = loom.attach(program.plan)
        handle.cancel()
        assert handle.wait(30)
        assert program.told("fetch") == "5 done, 0 failed, 5 cancelled"
        handle.release()
        program.end()


def test_who_submitted_it_may_take_it_up_too_and_what_it_runs_again_is_found(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    del head
    loom.init("auto")
    mine = loom.submit([needs.bind(gate("go"), 1), square.bind_map(range(600))], label="mine")
    assert mine.id is not None
    assert mine.wait(30)
    (failure,) = loom.attach(mine.id).failures()
    assert (failure.label, failure.path) == ("needs", ("needs",))
    with pytest.raises(errors.ObjectLost, match="known only to the program"):
        loom.attach(mine.id).retry_failed()
    gate("go").open()
    assert mine.retry_failed() == 1
    again = loom.attach(mine.id)
    assert again.fetch(30) == [1, [x * x for x in range(600)]]
    assert again.progress() == (601, 0, 601, 601, 0)
    del again, failure
    assert mine.gather() == [1, [x * x for x in range(600)]]


def test_a_plan_is_listed_until_its_handle_is_gone(gate: Callable[[str], Gate]) -> None:
    loom.init("auto")
    handle = loom.submit([passes.bind(gate("go"), 1)], label="the one")
    other = plan_of(gate("go")).submit(on_error="stop")
    with pytest.raises(
        errors.NotFound, match=f"What can be:\n  {handle.id} the one\n  {other.id} "
    ):
        loom.attach("ab" * 10)
    ref = handle.results[0]
    del handle
    with pytest.raises(errors.NotFound, match=f"What can be:\n  {other.id} sums$"):
        loom.attach("ab" * 10)
    gate("go").open()
    assert loom.get(ref, timeout=30) == 1
    other.release()
    with pytest.raises(errors.NotFound, match="Nothing can be there"):
        loom.attach("ab" * 10)
    failed = loom.submit([fails.bind(1)])
    assert failed.wait(30)
