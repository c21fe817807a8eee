"""What moves between nodes for a task is told: in its story, in a report, in the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import events
from hyperloom.core import current
from hyperloom.gcs import codes
from hyperloom.testing import Cluster
from hyperloom.watch import left, overall, reasons, things
from hyperloom.watch.cluster import Cluster as Looked
from hyperloom.watch.exposition import Collector
from hyperloom.watch.live import Live
from hyperloom.watch.report import report
from tests.cluster.several.tasks import MIB, make, on, size_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def three() -> Iterator[Cluster]:
    """A node that hangs is asked several times, for two seconds each, and is a member still."""
    with Cluster(nodes=3, lease_s=60) as cluster:
        yield cluster


@pytest.fixture
def cluster(three: Cluster) -> Iterator[Cluster]:
    """A job for each test: what is told is counted."""
    with three.connect():
        yield three


@pytest.fixture
def looked(cluster: Cluster) -> Iterator[Looked]:
    del cluster
    looked = Looked(Live(current.session().address))
    yield looked
    looked.close()


def fetches(looked: Looked, job: bytes) -> list[events.Fetch]:
    return [
        fetch
        for event in looked.events(job)
        if event.kind == codes.RAN
        for fetch in events.fetches(event.payload)
    ]


def ended(looked: Looked, job: bytes) -> set[bytes]:
    return {
        attempt.task
        for event in looked.events(job)
        if event.kind == codes.RAN
        for attempt in events.attempts(event.payload)
    }


def test_an_input_that_was_fetched_is_told_everywhere(cluster: Cluster, looked: Looked) -> None:
    _, there, third = cluster.nodes
    job = bytes(current.session().job)
    value = on(there.id, make).remote(MIB // 2)
    loom.wait([value])
    # Both wait for the one object: it is fetched once, and its bytes are told once.
    sizes = [on(third.id, size_of).remote(value) for _ in range(2)]
    assert loom.get(sizes, timeout=30) == [MIB // 2] * 2
    # What was fetched for a task is told before how it ended, or together with that.
    over = {ref.binary()[:16] for ref in sizes}
    wait_until(lambda: over <= ended(looked, job))
    told = [fetch for fetch in fetches(looked, job) if fetch.task in over]
    total = sum(fetch.bytes for fetch in told)
    assert MIB // 2 <= total < MIB
    task = told[0].task
    assert task in over

    wait_until(lambda: reasons.show(looked, task)["state"] == "DONE")
    story = reasons.show(looked, task)["steps"]
    told_of = ["submitted", "its last input was made", "inputs were fetched", "began", "done"]
    # And "taken", where fetching was slow.
    assert sorted({step["what"] for step in story} - {"taken"}) == sorted(told_of)
    places = {step["what"]: step.get("node") for step in story}
    assert places["its last input was made"] == there.id
    assert places["inputs were fetched"] == places["began"] == third.id

    (about,) = [row for row in things.jobs(looked) if row["job"] == job.hex()]
    page = report(looked, job, about, overall.counts(looked, job))
    assert f"<th>size_of</th><td>{len(told)}</td>" in page

    families: dict[str, Any] = {each.name: each for each in Collector(looked).collect()}
    of_fetch = {
        (sample.labels["name"], sample.labels.get("le")): sample.value
        for sample in families["loom_task_fetch_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    assert of_fetch == {**of_fetch, ("size_of", "+Inf"): len(told)}
    assert {name for name, _ in of_fetch} == {"size_of"}
    queued = {
        sample.labels["name"]: sample.value
        for sample in families["loom_task_queue_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert queued == {"make": 1, "size_of": 2}
    received = {
        sample.labels["node"]: sample.value
        for sample in families["loom_objects_received_bytes"].samples
    }
    assert received[third.id] >= MIB // 2
    assert families["loom_server_seconds"].samples[0].value > 0


def test_why_and_the_table_tell_of_a_task_whose_inputs_are_fetched(
    cluster: Cluster, looked: Looked
) -> None:
    """The node that has them hangs for a while, so that they do not come."""
    _, there, third = cluster.nodes
    value = on(there.id, make).remote(MIB)
    loom.wait([value])
    cluster.pause(there)
    try:
        size = on(third.id, size_of).remote(value)
        task = size.binary()[:16]
        wait_until(lambda: reasons.explain(looked, task)[0]["why"] == "fetching", 30)
        (line,) = reasons.explain(looked, task)
        where = f"is on node {third.id[:8]}, which fetches its inputs from other nodes"
        assert (line["says"], line["state"]) == (where, "HELD")
        job = bytes(current.session().job)
        head, kind = left.of_job(looked, job)
        assert head["says"].startswith("has 1 of ")
        assert (kind["name"], kind["why"], kind["tasks"]) == ("size_of", "fetching", 1)
        wait_until(lambda: "taken" in _story(looked, task), 20)
        told = "its tasks: 1 waiting for inputs from other nodes"
        wait_until(lambda: left.of_node(looked, third.id)[0]["says"].endswith(told), 20)
    finally:
        cluster.resume(there)
    assert loom.get(size, timeout=30) == MIB
    wait_until(lambda: "done" in _story(looked, task))
    story = _story(looked, task)
    assert sorted(story) == sorted([
        "submitted", "its last input was made", "taken", "inputs were fetched", "began", "done",
    ])  # fmt: skip
    assert story.index("taken") < story.index("inputs were fetched") < story.index("began")


def _story(looked: Looked, task: bytes) -> list[str]:
    return [step["what"] for step in reasons.show(looked, task)["steps"]]
