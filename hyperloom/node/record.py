"""The process that keeps a head's history: ``python -m hyperloom.node.record FOLDER``.

It is a process of its own, so that it slows nobody; its supervisor starts it again.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from hyperloom.raylet import log_lines
from hyperloom.raylet.node import NodeSettings
from hyperloom.watch.history import FILE, History
from hyperloom.watch.recorder import Recorder


def main(folder: Path) -> int:
    """Record until told to stop."""
    settings = NodeSettings.read(folder)
    log_lines.begin(settings, "recorder")
    assert settings.server is not None, "a head has a server"
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: told.append(number))
    history = History(Path(settings.server["folder"]) / FILE, write=True)
    recorder = Recorder(settings.address, settings.node, history, settings.config.history_bytes)
    try:
        recorder.run(lambda: not told)
    finally:
        history.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
