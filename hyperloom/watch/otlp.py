"""The figures of `hyperloom.watch.exposition` for OpenTelemetry: sent to a collector, by OTLP.

The rule: what Prometheus would read is what is sent, under the same names and with the same
labels as attributes; so a figure has one definition, whoever keeps it.  Sums are cumulative, from
a beginning that nobody noted (the jobs').  Needs the extra ``otel``.
"""

from __future__ import annotations

import time
from math import nan
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNKNOWN = 0  # when a sum began
_CUMULATIVE = AggregationTemporality.CUMULATIVE


class Sender:
    """Sends figures to an OTLP endpoint over HTTP, such as ``http://host:4318/v1/metrics``."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._exporter = OTLPMetricExporter(endpoint=endpoint)

    def send(self, families: Iterable[Any]) -> None:
        """Send prometheus-client's families as they are now.

        Raises:
            errors.LoomError: the endpoint does not take them; they are sent with the next ones.
        """
        told = self._exporter.export(metrics_data(families, time.time_ns()))
        if told is not MetricExportResult.SUCCESS:
            raise errors.LoomError(
                f"{self._endpoint} did not take the figures; is a collector there that speaks "
                "OTLP over HTTP? Nothing is lost: all sums are sent again the next time"
            )

    def close(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()


def metrics_data(families: Iterable[Any], now_ns: int) -> MetricsData:
    """The families in OpenTelemetry's terms."""
    scope = ScopeMetrics(
        scope=InstrumentationScope("hyperloom"),
        metrics=[_metric(family, now_ns) for family in families if family.samples],
        schema_url="",
    )
    resource = Resource({"service.name": "hyperloom"})
    return MetricsData([ResourceMetrics(resource, [scope], schema_url="")])


def _metric(family: Any, now_ns: int) -> Metric:  # noqa: ANN401 - prometheus-client's
    data: Gauge | Histogram | Sum
    if family.type == "histogram":
        data = Histogram(_histograms(family.samples, now_ns), _CUMULATIVE)
    else:
        points = [
            NumberDataPoint(sample.labels, _UNKNOWN, now_ns, float(sample.value))
            for sample in family.samples
        ]
        is_sum = family.type == "counter"
        data = Sum(points, _CUMULATIVE, is_monotonic=True) if is_sum else Gauge(points)
    return Metric(family.name, family.documentation, unit="", data=data)


def _histograms(samples: Iterable[Any], now_ns: int) -> list[HistogramDataPoint]:
    """One of each set of labels: Prometheus's buckets are cumulative, these are not."""
    rows: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for sample in samples:
        labels = dict(sample.labels)
        part = labels.pop("le", sample.name.rpartition("_")[2])
        rows.setdefault(tuple(labels.items()), {})[part] = sample.value
    points = []
    for tags, parts in rows.items():
        total, count = parts.pop("sum", 0.0), parts.pop("count", 0.0)
        most = sorted(parts, key=float)
        up_to = [int(parts[bound]) for bound in most]
        points.append(HistogramDataPoint(
            dict(tags), _UNKNOWN, now_ns, int(count), total,
            bucket_counts=[n - before for n, before in zip(up_to, [0, *up_to], strict=False)],
            explicit_bounds=[float(bound) for bound in most[:-1]],
            min=nan, max=nan,  # nobody kept them
        ))  # fmt: skip
    return points
