"""``loom cache``: what the results of tasks with ``cache=True`` take, and making an end of it."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from hyperloom.cli import words

if TYPE_CHECKING:
    from hyperloom.checkpoints.cache import Cache, Entry

_TASKS_SHOWN = 15


@click.command(name="cache")
@click.option("--clear", is_flag=True, help="Remove all of it.")
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
def command(*, clear: bool, as_json: bool) -> None:
    """Show the results that tasks with cache=True left on disk, by task; or remove them.

    Programs that run are not disturbed: what they do not find they compute.
    """
    from hyperloom.checkpoints.cache import Cache  # noqa: PLC0415
    from hyperloom.config import Config  # noqa: PLC0415

    config = Config.load()
    cache = Cache(config.cache_dir, config.cache_bytes)
    entries = cache.clear() if clear else cache.entries()
    if as_json:
        click.echo(json.dumps(_told(cache, entries, cleared=clear), indent=2))
        return
    size = sum(entry.size for entry in entries)
    amount = f"{words.count(len(entries), 'result')}, {words.size(size)}"
    if clear:
        click.echo(f"Removed {amount} from {cache.folder}")
        return
    click.echo(f"{cache.folder}: {amount} of {words.size(cache.most_bytes)}")
    tasks = _by_task(entries)
    for name, found in tasks[:_TASKS_SHOWN]:
        used = words.size(sum(entry.size for entry in found))
        ago_s = max(0.0, time.time() - max(entry.used_s for entry in found))
        click.echo(f"  {name}: {words.count(len(found), 'result')}, {used}, used {_ago(ago_s)}")
    if len(tasks) > _TASKS_SHOWN:
        click.echo(f"  and {words.count(len(tasks) - _TASKS_SHOWN, 'task')} more")


def _by_task(entries: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """Largest first."""
    from hyperloom.checkpoints import files  # noqa: PLC0415

    tasks: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        with suppress(OSError, files.Unusable):  # it may have gone meanwhile
            tasks[files.look(entry.path).name].append(entry)
    return sorted(tasks.items(), key=lambda task: -sum(entry.size for entry in task[1]))


def _told(cache: Cache, entries: list[Entry], *, cleared: bool) -> dict[str, object]:
    tasks = [] if cleared else _by_task(entries)
    return {
        "folder": cache.folder,
        "most_bytes": cache.most_bytes,
        "cleared": cleared,
        "results": len(entries),
        "bytes": sum(entry.size for entry in entries),
        "tasks": [
            {
                "name": name,
                "results": len(found),
                "bytes": sum(entry.size for entry in found),
                "used_s": max(entry.used_s for entry in found),
            }
            for name, found in tasks
        ],
    }


def _ago(seconds: float) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return f"{words.count(int(seconds // size), unit)} ago"
    return "just now"
