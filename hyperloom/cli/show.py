"""``loom show``: all there is to know of one thing; of a task, the story of its attempts."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.watch.cluster import Cluster, Found

_NAMED = 8  # of a node's id
_IN_TEXTS = {"looked_at", "left_looked_at"}  # which say of how many they are


@click.command(name="show")
@click.argument("id_", metavar="ID")
@looking.looks
def command(*, id_: str, as_json: bool, session: str, address: str) -> int:
    """Show a task: its state and why, its inputs and outputs, its story, the last that it printed.

    Or another thing: an actor, an object, a plan, a job, a node or a placement group.

    ID may be the beginning of an id, a name as messages show it (9a2e41-17), the name that an
    actor was given, or last: the task that was submitted last.
    """
    from hyperloom.watch import logs  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        found = cluster.find(id_)
        about = _about(cluster, found)
        if found.kind == "task":
            about["printed"] = logs.last_lines(cluster, found.id)
    if as_json:
        looking.say_json(about)
    elif found.kind == "task":
        _show_task(about)
    else:
        _show_fields(about)
    return 0


def _about(cluster: Cluster, found: Found) -> dict[str, Any]:
    from hyperloom import ids  # noqa: PLC0415
    from hyperloom.watch import (  # noqa: PLC0415
        errors,
        followed,
        inputs,
        objects,
        reasons,
        tasks,
        things,
    )

    named = found.id.hex()
    match found.kind:
        case "task":
            return reasons.show(cluster, found.id)
        case "object":
            value = cluster.live.value(found.job, found.id) if cluster.live else None
            maker = reasons.show(cluster, ids.task_of(found.id))  # type: ignore[arg-type]
            refs = objects.refs(cluster, found.job, found.id)
            return {**inputs.thing(found.id, value), **refs, "made_by": maker}
        case "plan":
            return followed.show(cluster, found.id)
        case "job":
            (job,) = [row for row in things.jobs(cluster) if row["job"] == named]
            why = errors.of_job(cluster, found.id)
            return {**job, "names": tasks.names(cluster, found.id), "errors": why}
        case "group":
            from hyperloom.watch import groups  # noqa: PLC0415

            (group,) = [row for row in groups.table(cluster) if row["id"] == named]
            return {**group, **groups.explain(cluster, named)}
        case _:
            (node,) = [row for row in things.nodes(cluster) if row["node"] == named]
            return node


def _show_task(about: dict[str, Any]) -> None:
    say = looking.console().print
    say(f"[bold]{about['short']}[/]  ", end="")
    say(about["name"], markup=False)
    say(f"  id        {about['id']}")
    say(f"  state     {_stands(about)}", markup=False)
    if about["advice"] and (about["state"] != "FAILED" or about["origin"]):  # else: to come here
        say(f"  to do     {about['advice']}", markup=False)
    if about["options"]:
        asks = words.amounts(about["options"]["asks"])
        limits = [f"{about['options']['retries']} retries"]
        if about["options"]["timeout_s"]:
            limits.append(f"timeout {about['options']['timeout_s']:g} s")
        say(f"  asks for  {asks}; {', '.join(limits)}", markup=False)
    for title, text in _things(about):
        say(f"  {title:<8}  {text}", markup=False)
    say("  story")
    for step in about["steps"]:
        say(f"    {_step(step)}", markup=False)
    if not about["steps"]:
        say("    nothing is known of it: its events were dropped, or switched off (LOOM_EVENTS=0)")
    if about["traceback"]:
        say(f"  traceback{_whose(about)}")
        say(indent(about["traceback"].rstrip(), "    "), markup=False)
    _show_printed(about)


def _things(about: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each of its inputs and outputs."""
    if about["inputs"] is None:
        yield "inputs", "what it took is not known any more"
    for title in ("inputs", "outputs"):
        for number, thing in enumerate(about[title] or ()):
            yield "" if number else title, _thing(thing)
        if title == "inputs" and about["inputs_cut"]:
            yield "", f"these are the first {len(about['inputs'])}; there may be more"


def _whose(about: dict[str, Any]) -> str:
    """Of another task the traceback may be: of the one whose failure this one's is, or alike."""
    of = about["traceback_of"]
    if of == about["id"]:
        return ""
    how = "first" if of == about["origin"] else "at the same place"
    return f" of {_task(of)}, which failed {how}"


def _show_printed(about: dict[str, Any]) -> None:
    """The last lines of its output; nothing of a task that is shown as another thing's maker."""
    say = looking.console().print
    for number, line in enumerate(about.get("printed") or ()):
        if not number:
            say(f"  printed last (loom logs {about['short']} has all)")
        say(f"    [{line['pid']} {line['node'][:_NAMED]}] {line['text']}", markup=False)
    pids = dict.fromkeys(step["pid"] for step in about["steps"] if step["what"] == "began")
    if pids and "printed" in about and about["printed"] is None:  # no node is here to tell
        files = ", ".join(f"logs/worker-{pid}.log" for pid in pids)
        say(f"  printed   into {files} of its node's session folder, if that is still there")
    if about.get("printed") == []:
        say(f"  printed   nothing, or that is gone; loom logs {about['short']} looks again")


def _stands(about: dict[str, Any]) -> str:
    """Its state, and what that does not say by itself."""
    state = about["state"]
    if state in {"DONE", "CANCELLED"}:
        return str(state)
    return f"{state}: {about['says'].removeprefix('failed').lstrip(':, ')}"


def _thing(thing: dict[str, Any]) -> str:
    if thing["state"] == "MISSING":
        return f"{thing['short']} is not there yet"
    if thing["id"] is None:  # only who made it is known
        failed = f", a failure: loom show {thing['short']}" if thing["state"] == "FAILED" else ""
        return f"what {thing['short']} made{failed}"
    where = looking.cell("where", thing["where"])
    place = where if " " in where else f"node {where}"
    failed = ", which was cancelled" if thing["state"] == "CANCELLED" else ""
    if thing["state"] == "FAILED":
        maker = f": loom show {_task(thing['task'])}" if "task" in thing else ""
        failed = f", a failure{maker}"
    return f"{thing['short']}, {words.size(thing['bytes'])} in the {place}{failed}"


def _task(named: str) -> str:
    """A task's id, as messages show it."""
    from hyperloom import ids  # noqa: PLC0415

    return ids.short(bytes.fromhex(named))


def _step(step: dict[str, Any]) -> str:
    from datetime import datetime  # noqa: PLC0415

    at = datetime.fromtimestamp(step["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    text = f"{at}  {step['what']}"
    if "attempt" in step:
        text += f", attempt {step['attempt']}"
    if "node" in step:
        worker = f", worker {step['pid']}" if step.get("pid") else ""
        text += f", on node {step['node'][:_NAMED]}{worker}"
    if "by" in step:
        text += f" by task {step['by']}"
    if "seconds" in step:
        text += f", after {looking.seconds(step['seconds'])}"
    if step.get("bytes"):
        text += f", {words.size(step['bytes'])}"
    if "error" in step:
        text += f"\n{' ' * 18}{step['error']['text']}"
    return text


def _show_pins(about: dict[str, Any]) -> None:
    """Who keeps an object."""
    from hyperloom.watch import pins  # noqa: PLC0415

    say = looking.console().print
    say("kept by")
    for pin in about["pins"]:
        say(f"  {pin['says']}", markup=False)
    if unknown := pins.unknown(about["pins"], about["holders"]):
        say(f"  {unknown:,} more, of which nothing is known here")
    elif not about["pins"]:
        say("  nobody that is known here")


def _is_plain(value: object) -> bool:
    """Whether it is shown, by its text if it has one."""
    return value is not None and not isinstance(value, list | dict)


def _show_fields(about: dict[str, Any]) -> None:
    say = looking.console().print
    for name, value in about.items():
        base = name.removesuffix("_text")
        if isinstance(value, list | dict) or (base != name and _is_plain(about.get(base))):
            continue
        text = about.get(f"{name}_text", looking.cell(name, value))
        if text and name not in _IN_TEXTS:
            say(f"{name:<13} {text}", markup=False)
    from hyperloom.cli.ls import show_rows  # noqa: PLC0415

    for failure in about.get("failures", ()):
        more = f" ({failure['results']:,} results)" if failure["results"] > 1 else ""
        say(f"  failed      {failure['name']}: {failure['text']}{more}", markup=False)
    for what in ("names", "errors"):
        if about.get(what):
            say()
            show_rows(what, about[what])
    if about.get("pins") is not None:
        _show_pins(about)
    maker = about.get("made_by")
    if maker and (maker["name"] != "?" or maker["steps"]):
        say("made by")
        _show_task(maker)
    elif maker:
        say("made by put(), or by a task of which nothing is known any more")
