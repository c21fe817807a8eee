"""Built-in tasks on data objects: builders of bound tasks, for plans.

    from hyperloom import tasks

    text = tasks.open("/data/words.txt")
    lines = tasks.split(text)
    first = tasks.slice(lines, 0, 1000)
    loom.submit([tasks.save(first, "/data/first.txt"), tasks.length(lines)]).gather()

Each has a `.remote` form too: ``tasks.merge.remote([ref, "text"])`` is a ref.  Inputs are bound
tasks, refs and values; see `hyperloom.data` for what data objects are.

    pieces.py       builders of tasks that take data objects apart and put them together
    python.py       builders of tasks that call functions with data objects
    scatter.py      dslice and dget, which make many tasks of one
    run.py          the builder of tasks that run external programs, and command.py, programs.py
    operations.py   what they do where they run
    builder.py      what a builder is
"""

from __future__ import annotations

from hyperloom.tasks.command import STDERR
from hyperloom.tasks.context import TaskContext
from hyperloom.tasks.pieces import (
    array_make,
    const,
    get,
    length,
    merge,
    open,  # noqa: A004 - its name
    save,
    size,
    slice,  # noqa: A004 - its name
    split,
)
from hyperloom.tasks.python import cpu1, cpus, py_call, py_task, py_value
from hyperloom.tasks.run import run
from hyperloom.tasks.scatter import dget, dslice

__all__ = [
    "STDERR",
    "TaskContext",
    "array_make",
    "const",
    "cpu1",
    "cpus",
    "dget",
    "dslice",
    "get",
    "length",
    "merge",
    "open",
    "py_call",
    "py_task",
    "py_value",
    "run",
    "save",
    "size",
    "slice",
    "split",
]
