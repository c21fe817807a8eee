"""``loom ls``: tasks, jobs, nodes, actors, placement groups and so on in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.watch.cluster import Cluster

    Keep = Callable[[dict[str, Any]], bool]

_OF_ACTORS = ("PENDING", "ALIVE", "DEAD")
_OF_JOBS = {"tasks", "names", "errors", "plans", "actors", "objects"}
_STATES = ("RUNNING", "HELD", "READY", "WAITING", "FAILED", "CANCELLED", "DONE")

COLUMNS: dict[str, looking.Columns] = {
    "tasks": {
        "task": "short", "name": "name", "state": "state", "attempt": "attempt", "node": "node",
        "pid": "pid", "took": "seconds", "result": "bytes", "error": "error",
    },
    "names": {
        "name": "name", "submitted": "submitted", "left": "left", "done": "done",
        "failed": "failed", "cancelled": "cancelled", "items": "items_text", "retried": "retried",
        "mean": "mean_s", "p99": "p99_s",
    },
    "jobs": {
        "job": "job", "state": "state", "program": "program", "pid": "pid", "opened": "opened",
        "ended": "ended", "submitted": "submitted", "left": "left", "failed": "failed",
        "cancelled": "cancelled",
    },
    "nodes": {
        "node": "node", "state": "state", "host": "host", "free": "free_text",
        "store used": "used", "of": "bytes",
    },
    "workers": {
        "pid": "pid", "node": "node", "state": "state", "job": "job", "runs": "task",
        "for": "seconds", "behind": "count",
    },
    "errors": {
        "class": "kind", "times": "count", "retried": "retried", "function": "name",
        "such as": "such_as", "place": "place", "says": "error", "last": "last", "job": "job",
    },
    "plans": {
        "plan": "id", "label": "label", "tasks": "tasks", "left": "left_text",
        "results": "results", "there": "there_text", "failed": "failed_text",
        "cancelled": "cancelled_text", "detached": "detached", "told from": "told_from",
        "submitted": "at", "program": "program", "job": "job",
    },
    "actors": {
        "actor": "short", "class": "class", "name": "name", "namespace": "namespace",
        "detached": "detached", "state": "state", "node": "node", "calls": "dealt",
        "running": "answering", "paused": "paused_text", "waiting": "waiting",
        "restarts": "restarts", "job": "job", "died of": "error",
    },
    "groups": {
        "group": "id", "name": "name", "state": "state", "strategy": "strategy",
        "bundles": "bundles_text", "nodes": "nodes_text", "job": "job",
    },
    "objects": {
        "object": "short", "creator": "name", "size": "bytes", "where": "where",
        "holders": "holders", "state": "state", "held by": "pinned",
    },
}  # fmt: skip


@click.command(name="ls")
@click.argument("what", type=click.Choice(list(COLUMNS)))
@click.option("--job", default=None, help="Of this job; default: all that are open.")
@click.option(
    "--state", "states", multiple=True, metavar="STATE",
    help="Only what stands so, such as failed; more than once for several.",
)  # fmt: skip
@click.option(
    "--filter", "filters", multiple=True, metavar="NAME=VALUE",
    help="Rows whose column has this value; NAME~TEXT: contains it.  JSON's names.",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Of actors: also those that are over.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(min=0), help="Most rows."
)
@looking.looks
def command(**options: Any) -> int:  # noqa: ANN401 - click's options
    """Show tasks, names (functions, with counts and times), jobs, nodes and so on in a table.

    Of tasks, names, errors, plans, actors and objects those of open jobs are shown, or, if none is
    open, those of the last one.  Counts of names and jobs are exact.  Of tasks that are over, as
    many are shown as their events tell of; what is not is counted below the table.
    """
    what, limit = options["what"], options["limit"]
    asked = _checked_states(what, options["states"])
    if options["everything"]:
        if what != "actors":
            raise click.UsageError(f"--all is for actors; loom ls {what} shows what there is")
        asked = asked or frozenset(_OF_ACTORS)
    keep = _keep(what, options["filters"], asked)
    states = asked or frozenset(_STATES)
    with looking.cluster_at(options["address"], options["session"]) as cluster:
        jobs = _jobs(cluster, options["job"])
        if what in _ANSWERS:
            answer = _ANSWERS[what](cluster, jobs, keep, limit, states)
        else:
            answer = _limited(what, _rows(what, cluster, jobs), keep, limit)
        if options["as_json"]:
            looking.say_json(answer)
        else:
            others = what in _OF_JOBS and options["job"] is None and _say_whose(cluster, jobs)
            _show(what, answer)
            if others and not answer[what]:
                click.echo("of another job: --job ID, of loom ls jobs")
    return 0


def _say_whose(cluster: Cluster, jobs: list[bytes]) -> bool:
    """Nothing is open, so the rows are of what was: nobody should take them for what is.

    Whether there are other jobs that were.
    """
    known = cluster.jobs()
    if not jobs or known[jobs[0]]["state"] == "open":
        return False
    (job,), about = jobs, known[jobs[0]]
    ended = f", ended {looking.clock(about['ended'])}" if about["ended"] else ""
    program = " ".join(about.get("about", {}).get("argv", []))
    click.echo(f"no job is open; of the last one, {job.hex()} {program}{ended}:")
    return len(known) > 1


def _checked_states(what: str, asked: tuple[str, ...]) -> frozenset[str]:
    states = frozenset(state.upper() for state in asked)
    if states and "state" not in COLUMNS[what].values():
        raise click.UsageError(f"{what} have no state; --filter chooses by other columns")
    known = {"tasks": _STATES, "actors": _OF_ACTORS}.get(what, ())
    unknown = sorted(states - set(known)) if known else []
    if unknown:
        raise click.UsageError(
            f"no {what[:-1]} is ever {unknown[0]}; they are {', '.join(known[:-1])} or {known[-1]}"
        )
    return states


def _keep(what: str, filters: Sequence[str], states: frozenset[str]) -> Keep | None:
    """Tasks are chosen by state where they are read; of other things there are few.

    None: no row needs to be looked at.
    """
    keep = looking.Condition(filters)
    if what == "tasks" or not states:
        return keep if filters else None
    return lambda row: row["state"].upper() in states and keep(row)


def _jobs(cluster: Cluster, named: str | None) -> list[bytes]:
    if named is not None:
        return [cluster.job(named)]
    jobs = cluster.jobs()
    return [job for job in jobs if jobs[job]["state"] == "open"] or (
        [cluster.job()] if jobs else []
    )


def _tasks(
    cluster: Cluster,
    jobs: list[bytes],
    keep: looking.Condition | None,
    limit: int,
    states: frozenset[str],
) -> dict[str, Any]:
    from hyperloom.watch import tasks  # noqa: PLC0415

    if keep is None:
        return tasks.table(cluster, jobs, None, limit, states)
    if keep.is_of_attempts:
        states -= {"READY", "WAITING"}
    more = None if keep.is_of_names else keep
    return tasks.table(cluster, jobs, more, limit, states, wanted=keep.names)


def _limited(
    what: str, rows: list[dict[str, Any]], keep: Keep | None, limit: int
) -> dict[str, Any]:
    kept = [row for row in rows if keep is None or keep(row)]
    return {what: kept[:limit], "matched": len(kept)}


def _rows(what: str, cluster: Cluster, jobs: list[bytes]) -> list[dict[str, Any]]:
    """All there are: of these there are few."""
    from hyperloom.watch import bygone, errors, groups, tasks, things  # noqa: PLC0415

    match what:
        case "names":
            rows = [{"job": job.hex(), **row} for job in jobs for row in tasks.names(cluster, job)]
        case "errors":
            rows = [row for job in jobs for row in errors.of_job(cluster, job)]
        case "plans":
            rows = bygone.Bygone().table(cluster, jobs)
        case "groups":
            rows = groups.table(cluster)
        case "jobs":
            rows = things.listed(cluster)
        case "nodes":
            rows = things.nodes(cluster)
        case _:
            rows = things.workers(cluster)
    return rows


def _actors(
    cluster: Cluster, jobs: list[bytes], keep: Keep | None, limit: int, states: frozenset[str]
) -> dict[str, Any]:
    from hyperloom.watch import actors  # noqa: PLC0415

    over = actors.ended(cluster, jobs)
    rows = actors.actors(cluster, jobs) + (over if "DEAD" in states else [])
    hidden = 0 if "DEAD" in states else len(over)
    return {**_limited("actors", rows, keep, limit), "hidden": hidden}


def _objects(
    cluster: Cluster,
    jobs: list[bytes],
    keep: Keep | None,
    limit: int,
    _: Any,  # noqa: ANN401
) -> dict[str, Any]:
    from hyperloom.watch import objects  # noqa: PLC0415

    return objects.table(cluster, jobs, keep, limit)


# Tables of which there may be more than is looked at; all others are `_rows`.
_ANSWERS: dict[str, Callable[..., dict[str, Any]]] = {
    "tasks": _tasks, "actors": _actors, "objects": _objects,
}  # fmt: skip


def _show(what: str, answer: dict[str, Any]) -> None:
    rows = answer[what]
    if not rows:
        click.echo(f"no {what}" + (" that match" if answer["matched"] else ""))
    else:
        show_rows(what, rows)
    for row in rows if what == "jobs" else ():
        if row["items_left"]:
            click.echo(
                f"{row['job']}: of maps {row['items_left']:,} items are left, up to "
                f"{row['chunk']:,} in a task; all columns count tasks"
            )
        for note in row["notes"]:
            click.echo(f"{row['job']}: {note}")
    if what == "plans":
        _say_from_where(rows)
    if answer["matched"] > len(rows):
        click.echo(f"{len(rows):,} of {answer['matched']:,} are shown; --limit shows more")
    if answer.get("hidden"):  # of what there may be more than is looked at
        more = "more is" if answer["hidden"] == 1 else "more are"
        click.echo(f"{answer['hidden']:,} {more} {_HIDDEN[what]}")
    if answer.get("stopped"):
        click.echo(answer["stopped"])


def _say_from_where(rows: Sequence[dict[str, Any]]) -> None:
    """Nobody should look for what cannot be taken up."""
    told = [row["told_from_text"] for row in rows if "told_from_text" in row]
    if told:
        are = "plan is" if len(told) == 1 else "plans are"
        click.echo(f"{len(told):,} {are} told from {told[0]}")


def show_rows(what: str, rows: list[dict[str, Any]]) -> None:
    """Some rows, and what is to be said of their numbers."""
    if what == "actors":
        rows = [{**row, "paused_text": row["paused"] or ""} for row in rows]
    if what == "names":
        rows = [{**row, "items_text": _items(row)} for row in rows]
    looking.show_table(rows, _columns(what, rows))
    _say_chunks([row for row in rows if "chunk" in row] if what == "names" else ())


def _columns(what: str, rows: Sequence[dict[str, Any]]) -> looking.Columns:
    """Those of the table; items, and what was cancelled, only where there are some."""
    none = {of for of in ("items_text", "cancelled") if not any(row.get(of) for row in rows)}
    return {title: of for title, of in COLUMNS[what].items() if not none & {title, of}}


def _items(row: dict[str, Any]) -> str:
    """Of a map that has several items in a task."""
    return f"{row['items_over']:,} of {row['items']:,}" if row.get("chunk", 0) > 1 else ""


def _say_chunks(rows: Sequence[dict[str, Any]]) -> None:
    from hyperloom.watch import overall  # noqa: PLC0415

    for row in rows:
        if said := overall.in_chunks(row):
            failed = f", of which {row['items_failed']:,} failed" if row["items_failed"] else ""
            click.echo(f"{row['name']}: {said}{failed}; all columns but items count tasks")


_HIDDEN = {
    "actors": "over; --all shows them too, --state dead only them",
    "tasks": "counted (loom ls names), but not listed: they wait, or what was known is gone",
}
