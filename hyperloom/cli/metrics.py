"""``loom metrics``: figures for Prometheus, and a dashboard for Grafana."""

from __future__ import annotations

import signal
from importlib.resources import files

import click

from hyperloom.cli import looking
from hyperloom.cli.words import Number

_PORT_MOST = 65_535


@click.command(name="metrics")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen there.")
@click.option(
    "--port", default=9464, show_default=True, type=Number(_PORT_MOST), help="And on this port."
)
@click.option("--once", is_flag=True, help="Print the figures, and end.")
@click.option("--grafana", is_flag=True, help="Print a dashboard for Grafana to import, and end.")
@looking.looks
def command(  # noqa: PLR0913 - the options of the command
    *, host: str, port: float, once: bool, grafana: bool, as_json: bool, session: str, address: str
) -> int:
    """Serve the cluster's figures and those of `loom.metrics` to Prometheus, until Ctrl-C.

    Whoever can reach the port can read them: there is no password.  Needs the package
    prometheus-client: pip install "hyperloom[metrics]".
    """
    if grafana:
        click.echo(files("hyperloom.watch").joinpath("grafana.json").read_text("utf-8"))
        return 0
    try:
        import prometheus_client  # noqa: PLC0415
        from prometheus_client.registry import CollectorRegistry  # noqa: PLC0415

        from hyperloom.watch.exposition import Collector  # noqa: PLC0415
    except ImportError:
        raise click.ClickException(
            'this needs prometheus-client: pip install "hyperloom[metrics]"'
        ) from None
    with looking.cluster_at(address, session) as cluster:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Collector(cluster))
        if once or as_json:
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
