"""The rules of the histories about what keeps a job besides its driver, and about burials."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import rule

from hyperloom.gcs import codes
from tests.unit.gcs.books import NODES, pick
from tests.unit.gcs.plans import Plans, some, speaker

# What people are to know of a plan when it is over; who has nothing to say says nothing, or none.
told = st.sampled_from([[], [b""], [b"what it is"]])


class Owners(Plans):
    """Any process may own the job."""

    @rule(
        who=speaker, record=st.sampled_from([b"", b"its record"]), which=some, told=told,
        about=st.sampled_from([b"about it", codes.DETACHED + b"it"]),
    )  # fmt: skip
    def own(
        self, who: int, record: bytes, which: list[int], told: list[bytes], about: bytes
    ) -> None:
        """The process keeps the job from now on, until it is buried."""
        speaks = self.processes[who]
        oids = [oid for oid in pick(self.alive(), which) if oid not in self.made[speaks]]
        self.same("owner_add", speaks, about, record, b"".join(oids), *told)
        mine = self.borrowed[speaks]
        mine += [oid for oid in dict.fromkeys(oids) if oid not in mine]
        self.same("owner_list")
        self.same("owner_record", self.processes[who])

    @rule(
        who=speaker, plan=st.sampled_from([b"plan-one--", b"plan-two--"]), about=st.binary(),
        told=told,
    )  # fmt: skip
    def have_a_plan(self, who: int, plan: bytes, about: bytes, told: list[bytes]) -> None:
        """The process has the handle of a plan, or says anew what it is."""
        speaks = self.processes[who]
        own = speaks[:4] + plan[: len(speaks) - 5] + bytes([who])  # ids differ between processes
        self.same("plan_add", speaks, own, about, b"record of " + about, *told)
        self.same("owner_record", own)
        self.same("plan_list")

    @rule(who=speaker, which=some)
    def drop_plans(self, who: int, which: list[int]) -> None:
        """The handles of some of its plans are gone, also of some that went before."""
        speaks = self.processes[who]
        mine = [plan for process, plan in self.model.plans if process == speaks]
        self.same("plan_forget", speaks, *pick(mine, which), b"not a plan")
        self.same("plan_list")

    @rule(who=speaker, why=st.sampled_from([b"its node was lost", b"it did not come back"]))
    def desert(self, who: int, why: bytes) -> None:
        """The process was the driver, and was not heard of for too long; the job goes on."""
        if self.model.owners:
            self.same("job_close", 60, self.processes[who], why)
            self.same("process_heard", self.processes[who])

    @rule(who=speaker)
    def stop_at_a_failure(self, who: int) -> None:
        """Said before a process's first task, and again, or only later."""
        speaks = self.processes[who]
        self.same("process_stops", speaks, b"4stopped")
        self.same("process_stopped", speaks)

    @rule(
        who=speaker,
        most=st.integers(1, 6),
        all_of_it=st.booleans(),
        why=st.sampled_from([[], [b"4killed"]]),
    )
    def bury(self, who: int, most: int, all_of_it: bool, why: list[bytes]) -> None:  # noqa: FBT001
        """It dies, and is buried, or half buried by somebody who dies over it, and again.

        Words of one that was killed, which it had said twice, come after that.
        """
        dead = self.processes[who]
        most *= 1 if self.counter[dead] < 256 else 200
        if why and self.model.owners.get(dead, b"").startswith(codes.DETACHED):
            assert self.same("process_bury", dead, 1, most, *why) == 0
            return
        at = 1
        if not all_of_it:
            self.same("process_bury", dead, at, most, *why)
        while (at := self.same("process_bury", dead, at, most, *why)) > 0:
            self.same_world()
        if why:
            self.same("owner_add", dead, b"too late", b"", b"")
            self.same("process_join", dead, NODES[0])
            self.same("ref_acquire", dead, 1, b"".join(self.made[dead][:2]))
            self.same("process_heard", dead)
        self.made[dead], self.borrowed[dead] = [], []
        self.processes[who] = self.born()

    def is_killed(self, who: int) -> None:
        if self.processes[who] in self.model.owners:  # nobody is detached before all is said
            self.same("owner_add", self.processes[who], codes.VISITOR, b"", b"")
        self.bury(who, 3, True, [b"4killed"])  # noqa: FBT003 - a rule's own

    def bury_owners(self) -> None:
        """As long as there is one, the job cannot be closed."""
        for owner in list(self.model.owners):
            assert self.plane.call("job_close", 60) == -1
            assert self.plane.call("job_rest", 0) == -1
            self.same_world()
            self._bury(owner)
        for process in list(dict.fromkeys([*self.model.stops, *[p for p, _ in self.model.plans]])):
            self._bury(process)

    def _bury(self, process: bytes) -> None:
        at = 1
        while (at := self.same("process_bury", process, at, 1000)) > 0:
            self.same_world()
