"""``loom report``: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from hyperloom.cli import looking


@click.command(name="report")
@click.argument("job", required=False)
@click.option(
    "-o", "--output", default="report.html", show_default=True, metavar="FILE",
    help="Where to write it.",
)  # fmt: skip
@looking.looks
def command(*, job: str | None, output: str, as_json: bool, session: str, address: str) -> int:
    """Write a report of a job: functions, times, rates, workers and failures, in one file.

    JOB: the last one, if none is named.  The file needs nothing else, and may be kept or sent; it
    names functions and shows the first lines of errors.
    """
    from hyperloom.watch import overall, things  # noqa: PLC0415
    from hyperloom.watch.report import report  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        which = cluster.job(job)
        (about,) = [row for row in things.jobs(cluster) if row["job"] == which.hex()]
        rows = overall.counts(cluster, which)
        if as_json:
            looking.say_json({**about, "names": rows})
            return 0
        Path(output).write_text(report(cluster, which, about, rows), "utf-8")
    click.echo(f"job {which.hex()} in {output}")
    return 0
