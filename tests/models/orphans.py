"""Which jobs are orphans, as plainly as it can be said: a clock of our own, no Redis."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Orphans:
    """Members, jobs, and since when a job's driver was on which node that is none."""

    members: set[bytes] = field(default_factory=set)
    jobs: set[bytes] = field(default_factory=set)
    since: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def job_orphan(self, now: int, *asked: tuple[bytes, bytes, int]) -> list[int]:
        """How long each is still waited for; -1: it is no orphan."""
        left = []
        for job, node, grace in asked:
            if node in self.members or job not in self.jobs:
                self.since.pop(job, None)
                left.append(-1)
                continue
            if self.since.get(job, (b"", 0))[0] != node:
                self.since[job] = node, now
            left.append(max(0, self.since[job][1] + grace - now))
        return left

    def node_join(self, node: bytes) -> None:
        self.members.add(node)
        self.since = {job: row for job, row in self.since.items() if row[0] != node}

    def node_leave(self, node: bytes) -> None:
        self.members.discard(node)

    def job_open(self, job: bytes) -> None:
        self.jobs.add(job)

    def job_forget(self, job: bytes) -> None:
        self.jobs.discard(job)
        self.since.pop(job, None)
