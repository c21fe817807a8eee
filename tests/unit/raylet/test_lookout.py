"""What waits and fits nowhere: the drivers are warned of it once."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from hyperloom import bundles
from hyperloom.raylet.lookout import Lookout
from hyperloom.resources import ResourceSet

JOB, OTHER = b"JOB1", b"JOB2"
NODE = json.dumps({"resources": {"CPU": 2}}).encode()
GROUP = "ab12"


class Gcs:
    """Questions are answered when the test says so."""

    connected = True

    def __init__(self) -> None:
        self.queues: list[bytes] = []
        self.open: list[tuple[str, Any]] = []

    def command(self, name: str, *_: Any, then: Any) -> None:
        self.open.append((name, then))

    def apply(self, name: str, *_: Any, then: Any) -> None:
        self.open.append((name, then))

    def answer(self) -> None:
        answers = {"ZRANGE": self.queues, "HVALS": [NODE], "group_fits": 0}
        asked, self.open = self.open, []
        for name, then in asked:
            then(answers[name])


class Scene:
    """A node with 2 CPUs that looks at once, each time."""

    def __init__(self, *queues: str) -> None:
        self.gcs, self.warnings = Gcs(), []  # type: ignore[var-annotated]
        self.gcs.queues = [queue.encode() for queue in queues]
        config = SimpleNamespace(beat_s=0.0, infeasible_warn_s=0.0)
        settings = SimpleNamespace(resources=ResourceSet.parse("CPU:20000"), config=config)
        self.lookout = Lookout(
            settings,  # type: ignore[arg-type]
            self.gcs,  # type: ignore[arg-type]
            lambda _: None,
            lambda jobs, what: self.warnings.append((list(jobs), what)),
            lambda _job, _queues: None,
        )

    def look(self, *jobs: bytes, answers: int = 3) -> None:
        self.lookout.look(dict.fromkeys(jobs or [JOB], "ns"), at_work=True)
        for _ in range(answers):
            self.gcs.answer()


def in_group(bundle: int | None, cpus: int) -> str:
    shape = ResourceSet(bundles.asked({"CPU": cpus}, GROUP, bundle))
    return f"0|{shape}"


def test_who_asks_for_more_than_there_is_is_told_once() -> None:
    scene = Scene("0|CPU:30000", "0|CPU:20000")
    scene.look(answers=1)
    scene.look(answers=1)  # asks for the nodes again, before it heard of them
    scene.look()
    ((jobs, what),) = scene.warnings
    assert (jobs, "3 CPU" in what) == ([JOB], True)
    scene.look(JOB, OTHER)
    assert [jobs for jobs, _ in scene.warnings] == [[JOB], [OTHER]]


def test_of_a_group_that_no_node_can_keep_it_is_told_once_whatever_waits_for_it() -> None:
    scene = Scene(in_group(0, 10000), in_group(1, 10000), in_group(None, 0))
    for answers in (2, 1, 1, 3, 3):
        scene.look(answers=answers)
    ((jobs, what),) = scene.warnings
    assert (jobs, f"placement group {GROUP}" in what) == ([JOB], True)
    scene.look(JOB, OTHER)
    assert [jobs for jobs, _ in scene.warnings] == [[JOB], [OTHER]]
