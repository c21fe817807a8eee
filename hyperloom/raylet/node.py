"""What one node is: where it lies, what it has, how it reaches the control plane."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom.config import Config
from hyperloom.gcs.address import Address
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORKERS_A_CPU = 16
_WORKERS_LEAST = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Everything a raylet is told at its start; read from ``node.json`` in its folder."""

    folder: Path
    node: bytes
    address: Address
    resources: ResourceSet
    store: Path
    spill: Path
    store_bytes: int
    namespace: str
    config: Config
    embedded: bool
    server: dict[str, Any] | None  # how to start the control plane, on a head

    @classmethod
    def read(cls, folder: Path) -> NodeSettings:
        """From the folder's ``node.json``."""
        data = json.loads((folder / "node.json").read_text())
        password_file = Path(data["password_file"]) if data["password_file"] else None
        return cls(
            folder=folder,
            node=bytes.fromhex(data["node"]),
            address=Address(data["address"], password_file),
            resources=ResourceSet.parse(data["resources"]),
            store=Path(data["store"]),
            spill=Path(data["spill"]),
            store_bytes=data["store_bytes"],
            namespace=data["namespace"],
            config=Config.load(environ={}, **data["config"]),
            embedded=data["embedded"],
            server=data["server"],
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
            "folder": str(self.folder),
        }

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
            "namespace": about.get("namespace", self.namespace),
            "address": self.address.url,
            "password_file": str(password) if password else None,
            "sys_path": about.get("sys_path", []),
            "cwd": about.get("cwd", "/"),
            "config": config_values(self.config),
        }

    def objects_of(self, job: bytes) -> Iterator[bytes]:
        """Ids of a job's objects that lie in this node's store."""
        prefix = job.hex()
        for folder in (self.store / "o", self.spill):
            if folder.is_dir():
                for entry in os.scandir(folder):
                    if entry.name.startswith(prefix) and len(entry.name) == 2 * 20:
                        yield bytes.fromhex(entry.name)


def config_values(config: Config) -> dict[str, Any]:
    """The options as plain values, for another process."""
    return {
        name: getattr(config, name)
        for name in Config.__dataclass_fields__
        if name not in {"address", "server_binary"}
    }
