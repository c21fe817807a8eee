"""Which session of this machine people look at, and where its control plane and history are."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hyperloom import errors
from hyperloom.gcs.address import Address, parse_address
from hyperloom.gcs.reach import reach
from hyperloom.node import folder as folders
from hyperloom.raylet.node import DESCRIPTION, NodeSettings

if TYPE_CHECKING:
    from hyperloom.config import Config


class Sight(NamedTuple):
    """Where to look."""

    address: Address | None  # of the control plane; None: nothing runs
    folder: Path | None  # of the session; None: there is none on this machine
    head: NodeSettings | None  # of that control plane, if it is one of this machine's

    @property
    def history(self) -> Path | None:
        """What was recorded is in this folder, if anything was."""
        return Path(self.head.server["folder"]) if self.head and self.head.server else None


def find(config: Config, address: str = "", session: str = "") -> Sight:
    """An address; or a session by (the end of) its name; or the one that programs here find.

    Without any of these: the node that `loom start` made last, if it runs; else the embedded node
    that was started last; else, for its history, the head that ran last.

    Raises:
        errors.NotConnected: nobody answers at the address, or there is no such session.
    """
    address = address or ("" if config.address in {"auto", "local"} else config.address)
    if address:
        password_file = Path(config.password_file) if config.password_file else None
        at = parse_address(address, password_file)
        reach(at)
        return Sight(at, None, _head_at(config, at))
    folder = _session(config, session)
    if folder is None:
        return Sight(None, None, None)
    settings = NodeSettings.read(folder)
    running = settings.address if folders.runs(folder) else None
    own = settings if settings.server is not None else None
    return Sight(running, folder, own or _head_at(config, settings.address))


def _head_at(config: Config, address: Address) -> NodeSettings | None:
    """The head that made this control plane, if `loom start` did on this machine."""
    for head in reversed(_heads(config)):
        if head.server is not None and address.url in {head.server["url"], head.address.url}:
            return head
    return None


def _described(config: Config) -> list[Path]:
    """The sessions of this machine, the newest last."""
    found = Path(config.runtime_dir).glob(f"session-*/{DESCRIPTION}")
    return sorted(file.parent for file in found)


def _heads(config: Config) -> list[NodeSettings]:
    """Those that `loom start --head` made, whether they run or not; the newest last."""
    found = []
    for folder in _described(config):
        with contextlib.suppress(OSError, ValueError, KeyError):  # it is being made or removed
            found.append(NodeSettings.read(folder))
    return [each for each in found if each.role == "head"]


def _session(config: Config, name: str) -> Path | None:
    sessions = _described(config)
    if name:
        named = [folder for folder in sessions if folder.name.endswith(name)]
        if len(named) != 1:
            known = ", ".join(folder.name for folder in sessions) or "none"
            raise errors.NotConnected(f"there is no session {name!r} here; there is: {known}")
        return named[0]
    current = folders.current_session(config)
    if current is not None:
        return current
    running = [folder for folder in sessions if folders.runs(folder)]
    found = running or [head.folder for head in _heads(config)] or sessions
    return found[-1] if found else None
