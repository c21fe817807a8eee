"""A job that has more tasks left than are looked at: what matters is among those that are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import ids
from hyperloom.core import current
from hyperloom.watch import graph, left, overall, search, tasks
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.watch.own_jobs import own_cluster  # noqa: F401 - the fixture `cluster`
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow
LOOKED_AT = 10


@loom.task
def one(x: int) -> int:
    return x


@loom.task(num_cpus=50)
def large(x: int = 0) -> int:
    return x


@loom.task(priority=-1)
def later(x: int) -> int:
    return x


@pytest.fixture
def crowd(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """Two that run, 300 that wait for the first to end; then some of which no node can run."""
    for module in (left, tasks):
        monkeypatch.setattr(module, "_LOOKED_AT", LOOKED_AT)
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    runs = [waits.remote(go_on, log)]
    wait_until(log.notes)
    many = loom.Plan([one.bind_map(range(300)), later.bind_map(range(300))]).submit()
    runs.append(waits.options(num_cpus=0).remote(go_on, log))
    wait_until(lambda: len(log.notes()) == 2)
    never = [large.remote(), large.remote()]
    current.session().settle()
    yield {
        "job": cluster.job().hex(),
        "runs": runs[1].hex()[:32],
        "large": never[0].hex()[:32],
        "waits for": runs[1],
    }
    many.cancel()
    for ref in never:
        loom.cancel(ref)
    go_on.open()
    loom.get(runs)


def test_what_runs_and_the_first_of_each_queue_are_among_what_is_looked_at(
    crowd: dict[str, Any], loom_: Any
) -> None:
    """In the table of tasks; and of a job it is told first what no node can run."""
    runs = loom_("ls", "tasks", "--state", "running", "--json")
    assert (runs["matched"], runs["hidden"]) == (2, 0)
    everything = loom_("ls", "tasks", "--json")
    assert (everything["matched"], everything["hidden"]) == (LOOKED_AT, 604 - LOOKED_AT)
    assert crowd["runs"] in {row["id"] for row in runs["tasks"]}
    answer = loom_("ls", "tasks", "--filter", "name=large", "--json")
    assert crowd["large"] in ids_of(answer)
    assert len(answer["tasks"]) == 2
    answer = loom_("ls", "tasks", "--filter", "name=later", "--json")
    assert {row["state"] for row in answer["tasks"]} == {"READY"}
    head, first, *others = loom_("why", crowd["job"], "--json")
    assert head["says"] == ("has 604 of 604 tasks left: 2 on nodes, 8 ready of the 10 looked at")
    assert (first["name"], first["why"]) == ("large", "too-large")
    assert {line["name"] for line in others} == {"waits", "one", "later"}


def ids_of(answer: dict[str, Any]) -> set[str]:
    return {row["id"] for row in answer["tasks"]}


def test_what_a_filter_names_is_found_among_all(crowd: dict[str, Any], loom_: Any) -> None:
    """However few of all that is left are looked at for who names nothing."""
    gate = crowd["waits for"]
    rare = [total.remote(gate), *[later.remote(total.remote(gate)) for _ in range(2)]]
    current.session().settle()
    answer = loom_("ls", "tasks", "--filter", "name=total", "--json")
    assert ids_of(answer) >= {rare[0].hex()[:32]}
    assert (len(answer["tasks"]), answer["matched"], answer["hidden"]) == (3, 3, 0)
    answer = loom_("ls", "tasks", "--state", "waiting", "--filter", "name=later", "--json")
    assert ids_of(answer) == {ref.hex()[:32] for ref in rare[1:]}
    assert (answer["matched"], answer["hidden"], answer["stopped"]) == (2, 0, "")
    answer = loom_("ls", "tasks", "--filter", "name=later", "--limit", "3", "--json")
    assert (len(answer["tasks"]), answer["matched"], answer["hidden"]) == (3, 302, 0)
    short = ids.short(bytes.fromhex(rare[0].hex())[:16])
    answer = loom_("ls", "tasks", "--filter", f"short={short}", "--json")
    assert ids_of(answer) == {rare[0].hex()[:32]}
    assert (answer["matched"], answer["hidden"]) == (1, 0)
    assert loom_("ls", "tasks", "--filter", "pid=1") == "no tasks\n"
    for ref in rare:
        loom.cancel(ref)


def test_a_search_that_takes_too_long_says_what_it_did_not_look_at(
    crowd: dict[str, Any], loom_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del crowd
    monkeypatch.setattr(search, "MOST_S", 0.0)
    said = loom_("ls", "tasks", "--filter", "name=large")
    assert said.startswith("no tasks\n2 more are counted (loom ls names), but not listed")
    assert "the search ended after" in said


@loom.task
def total(*parts: int) -> int:
    return sum(parts)


def test_arrows_are_followed_from_what_is_looked_at(cluster: Cluster, tmp_path: Path) -> None:
    """Of thousands that wait one is looked at: what it takes is not among those, but has a name."""
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    runs = waits.remote(go_on, log)
    wait_until(log.notes)
    total_of = total.bind(*[later.bind(one.bind(n)) for n in range(20)])
    plan = loom.Plan([total_of]).submit()
    job = cluster.job()
    part = graph.Part(
        counts=overall.counts(cluster, job), has=lambda _: True,
        left=[bytes.fromhex(plan.results[0].hex())[:16]],
    )  # fmt: skip
    drawn = graph.look(cluster, job, graph.Past(), singly=False, part=part)
    assert arrows_of(drawn) == {("one", "later"), ("later", "total")}
    plan.cancel()
    go_on.open()
    loom.get(runs)


def test_a_job_has_the_arrows_of_functions_with_few_tasks(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of their tasks is among those that are looked at; they are searched for once."""
    monkeypatch.setattr(graph, "_ALIVE_MOST", LOOKED_AT)
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    runs = waits.remote(go_on, log)
    wait_until(log.notes)
    parts = [later.bind(one.bind(n)) for n in range(300)]
    plan = loom.Plan([total.bind(*parts), large.bind(parts[7])]).submit()
    past = graph.Past()
    drawn = graph.look(cluster, cluster.job(), past)
    assert not drawn["single"]
    assert arrows_of(drawn) == {("one", "later"), ("later", "total"), ("later", "large")}
    monkeypatch.delattr(graph, "Search")
    again = graph.look(cluster, cluster.job(), past)
    assert arrows_of(again) == arrows_of(drawn)
    plan.cancel()
    go_on.open()
    loom.get(runs)


def arrows_of(drawn: dict[str, Any]) -> set[tuple[str, str]]:
    names = [box["name"] for box in drawn["boxes"]]
    return {(names[source], names[target]) for source, target, _ in drawn["arrows"]}
