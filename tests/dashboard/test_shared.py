"""What many ask for is made once: answers, and moments."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.dashboard import sampler, shared
from hyperloom.dashboard.sampler import Sampler
from hyperloom.dashboard.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def test_one_asks_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(shared, "FRESH_S", 60.0)

    async def ask() -> int:
        asked.append(1)
        await asyncio.to_thread(int)  # others ask meanwhile
        return len(asked)

    async def viewers() -> list[bytes]:
        answers = Shared()
        return [
            *await asyncio.gather(*[answers.get("a", ask) for _ in range(50)]),
            await answers.get("a", ask),
            await answers.get("b", ask),
        ]

    assert asyncio.run(viewers()) == [b"1"] * 51 + [b"2"]


def test_an_answer_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "FRESH_S", 0.0)
    numbers = iter(range(9))

    async def ask() -> int:
        return next(numbers)

    async def viewer() -> list[bytes]:
        answers = Shared()
        return [await answers.get("a", ask) for _ in range(3)]

    assert asyncio.run(viewer()) == [b"0", b"1", b"2"]


def test_the_beginning_of_an_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "FRESH_S", 60.0)
    numbers = iter(range(9))

    async def ask() -> dict[str, Any]:
        number = next(numbers)
        return {"number": number, "behind": number < 2}

    async def viewer() -> list[int]:
        answers = Shared()
        return [json.loads(await answers.get("a", ask))["number"] for _ in range(5)]

    assert asyncio.run(viewer()) == [0, 1, 2, 2, 2]


def test_what_took_long_is_good_for_longer() -> None:
    """A million tasks are looked through in seconds: not all the time, because somebody looks."""
    assert shared.good_until(10.0, 10.1) == 10.0 + shared.FRESH_S
    assert shared.good_until(10.0, 11.0) == 16.0
    assert shared.good_until(10.0, 13.0) == 58.0


def test_a_failure_is_told_to_all_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "FRESH_S", 0.0)

    async def ask() -> int:
        raise errors.NotFound("no such thing")

    async def viewers() -> list[Any]:
        answers = Shared()
        got = [answers.get("a", ask) for _ in range(3)]
        return await asyncio.gather(*got, return_exceptions=True)

    assert [type(each) for each in asyncio.run(viewers())] == [errors.NotFound] * 3


class Jobs:
    """A cluster whose jobs end; it counts how often each is read."""

    live = None

    def __init__(self) -> None:
        self.open = {b"\x01": True, b"\x02": True}
        self.read: list[bytes] = []

    def jobs(self) -> dict[bytes, dict[str, Any]]:
        return {
            job: {"state": "open" if is_open else "ended", "opened": 1.0, "ended": None}
            for job, is_open in self.open.items()
        }

    def counts(self, job: bytes) -> dict[bytes, dict[str, int]]:
        self.read.append(job)
        return {b"t": {"submitted": 5, "done": 3, "failed": 1, "cancelled": 0, "retried": 0}}

    def chunk(self, job: bytes, template: bytes) -> int:
        del job, template
        return 0


class Desk:
    """Asks this cluster."""

    def __init__(self, cluster: Jobs) -> None:
        self._cluster = cluster

    async def ask(self, question: Callable[[Any], Any]) -> Any:
        return question(self._cluster)


def test_fifty_follow_and_each_moment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Jobs()
    sampled = Sampler(Desk(cluster))  # type: ignore[arg-type]
    monkeypatch.setattr(sampler, "EVERY_S", 0.001)
    monkeypatch.setattr(sampler, "time", SimpleNamespace(time=lambda: 100.0))  # one moment

    async def viewer() -> list[dict[str, Any]]:
        told = []
        async for moment in sampled.follow():
            told.append(json.loads(moment))
            if len(told) == 3:
                break
        return told

    async def viewers() -> list[list[dict[str, Any]]]:
        return list(await asyncio.gather(*[viewer() for _ in range(50)]))

    for first, *later in asyncio.run(viewers()):
        assert first["totals"]["left"] == 2
        assert first["curve"][-1] == first["point"]
        assert all("curve" not in moment for moment in later)
    assert cluster.read == [b"\x02", b"\x01"], "both jobs, once"


def test_a_job_that_ended_is_not_read_again() -> None:
    cluster = Jobs()
    sampled = Sampler(Desk(cluster))  # type: ignore[arg-type]
    cluster.open[b"\x01"] = False
    first = sampled._read(cluster)  # type: ignore[arg-type]
    assert [job["state"] for job in first["jobs"]] == ["open", "ended"]
    again = sampled._read(cluster)  # type: ignore[arg-type]
    assert cluster.read == [b"\x02", b"\x01", b"\x02"]
    assert again["jobs"] == first["jobs"]
