"""What keeps a job without its driver.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import NO_MORE, Refusal, pieces

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


def job_rest(plane: ControlPlane, whole: int) -> int:
    if plane.owners and not whole:
        return -1
    plane.resting = True
    for actor, host in sorted(getattr(plane, "hosts", {}).items()):
        plane.tell(host.node, codes.ACTOR, actor, codes.PART)
    return sum(plane.terms_of(task)[2] == codes.CALL for task in plane.records)


def job_close(plane: ControlPlane, _: int, driver: bytes, why: bytes) -> int:
    assert plane.owners, "histories go on, so it is not the end"
    plane.deserted = driver + why
    return -1


def owner_add(  # noqa: PLR0913, PLR0917 - the transition's own arguments
    plane: ControlPlane, owner: bytes, about: bytes, record: bytes, oids: bytes, told: bytes = b""
) -> int:
    if plane.resting or plane.heard.get(owner) == NO_MORE:
        raise Refusal("NOT_FOUND")
    new = owner not in plane.owners
    held = plane.holds.setdefault(owner, set())
    fresh = [oid for oid in dict.fromkeys(pieces(oids, codes.OBJECT_ID)) if oid not in held]
    plane.hold(fresh, ("process", owner))
    held.update(fresh)
    plane.owners[owner] = about
    plane.note_plan(owner, told)
    if record:
        plane.records_of_owners[owner] = record
    return int(new)


def owner_list(plane: ControlPlane) -> list[bytes]:
    return [part for owner in sorted(plane.owners) for part in (owner, plane.owners[owner])]


def owner_record(plane: ControlPlane, owner: bytes) -> bytes | None:
    return plane.records_of_owners.get(owner)
