"""`loom.init()`: which control plane, which node, with what.

In this order: the address that was given, ``LOOM_ADDRESS``, the session that `loom start`
made on this machine, an embedded node.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom import errors, failpoints
from hyperloom.config import Config
from hyperloom.gcs.address import parse_address
from hyperloom.gcs.reach import reach
from hyperloom.node import folder as folders
from hyperloom.node.description import NodePlan
from hyperloom.node.driver import Driver
from hyperloom.node.start import start_embedded
from hyperloom.raylet.node import NodeSettings
from hyperloom.resources import ResourceSet, offered
from hyperloom.symbols import registered_resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.gcs.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The arguments of `loom.init()`."""

    address: str | None = field(default=None, repr=False)  # it may carry a password
    num_cpus: float | None = None
    num_gpus: float | None = None
    resources: Mapping[str, float] | None = None
    memory: float | None = None
    object_store_memory: int | None = None
    namespace: str = ""
    mode: str = "cluster"
    log_to_driver: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    session: Path | None = None  # the folder of the one to join, whatever else runs

    def sizes(self) -> list[str]:
        """What was said of a node's size."""
        names = ("num_cpus", "num_gpus", "resources", "memory", "object_store_memory")
        return [name for name in names if getattr(self, name) is not None]


def connect(wanted: Wanted) -> Any:  # noqa: ANN401 - a Driver, or an inline one
    """Connect this process; see `hyperloom.init`."""
    config = Config.load(**wanted.options)
    failpoints.arm(config.failpoints, "driver")
    if wanted.mode == "inline":
        from hyperloom.core.inline import InlineDriver  # noqa: PLC0415
        from hyperloom.plan import redirection  # noqa: PLC0415

        redirection.install()
        return InlineDriver(config, wanted.namespace, node_resources(wanted))
    if wanted.mode != "cluster":
        raise ValueError(f"mode={wanted.mode!r} cannot be: it is 'cluster' or 'inline'")
    if wanted.session is not None:
        return _in_session(wanted.session, wanted, config)
    address = wanted.address or config.address
    if address == "local":
        return _embedded(wanted, config, None)
    if address and address != "auto":
        password_file = Path(config.password_file) if config.password_file else None
        return _at(parse_address(address, password_file), wanted, config)
    running = folders.current_session(config)
    if running is not None:
        return _in_session(running, wanted, config)
    if address == "auto":
        raise errors.NotConnected(
            "no node of yours runs on this machine; start one: loom start --head"
        )
    return _embedded(wanted, config, None)


def _embedded(wanted: Wanted, config: Config, address: Address | None) -> Driver:
    plan = NodePlan(
        resources=node_resources(wanted),
        store_bytes=wanted.object_store_memory,
        namespace=wanted.namespace,
        address=address,
    )
    node = start_embedded(plan, config)
    try:
        return Driver(
            node.folder, node.address, config, wanted.namespace, node,
            log_to_driver=wanted.log_to_driver,
        )  # fmt: skip
    except BaseException:
        node.hang_up()
        node.process.wait()
        raise


def _in_session(folder: Path, wanted: Wanted, config: Config) -> Driver:
    if wanted.sizes():
        raise ValueError(
            f"{', '.join(wanted.sizes())} cannot be given here: the node in {folder} runs already, "
            'with its own. Use address="local" for one of this program alone'
        )
    settings = NodeSettings.read(folder)
    return Driver(
        folder, settings.address, config, wanted.namespace, None,
        log_to_driver=wanted.log_to_driver,
    )  # fmt: skip


def _at(address: Address, wanted: Wanted, config: Config) -> Driver:
    """A control plane by its address: through this machine's node of it, or a new one."""
    for folder in folders.open_sessions(config):
        if folders.runs(folder):
            settings = NodeSettings.read(folder)
            if address.url in {settings.address.url, (settings.server or {}).get("url")}:
                return _in_session(folder, wanted, config)
    # Whoever cannot get in should hear it now, and not from a raylet's log.
    reach(address)
    return _embedded(wanted, config, address)


def node_resources(wanted: Wanted) -> ResourceSet:
    """What a node started now has."""
    cpus = wanted.num_cpus
    if cpus is None:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = wanted.memory
    if memory is None:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    said = offered(
        num_cpus=cpus or 1,
        num_gpus=wanted.num_gpus or 0,
        memory=memory,
        resources=wanted.resources,
    )
    counted = registered_resources()
    return said + ResourceSet({n: units for n, units in counted.items() if not said.units(n)})
