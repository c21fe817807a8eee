"""Figures as an OpenTelemetry collector gets them: decoded from what was posted."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from hyperloom.errors import LoomError
from hyperloom.watch.otlp import Sender
from tests.collector import collecting


def families() -> list[Any]:
    tasks = CounterMetricFamily("loom_tasks", "Tasks", labels=("name", "what"))
    tasks.add_metric(("load", "done"), 7)
    tasks.add_metric(("load", "failed"), 1)
    nodes = GaugeMetricFamily("loom_nodes_alive", "Nodes", 2)
    seconds = HistogramMetricFamily("loom_task_seconds", "Time", labels=("name",))
    seconds.add_metric(("load",), [("0.1", 3), ("1", 5), ("+Inf", 6)], 4.5)
    return [tasks, nodes, seconds, GaugeMetricFamily("empty", "Nobody has any", labels=("x",))]


def test_a_collector_gets_sums_gauges_and_histograms() -> None:
    with collecting() as collector:
        sender = Sender(collector.endpoint)
        sender.send(families())
        sender.close()
    (request,) = collector.got
    (resource,) = request.resource_metrics
    assert {a.key: a.value.string_value for a in resource.resource.attributes} == {
        "service.name": "hyperloom"
    }
    tasks, nodes, seconds = resource.scope_metrics[0].metrics
    assert (tasks.name, tasks.sum.is_monotonic) == ("loom_tasks", True)
    assert [(_tags(p), p.as_double) for p in tasks.sum.data_points] == [
        ({"name": "load", "what": "done"}, 7), ({"name": "load", "what": "failed"}, 1),
    ]  # fmt: skip
    assert [(_tags(p), p.as_double) for p in nodes.gauge.data_points] == [({}, 2)]
    (point,) = seconds.histogram.data_points
    assert (_tags(point), point.count, point.sum) == ({"name": "load"}, 6, 4.5)
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([0.1, 1], [3, 2, 1])


def test_one_that_does_not_take_them_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with collecting() as collector:
        collector.willing = False
        sender = Sender(collector.endpoint)
        with pytest.raises(LoomError, match=r"did not take the figures.*Nothing is lost"):
            sender.send(families())
        sender.close()
    assert caplog.records, "the library says why"


def _tags(point: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in point.attributes}
