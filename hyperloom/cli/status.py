"""``loom status``: what runs here, and how it is."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from hyperloom import __version__
from hyperloom.cli import words
from hyperloom.cli.main import NOTHING_RUNS

_JOBS_SHOWN = 10


@click.command(name="status")
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
def command(*, as_json: bool) -> int:
    """Show the nodes of yours on this machine, and the cluster that each is part of.

    Exits with 3 when none runs.
    """
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import survey  # noqa: PLC0415

    sessions = survey.sessions(Config.load())
    if as_json:
        click.echo(json.dumps({"version": __version__, "sessions": sessions}, indent=2))
    elif not sessions:
        click.echo("No node of yours runs here. Start one: loom start --head")
    else:
        _show(sessions)
    return 0 if sessions else NOTHING_RUNS


def _show(sessions: list[dict[str, Any]]) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)  # it heeds NO_COLOR and pipes itself
    for session in sessions:
        mark = ", the one that programs here find" if session["current"] else ""
        console.print(f"[bold]{session['session']}[/] ({session['kind']}{mark})")
        for problem in session["problems"]:
            console.print("  [red]problem[/]  ", end="")
            console.print(problem, markup=False)
        for name, line in _lines(session):
            console.print(f"  {name:<9}", end="")
            console.print(line, markup=False)
    console.print(f"hyperloom {__version__}")


def _lines(session: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [("address", session["address"]), ("folder", session["folder"])]
    node, cluster = session["node"], session["cluster"]
    if node is not None:
        lines += _of_node(node)
    if cluster is not None:
        lines += [("nodes", line) for line in map(_of_member, cluster["nodes"])]
        lines += _of_jobs(cluster["jobs"])
        lines += _of_server(cluster["server"])
    if session["data"] is not None:
        lines += _of_data(session)
    return lines


def _of_node(node: dict[str, Any]) -> list[tuple[str, str]]:
    states = Counter(worker["state"] for worker in node["workers"])
    workers = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    used, capacity = node["store"]["used"], node["store"]["capacity"]
    return [
        ("free", words.amounts(node["resources"], node["free"])),
        ("workers", workers or "none yet"),
        ("store", f"{words.size(used)} of {words.size(capacity)} used"),
    ]


def _of_member(node: dict[str, Any]) -> str:
    from hyperloom.node import draining  # noqa: PLC0415

    state = draining.progress(node)
    alive = f"  {state}" if node["alive"] else "  NOT HEARD OF; its tasks go to others"
    if node["alive"] and node["silent_s"]:
        alive = f"  NOT HEARD OF for {node['silent_s']:.1f} s, given up in {node['left_s']:.1f} s"
    free = words.amounts(node["resources"], node["free"])
    return f"{node['node'][:8]} on {node['host']}: {free}{alive}"


def _of_jobs(jobs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    lines = [("jobs", words.count(len(jobs), "job") if jobs else "none")]
    for job in jobs[:_JOBS_SHOWN]:
        figures = ", ".join(
            f"{job[name]:,} {name}" for name in ("waiting", "ready", "held", "objects")
        )
        ends = [f"{job[what]:,} {what}" for what in ("failed", "cancelled") if job[what]]
        figures += f"; {', '.join(ends)}" if ends else ""
        items, most = job["map_items_left"], job["map_items_a_task"]
        if items:
            figures += f"; of maps {items:,} items are left, up to {most:,} in a task"
        who = "its program has ended" if job["forsaken"] else f"pid {job['pid']}"
        lines.append(("", f"{job['job']} {job['program']} ({who}): {figures}"))
        if job["orphan"]:
            lines.append(("problem", f"of {job['job']}: {job['orphan']}"))
    if len(jobs) > _JOBS_SHOWN:
        lines.append(("", f"and {len(jobs) - _JOBS_SHOWN} more"))
    return lines


def _of_data(session: dict[str, Any]) -> list[tuple[str, str]]:
    """Of a head: what a later start finds."""
    if session["kind"] == "embedded":
        return [("data", f"{session['data']}, gone when its program ends")]
    if session["kept"]:
        return [("data", f"{session['data']}, where loom start --head --dir goes on")]
    lasts = "as long as this head: a later loom start --head begins anew, without --dir DIR"
    return [("data", f"{session['data']}, {lasts}")]


def _of_server(server: dict[str, Any]) -> list[tuple[str, str]]:
    memory = words.size(server["memory_bytes"])
    if server["memory_most_bytes"]:
        memory += f" of {words.size(server['memory_most_bytes'])}"
    lines = [
        ("server", f"{server['name']} {server['version']}, {memory} of memory"),
        ("durable", f"{server['durability']}: {server['promise']}"),
    ]
    if server["writes"] != "ok":
        lines.append(("problem", "its last write to disk failed; is the disk full?"))
    return lines
