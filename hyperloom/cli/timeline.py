"""``loom timeline``: a job's attempts as a trace, for Perfetto or chrome://tracing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hyperloom.cli import looking, words


@click.command(name="timeline")
@click.argument("job", required=False)
@click.option(
    "-o", "--output", default="trace.json", show_default=True, metavar="FILE",
    help="Where to write it.",
)  # fmt: skip
@looking.looks
def command(*, job: str | None, output: str, as_json: bool, session: str, address: str) -> int:
    """Write what ran where and when as a trace: a row for each worker, arrows along inputs.

    JOB: the last one, if none is named.  Open the file in https://ui.perfetto.dev, in
    chrome://tracing or in speedscope.
    """
    from hyperloom.watch import at_work, timeline  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        which = cluster.job(job)
        told = list(cluster.events(which))
        now = at_work.at_work(cluster, which, told)
        trace = timeline.trace(told, lambda each: cluster.name(which, each), now)
    if as_json:
        click.echo(json.dumps(trace))
        return 0
    Path(output).write_text(json.dumps(trace))
    slices = sum(each["ph"] == "X" for each in trace["traceEvents"])
    click.echo(
        f"{words.count(slices, 'attempt')} of job {which.hex()} in {output}; open it in "
        "https://ui.perfetto.dev (it stays on your machine)"
    )
    return 0
