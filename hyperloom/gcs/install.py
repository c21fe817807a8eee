"""Making a server ours: wait until it listens, check that it will do, load the library.

A server that somebody else runs works too, if it keeps what it is given (``noeviction``), is
new enough for functions (7.0), and has our library in the same version or none.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.gcs.library import build
from hyperloom.gcs.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address

_OLDEST = (7, 0)
_PAUSE_S = 0.003
_VERSION = b"version"


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


def install(wire: Wire, *, replace: bool) -> None:
    """Check the server and load the library.

    `replace`: the server is ours alone, so an older library may be replaced.

    Raises:
        errors.LoomError: the server will not do; the message says what to change.
    """
    _check_server(wire)
    library = build()
    there = wire.call("HGET", keys.ABOUT.name(keys.CLUSTER), _VERSION)
    if there is not None and there.decode() != library.version and not replace:
        raise errors.LoomError(
            f"this cluster runs HyperLoom's library {there.decode()}, this process has "
            f"{library.version}: install the same version of hyperloom on both sides. "
            "Nothing was changed"
        )
    if there is None or replace or not _loaded(wire):
        wire.call("FUNCTION", "LOAD", "REPLACE", library.text)
        wire.call("HSET", keys.ABOUT.name(keys.CLUSTER), _VERSION, library.version)


def _loaded(wire: Wire) -> bool:
    return bool(wire.call("FUNCTION", "LIST", "LIBRARYNAME", "loom"))


def _check_server(wire: Wire) -> None:
    info = wire.call("INFO", "server").decode()
    version = _field(info, "valkey_version") or _field(info, "redis_version") or "0.0"
    number = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if number < _OLDEST:
        raise errors.LoomError(
            f"the server is version {version}; HyperLoom needs Redis 7.0 or any Valkey. "
            "Nothing was changed on it"
        )
    memory = wire.call("INFO", "memory").decode()
    policy = _field(memory, "maxmemory_policy")
    if policy not in ("noeviction", ""):
        raise errors.LoomError(
            f"the server may evict keys (maxmemory-policy {policy}), which would lose tasks. "
            "Run: CONFIG SET maxmemory-policy noeviction. Nothing was changed on it"
        )


def _field(info: str, name: str) -> str:
    match = re.search(rf"^{name}:(.*?)\r?$", info, re.MULTILINE)
    return match[1].strip() if match else ""
