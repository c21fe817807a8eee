"""Programs that make actors which outlive them, and end."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import hyperloom as loom

if TYPE_CHECKING:
    from tests.home import Home


@loom.actor(max_restarts=-1, max_task_retries=-1)
class Keeper:
    """Keeps a number, as long as its process lives."""

    def __init__(self, start: int) -> None:
        self.total = start

    def add(self, n: int) -> int:
        self.total += n
        return self.total

    def pid(self) -> int:
        return os.getpid()

    def put(self) -> Any:
        return loom.put(bytes(400_000))

    def ask(self, name: str, n: int) -> int:
        return loom.get(loom.get_actor(name).add.remote(n))  # type: ignore[no-any-return]

    def tell(self, others: list[Any], n: int) -> int:
        return loom.get(others[0].add.remote(n))  # type: ignore[no-any-return]


@loom.task
def add_to(keeper: Any, n: int) -> int:
    return loom.get(keeper.add.remote(n))  # type: ignore[no-any-return]


def main(name: str, how: str, address: str) -> None:
    loom.init(address, namespace="shop" if how == "kept" else "")
    lifetime: Any = "detached" if how != "kept" else None
    start = loom.put(100)
    here = loom.NodeAffinity(loom.context().node_id, soft=True)
    options = Keeper.options(name=name or None, lifetime=lifetime, scheduling=here)
    keeper = options.remote(start)
    sys.stdout.write(f"{loom.get(keeper.pid.remote())}\n")
    sys.stdout.flush()
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.readline()


def made_by(home: Home, name: str, how: str = "ends", address: str = "auto") -> int:
    """The process of an actor whose program is gone."""
    process = home.python("-m", __name__, name, how, address)
    out, err = process.communicate(timeout=40)
    assert process.returncode == (-signal.SIGKILL if how == "killed" else 0), err
    return int(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
