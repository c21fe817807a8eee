"""A forked worker's beginning: take over the job's surroundings, then serve.

A worker has no connection to the control plane until a task uses the API: most never do.

Workers are forked from a process that has imported this file.  So it imports, too, what tasks need
that submit tasks, and what modules of users need that define them: else each worker would import
it anew, in the time of its first such task.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle  # noqa: F401 - see the module

from hyperloom import errors, failpoints
from hyperloom.core import (
    current,
    getting,  # noqa: F401 - likewise
    options,  # noqa: F401
    remote,  # noqa: F401
    scratch,
    submission,  # noqa: F401
)
from hyperloom.core.actors import api, calls, naming, typed  # noqa: F401 - likewise
from hyperloom.core.attempts import Attempts, Silence
from hyperloom.core.bringing import Bringer
from hyperloom.core.objects import Objects
from hyperloom.core.pump import Pump
from hyperloom.core.session import Session
from hyperloom.core.worker import Worker
from hyperloom.data import Data  # noqa: F401 - likewise
from hyperloom.gcs.address import Address
from hyperloom.ids import JobID
from hyperloom.objectstore.client import StoreClient

if TYPE_CHECKING:
    import socket

    from hyperloom.config import Config


def _end_if_forgotten(error: Exception) -> None:
    """A worker that the control plane has forgotten is of no use: its task is tried again."""
    if isinstance(error, errors.ClusterStateLost):
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - who asks why it died is shown this
        os._exit(1)


def run_worker(
    config: Config,
    about: dict[str, Any],
    data: socket.socket,
    control: socket.socket,
    begun: int,
) -> None:
    """The life of a worker process of a node with this config."""
    failpoints.arm(config.failpoints, "worker")
    known = set(sys.path)
    sys.path.extend(path for path in about["sys_path"] if path not in known)
    sys.argv[:] = about["argv"]  # its name alone: the arguments may hold secrets
    if Path(about["cwd"]).is_dir():
        os.chdir(about["cwd"])
    scratch.set_base(about["scratch"])
    store, bringer = StoreClient(about["store"]), Bringer(about["door"])
    objects = Objects(about["node"], store, config.inline_max_bytes, bringer)
    attempts = (Attempts if config.events else Silence)(os.getpid())
    worker = Worker(data, control, begun, about["node"], objects, attempts)

    def start_session() -> None:
        password_file = about["password_file"]
        address = Address(about["address"], Path(password_file) if password_file else None)
        session = Session(JobID(about["job"]), address, config, objects)
        session.node = about["node"]
        session.user_namespace = about["namespace"]
        session.ends_with_driver = about["embedded"]
        session.when_lost = _end_if_forgotten
        worker.join(session)
        current.set_current(session)
        Pump(session)

    current.set_starter(start_session)
    worker.serve()
