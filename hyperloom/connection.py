"""How this process is connected, and how that ends: `init`, `shutdown`.

The rule: a process has one driver at most, kept here.  It is begun by `init`, or with defaults by
the first call that needs it; a worker's session is its raylet's business, and left alone.
"""

from __future__ import annotations

import atexit
import os
import threading
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self

from hyperloom.core import current

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from hyperloom.node.connect import Wanted

_lock = threading.RLock()
_driver: list[Any] = []  # node.driver.Driver or core.inline.InlineDriver: at most one


class Connection:
    """What `init` returns: use it as a context manager to shut down at the end."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - Session or InlineSession
        self._session = session

    @property
    def address(self) -> str:
        """The control plane's address, without any password."""
        return str(self._session.address)

    @property
    def job_id(self) -> str:
        """This driver's job."""
        job: bytes = self._session.job
        return job.hex()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not current.in_worker():
            shutdown()

    def __repr__(self) -> str:
        return f"<HyperLoom job {self.job_id} on {self.address}>"

    def _repr_html_(self) -> str:
        from hyperloom.core import cluster  # noqa: PLC0415 - for who looks

        title = f"HyperLoom job <code>{self.job_id}</code> on <code>{escape(self.address)}</code>"
        return f"<p>{title}</p>{cluster.table(cluster.nodes(self._session))}"


def init(  # noqa: PLR0913 - one argument for each thing to be said of a node
    address: str | None = None,
    *,
    num_cpus: float | None = None,
    num_gpus: float | None = None,
    resources: Mapping[str, float] | None = None,
    memory: float | None = None,
    object_store_memory: int | None = None,
    namespace: str = "",
    mode: Literal["cluster", "inline"] = "cluster",
    log_to_driver: bool = True,
    ignore_reinit_error: bool = False,
    **options: Any,  # noqa: ANN401 - `Config` knows their types
) -> Connection:
    """Connect this process; called by itself, with defaults, when first needed.

    Where to: `address` if given, else ``LOOM_ADDRESS``, else the node that ``loom start``
    made on this machine, else an embedded node, started now and ended with this process.

    Args:
        address: ``"local"`` for an embedded node in any case, ``"auto"`` for one that runs
            already, or the ``redis://``, ``rediss://`` or ``unix://`` address of a control
            plane.
        num_cpus: what an embedded node has; all CPUs of the machine if not given.
        num_gpus: likewise, in whole GPUs; none if not given.
        resources: other amounts by name, such as ``{"licence": 2}``.
        memory: bytes that tasks may ask for; all if not given.
        object_store_memory: bytes of shared memory for objects.
        namespace: of named actors.
        mode: ``"inline"`` runs every task in this process at once, for debugging.
        log_to_driver: show here what workers print.
        ignore_reinit_error: calling it twice, or in a task, is no error.
        **options: any option of ``docs/reference/config.md``.

    Raises:
        RuntimeError: this process is connected already, as a task's always is.
        ValueError: resources were given for a node that somebody else started; an amount, the
            address or `mode` is none that can be.
        InvalidOption: an option is unknown or cannot have its value.
        NotConnected: nothing runs at the address, or it lets us not in, or will not do.
    """
    if current.in_worker():
        return _initialized_in_task(ignore=ignore_reinit_error)
    from hyperloom.node import connect  # noqa: PLC0415 - costs as much as all the rest

    _must_be_text(address="" if address is None else address, namespace=namespace)
    size = object_store_memory
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ValueError(
            f"object_store_memory={size!r} cannot be: it is a whole number of bytes, at least 1. "
            "Nothing was started"
        )
    return begin(
        connect.Wanted(
            address=address,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            resources=resources,
            memory=memory,
            object_store_memory=object_store_memory,
            namespace=namespace,
            mode=mode,
            log_to_driver=log_to_driver,
            options=options,
        ),
        ignore_reinit_error=ignore_reinit_error,
    )


def begin(wanted: Wanted, *, ignore_reinit_error: bool = False) -> Connection:
    """Connect this process as told; see `init`."""
    from hyperloom.node import connect  # noqa: PLC0415 - see above

    with _lock:
        if _driver:
            if ignore_reinit_error:
                return Connection(_driver[0].session)
            raise RuntimeError(
                "HyperLoom is initialised already; call loom.shutdown() first, or pass "
                "ignore_reinit_error=True"
            )
        driver = connect.connect(wanted)
        _driver.append(driver)
        current.set_current(driver.session)
        return Connection(driver.session)


def _initialized_in_task(*, ignore: bool) -> Connection:
    if not ignore:
        raise RuntimeError(
            "loom.init() was called in a task, which is connected to its cluster already; nothing "
            "was started. Leave it out there, or pass ignore_reinit_error=True"
        )
    return Connection(current.session())


def _must_be_text(**arguments: object) -> None:
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}={value!r} cannot be: it is text. Nothing was started")


def shutdown() -> None:
    """End this process's job, and the node if it is embedded.  Harmless when not connected.

    Raises:
        RuntimeError: in a task: the job is its driver's.
    """
    if current.in_worker():
        raise RuntimeError(
            "loom.shutdown() was called in a task, and the job is not its own; nothing was ended. "
            "Leave it to the driver, the program that called loom.init()"
        )
    with _lock:
        current.set_current(None)
        while _driver:
            _driver.pop().close()


def leave(folders: Iterable[Path]) -> None:
    """Shut down if this process is connected through a node in one of these folders."""
    with _lock:
        if _driver and getattr(_driver[0], "folder", None) in list(folders):
            shutdown()


def _forget_in_child() -> None:
    # The connections are the parent's: closing them here would close them there.
    global _lock  # noqa: PLW0603 - another thread of the parent may hold it
    _lock = threading.RLock()
    _driver.clear()


def _at_exit() -> None:
    if not current.in_worker():  # an actor's process ends in order, and its job goes on
        shutdown()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_forget_in_child)


def is_initialized() -> bool:
    """Whether this process is connected; one that runs a task is."""
    return current.current() is not None or current.in_worker()


def _init_with_defaults() -> None:
    init()


current.set_default_starter(_init_with_defaults)
