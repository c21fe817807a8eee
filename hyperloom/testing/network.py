"""A network for the parts of a `Cluster`, on one machine: each in a network namespace of its own.

All are joined by a bridge.  A cut cable is a link that is set down; who is cut off from another one
only has a wrong hardware address for it.  Either way what is sent is neither answered nor refused,
as when a machine or a switch fails.  Needs Linux, iproute2 and the rights of root (`why_not`).

Everything bears the network's name, so that whoever ends last can remove it by that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from hyperloom import errors

_PLACES_MOST = 250
_NOBODY = "02:00:00:00:00:00"  # a hardware address that no link has


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


@dataclass
class Network:
    """A bridge with room for nodes, and who cannot reach whom on it.

    Attributes:
        name: "loom" and hexadecimal digits; short, since a link's name has 15 characters at most.
    """

    name: str
    _places: list[Place] = field(default_factory=list)
    _unplugged: set[Place] = field(default_factory=set)
    _cuts: set[tuple[Place, Place]] = field(default_factory=set)  # the first cannot reach the other
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
        _ip("addr", "add", f"{self.here.host}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    @property
    def here(self) -> Place:
        """Where this program is: the machine itself."""
        return Place("", f"{self._subnet}.1", self.name)

    def add(self) -> Place:
        """A namespace for one more."""
        number = len(self._places) + 1
        if number > _PLACES_MOST:
            raise errors.LoomError(f"a cluster with networks has at most {_PLACES_MOST - 1} nodes")
        place = Place(f"{self.name}n{number}", f"{self._subnet}.{number + 1}")
        _ip("netns", "add", place.name)
        _ip("link", "add", place.name, "type", "veth", "peer", "name", place.link,
            "netns", place.name)  # fmt: skip
        _ip("link", "set", place.name, "master", self.name, "up")
        _ip("-n", place.name, "addr", "add", f"{place.host}/24", "dev", place.link)
        for link in ("lo", place.link):
            _ip("-n", place.name, "link", "set", link, "up")
        self._places.append(place)
        return place

    def cut(self, place: Place, other: Place, *, one_way: bool) -> None:
        """What `place` sends to `other` does not arrive, nor the other way round."""
        pairs = {(place, other)} if one_way else {(place, other), (other, place)}
        for sender, receiver in pairs - self._cuts:
            sender.lose(receiver)
            self._cuts.add((sender, receiver))

    def unplug(self, place: Place) -> None:
        """Nothing goes in or out there any more."""
        if place.name:
            _ip("link", "set", place.name, "down")
            self._unplugged.add(place)
        else:  # the machine itself has no cable
            for other in self._places:
                self.cut(place, other, one_way=False)

    def mend(self, place: Place | None = None) -> None:
        """All goes through again, to and from this place, or everywhere."""
        for cut in [cut for cut in self._cuts if place is None or place in cut]:
            sender, receiver = cut
            sender.find(receiver)
            self._cuts.remove(cut)
        for each in [each for each in self._unplugged if place in {None, each}]:
            _ip("link", "set", each.name, "up")
            self._unplugged.remove(each)

    def take_away(self, place: Place) -> None:
        """It has ended, and its link goes with it."""
        self.mend(place)
        _ip("netns", "delete", place.name)


@dataclass(frozen=True, slots=True)
class Place:
    """One namespace, and its link to the others, which has the same name; "" is the machine.

    Attributes:
        link: by which it reaches them.
    """

    name: str
    host: str
    link: str = "eth0"

    @property
    def through(self) -> tuple[str, ...]:
        """The command that runs another one in it."""
        return ("nsenter", f"--net=/run/netns/{self.name}")

    def lose(self, other: Place) -> None:
        """What is sent to `other` from here bears the wrong address, and nobody takes it."""
        wrong = ("lladdr", _NOBODY, "nud", "permanent")
        self._neighbour("replace", other, *wrong)

    def find(self, other: Place) -> None:
        """It bears the right one again."""
        self._neighbour("delete", other)

    def _neighbour(self, verb: str, other: Place, *more: str) -> None:
        inside = ("-n", self.name) if self.name else ()
        _ip(*inside, "neighbour", verb, other.host, "dev", self.link, *more)


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
