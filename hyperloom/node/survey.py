"""What of this user's runs on this machine, and how it is."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom import errors, frames
from hyperloom.gcs import overview
from hyperloom.node import ballast
from hyperloom.node import folder as folders
from hyperloom.raylet.node import DESCRIPTION, NodeSettings
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from hyperloom.config import Config

_ANSWER_S = 5.0


def sessions(config: Config) -> list[dict[str, Any]]:
    """Each session that runs, the one that drivers would find first."""
    current = folders.current_session(config)
    found = Path(config.runtime_dir).glob(f"session-*/{DESCRIPTION}")
    running = [file.parent for file in found if folders.runs(file.parent)]
    running.sort(key=lambda folder: (folder == current, folder.name), reverse=True)
    reports = []
    for folder in running:
        with contextlib.suppress(OSError, ValueError):  # it is just being made or removed
            reports.append(report(folder, is_current=folder == current))
    return reports


def report(folder: Path, *, is_current: bool) -> dict[str, Any]:
    """One session: its node, and the control plane as that sees it.

    What cannot be asked at the moment is None, with a sentence in ``problems``.
    """
    settings = NodeSettings.read(folder)
    kind = "embedded" if settings.embedded else "head" if settings.server else "joined"
    problems = []
    if not settings.embedded and not settings.is_supervised:
        problems.append(
            "its supervisor is gone, so nothing is started again when it dies. Run the loom start "
            "line that you started it with once more"
        )
    if settings.server and settings.server["durability"] != "off":
        with contextlib.suppress(OSError):
            problems += filter(None, [ballast.shortage(Path(settings.server["folder"]))])
    node = cluster = None
    try:
        node = ask_raylet(settings.socket)
    except OSError as error:
        problems.append(f"its raylet does not answer ({error}); see raylet.log in {folder}")
    try:
        cluster = overview.look(settings.address)
    except errors.LoomError as error:
        problems.append(str(error))
    for member in (cluster or {}).get("nodes", ()):
        if node is not None and member["node"] == node["node"]:
            member |= {name: node[name] for name in ("free", "store")}  # it said so just now
    server = settings.server or {}
    data = Path(server["folder"]).parent if server else None
    return {
        "session": folder.name,
        "folder": str(folder),
        "kind": kind,
        "current": is_current,
        "address": server.get("url") or settings.address.url,
        "data": str(data) if data else None,
        "kept": settings.keeps_data,
        "node": node,
        "cluster": cluster,
        "problems": problems,
    }


def ask_raylet(path: Path) -> dict[str, Any]:
    """What a raylet says of itself.

    Raises:
        OSError: it does not answer.
    """
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_ANSWER_S)
        sock.connect(str(path))
        sock.sendall(frames.encode(["status"]))
        message = frames.FrameReader(sock).receive()
    if message is None or message[0] != "status":
        raise ConnectionResetError("it hung up")
    about: dict[str, Any] = message[1]
    for name in ("resources", "free"):
        about[name] = ResourceSet(about.get(name, {})).as_dict()
    return about
