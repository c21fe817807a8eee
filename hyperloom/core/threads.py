"""How many threads numeric libraries start in what runs on a node.

The rule: one, since there is a worker for each CPU already; and in a program that a task runs, one
for each CPU that it has.  What the user said where the node starts is left alone, so what we said
ourselves is marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_OURS = "HYPERLOOM_THREADS"  # the names of those that we set


def of_worker(environment: MutableMapping[str, str]) -> None:
    """One thread, in the environment that workers will have."""
    marked = environment.get(_OURS, "").split()  # by who started us
    ours = [name for name in _NAMES if name in marked or name not in environment]
    environment.update(dict.fromkeys(ours, "1"))
    environment[_OURS] = " ".join(ours)


def of_program(environment: MutableMapping[str, str], cpus: int) -> None:
    """A thread for each CPU, in the environment of a program that a worker starts."""
    for name in environment.pop(_OURS, "").split():
        environment[name] = str(cpus)
