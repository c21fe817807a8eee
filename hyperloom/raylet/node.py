"""What one node is: where it lies, what it has, how it reaches the control plane."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom.config import Config
from hyperloom.gcs.address import Address, read_secret
from hyperloom.gcs.server import ADMIN, ServerSettings
from hyperloom.raylet import locks
from hyperloom.resources import ResourceSet, of_labels, of_node

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION = "node.json"

_WORKERS_A_CPU = 16
_WORKERS_LEAST = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Everything a raylet is told at its start; read from ``node.json`` in its folder."""

    folder: Path
    node: bytes
    address: Address
    resources: ResourceSet
    labels: dict[str, str] = field(default_factory=dict)
    store: Path
    spill: Path
    store_bytes: int
    namespace: str
    config: Config
    embedded: bool
    # How to start the control plane.  An embedded raylet does, a head's supervisor does, and a
    # node that joined has none.
    server: dict[str, Any] | None
    # How a head's page is to be served: `port` (None: the usual one, or any), and whether it may
    # do something (`actions`).  None: there is none.
    page: dict[str, Any] | None = None

    @classmethod
    def read(cls, folder: Path) -> NodeSettings:
        """From the folder's ``node.json``."""
        data = json.loads((folder / DESCRIPTION).read_text())
        password_file = Path(data["password_file"]) if data["password_file"] else None
        return cls(
            folder=folder,
            node=bytes.fromhex(data["node"]),
            address=Address(data["address"], password_file),
            resources=ResourceSet.parse(data["resources"])
            + of_node(data["node"])
            + of_labels(data["labels"]),
            labels=data["labels"],
            store=Path(data["store"]),
            spill=Path(data["spill"]),
            store_bytes=data["store_bytes"],
            namespace=data["namespace"],
            config=Config.load(environ={}, **data["config"]),
            embedded=data["embedded"],
            server=data["server"],
            page=data.get("page"),
        )

    @property
    def admin_address(self) -> Address:
        """The same control plane, for who may load the library."""
        if self.server is None:
            return self.address  # somebody else's: there is one user, as far as we know
        url = f"unix://{ADMIN}@{self.server['socket']}"
        return Address(url, Path(self.server["admin_password_file"]))

    @property
    def is_supervised(self) -> bool:
        """Whether somebody starts the next raylet if this one dies."""
        return locks.is_held(self.folder / locks.SUPERVISOR)

    def server_settings(self, keeps: tuple[int, ...] = ()) -> ServerSettings:
        """How the control plane of this node is to run."""
        about = self.server
        assert about is not None, "asked of who has a server of its own"
        return ServerSettings(
            binary=about["binary"],
            folder=Path(about["folder"]),
            socket=Path(about["socket"]),
            password=read_secret(Path(about["password_file"])),
            admin_password=read_secret(Path(about["admin_password_file"])),
            durability=about["durability"],
            host=about["host"],
            port=about["port"] or 0,
            with_parent=self.embedded,
            keeps=keeps,
        )

    @property
    def socket(self) -> Path:
        """Where drivers of this machine find the raylet."""
        return self.folder / "raylet.sock"

    @property
    def logs(self) -> Path:
        """Where workers' output is kept."""
        return self.folder / "logs"

    @property
    def most_workers(self) -> int:
        """Processes at the same time, those included that wait in `get`."""
        cpus = self.resources.units("CPU") // 10_000
        return max(_WORKERS_LEAST, _WORKERS_A_CPU * cpus)

    def describe(self) -> dict[str, Any]:
        """For the table of nodes."""
        return {
            "node": self.node.hex(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "resources": dict(self.resources.items()),
            "labels": self.labels,
            "lease_s": self.config.lease_s,
            "beat_s": self.config.beat_s,
            "role": self.role,
            "folder": str(self.folder),
            "data_end_with_it": self.role == "head" and not self.keeps_data,
        }

    @property
    def keeps_data(self) -> bool:
        """Whether it is a head with --dir: a later one goes on with its data."""
        return self.server is not None and Path(self.server["folder"]).parent != self.folder

    @property
    def role(self) -> str:
        """``head``, ``node`` (one that joined), or ``embedded``: it ends with its program."""
        if self.embedded:
            return "embedded"
        return "node" if self.server is None else "head"

    def welcome(self) -> dict[str, Any]:
        """What a driver of this machine must know."""
        return {"node": self.node, "store": str(self.store), "namespace": self.namespace}

    def about_worker(self, job: bytes, about: dict[str, Any]) -> dict[str, Any]:
        """What a worker must know."""
        password = self.address.password_file
        return {
            "job": job,
            "node": self.node,
            "store": str(self.store),
            "door": str(self.socket),
            "namespace": about.get("namespace", self.namespace),
            "address": self.address.url,
            "password_file": str(password) if password else None,
            "sys_path": about.get("sys_path", []),
            "cwd": about.get("cwd", "/"),
            "argv": about.get("argv", [""]),
            "embedded": self.embedded,
            "scratch": str(self.scratch),
        }

    @property
    def scratch(self) -> Path:
        """Where this raylet's workers have folders for a while: one for each, by its number."""
        return self.folder / f"scratch-{os.getpid()}"

    def objects_of(self, *owners: bytes) -> Iterator[bytes]:
        """Ids of the objects of jobs, processes or tasks that lie in this node's store."""
        prefixes = tuple(owner.hex() for owner in owners)
        for folder in (self.store / "o", self.spill):
            if folder.is_dir():
                for entry in os.scandir(folder):
                    if entry.name.startswith(prefixes) and len(entry.name) == 2 * 20:
                        yield bytes.fromhex(entry.name)


def config_values(config: Config) -> dict[str, Any]:
    """The options as plain values, for another process."""
    return {
        name: getattr(config, name)
        for name in Config.__dataclass_fields__
        if name not in {"address", "server_binary"}
    }
