"""From what a node is to be to its ``node.json``, which its raylet reads.

A head has a data folder besides its session's: passwords, the server's files, and
``head.json`` with what must stay the same when it is started there again: the node's id,
since tasks and objects name it, and the server's port, since others know it.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.config import folder_on_disk
from hyperloom.disks import in_memory
from hyperloom.gcs import server
from hyperloom.gcs.address import Address, read_secret
from hyperloom.ids import new_node_id
from hyperloom.node import folder as folders
from hyperloom.objectstore.capacity import default_capacity
from hyperloom.objectstore.reaper import sweep_stale
from hyperloom.raylet.node import DESCRIPTION, config_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.config import Config
    from hyperloom.gcs.server import Durability
    from hyperloom.resources import ResourceSet

USUAL_PORT = 6390
_SOCKET_PATH_MOST = 100  # room in a unix socket's address; some systems have 104
_PASSWORD_LEAST = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlan:
    """What a node is to be."""

    resources: ResourceSet
    store_bytes: int | None = None
    namespace: str = ""
    embedded: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    is_open: bool = False  # embedded, and yet other programs may use it
    address: Address | None = None  # of a control plane that runs; None: start one
    durability: Durability = "everysec"
    host: str = ""
    port: int | None = None  # 0: any that is free; None: the usual one, or any
    data: Path | None = None  # where a head continues, or begins to be continued
    password_file: Path | None = None  # None: a generated password
    page: Mapping[str, Any] | None = None  # a head's: `port`, `actions`; None: it has none


def describe(plan: NodePlan, config: Config, folder: Path) -> Address:
    """Write the node's description into its session folder; the address of its control plane.

    Raises:
        errors.LoomError: it cannot be; nothing was started.
    """
    if len(str(folder / "raylet.sock")) > _SOCKET_PATH_MOST:
        raise errors.LoomError(
            f"the path of the session folder {folder} is too long for a socket; nothing was "
            "started. Set LOOM_RUNTIME_DIR to a shorter one"
        )
    node = new_node_id().hex()
    server_about: dict[str, Any] | None = None
    if plan.address is not None:
        address = _kept_address(plan.address, folder)
    else:
        data = folder if plan.data is None else plan.data
        server_about = _server(plan, config, folder, data)
        address = Address(f"unix://{server_about['socket']}", Path(server_about["password_file"]))
        if not plan.embedded:
            node = _continued(data, node, server_about)
    store, store_bytes = _store(plan, config, folder, node)
    description: dict[str, Any] = {
        "node": node,
        "address": address.url,
        "password_file": str(address.password_file) if address.password_file else None,
        "resources": str(plan.resources),
        "labels": dict(plan.labels),
        "store": str(store),
        "spill": str(_spill(config, folder, store.name)),
        "store_bytes": store_bytes,
        "namespace": plan.namespace,
        "config": config_values(config),
        "embedded": plan.embedded,
        "server": server_about,
        "page": dict(plan.page) if plan.page is not None else None,
    }
    (folder / DESCRIPTION).write_text(json.dumps(description))
    return address


def _kept_address(address: Address, folder: Path) -> Address:
    """The same address, its password in a file of this session: other processes need it."""
    password = address.password()
    if password is None:
        return address
    return Address(address.url, folders.secret_file(folder, "password", password))


def _server(plan: NodePlan, config: Config, folder: Path, data: Path) -> dict[str, Any]:
    given = None
    if plan.password_file is not None:
        given = read_secret(plan.password_file)
        if len(given) < _PASSWORD_LEAST:
            raise errors.LoomError(
                f"the password in {plan.password_file} is shorter than {_PASSWORD_LEAST} "
                "characters; nothing was started. Leave it out to have one made"
            )
    host = _numeric(plan.host)
    return {
        "binary": server.find_binary(config.server_binary),
        "folder": str(data / "gcs"),
        "socket": str(folder / "gcs.sock"),
        "password_file": str(folders.secret_file(data, "password", given)),
        "admin_password_file": str(folders.secret_file(data, "admin-password")),
        "durability": plan.durability,
        "host": host,
        "port": plan.port,
        "url": "",
    }


def _continued(data: Path, node: str, about: dict[str, Any]) -> str:
    """Choose the port, and be the node again that was here before; its id."""
    file = data / "head.json"
    before = json.loads(file.read_text()) if file.exists() else {}
    wanted = about["port"]
    if wanted is None:
        wanted = before.get("port", USUAL_PORT)
        about["port"] = free_port(about["host"], wanted) or free_port(about["host"], 0)
    else:
        about["port"] = free_port(about["host"], wanted)
    if about["port"] is None:
        raise errors.LoomError(
            f"port {wanted} on {about['host']} is taken by another program; nothing was started. "
            "Choose another one with --port, or --port 0 for any that is free"
        )
    about["url"] = f"redis://{_advertised(about['host'])}:{about['port']}"
    node = before.get("node", node)
    file.write_text(json.dumps({"node": node, "port": about["port"]}))
    return node


def free_port(host: str, port: int) -> int | None:
    """The port, or any that is free if it is 0; None when it is taken.

    Raises:
        errors.LoomError: none of that address can be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return None
            if error.errno == errno.EADDRNOTAVAIL:
                raise errors.LoomError(
                    f"--host {host} is no address of this machine; nothing was started. Use one "
                    "that it has, or 0.0.0.0 for all of them"
                ) from error
            raise errors.LoomError(
                f"port {port} on {host} cannot be had ({error.strerror}); nothing was started. "
                "Choose another one with --port, or --port 0 for any that is free"
            ) from error
        chosen: int = probe.getsockname()[1]
        return chosen


def _numeric(host: str) -> str:
    if not host:
        return ""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise errors.LoomError(
            f"--host {host} is no address of this machine ({error.strerror}); nothing was started"
        ) from error


def _advertised(host: str) -> str:
    """How others reach what listens on `host`."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _store(plan: NodePlan, config: Config, folder: Path, node: str) -> tuple[Path, int]:
    where, capacity, warning = default_capacity(
        plan.store_bytes or config.object_store_bytes or None, Path(config.shm_dir)
    )
    if warning:
        print(f"hyperloom: {warning}", file=sys.stderr)  # noqa: T201
    sweep_stale(where)
    name = f"loom-{os.getuid()}-{folder.name.removeprefix('session-')}-{node}"
    return where / name, capacity


def spill_root(config: Config, folder: Path) -> Path:
    """The folder of the folder for objects that memory has no room for.

    Not itself in memory, if that can be helped.
    """
    if config.spill_dir:
        return Path(config.spill_dir)
    on_disk = Path(folder_on_disk())
    return on_disk if in_memory(folder) and not in_memory(on_disk) else folder


def _spill(config: Config, folder: Path, name: str) -> Path:
    root = spill_root(config, folder)
    if root == folder:
        return folder / "spill"
    if not config.spill_dir:
        folders.private_folder(root)
    sweep_stale(root)  # what an earlier boot of the machine left
    return root / name
