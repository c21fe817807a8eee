"""Making a server ours: wait until it listens, check that it will do, load the library.

A server that somebody else runs works too, if it keeps what it is given (``noeviction``), is
new enough for functions (7.0), and has our library in the same version or none.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.gcs.library import NAME, build
from hyperloom.gcs.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address

_OLDEST = (7, 0)
_PAUSE_S = 0.003
_PATIENCE_S = 2.0
_VERSION = b"version"
DURABILITY = b"durability"
GENERATION = b"generation"


def wait(address: Address, timeout_s: float, alive: Callable[[], bool]) -> Wire:
    """Connect as soon as the server listens.

    Raises:
        errors.ControlPlaneLost: it did not within `timeout_s`, or it has ended.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            wire = Wire(address)
            wire.call("PING")
        except (errors.ControlPlaneLost, errors.ServerRefused):
            if not alive() or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)  # it has no way to tell us
        else:
            return wire


def install(wire: Wire, *, replace: bool, durability: str = "") -> None:
    """Check the server and load the library.

    `replace`: the server is ours alone, so an older library may be replaced.
    `durability`: as it was started with, for those who may not read its configuration.

    Raises:
        errors.NotConnected: the server will not do; the message says what to change.
    """
    there = check(wire, any_library=replace)
    library = build()
    if there != library.version or not _loaded(wire):
        wire.call("FUNCTION", "LOAD", "REPLACE", library.text)
        wire.call("HSET", keys.ABOUT.name(keys.CLUSTER), _VERSION, library.version)
    wire.call("HSETNX", keys.ABOUT.name(keys.CLUSTER), GENERATION, int(time.time()))
    if durability:
        wire.call("HSET", keys.ABOUT.name(keys.CLUSTER), DURABILITY, durability)


def again(address: Address, *, replace: bool, durability: str = "") -> None:
    """The server may have lost our library, or all it had: `install` it anew, if we may.

    If we may not, or it does not answer, somebody else will, or the next try.
    """
    with contextlib.suppress(errors.LoomError):
        wire = Wire(address, _PATIENCE_S)
        try:
            install(wire, replace=replace, durability=durability)
        finally:
            wire.close()


def check(wire: Wire, *, any_library: bool = False) -> str | None:
    """Whether the server will do; the version of our library that it has, None for none.

    Raises:
        errors.NotConnected: it will not; the message says what to change.
    """
    _check_server(wire)
    there = wire.call("HGET", keys.ABOUT.name(keys.CLUSTER), _VERSION)
    if there is None:
        return None
    ours, theirs = build().version, str(there.decode())
    if theirs != ours and not any_library:
        raise errors.NotConnected(
            f"the cluster at {wire.address} runs HyperLoom's library {theirs}, and this process "
            f"has {ours}: install the same version of hyperloom on both sides. Nothing was changed"
        )
    return theirs


def _loaded(wire: Wire) -> bool:
    return bool(wire.call("FUNCTION", "LIST", "LIBRARYNAME", NAME))


def _check_server(wire: Wire) -> None:
    info = wire.call("INFO").decode()
    version = _field(info, "valkey_version") or _field(info, "redis_version") or "0.0"
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if number < _OLDEST:
        raise errors.NotConnected(
            f"the server at {wire.address} is version {version}; HyperLoom needs Redis 7.0 or any "
            "Valkey. Nothing was changed on it"
        )
    mode = _field(info, "redis_mode") or _field(info, "server_mode")
    if mode == "cluster":
        raise errors.NotConnected(
            f"the server at {wire.address} is one of a Redis Cluster, and has the tables of some "
            "jobs only; a process of HyperLoom speaks to the one server that it was given. Name "
            "one that runs without cluster-enabled. Nothing was changed on it"
        )
    policy = _field(info, "maxmemory_policy")
    if policy not in ("noeviction", ""):
        raise errors.NotConnected(
            f"the server at {wire.address} may evict keys (maxmemory-policy {policy}), which would "
            "lose tasks. "
            "Run: CONFIG SET maxmemory-policy noeviction. Nothing was changed on it"
        )

    if _field(info, "role") not in ("master", ""):
        raise errors.NotConnected(
            f"the server at {wire.address} is a read-only replica; give the address of its "
            f"primary, {_field(info, 'master_host')}:{_field(info, 'master_port')}. Nothing was "
            "changed"
        )


def _field(info: str, name: str) -> str:
    match = re.search(rf"^{name}:(.*?)\r?$", info, re.MULTILINE)
    return match[1].strip() if match else ""
