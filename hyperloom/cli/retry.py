"""``loom retry``: what failed of detached plans, or a submitted program, is run again."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from hyperloom import errors
from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster


_TOLD_FROM = 6  # digits of an id: less may mean many things
_SUBMISSION = re.compile(r"\d{6}(-[0-9a-f]*)?")


@click.command(name="retry")
@click.argument("id_", metavar="ID")
@click.option("--failed", is_flag=True, help="What failed; nothing else can be.")
@looking.looks
def command(*, id_: str, failed: bool, as_json: bool, session: str, address: str) -> int:
    """Run again what failed of a job's detached plans, of a plan, or of what was submitted.

    ID may be last: the detached plan that was submitted last, or else the program that was.

    What else the failed part of a plan needs and is gone is computed anew; results that are there
    stay. The plan has the new results, under new names: whoever has taken it up takes it up again.
    A program that failed or was stopped (loom submit --list) is run again as a whole, in its copy
    of the directory, with what it wrote there; its job may be named, too.

    It does not wait. What else is not detached is retried by its program, which alone has its
    arguments: a plan by handle.retry_failed(), a task by calling it again.
    """
    if not failed:
        raise click.UsageError(
            "what failed is run again, and nothing else can be, so it has to be said: "
            f"loom retry {id_} --failed"
        )
    with looking.cluster_at(address, session) as cluster:
        rows = _rows(cluster)
        if plans := _fitting(rows, id_):
            where = str(cluster.control_plane.wire.address) if address or session else "auto"
            whole = plans[0]["job"].startswith(id_)
            _plans(cluster, plans, where, whole=whole, as_json=as_json)
        elif known := _program(cluster, id_):
            again = f"{known['id']} runs again, attempt {known['attempt']}; see its output: "
            if as_json:
                looking.say_json(known)
            else:
                click.echo(f"{again}loom submit --logs {known['id']} -f")
        else:
            raise errors.NotFound(_nothing(cluster, id_, rows))
    return 0


def _plans(
    cluster: Cluster, plans: list[dict[str, Any]], where: str, *, whole: bool, as_json: bool
) -> None:
    """Of a whole job, or one of them."""
    elsewhere = _elsewhere(cluster, plans) if whole else 0
    for job, about in cluster.control_plane.jobs().items():
        if any(plan["job"] == job.hex() for plan in plans):
            # The functions of its tasks are found where its program found them.
            paths = about.get("sys_path", [])
            sys.path.extend(path for path in paths if path not in sys.path)
    told = _retried(where, [plan["id"] for plan in plans])
    if as_json:
        looking.say_json({"plans": told, "failed_elsewhere": elsewhere})
        return
    if not any(plan["retried"] for plan in told):
        click.echo("nothing failed so far" + (" of its detached plans" if elsewhere else ""))
    if elsewhere:
        click.echo(_cannot(elsewhere, plans[0]["job"]), err=True)
    for plan in told:
        if plan["retried"]:
            click.echo(f"plan {plan['id']}: {words.count(plan['retried'], 'result')} run again")


def _rows(cluster: Cluster) -> list[dict[str, Any]]:
    """The plans that there are."""
    from hyperloom.watch.plans import listed  # noqa: PLC0415

    live = cluster.control_plane
    return [
        {
            "id": plan.id.hex(), "job": job.hex(), "at": plan.about["at"],
            "detached": plan.detached,
        }
        for job in live.jobs()
        for plan in listed(live, job)
    ]  # fmt: skip


def _fitting(rows: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The detached plans of this id, or of this job; the beginning of either will do."""
    detached = [row for row in rows if row["detached"]]
    if text == "last":
        return sorted(detached, key=lambda row: row["at"])[-1:]
    found = [row for row in detached if text and row["id"].startswith(text)]
    if len({row["job"] for row in found}) > 1:
        raise errors.NotFound(f"{text!r} may be several jobs; write more digits of it")
    return found


def _program(cluster: Cluster, text: str) -> dict[str, Any] | None:
    """Start the program that was submitted under this id, or opened this job, once more."""
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node.handing import Handing  # noqa: PLC0415
    from hyperloom.watch import things  # noqa: PLC0415

    for row in things.jobs(cluster) if len(text) >= _TOLD_FROM else ():
        if row["job"].startswith(text) and row["program_ended"] and row["submission"]:
            text = row["submission"]
    if text != "last" and not _SUBMISSION.fullmatch(text):
        return None
    with Handing(Config.load(), cluster.control_plane.wire.address.url) as desk:
        try:
            known = desk.find(text)
        except errors.NotFound:
            return None
        return desk.run_again(known["id"])


def _nothing(cluster: Cluster, text: str, plans: list[dict[str, Any]]) -> str:
    """Why nothing of this id can be run again from here."""
    from hyperloom.watch import things  # noqa: PLC0415

    for row in things.jobs(cluster) if len(text) >= _TOLD_FROM else ():
        if row["job"].startswith(text) and row["failed"]:
            return f"job {row['job']} has no detached plan. {_cannot(row['failed'], row['job'])}"
    for plan in plans if len(text) >= _TOLD_FROM else ():
        if plan["id"].startswith(text):
            return (
                f"plan {plan['id']} is not detached, so its program alone has what its tasks were "
                "called with: handle.retry_failed() there runs again what failed of it"
            )
    return (
        f"nothing detached has an id that begins with {text!r}; loom ls plans lists what there is. "
        "What is not detached is retried by its program: handle.retry_failed() there"
    )


def _elsewhere(cluster: Cluster, plans: list[dict[str, Any]]) -> int:
    """How many tasks of the plans' job failed that are of none of them."""
    from hyperloom.watch import followed, things  # noqa: PLC0415

    (job,) = [row for row in things.jobs(cluster) if row["job"] == plans[0]["job"]]
    failed: int = job["failed"]
    for plan in plans:
        failed -= followed.show(cluster, bytes.fromhex(plan["id"]))["tasks_failed"]
    return max(0, failed)


def _cannot(failed: int, job: str) -> str:
    return (
        f"{words.count(failed, 'task')} of job {job} failed and cannot be run again from here: of "
        "what is not detached nobody but its program has the arguments. In the program, "
        "handle.retry_failed() runs again what failed of a plan, and who called .remote() calls "
        "again; max_retries= and retry_exceptions= do so by themselves. What failed: "
        f"loom ls errors --job {job}"
    )


def _retried(where: str, plans: list[str]) -> list[dict[str, Any]]:
    import hyperloom as loom  # noqa: PLC0415
    from hyperloom.watch.things import RETRY  # noqa: PLC0415

    command, sys.argv[0] = sys.argv[0], RETRY  # so its job is known by this name
    try:
        with loom.init(where, log_to_driver=False):
            handles = [loom.attach(plan) for plan in plans]
            return [{"id": handle.id, "retried": handle.retry_failed()} for handle in handles]
    finally:
        sys.argv[0] = command
