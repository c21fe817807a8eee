"""Room on the disk that a head's data lie on: watched, and some of it kept for the worst moment.

A server that must write what it accepts, and cannot, ends; and started on the full disk it ends
with the next word.  One that syncs once a second lives on, and refuses all that it would have to
write.  So some room is set aside in a file, the *ballast*.  When the disk is full the ballast goes:
the server can write again at once, and people have time to act.  It is set aside anew when there is
enough.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BALLAST = "ballast"
_BALLAST_BYTES = 64 << 20
_BALLAST_SHARE = 10  # of a small disk no more than a tenth
_LOW_SHARE = 20  # a disk is short of room below a twentieth of it,
_LOW_BYTES = 1 << 30  # or this, if that is less
_FULL_BYTES = 1 << 16  # with less a disk is full: a server writes as much in a moment
_MIB = 1 << 20


class Room(NamedTuple):
    """What a disk has."""

    free: int  # bytes, for us
    size: int

    @property
    def ballast(self) -> int:
        """What is to be set aside of it."""
        return min(_BALLAST_BYTES, self.size // _BALLAST_SHARE)

    @property
    def low(self) -> int:
        """Less than this is too little."""
        return min(_LOW_BYTES, self.size // _LOW_SHARE)


def room_on(folder: Path) -> Room:
    """Of the disk that the folder lies on."""
    about = os.statvfs(folder)
    return Room(about.f_bavail * about.f_frsize, about.f_blocks * about.f_frsize)


def shortage(folder: Path) -> str:
    """What to tell of the room for the data in the folder; "" while there is enough."""
    room = room_on(folder)
    if room.free >= room.low:
        return ""
    return (
        f"the disk of {folder} has {room.free // _MIB} MiB left of {room.size // _MIB}; when it is "
        "full, nothing is lost, and nothing more is accepted. Make room on it: delete or move "
        "what is not the head's, or make it larger"
    )


class Ballast:
    """Of one head; `say` writes a line where people look."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._file = folder / _BALLAST
        self._say = say
        self._told = ""
        self._is_full = False  # and nothing is left to let go

    def look(self) -> None:
        """Set it aside if it is not there and can be; say when room gets short, once each time.

        It goes when there is none: the server may live, and refuse what it cannot write.
        """
        room = room_on(self._folder)
        if room.free >= _FULL_BYTES:
            self._is_full = False
        elif not self._is_full:
            self._let_go("so its server takes nothing that it would have to write")
        if not self._file.exists() and room.free - room.ballast > room.low:
            self._set_aside(room.ballast)
        short = shortage(self._folder)
        if bool(short) != bool(self._told):
            self._say(short or f"the disk of {self._folder} has enough room again")
            self._told = short

    def _set_aside(self, size: int) -> None:
        temporary = self._file.with_suffix(".tmp")
        with contextlib.suppress(OSError):  # then there is none
            with temporary.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
            temporary.rename(self._file)
        temporary.unlink(missing_ok=True)

    def server_died(self) -> None:
        """If the disk is full, that is why: let the ballast go, and say what to do."""
        room = room_on(self._folder)
        if room.free < room.ballast:
            self._let_go("so its server ended, and is started again by itself")

    def _let_go(self, what_happened: str) -> None:
        kept = self._file.stat().st_size if self._file.exists() else 0
        self._is_full = not kept
        freed = (
            f"{max(1, kept // _MIB)} MiB that were kept for this are free now"
            if kept
            else "what was kept for this is used up: nothing is accepted until there is room"
        )
        self.remove()
        self._say(
            f"the disk of {self._folder} is full, {what_happened}; {freed}. Nothing that was "
            "accepted is lost. Make room on that disk now: delete or move what is not the head's, "
            "or make it larger"
        )

    def remove(self) -> None:
        """The head ends, or needs the room."""
        self._file.unlink(missing_ok=True)
