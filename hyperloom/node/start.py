"""Starting a node: its description into a file, its raylet as a process."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs.address import Address
from hyperloom.gcs.server import find_binary
from hyperloom.ids import new_node_id
from hyperloom.node import folder as folders
from hyperloom.objectstore.capacity import default_capacity
from hyperloom.objectstore.reaper import sweep_stale
from hyperloom.raylet.node import config_values

if TYPE_CHECKING:
    from hyperloom.config import Config
    from hyperloom.resources import ResourceSet

_READY_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """What a node is to be."""

    resources: ResourceSet
    store_bytes: int | None
    namespace: str = ""
    embedded: bool = True
    address: Address | None = None  # of a control plane that runs; None: start one
    durability: str = "everysec"
    host: str = ""
    port: int = 0


@dataclass(slots=True)
class StartedNode:
    """A raylet that serves."""

    folder: Path
    process: subprocess.Popen[bytes]
    alive: int  # an embedded raylet ends when this is closed
    address: Address


def start_node(plan: NodePlan, config: Config, folder: Path | None = None) -> StartedNode:
    """Start a raylet, and with it a control plane if the plan names none.

    Raises:
        errors.LoomError: it did not come up; the message has its last words.
    """
    folder = folder or folders.new_session(config)
    lock = folders.hold(folder)
    if plan.embedded:  # marked after it is held, or somebody else would sweep it away
        (folder / "embedded").touch()
        folders.sweep_embedded(config)
    address = describe(plan, config, folder)
    ready, ready_end = os.pipe()
    alive_end, alive = os.pipe() if plan.embedded else (-1, -1)
    inherited = [ready_end, lock] + ([alive_end] if plan.embedded else [])
    log = (folder / "raylet.log").open("ab")
    command = [
        sys.executable, "-m", "hyperloom.raylet.main",
        str(folder), str(ready_end), str(alive_end),
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=inherited,
        start_new_session=True,  # Ctrl-C is for the program; it ends us when it ends
        env=_environment(),
    )
    log.close()
    for descriptor in inherited:
        os.close(descriptor)
    try:
        _wait_ready(ready, process, folder)
    except BaseException:
        process.kill()
        process.wait()
        if alive >= 0:
            os.close(alive)
        raise
    finally:
        os.close(ready)
    return StartedNode(folder, process, alive, address)


def describe(plan: NodePlan, config: Config, folder: Path) -> Address:
    """Write the node's description; the address of its control plane."""
    node = new_node_id()
    where, capacity, warning = default_capacity(
        plan.store_bytes or config.object_store_bytes or None
    )
    if warning:
        print(f"hyperloom: {warning}", file=sys.stderr)  # noqa: T201
    sweep_stale(where)
    store = where / f"loom-{os.getuid()}-{folder.name.removeprefix('session-')}-{node.hex()}"
    spill = Path(config.spill_dir) / store.name if config.spill_dir else folder / "spill"
    address, server = plan.address, None
    if address is None:
        password = folders.new_password(folder)
        sock = folder / "gcs.sock"
        address = Address(f"unix://{sock}", password)
        server = {
            "binary": find_binary(config.server_binary),
            "socket": str(sock),
            "durability": plan.durability,
            "host": plan.host,
            "port": plan.port,
        }
    description: dict[str, Any] = {
        "node": node.hex(),
        "address": address.url,
        "password_file": str(address.password_file) if address.password_file else None,
        "resources": str(plan.resources),
        "store": str(store),
        "spill": str(spill),
        "store_bytes": capacity,
        "namespace": plan.namespace,
        "config": config_values(config),
        "embedded": plan.embedded,
        "server": server,
    }
    (folder / "node.json").write_text(json.dumps(description))
    return address


def _environment() -> dict[str, str]:
    # The package must be found even if it is not installed but on the driver's path.
    environment = dict(os.environ)
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


def _wait_ready(ready: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    poll = select.poll()
    poll.register(ready, select.POLLIN)
    came = poll.poll(_READY_S * 1000)
    if came and os.read(ready, 16):
        return
    code = process.poll()
    how = f"ended with code {code}" if code is not None else f"was not ready within {_READY_S} s"
    words = (folder / "raylet.log").read_text(errors="replace").strip().splitlines()[-15:]
    server_log = folder / "gcs" / "server.log"
    if server_log.exists():
        words += ["-- server.log:", *server_log.read_text(errors="replace").splitlines()[-5:]]
    said = "\n  ".join(words) or "(nothing)"
    raise errors.LoomError(
        f"the raylet {how}; nothing was submitted. Its last words, in {folder}/raylet.log:\n  {said}"
    )
