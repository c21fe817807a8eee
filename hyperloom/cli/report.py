"""``loom report``: a run as one HTML file."""

from __future__ import annotations

import click

from hyperloom.cli import looking


@click.command(name="report")
@click.argument("job", required=False)
@click.option(
    "-o", "--output", metavar="FILE",
    help="Where to write it.  [default: report.html; with --json only if named]",
)  # fmt: skip
@looking.looks
def command(
    *, job: str | None, output: str | None, as_json: bool, session: str, address: str
) -> int:
    """Write a report of a job: functions, times, rates, workers and failures, in one file.

    JOB: the last one, if none is named.  The file needs nothing else, and may be kept or sent; it
    names functions and shows the first lines of errors.
    """
    from hyperloom.watch import overall, things  # noqa: PLC0415
    from hyperloom.watch.report import report  # noqa: PLC0415

    file = looking.Output(output, "report.html", as_json=as_json)
    with looking.cluster_at(address, session) as cluster:
        which = cluster.job(job)
        (about,) = [row for row in things.jobs(cluster) if row["job"] == which.hex()]
        rows = overall.counts(cluster, which)
        if not file.wanted:
            looking.say_json({**about, "names": rows})
            return 0
        page = report(cluster, which, about, rows)
    says = f"job {which.hex()} in {file.name}"
    file.write(page, says, **about, names=rows)
    return 0
