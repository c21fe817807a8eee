"""What all viewers see alike: read once a second, and only while somebody looks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.watch import things

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hyperloom.dashboard.desk import Desk
    from hyperloom.watch.cluster import Cluster

EVERY_S = 1.0
_KEPT = 600  # moments, for the curves of who comes later
_WHAT = ("submitted", "done", "failed", "retried")


class Sampler:
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._latest: dict[str, Any] | None = None
        self._curve: deque[dict[str, float]] = deque(maxlen=_KEPT)
        self._reading = asyncio.Lock()

    async def now(self) -> dict[str, Any]:
        """The latest moment, at most `EVERY_S` old; one reads, the others wait for it."""
        async with self._reading:
            if self._latest is None or time.time() - self._latest["at"] >= EVERY_S * 0.9:
                self._latest = await self._desk.ask(self._read)
            return self._latest

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Moment after moment; one in which nothing could be read has `error`."""
        while True:
            try:
                moment = await self.now()
            except errors.LoomError as error:
                moment = {"error": str(error)}
            yield moment
            await asyncio.sleep(EVERY_S)

    def _read(self, cluster: Cluster) -> dict[str, Any]:
        jobs = things.jobs(cluster)
        moment: dict[str, Any] = {"at": time.time(), "jobs": jobs}
        open_jobs = [job for job in jobs if job["state"] == "open"]
        totals = {what: sum(job[what] for job in open_jobs) for what in (*_WHAT, "left")}
        moment["totals"] = totals
        if cluster.live is not None:
            overview = cluster.live.overview()
            moment |= {name: overview[name] for name in ("nodes", "server")}
            held = sum(job["held"] for job in overview["jobs"])
            ready = sum(job["ready"] for job in overview["jobs"])
            totals |= {"held": held, "ready": ready}
        self._curve.append(self._point(moment))
        moment["curve"] = list(self._curve)
        return moment

    def _point(self, moment: dict[str, Any]) -> dict[str, float]:
        totals = moment["totals"]
        over = totals["done"] + totals["failed"]
        point = {"at": moment["at"], "over": over, "left": totals["left"], "rate": 0.0}
        point["failed"] = totals["failed"]
        if self._curve:
            before = self._curve[-1]
            passed = moment["at"] - before["at"]
            # A job that ends takes its counts along: that is no step back.
            point["rate"] = max(0.0, (over - before["over"]) / passed) if passed else 0.0
        point["store"] = sum(node["store"]["used"] for node in moment.get("nodes", ()))
        return point
