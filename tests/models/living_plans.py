"""Plans of living processes, which others can take up.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from dataclasses import dataclass, field

from hyperloom.gcs import codes


@dataclass
class LivingPlans:
    """Which process has the handle of which plan, what owns the job, and what is said of both."""

    owners: dict[bytes, bytes] = field(default_factory=dict)
    plans: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    records_of_owners: dict[bytes, bytes] = field(default_factory=dict)

    def plan_add(
        self, process: bytes, plan: bytes, about: bytes, record: bytes, told: bytes = b""
    ) -> int:
        new = (process, plan) not in self.plans
        self.plans[process, plan] = about
        self.records_of_owners[plan] = record
        self.note_plan(plan, told)
        return int(new)

    def note_plan(self, plan: bytes, told: bytes) -> None:
        if told:
            self.note(codes.PLANNED, plan + told)

    def plan_forget(self, process: bytes, *plans: bytes) -> int:
        for plan in plans:
            self.plans.pop((process, plan), None)
            self.records_of_owners.pop(plan, None)
        return 0

    def plan_list(self) -> list[bytes]:
        return [part for key in sorted(self.plans) for part in (*key, self.plans[key])]

    def bury_plans(self, process: bytes, start: int) -> None:
        if start == 1:
            self.plan_forget(process, *[plan for of, plan in self.plans if of == process])

    def before_burial(self, process: bytes, start: int, failure: bytes) -> int | None:
        """What a burial answers that has to wait, or is none: it was killed, and is detached."""
        if failure and self.owners.get(process, b"").startswith(codes.DETACHED):
            return 0
        if failure and start == 1 and self.releasing:
            self.release_next()
            return 1
        return None
