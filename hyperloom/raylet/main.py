"""The raylet process: ``python -m hyperloom.raylet.main FOLDER``.

Order of the start, and why: the server first, since it starts while we import; then the
template, forked while this process has neither threads nor connections; then everything else.
Whoever started us waits for one line on the ready pipe.

An embedded raylet ends when the pipe from its driver closes; a head's when told so.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import server
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    import subprocess

_SERVER_WAIT_S = 10


def main(folder: Path, ready: int, alive: int) -> int:
    """Serve this node until it is told to stop.  The exit code."""
    settings = NodeSettings.read(folder)
    own_server = start_server(settings)
    # Everything below is imported by now or imported here: the template is forked with it.
    from hyperloom.core.start import run_worker  # noqa: PLC0415
    from hyperloom.gcs import install  # noqa: PLC0415
    from hyperloom.objectstore.keeper import StoreKeeper  # noqa: PLC0415
    from hyperloom.raylet import agent, template  # noqa: PLC0415

    settings.logs.mkdir(mode=0o700, exist_ok=True)
    forked = template.fork_template(run_worker, [ready, alive], lambda: clean_up(settings))
    wire = install.wait(
        settings.address, _SERVER_WAIT_S, lambda: own_server is None or own_server.poll() is None
    )
    install.install(wire, replace=settings.server is not None)
    wire.close()
    keeper = StoreKeeper(settings.store, settings.spill, settings.store_bytes)
    # The template does a reaper's work as long as it lives.
    keeper.start(with_reaper=False)
    raylet = agent.Agent(settings, keeper, forked, time.monotonic)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(raylet.loop, "running", False))
    if alive >= 0:
        raylet.loop.on_readable(alive, lambda: setattr(raylet.loop, "running", False))
    if own_server is not None:
        watch_server(raylet, own_server, settings)
    os.write(ready, b"ready\n")
    os.close(ready)
    try:
        raylet.run()
    finally:
        raylet.close()
        if own_server is not None:
            stop_server(own_server)
        keeper.close(remove=True)
        forked[1].close()
        os.waitpid(forked[0], 0)
        if settings.embedded:
            shutil.rmtree(settings.folder, ignore_errors=True)
    return 0


def server_settings(settings: NodeSettings) -> server.ServerSettings:
    """How to start the control plane that belongs to this node."""
    about: dict[str, Any] = settings.server or {}
    return server.ServerSettings(
        binary=about["binary"],
        folder=settings.folder / "gcs",
        socket=Path(about["socket"]),
        password=settings.address.password() or "",
        durability=about["durability"],
        host=about["host"],
        port=about["port"],
        with_parent=settings.embedded,
    )


def start_server(settings: NodeSettings) -> subprocess.Popen[bytes] | None:
    """Start the control plane, if it is this node's to start and does not run yet."""
    if settings.server is None:
        return None
    return server.start(server_settings(settings))


def watch_server(
    raylet: Any,  # noqa: ANN401 - an Agent
    process: subprocess.Popen[bytes],
    settings: NodeSettings,
) -> None:
    """Start the server again when it dies: what it had accepted is in its files."""

    def look() -> None:
        if process.poll() is not None:
            again = server.start(server_settings(settings))
            process.__dict__.update(again.__dict__)

    raylet.loop.every(0.2, look)


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """End it and wait for its end."""
    process.terminate()
    process.wait()


def clean_up(settings: NodeSettings) -> None:
    """What is left to do when the raylet was killed: the template does it."""
    from hyperloom.objectstore import reaper  # noqa: PLC0415

    reaper.remove_store(str(settings.store))
    shutil.rmtree(settings.spill, ignore_errors=True)
    if settings.embedded:
        shutil.rmtree(settings.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
