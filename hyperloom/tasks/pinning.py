"""CPUs for one program alone, among those programs of a node that ask for that.

The rule: a CPU is taken by a lock on a file of its name, which ends with whoever holds it, however
that ends.  When all are taken the program is not kept waiting: it shares.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
from typing import TYPE_CHECKING

from hyperloom.core import current, scratch
from hyperloom.resources import CPU

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def pinned(pin: bool | Sequence[int]) -> Iterator[int]:  # noqa: FBT001 - the option
    """Inside the block, what this thread starts has as many CPUs as the task asks for, or these.

    Gives their number; if it is not pinned, the number that the task asks for.

    Raises:
        ValueError: the machine has none of those.
    """
    asked = max(1, math.ceil(current.session().context().assigned_resources.get(CPU, 1)))
    if pin is False:
        yield asked
        return
    before = os.sched_getaffinity(0)
    with contextlib.ExitStack() as locks:
        if pin is True:
            cpus = _free(sorted(before), asked, locks)
        else:
            cpus = set(pin)
            if not cpus or not cpus <= before:
                raise ValueError(
                    f"run: pin={list(pin)!r} cannot be: this worker has the CPUs {sorted(before)}"
                )
        os.sched_setaffinity(0, cpus)
        try:
            yield len(cpus)
        finally:
            os.sched_setaffinity(0, before)


def _free(cpus: list[int], number: int, locks: contextlib.ExitStack) -> set[int]:
    folder = scratch.of_node()
    if folder is None:  # inline: there are no others
        return set(cpus[:number])
    folder = folder / "cpus"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mine: set[int] = set()
    for cpu in cpus:
        if len(mine) == number:
            return mine
        file = locks.enter_context((folder / str(cpu)).open("w"))
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine.add(cpu)
    rest = [cpu for cpu in cpus if cpu not in mine]
    return mine | set(rest[: number - len(mine)])
