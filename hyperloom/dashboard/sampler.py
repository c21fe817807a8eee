"""What all viewers see alike: read once a second, and only while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from msgspec import json

from hyperloom import errors
from hyperloom.watch import counted, things
from hyperloom.watch.things import RETRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hyperloom.dashboard.desk import Desk
    from hyperloom.watch.cluster import Cluster

EVERY_S = 1.0
_JOBS_SHOWN = 200  # the latest
_KEPT = 600  # moments, for the curves of who comes later
_WHAT = ("submitted", *counted.OVER, "retried")


class Sampler:
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._latest: dict[str, Any] | None = None
        self._written = b""
        self._curve: deque[dict[str, float]] = deque(maxlen=_KEPT)
        self._reading = asyncio.Lock()
        self._over: dict[str, dict[str, Any]] = {}  # jobs that ended: nothing of them changes

    async def now(self) -> dict[str, Any]:
        """The latest moment, at most `EVERY_S` old; one reads, the others wait for it."""
        async with self._reading:
            if self._latest is None or time.time() - self._latest["at"] >= EVERY_S * 0.9:
                self._latest = await self._desk.ask(self._read)
                self._written = b""
            return self._latest

    async def whole(self) -> dict[str, Any]:
        """The same, with the `curve` of the moments before."""
        latest = await self.now()
        return {**latest, "curve": list(self._curve)}

    async def follow(self) -> AsyncIterator[bytes]:
        """Moment after moment, as JSON; the first one is whole, the others have its last point.

        One in which nothing could be read has `error`.
        """
        came = False
        while True:
            try:
                yield await self._told() if came else json.encode(await self.whole())
                came = True
            except errors.LoomError as error:
                yield json.encode({"error": str(error)})
            await asyncio.sleep(EVERY_S)

    async def _told(self) -> bytes:
        """Written once, for all who follow."""
        latest = await self.now()
        self._written = self._written or json.encode(latest)
        return self._written

    def _read(self, cluster: Cluster) -> dict[str, Any]:
        jobs = self._jobs(cluster)
        open_jobs = [job for job in jobs if job["state"] == "open"]
        totals = {what: sum(job[what] for job in open_jobs) for what in (*_WHAT, "left")}
        moment: dict[str, Any] = {
            "at": time.time(), "jobs": jobs[:_JOBS_SHOWN], "jobs_known": len(jobs),
            "usual": usual(jobs), "totals": totals,
        }  # fmt: skip
        if cluster.live is not None:
            overview = cluster.live.overview()
            moment |= {name: overview[name] for name in ("nodes", "server")}
            held = sum(job["held"] for job in overview["jobs"])
            ready = sum(job["ready"] for job in overview["jobs"])
            totals |= {"held": held, "ready": ready}
        moment["point"] = self._point(moment)
        self._curve.append(moment["point"])
        return moment

    def _jobs(self, cluster: Cluster) -> list[dict[str, Any]]:
        rows = []
        for job, known in reversed(list(cluster.jobs().items())):
            row = self._over.get(job.hex()) or things.row_of(cluster, job, known)
            if row["state"] != "open":
                self._over[job.hex()] = row
            rows.append(row)
        self._over = {row["job"]: row for row in rows if row["state"] != "open"}
        return list(filter(things.is_listed, rows))

    def _point(self, moment: dict[str, Any]) -> dict[str, float]:
        totals = moment["totals"]
        over = counted.over_in(totals)
        point = {"at": moment["at"], "over": over, "left": totals["left"], "rate": 0.0}
        point["failed"] = totals["failed"]
        if self._curve:
            before = self._curve[-1]
            passed = moment["at"] - before["at"]
            # A job that ends takes its counts along: that is no step back.
            point["rate"] = max(0.0, (over - before["over"]) / passed) if passed else 0.0
        point["store"] = sum(node["store"]["used"] for node in moment.get("nodes", ()))
        return point


def usual(jobs: list[dict[str, Any]]) -> str | None:
    """Which of these jobs, the latest first, is shown to who named none.

    One that has tasks, if any has, and rather one that is open; none that a command was for itself.
    """
    meant = [job for job in jobs if job["program"] != RETRY]
    found = max(
        meant, key=lambda job: (job["submitted"] > 0, job["state"] == "open"), default=None
    )  # fmt: skip
    return None if found is None else str(found["job"])
