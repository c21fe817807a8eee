"""``loom show`` and ``loom why`` of tasks that are over: what they took, printed, and failed of."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.cli.main import main
from hyperloom.core import current
from hyperloom.ids import short
from hyperloom.watch import story
from tests.waiting import wait_until

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow


@loom.task
def add(*parts: int) -> int:
    return sum(parts)


@loom.task
def breaks(x: int) -> int:
    raise ValueError(f"no {x}")


@loom.task
def breaks_too(x: int) -> int:
    raise ValueError(f"no {x}")


@loom.task(max_retries=1, retry_exceptions=True)
def breaks_twice(x: int) -> int:
    raise KeyError(x)


@loom.task
def prints(number: int) -> None:
    for n in range(number):
        sys.stdout.write(f"line {n}\n")


@pytest.fixture
def loom_(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Any:
    del cluster

    def run(*arguments: str, exits: int = 0) -> Any:
        assert main(arguments) == exits, capsys.readouterr()
        out, err = capsys.readouterr()
        lines = out.splitlines(keepends=True)  # what tasks print comes when it likes
        out = "".join(line for line in lines if not line.startswith("(prints pid="))
        if exits:
            return err
        return json.loads(out) if "--json" in arguments else out

    return run


def over(cluster: Cluster, *refs: Any) -> list[str]:
    """The ids of their tasks, when these are over and it was told how."""
    loom.wait(list(refs), num_returns=len(refs))
    tasks = [ref.binary()[:16] for ref in refs]
    job = bytes(current.session().job)

    def told() -> bool:
        events = list(cluster.events(job))
        return all(story.ended(story.steps(events, task)) for task in tasks)

    wait_until(told)
    return [task.hex() for task in tasks]


def test_what_a_task_took_is_shown_when_it_is_over(cluster: Cluster, loom_: Any) -> None:
    parts = [add.remote(n) for n in range(3)]
    task, none, *makers = over(cluster, add.remote(*parts), add.remote(1), *parts)
    shown = loom_("show", task, "--json")
    assert [row["task"] for row in shown["inputs"]] == makers
    assert [row["state"] for row in shown["inputs"]] == ["PRESENT"] * 3
    assert not shown["inputs_cut"]
    assert f"  inputs    what {short(bytes.fromhex(makers[0]))} made\n" in loom_("show", task)
    assert loom_("show", none, "--json")["inputs"] == []
    assert "inputs" not in loom_("show", none)


def test_of_many_inputs_the_first_are_known_and_it_says_so(cluster: Cluster, loom_: Any) -> None:
    parts = [add.remote(n) for n in range(12)]
    task, *makers = over(cluster, add.remote(*parts), *parts)
    shown = loom_("show", task, "--json")
    assert [row["task"] for row in shown["inputs"]] == makers[:8]
    assert shown["inputs_cut"]
    assert "these are the first 8; there may be more" in loom_("show", task)


def test_of_what_never_ran_the_inputs_are_not_known_any_more(cluster: Cluster, loom_: Any) -> None:
    waits = add.options(num_cpus=50).remote()
    ref = add.remote(waits)
    current.session().settle()
    (row,) = loom_("show", ref.hex()[:32], "--json")["inputs"]
    assert (row["id"], row["state"]) == (waits.hex(), "MISSING")
    loom.cancel(ref)
    loom.cancel(waits)
    (task,) = over(cluster, ref)
    assert loom_("show", task, "--json")["inputs"] is None
    assert "  inputs    what it took is not known any more\n" in loom_("show", task)


@pytest.mark.parametrize(("held", "bad"), [(True, breaks), (False, breaks_too)])
def test_the_input_that_failed_is_named_and_what_failed_first(
    cluster: Cluster, loom_: Any, *, held: bool, bad: Any
) -> None:
    fine, broken = add.remote(1), bad.remote(7)
    middle = add.remote(fine, broken)
    end = add.remote(middle)
    task, by, first = over(cluster, end, middle, broken)
    job = bytes(current.session().job)
    if not held:
        del fine, broken, middle, end
        gone = [cluster.control_plane.value, job, bytes.fromhex(task) + bytes(4)]
        wait_until(lambda: gone[0](*gone[1:]) is None)
    names = [short(bytes.fromhex(each)) for each in (task, by, first)]
    about = loom_("show", task, "--json")
    assert (about["state"], about["origin"]) == ("FAILED", first)
    assert [(row["task"], row["state"]) for row in about["inputs"]] == [(by, "FAILED")]
    assert (about["traceback_of"], "raise ValueError" in about["traceback"]) == (first, True)
    shown = loom_("show", task)
    says = f"what it takes comes from {names[2]}, which failed: ValueError: no 7\n"
    assert f"  state     FAILED: since {says}" in shown
    assert f"  to do     loom show {names[2]} tells how that failed\n" in shown
    assert f"  inputs    what {names[1]} made, a failure: loom show {names[1]}\n" in shown
    assert f"  traceback of {names[2]}, which failed first\n" in shown
    lines = loom_("why", task).splitlines()
    assert lines[0] == f"{names[0]} add failed, since {says.rstrip()}"
    assert lines[1] == f"  {names[2]} {bad.__name__} failed: ValueError: no 7"
    assert lines[2].startswith("To do: loom show tells its attempts, with a traceback")


def test_who_failed_in_each_attempt_shows_what_it_took(cluster: Cluster, loom_: Any) -> None:
    part = add.remote(1)
    task, maker = over(cluster, breaks_twice.remote(part), part)
    shown = loom_("show", task, "--json")
    assert [step["what"] for step in shown["steps"] if "error" in step] == [
        "came to nothing", "failed",
    ]  # fmt: skip
    assert [row["task"] for row in shown["inputs"]] == [maker]


def test_the_last_lines_that_a_task_printed_are_shown(cluster: Cluster, loom_: Any) -> None:
    many, none = over(cluster, prints.remote(25), prints.remote(0))
    last = [f"line {n}" for n in range(15, 25)]

    def printed() -> list[str]:
        return [line["text"] for line in loom_("show", many, "--json")["printed"]]

    wait_until(lambda: printed() == last)
    name = short(bytes.fromhex(many))
    shown = loom_("show", many)
    assert f"  printed last (loom logs {name} has all)\n" in shown
    lines = shown.rstrip().splitlines()[-10:]
    assert [line.partition("] ")[2] for line in lines] == last
    assert loom_("show", none, "--json")["printed"] == []
    assert "  printed   nothing, or that is gone; loom logs" in loom_("show", none)
    waits = add.options(num_cpus=50).remote()
    current.session().settle()
    assert loom_("show", waits.hex()[:32], "--json")["printed"] is None
    loom.cancel(waits)
