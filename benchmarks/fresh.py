"""Small programs for a process of their own, which say what they saw as JSON.

Nothing may be imported above that they measure the import of.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def _answer(value: int) -> int:
    return value + 1


def _import() -> dict[str, Any]:
    start = time.perf_counter()
    import hyperloom

    took = time.perf_counter() - start
    return {"import_s": took, "version": hyperloom.__version__}


def _first() -> dict[str, Any]:
    start = time.perf_counter()
    import hyperloom as loom

    value = loom.get(loom.task(_answer).remote(41))
    took = time.perf_counter() - start
    from benchmarks import observe

    # Without what our own looking takes.
    who = observe.roles()
    processes = [pid for pids in who.values() for pid in pids]
    return {
        "value": value,
        "first_s": took,
        "processes": len(processes),
        "memory_bytes": observe.memory_bytes(processes),
    }


def _executor() -> dict[str, Any]:
    start = time.perf_counter()
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        value = executor.submit(_answer, 41).result()
        took = time.perf_counter() - start
    return {"value": value, "first_s": took}


def _idle(seconds: str) -> dict[str, Any]:
    import hyperloom as loom
    from benchmarks import observe

    assert loom.get(loom.task(_answer).remote(41)) == 42
    time.sleep(3)  # a worker too many has left
    who = observe.roles()
    before = {role: observe.cpu_s(pids) for role, pids in who.items()}
    time.sleep(float(seconds))
    after = {role: observe.cpu_s(pids) for role, pids in who.items()}
    return {"cpu_s": {role: after[role] - before[role] for role in who}}


if __name__ == "__main__":
    programs: dict[str, Callable[..., dict[str, Any]]] = {
        "import": _import,
        "first": _first,
        "executor": _executor,
        "idle": _idle,
    }
    print(json.dumps(programs[sys.argv[1]](*sys.argv[2:])))
