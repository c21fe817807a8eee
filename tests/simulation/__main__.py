"""``python -m tests.simulation FIRST LAST``: play these seeds; those that fail, and why."""

from __future__ import annotations

import shutil
import sys
import traceback

from tests import servers
from tests.simulation.world import play


def main(first: int, last: int) -> int:
    server = servers.start("embedded")
    failed = []
    try:
        for seed in range(first, last):
            try:
                play(seed, server.socket)
            except Exception:  # noqa: BLE001 - what is real may raise anything
                failed.append(seed)
                traceback.print_exc()
    finally:
        server.stop()
        shutil.rmtree(server.folder)
    print(f"{last - first} seeds, failed: {failed or 'none'}")  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
