"""Rows 12, 14, 16: the server hangs, is emptied, has no disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hyperloom as loom
from hyperloom import errors
from hyperloom.gcs import codes, recent
from hyperloom.testing import Cluster
from tests import slow_disk
from tests.chaos import observed
from tests.chaos.oracle import ANSWERS, BACK, HEARD, Account, Load
from tests.chaos.processes import CHAINS
from tests.cluster.several.tasks import alive
from tests.cluster.several.test_state_lost import as_admin
from tests.home import ROOT

if TYPE_CHECKING:
    from random import Random

    from hyperloom.gcs.server import Durability


def row_12(choose: Random) -> Account:
    """the server hangs for 3 s (SIGSTOP, CLIENT PAUSE), or syncs take 0.9 s; nothing runs again"""
    kinds = ["stopped", "paused", *([] if slow_disk.why_not() else ["slow disk"])]
    how = choose.choice(kinds)
    durability: Durability = "always" if how == "slow disk" else "everysec"
    with Cluster(nodes=2, durability=durability) as cluster, cluster.connect():
        pid = cluster._control_plane.server_pid
        load = Load()
        load.submit(CHAINS)
        if how == "slow disk":
            with slow_disk.slow_disk(pid, 0.9):
                load.account.measured(ANSWERS, load.answers())
        elif how == "paused":
            as_admin(cluster, "CLIENT", "PAUSE", "3000", "ALL")
            load.account.measured(ANSWERS, load.answers())
        else:  # what DEBUG SLEEP does, which our servers refuse
            os.kill(pid, signal.SIGSTOP)
            load.submit(CHAINS)
            time.sleep(3)  # the task of this row is to hang
            os.kill(pid, signal.SIGCONT)
            load.account.measured(ANSWERS, load.answers())
        load.account.left += [] if len(alive()) == 2 else [f"{how}: a node was given up"]
        if again := observed.count(codes.AGAIN):
            load.account.left.append(f"{how}: {again} tasks ran again")
        return load.settle()


DELETED, EMPTIED = "its functions are deleted", "it is emptied"
MISTAKES = (DELETED, EMPTIED)


def row_14(kind: str, _: Random) -> Account:
    """FLUSHALL, or the functions deleted, by mistake; who waits hears of it, or goes on"""
    recent.KEPT_S, kept_s = -1.0, recent.KEPT_S
    try:
        with Cluster(nodes=2, lease_s=2, beat_s=0.5) as cluster, cluster.connect():
            load = Load()
            load.submit(CHAINS)
            load.answers()
            if kind == DELETED:
                as_admin(cluster, "FUNCTION", "FLUSH")
                load.account.measured(ANSWERS, load.answers())
                return load.settle()
            never = loom.task(lambda: 1).options(resources={"never": 1}).remote()
            load.answers()
            as_admin(cluster, "FLUSHALL")
            at = time.monotonic()
            account = load.account
            account.committed = account.accepted
            try:
                loom.get(never, timeout=30)
            except errors.ClusterStateLost:
                account.measured(HEARD, time.monotonic() - at)
            except errors.GetTimeout:
                account.left += ["a get that waits for ever"]
            return account
    finally:
        recent.KEPT_S = kept_s


def row_16(durability: str, _: Random) -> Account:
    """the disk of a head's data is full, twice, its server always writing or once a second"""
    account = Account(rounds=1)
    disk = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    mount = f'mount -t tmpfs -o size=24m tmpfs {disk} && exec "$@"'
    program = [sys.executable, "-m", "tests.cluster.node.full_disk", str(disk), durability]
    command = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    try:
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
            account.skipped = "no small disk may be mounted here"
            return account
        done = subprocess.run([*command, *program], cwd=ROOT, capture_output=True, check=True)
        told = json.loads(done.stdout)
        account.accepted, account.committed = 600, 600 if told["right"] else 0
        account.left += [] if told["refused"] == (durability == "everysec") else [f"{told}"]
        account.measured(BACK, told["back_s"])
    finally:
        disk.rmdir()
    return account
