"""The page that a head brings along: ``python -m hyperloom.dashboard.resident FOLDER``.

A process of its own on the loopback address, which gives way to whatever else wants the CPU; its
supervisor starts it again.  `loom dashboard` has it make links.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hyperloom.dashboard import serve
from hyperloom.raylet import log_lines
from hyperloom.raylet.node import NodeSettings
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.history import FILE, History
from hyperloom.watch.live import Live

_GIVES_WAY = 5  # as in nice(1)


def main(folder: Path) -> int:
    """Serve it until told to stop."""
    settings = NodeSettings.read(folder)
    log_lines.begin(settings, "page")
    about = settings.page
    assert about is not None, "started for who has a page"
    os.nice(_GIVES_WAY)

    def connect() -> Cluster:
        assert settings.server is not None, "a head has a server"
        file = Path(settings.server["folder"]) / FILE
        return Cluster(Live(settings.address), History(file) if file.exists() else None)

    sock = serve.listen("127.0.0.1", about["port"])
    serve.serve(sock, connect, serve.Terms(folder=folder, actions=about["actions"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
