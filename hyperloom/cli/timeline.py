"""``loom timeline``: a job's attempts as a trace, for Perfetto or chrome://tracing."""

from __future__ import annotations

import json

import click

from hyperloom.cli import looking, words


@click.command(name="timeline")
@click.argument("job", required=False)
@click.option(
    "-o", "--output", metavar="FILE",
    help="Where to write it.  [default: trace.json; with --json only if named]",
)  # fmt: skip
@looking.looks
def command(
    *, job: str | None, output: str | None, as_json: bool, session: str, address: str
) -> int:
    """Write what ran where and when as a trace: a row for each worker, arrows along inputs.

    JOB: the last one, if none is named.  Open the file in https://ui.perfetto.dev, in
    chrome://tracing or in speedscope.
    """
    from hyperloom.watch import at_work, timeline  # noqa: PLC0415

    file = looking.Output(output, "trace.json", as_json=as_json)
    with looking.cluster_at(address, session) as cluster:
        which = cluster.job(job)
        told = list(cluster.events(which))
        now = at_work.at_work(cluster, which, told)
        trace = timeline.trace(told, lambda each: cluster.name(which, each), now)
    if not file.wanted:
        click.echo(json.dumps(trace))
        return 0
    slices = sum(each["ph"] == "X" for each in trace["traceEvents"])
    file.write(
        json.dumps(trace),
        f"{words.count(slices, 'attempt')} of job {which.hex()} in {file.name}; open it in "
        "https://ui.perfetto.dev (it stays on your machine)",
        job=which.hex(), attempts=slices,
    )  # fmt: skip
    return 0
