"""A network for the nodes of a `Cluster`, on one machine: each in a network namespace of its own.

All are joined by a bridge; a cut cable is a link that is set down, so that what is sent is
neither answered nor refused, as when a machine or a switch fails.  Needs Linux, iproute2 and
the rights of root (`why_not`).

Everything bears the network's name, so that whoever ends last can remove it by that.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from hyperloom import errors

_NODES_MOST = 250


def why_not() -> str:
    """Why this process may not make networks; "" when it may."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    missing = [tool for tool in ("ip", "nsenter") if shutil.which(tool) is None]
    if missing:
        return f"{' and '.join(missing)} of iproute2 and util-linux are not on PATH"
    probe = f"loomprobe{os.getpid()}"
    tried = _run("netns", "add", probe)
    if tried.returncode:
        return f"this process may not make network namespaces: {tried.stderr.strip()}"
    _ip("netns", "delete", probe)
    return ""


def free_port(host: str) -> int:
    """A TCP port of this address that nobody uses."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Network:
    """A bridge with room for nodes.

    Attributes:
        name: "loom" and hexadecimal digits; short, since a link's name has 15 characters at most.
    """

    name: str
    _nodes: int = 0
    _subnet: str = field(init=False)

    def __post_init__(self) -> None:
        """Make the bridge.

        Raises:
            errors.LoomError: it may not be made; nothing is left.
        """
        number = int(self.name.removeprefix("loom"), 16)
        # Of the network that is kept for measurements, which nobody routes (RFC 2544).
        self._subnet = f"198.{18 + number % 2}.{number // 2 % 256}"
        _ip("link", "add", self.name, "type", "bridge")
        _ip("addr", "add", f"{self.host}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    @property
    def host(self) -> str:
        """This machine's address."""
        return f"{self._subnet}.1"

    def add(self) -> Place:
        """A namespace for one more node."""
        self._nodes += 1
        if self._nodes > _NODES_MOST:
            raise errors.LoomError(f"a cluster with networks has at most {_NODES_MOST} nodes")
        place = Place(f"{self.name}n{self._nodes}", f"{self._subnet}.{self._nodes + 1}")
        _ip("netns", "add", place.name)
        _ip("link", "add", place.name, "type", "veth", "peer", "name", "eth0",
            "netns", place.name)  # fmt: skip
        _ip("link", "set", place.name, "master", self.name, "up")
        _ip("-n", place.name, "addr", "add", f"{place.host}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            _ip("-n", place.name, "link", "set", link, "up")
        return place


@dataclass(frozen=True, slots=True)
class Place:
    """One node's namespace, and its link to the others, which has the same name."""

    name: str
    host: str

    @property
    def through(self) -> list[str]:
        """The command that runs another one in it."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    def cut(self) -> None:
        """Nothing goes in or out any more."""
        _ip("link", "set", self.name, "down")

    def mend(self) -> None:
        """It does again."""
        _ip("link", "set", self.name, "up")

    def remove(self) -> None:
        """End it, and its link with it."""
        _ip("netns", "delete", self.name)


def remove(name: str) -> None:
    """End a whole network, whoever made it.  Harmless when there is none."""
    for place in Path("/run/netns").glob(f"{name}n*"):
        _run("netns", "delete", place.name)
    if Path("/sys/class/net", name).exists():
        _run("link", "delete", name)


def _ip(*arguments: str) -> None:
    done = _run(*arguments)
    if done.returncode:
        raise errors.LoomError(
            f"ip {' '.join(arguments)} failed: {done.stderr.strip()}. Nodes with networks of their "
            "own need the rights of root; without them leave networks=True out"
        )


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("ip") or "ip", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)
