"""``loom retry``: what failed of detached plans is run again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hyperloom import errors
from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster


@click.command(name="retry")
@click.argument("id_", metavar="ID")
@click.option("--failed", is_flag=True, help="What failed; nothing else can be.")
@looking.looks
def command(*, id_: str, failed: bool, as_json: bool, session: str, address: str) -> int:
    """Run again what failed of a job's detached plans, or of one plan (loom ls plans).

    ID may be last: the plan that was submitted last.  What else the failed part needs and is gone
    is computed anew; results that are there stay. The plan has
    the new results, under new names: whoever has taken it up takes it up again.

    It does not wait. Plans that are not detached are retried by their program
    (handle.retry_failed).
    """
    if not failed:
        raise click.UsageError(
            "what failed is run again, and nothing else can be, so it has to be said: "
            f"loom retry {id_} --failed"
        )
    with looking.cluster_at(address, session) as cluster:
        plans = _plans(cluster, id_)
        live = cluster.control_plane
        where = str(live.wire.address) if address or session else "auto"
        for job, about in live.jobs().items():
            if any(plan["job"] == job.hex() for plan in plans):
                # The functions of its tasks are found where its program found them.
                paths = about.get("sys_path", [])
                sys.path.extend(path for path in paths if path not in sys.path)
    told = _retried(where, [plan["id"] for plan in plans])
    if as_json:
        looking.say_json({"plans": told})
    elif not any(plan["retried"] for plan in told):
        click.echo("nothing failed so far")
    for plan in told if not as_json else ():
        if plan["retried"]:
            click.echo(f"plan {plan['id']}: {words.count(plan['retried'], 'result')} run again")
    return 0


def _plans(cluster: Cluster, text: str) -> list[dict[str, Any]]:
    """The detached plans of this id, or of this job; the beginning of either will do."""
    from hyperloom.watch.plans import listed  # noqa: PLC0415

    live = cluster.control_plane
    detached = [
        {"id": plan.id.hex(), "job": job.hex(), "at": plan.about["at"]}
        for job in live.jobs()
        for plan in listed(live, job)
        if plan.detached
    ]
    found = [row for row in detached if row["id"].startswith(text)]
    if text == "last":
        found = sorted(detached, key=lambda row: row["at"])[-1:]
    if not text or not found:
        raise errors.NotFound(
            f"nothing detached has an id that begins with {text!r}; loom ls plans lists what there "
            "is. A plan that is not detached is known to its program only: handle.retry_failed() "
            "there"
        )
    if len({row["job"] for row in found}) > 1:
        raise errors.NotFound(f"{text!r} may be several jobs; write more digits of it")
    return found


def _retried(where: str, plans: list[str]) -> list[dict[str, Any]]:
    import hyperloom as loom  # noqa: PLC0415
    from hyperloom.watch.cluster import RETRY  # noqa: PLC0415

    command, sys.argv[0] = sys.argv[0], RETRY  # so its job is known by this name
    try:
        with loom.init(where, log_to_driver=False):
            handles = [loom.attach(plan) for plan in plans]
            return [{"id": handle.id, "retried": handle.retry_failed()} for handle in handles]
    finally:
        sys.argv[0] = command
