"""``loom metrics``: figures for Prometheus, and a dashboard for Grafana."""

from __future__ import annotations

import signal
import time
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click

from hyperloom import errors
from hyperloom.cli import looking
from hyperloom.cli.words import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.registry import CollectorRegistry

    from hyperloom.watch.exposition import Collector

_PORT_MOST = 65_535


@click.command(name="metrics")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen there.")
@click.option(
    "--port", default=9464, show_default=True, type=Number(_PORT_MOST), help="And on this port."
)
@click.option("--once", is_flag=True, help="Print the figures, and end; so does --json.")
@click.option(
    "--otlp",
    metavar="URL",
    default="",
    help="Send them to an OpenTelemetry collector instead, such as http://host:4318/v1/metrics.",
)
@click.option(
    "--every", default=10.0, show_default=True, type=Number(3600), help="Seconds between two times."
)
@click.option("--grafana", is_flag=True, help="Print a dashboard for Grafana to import, and end.")
@looking.looks
def command(  # noqa: PLR0913 - the options of the command
    *,
    host: str,
    port: float,
    once: bool,
    otlp: str,
    every: float,
    grafana: bool,
    as_json: bool,
    session: str,
    address: str,
) -> int:
    """Serve the cluster's figures and those of `loom.metrics` to Prometheus, until Ctrl-C.

    Whoever can reach the port can read them: there is no password.  Needs the package
    prometheus-client: pip install "hyperloom[metrics]".  With --otlp they are sent to
    OpenTelemetry instead (with --once, one time): pip install "hyperloom[otel]".
    """
    if grafana:
        click.echo(files("hyperloom.watch").joinpath("grafana.json").read_text("utf-8"))
        return 0
    try:
        import prometheus_client  # noqa: PLC0415
        from prometheus_client import registry as registries  # noqa: PLC0415

        from hyperloom.watch.exposition import Collector  # noqa: PLC0415
    except ImportError:
        raise click.ClickException(
            'this needs prometheus-client: pip install "hyperloom[metrics]"'
        ) from None
    with looking.cluster_at(address, session) as cluster:
        registry = registries.CollectorRegistry(auto_describe=False)
        collector = Collector(cluster)
        if otlp:
            return _send(collector, otlp, None if once else every)
        registry.register(collector)
        if as_json:
            looking.say_json(list(_samples(registry)))
            return 0
        if once:
            click.echo(prometheus_client.generate_latest(registry).decode(), nl=False)
            return 0
        server, thread = prometheus_client.start_http_server(int(port), host, registry)
        click.echo(f"http://{host}:{server.server_port}/metrics; Ctrl-C ends it")
        try:
            signal.pause()
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
    return 0


def _samples(registry: CollectorRegistry) -> Iterator[dict[str, Any]]:
    for family in registry.collect():
        for sample in family.samples:
            yield {"name": sample.name, "labels": sample.labels, "value": sample.value}


def _send(collector: Collector, url: str, every_s: float | None) -> int:
    try:
        from hyperloom.watch.otlp import Sender  # noqa: PLC0415
    except ImportError:
        raise click.ClickException(
            'this needs OpenTelemetry: pip install "hyperloom[otel]"'
        ) from None
    sender = Sender(url)
    try:
        while True:
            try:
                sender.send(collector.collect())
            except errors.LoomError as error:
                if every_s is None:
                    raise
                click.echo(f"loom metrics: {error}", err=True)
            if every_s is None:
                return 0
            time.sleep(every_s)
    finally:
        sender.close()
