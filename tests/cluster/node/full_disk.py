"""A head whose disk is full: run as ``python -m tests.cluster.node.full_disk DISK DURABILITY``.

In a mount namespace of its own, in which DISK is small.  What happened is printed as JSON.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs.wire import Wire
from tests.home import Home
from tests.waiting import wait_until


@loom.task
def plus_one(x: int) -> int:
    return x + 1


def fill(disk: Path) -> Path:
    """With a file of somebody else's, to the last byte."""
    filler = disk / f"filler-{time.monotonic_ns()}"
    with filler.open("wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(b"\1" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    return filler


def refuses() -> bool:
    """Whether the server has failed to write, and so lives and refuses."""
    wire = Wire(current.session().address)
    try:
        return b"aof_last_write_status:err" in wire.call("INFO", "persistence")
    finally:
        wire.close()


def story(home: Home, disk: Path, durability: str) -> dict[str, Any]:
    home.start_head("--dir", disk / "data", "--durability", durability)
    log = home.current / "supervisor.log"
    ballast = disk / "data" / "gcs" / "ballast"
    wait_until(ballast.exists, 20)
    loom.init()
    refs = [plus_one.remote(i) for i in range(200)]
    loom.get(refs, timeout=30)

    fillers = [fill(disk)]
    refs += [plus_one.remote(i) for i in range(200, 400)]
    server = home.pid("server")  # what was kept may be free before it has failed to write
    loom.get(refs, timeout=60)
    freed = log.read_text()

    fillers.append(fill(disk))
    more: list[Any] = []
    thread = threading.Thread(target=lambda: more.extend(map(plus_one.remote, range(400, 600))))
    thread.start()
    wait_until(lambda: "is used up" in log.read_text(), 30)
    warned = home.status()["problems"]
    refused = durability == "everysec" and wait_until(refuses, 20)
    for filler in fillers:
        filler.unlink()
    room_at = time.monotonic()
    thread.join(60)
    values = loom.get([*refs, *more], timeout=60)
    back_s = time.monotonic() - room_at
    wait_until(ballast.exists, 30)
    loom.shutdown()
    return {
        "right": values == list(range(1, 601)),
        "ballast freed": "were kept for this are free now" in freed,
        "problems": warned,
        "log": [line[20:] for line in log.read_text().splitlines() if "disk" in line],
        "back_s": round(back_s, 1),
        "refused": refused,
        "lived": home.pid("server") == server,
    }


def main(disk: Path, durability: str) -> None:
    home = Home()
    os.environ["LOOM_RUNTIME_DIR"] = str(home.runtime)
    try:
        sys.stdout.write(json.dumps(story(home, disk, durability)))
    finally:
        loom.shutdown()
        home.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
