"""A whole cluster on one machine, for tests: a control plane of its own and several nodes.

Each node has what a machine would have for itself: a raylet with workers, resources, an object
store, a session folder.  They are ordinary nodes; only that they end with the program that made
them, as an embedded one does, however that program ends.
"""

from __future__ import annotations

import os
import signal
import time
import weakref
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from hyperloom import connection, errors
from hyperloom.config import Config
from hyperloom.gcs.wire import Wire
from hyperloom.node import draining
from hyperloom.node.connect import Wanted, node_resources
from hyperloom.node.description import NodePlan
from hyperloom.node.start import begin_embedded
from hyperloom.raylet.node import NodeSettings
from hyperloom.resources import label_marks
from hyperloom.testing import network
from hyperloom.testing.control_plane import ControlPlane
from hyperloom.testing.node import ClusterNode, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from hyperloom.connection import Connection
    from hyperloom.gcs.server import Durability
    from hyperloom.testing.network import Network, Place
    from hyperloom.testing.node import Part

_STORE_BYTES = 256 << 20
_END_S = 30.0
_PAUSE_S = 0.005


class Cluster:
    """A control plane and nodes of its own on this machine, until `close` or the program's end.

    Args:
        nodes: how many to begin with; or what each of them has, in the words of `add_node`.
        num_cpus: of each node that says nothing else.
        networks: put each node and the server into networks of their own, which `partition` can
            cut.  Needs Linux, iproute2 and the rights of root: `Cluster.why_no_networks()` says
            what is missing.
        durability: of the control plane; what it had is there again after `kill_server`.
        **options: any of ``docs/reference/config.md``, for the control plane and all nodes;
            ``lease_s=2, beat_s=0.5`` lets a killed node be given up soon.

    Raises:
        LoomError: it did not come up; nothing of it is left.
        InvalidOption: an option is unknown or cannot have its value.
        ValueError: a node cannot have such an amount.
    """

    def __init__(
        self,
        nodes: int | Sequence[Mapping[str, Any]] = 1,
        *,
        num_cpus: float = 1,
        networks: bool = False,
        durability: Durability = "everysec",
        **options: Any,  # noqa: ANN401 - `Config` knows their types
    ) -> None:
        each_has = wanted(nodes)
        self._num_cpus = num_cpus
        self._config = Config.load(**{"failpoints": "", **options})
        self._nodes: list[ClusterNode] = []
        self._network: Network | None = None
        if networks and (why := network.why_not()):
            raise errors.LoomError(f"nodes cannot have networks of their own: {why}")
        _clusters.add(self)
        self._control_plane = self._started_control_plane(durability, networks=networks)
        try:
            begun = [self._begin(**each) for each in each_has]
            for node in begun:
                self._welcome(node)
        except BaseException:
            self.close()
            raise

    def _started_control_plane(self, durability: Durability, *, networks: bool) -> ControlPlane:
        if not networks:
            return ControlPlane(self._config, durability)
        self._network = network.Network(f"loom{os.urandom(3).hex()}")
        try:
            return ControlPlane(self._config, durability, self._network)
        except BaseException:
            network.remove(self._network.name)
            raise

    @staticmethod
    def why_no_networks() -> str:
        """Why `networks=True` cannot be had here; "" when it can."""
        return network.why_not()

    @property
    def nodes(self) -> list[ClusterNode]:
        """Those that were not removed, in the order in which they came."""
        return list(self._nodes)

    @property
    def address(self) -> str:
        """The control plane's, for `hyperloom.init` and ``LOOM_ADDRESS``; its password is apart."""
        return self._control_plane.address.url

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which another program of yours finds this cluster."""
        return {
            "LOOM_ADDRESS": self.address,
            "LOOM_PASSWORD_FILE": str(self._control_plane.address.password_file),
            "LOOM_RUNTIME_DIR": self._config.runtime_dir,
        }

    def connect(self, node: ClusterNode | None = None, *, namespace: str = "") -> Connection:
        """Make this process a driver, through `node` or the first one, as `hyperloom.init` does.

        Raises:
            RuntimeError: this process is connected already.
            NotConnected: the cluster has no node, or that one does not answer.
        """
        node = node or next(iter(self._nodes), None)
        if node is None:
            raise errors.NotConnected("the cluster has no node to connect to; call add_node()")
        return connection.begin(Wanted(session=node.folder, namespace=namespace))

    # -- nodes --------------------------------------------------------------------------------

    def add_node(  # noqa: PLR0913 - one argument for each thing to be said of a node
        self,
        *,
        num_cpus: float | None = None,
        num_gpus: float | None = None,
        resources: Mapping[str, float] | None = None,
        memory: float | None = None,
        object_store_memory: int | None = None,
        labels: Mapping[str, str] | None = None,
        failpoints: str = "",
    ) -> ClusterNode:
        """Start one more node, and wait until it serves; see `hyperloom.init` for the arguments.

        `labels` are what `hyperloom.NodeLabels` asks for.  `failpoints` (``LOOM_FAILPOINTS``) are
        where its raylet or workers die: the places are named in `hyperloom.failpoints`.

        Raises:
            LoomError: it did not come up; the cluster is as before.
            ValueError: a node cannot have such an amount.
        """
        node = self._begin(
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            resources=resources,
            memory=memory,
            object_store_memory=object_store_memory,
            labels=labels,
            failpoints=failpoints,
        )
        self._welcome(node)
        return node

    def _begin(
        self,
        *,
        num_cpus: float | None = None,
        object_store_memory: int | None = None,
        labels: Mapping[str, str] | None = None,
        failpoints: str = "",
        **sizes: Any,  # noqa: ANN401 - of `Wanted`, which is checked
    ) -> ClusterNode:
        cpus = self._num_cpus if num_cpus is None else num_cpus
        label_marks(labels or {})  # refuses what cannot be
        place = self._network.add() if self._network else None
        plan = NodePlan(
            resources=node_resources(Wanted(num_cpus=cpus, **sizes)),
            store_bytes=object_store_memory or _STORE_BYTES,
            labels=labels or {},
            address=self._control_plane.address,
            is_open=True,
        )
        config = replace(self._config, failpoints=failpoints or self._config.failpoints)
        started = begin_embedded(plan, config, place.through if place else ())
        identity = NodeSettings.read(started.folder).node.hex()
        node = ClusterNode(identity, started.folder, started, place)
        self._nodes.append(node)
        return node

    def _welcome(self, node: ClusterNode) -> None:
        try:
            node._started.wait_ready()  # noqa: SLF001 - a friend
        except BaseException:
            self._nodes.remove(node)
            raise

    def remove_node(
        self,
        node: ClusterNode,
        *,
        kill: bool = False,
        drain: bool = False,
        timeout: float | None = None,
    ) -> None:
        """End a node and wait for its end.

        It leaves in order, and its tasks go to others at once; or it is killed (SIGKILL) as if
        its machine had failed: then others notice when its lease has run out (``lease_s``).  With
        `drain` it first finishes what runs, for `timeout` seconds at most, and has others take what
        it alone has, as ``loom node drain`` does.

        Raises:
            LoomError: it cannot be drained, and says why; it works on.
        """
        self._check_ours(node)
        if drain:
            wire = Wire(self._control_plane.address)
            try:
                draining.drain(wire, bytes.fromhex(node.id), timeout)
            finally:
                wire.close()
        elif kill:
            node._started.process.kill()  # noqa: SLF001 - a friend
        else:
            self.resume(node)
        node._started.hang_up()  # noqa: SLF001 - a friend
        self._wait_gone(node)
        self._nodes.remove(node)

    def pause(self, node: ClusterNode) -> None:
        """Stop a node's raylet (SIGSTOP), as if its machine hung; `resume` lets it go on."""
        self._check_ours(node)
        os.kill(node.pid, signal.SIGSTOP)
        node._paused = True  # noqa: SLF001 - a friend

    def resume(self, node: ClusterNode) -> None:
        """Let a paused raylet go on (SIGCONT).  Harmless when it is not paused."""
        self._check_ours(node)
        if node._paused:  # noqa: SLF001 - a friend
            node._paused = False  # noqa: SLF001
            os.kill(node.pid, signal.SIGCONT)

    def partition(self, part: Part, other: Part | None = None, *, one_way: bool = False) -> None:
        """Cut a part off from another one, or from all: nothing is answered or refused.

        A part is a node, ``"server"``, which is the control plane's, or ``"driver"``: this program
        and all others that do not run on a node.  With `one_way`, what `part` says does not arrive
        at `other`, but what `other` says arrives.  Further cuts add to it; `heal` ends them.

        What a driver says to the node that it is connected through goes over no network.

        Raises:
            LoomError: the cluster has no networks.
        """
        net, place = self._net(), self._place_of(part)
        if other is not None:
            net.cut(place, self._place_of(other), one_way=one_way)
        elif one_way:
            raise ValueError("one_way=True needs to know which way: name the other part, too")
        else:
            net.unplug(place)

    def heal(self, part: Part | None = None) -> None:
        """End all partitions, or those of one part.  Harmless when there is none.

        Raises:
            LoomError: the cluster has no networks.
        """
        self._net().mend(None if part is None else self._place_of(part))

    def kill_server(self) -> None:
        """End the control plane's server (SIGKILL); it is started again on its files at once."""
        os.kill(self._control_plane.server_pid, signal.SIGKILL)

    def _net(self) -> Network:
        if self._network is None:
            raise errors.LoomError(
                "this cluster has no networks, so none can be cut: make it with "
                "Cluster(networks=True)"
            )
        return self._network

    def _place_of(self, part: Part) -> Place:
        if part == "driver":
            return self._net().here
        if part == "server":
            place = self._control_plane.place
        else:
            self._check_ours(part)
            place = part._place  # noqa: SLF001 - a friend
        assert place is not None, "a cluster with networks has a place for each part"
        return place

    def _check_ours(self, node: ClusterNode) -> None:
        if node not in self._nodes:
            raise ValueError(f"{node!r} is no node of this cluster, or was removed from it")

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """End all of it, and this process's connection if it is to this cluster.

        Harmless when done twice.
        """
        if self._network is not None:
            with suppress(errors.LoomError):
                self._network.mend()  # all can say that they leave
        connection.leave([node.folder for node in self._nodes])
        for node in self._nodes:
            if node._paused:  # noqa: SLF001 - a friend
                with suppress(ProcessLookupError):
                    os.kill(node.pid, signal.SIGCONT)
            node._started.hang_up()  # noqa: SLF001
        for node in self._nodes:
            self._wait_gone(node)
        self._nodes.clear()
        self._control_plane.close()
        _clusters.discard(self)

    def _wait_gone(self, node: ClusterNode) -> None:
        node._started.process.wait()  # noqa: SLF001 - a friend
        deadline = time.monotonic() + _END_S
        while node.folder.exists() and time.monotonic() < deadline:
            # Killed, its template is what cleans up; it is not our child, so we look.
            time.sleep(_PAUSE_S)
        if self._network is not None and node._place is not None:  # noqa: SLF001 - a friend
            self._network.take_away(node._place)  # noqa: SLF001

    def _after_fork(self) -> None:
        """In a child: hold nothing open, or the cluster would last as long as the child."""
        for node in self._nodes:
            node._started.hang_up()  # noqa: SLF001 - a friend
            node._started.process.returncode = 0  # noqa: SLF001 - it is not this process's child
        self._control_plane.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Cluster of {len(self._nodes)} nodes at {self.address}>"


_clusters: weakref.WeakSet[Cluster] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for cluster in list(_clusters):
        cluster._after_fork()  # noqa: SLF001 - the hook is part of the class
    _clusters.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
