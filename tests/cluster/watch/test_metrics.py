"""What programs measure of themselves, in drivers and tasks, comes together exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current, metrics
from hyperloom.gcs import keys
from hyperloom.gcs.wire import Wire
from hyperloom.watch.exposition import users

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

ROWS = loom.metrics.Counter("rows", "Rows read.", tags=("source",))
LEVEL = loom.metrics.Gauge("level")
TIME = loom.metrics.Histogram("time", boundaries=(1, 10))


@pytest.fixture(scope="module", params=["cluster", "inline"])
def mode(request: pytest.FixtureRequest) -> Iterator[str]:
    loom.init("local", num_cpus=2, mode=request.param)
    yield request.param
    loom.shutdown()


@loom.task
def reads(n: int) -> None:
    ROWS.inc(n, source="task")
    TIME.observe(n)


def measured() -> dict[metrics.Named, float]:
    session: Any = current.session()
    session.settle()
    if hasattr(session, "plane"):
        return {metrics.read(name.encode()): v for name, v in session.plane.metrics.items()}
    wire = Wire(session.address)
    flat = wire.call("HGETALL", keys.METRICS.name(session.namespace))
    wire.close()
    return {metrics.read(n): float(v) for n, v in zip(flat[::2], flat[1::2], strict=True)}


def test_all_processes_count_together(mode: str) -> None:
    del mode
    loom.get([reads.remote(n) for n in range(21)])
    ROWS.inc(source="driver")
    ROWS.inc(2.5, source="driver")
    for level in (3, -1):
        LEVEL.set(level)
    found = {
        (row.name, dict(row.tags).get("source", ""), row.part): v for row, v in measured().items()
    }
    assert found == {
        ("rows", "task", ""): 210, ("rows", "driver", ""): 3.5, ("level", "", ""): -1,
        ("time", "", "1"): 2, ("time", "", "10"): 9, ("time", "", "inf"): 10,
        ("time", "", "sum"): 210,
    }  # fmt: skip
    families = {family.name: family for family in users(measured())}
    assert families["rows"].documentation == "Rows read."
    buckets = {s.labels["le"]: s.value for s in families["time"].samples if "le" in s.labels}
    assert buckets == {"1": 2, "10": 11, "+Inf": 21}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: loom.metrics.Counter("no good"), "'no good' cannot name a metric"),
        (lambda: loom.metrics.Counter("ok", tags=("9",)), "'9' cannot name"),
        (lambda: ROWS.inc(1), "has the tags source=…; given were none"),
        (lambda: ROWS.inc(-1, source="x"), "it only grows"),
        (lambda: LEVEL.set(float("nan")), "it takes a finite number"),
        (lambda: LEVEL.set("3"), "it takes a finite number"),  # type: ignore[arg-type]
        (lambda: loom.metrics.Histogram("h", boundaries=(2, 1)), "must grow"),
    ],
)
def test_what_cannot_be_is_refused_at_the_call(wrong: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        wrong()
