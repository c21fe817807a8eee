"""Where programs are handed to: a node of this machine, or the head of a cluster elsewhere.

Both answer alike, in plain values: what is told of a submission is `Submission.shown`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom import errors
from hyperloom.gcs import asking, overview
from hyperloom.gcs.address import parse_address
from hyperloom.gcs.reach import reach
from hyperloom.gcs.wire import Wire
from hyperloom.ids import NODE_BYTES
from hyperloom.node import folder as folders
from hyperloom.node import parcels, submissions
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperloom.config import Config
    from hyperloom.gcs.address import Address

_PART_BYTES = 1 << 19
_OPENS_S = 20.0  # a process has to start there
_ANSWERS_S = 30.0  # to unpack, or to stop a program, takes a while
_LOOK_HERE_S = 0.1
_LOOK_THERE_S = 0.4


class Desk(Protocol):
    """Where programs are handed to.  An id may be its beginning, its end, or ``last``.

    All raise `errors.NotFound` when there is no such submission, or several, and
    `errors.LoomError` when the node cannot do it.
    """

    look_s: float  # how often it may be asked how a program stands

    def submit(
        self, command: Sequence[str], directory: Path, env: Mapping[str, str]
    ) -> tuple[dict[str, Any], list[str]]:
        """Start a program in a copy; what did not come along, by name, is told too."""

    def all(self) -> list[dict[str, Any]]:
        """The latest first."""

    def read(self, text: str, at: int) -> tuple[dict[str, Any], bytes, int]:
        """How one stands, what it had printed by then from byte `at` on, or a part, and its end.

        Of very much the oldest is gone: then it begins later.
        """

    def find(self, text: str) -> dict[str, Any]:
        """How one stands."""

    def stop(self, text: str) -> None:
        """End one."""

    def run_again(self, text: str) -> dict[str, Any]:
        """Start one that failed or was stopped once more, under its id; how it stands then."""


class Here:
    """A session of this machine."""

    look_s = _LOOK_HERE_S

    def __init__(self, session: Path) -> None:
        self._session = session

    def submit(  # noqa: D102 - as `Desk` says; so the others
        self, command: Sequence[str], directory: Path, env: Mapping[str, str]
    ) -> tuple[dict[str, Any], list[str]]:
        new, left = submissions.submit(self._session, command, directory, env)
        return new.shown(), left

    def all(self) -> list[dict[str, Any]]:  # noqa: D102
        return [each.shown() for each in submissions.of(self._session)]

    def read(self, text: str, at: int) -> tuple[dict[str, Any], bytes, int]:  # noqa: D102
        known = submissions.find(self._session, text)
        return known.shown(), *submissions.output(known, at)

    def find(self, text: str) -> dict[str, Any]:  # noqa: D102
        return submissions.find(self._session, text).shown()

    def stop(self, text: str) -> None:  # noqa: D102
        submissions.stop(submissions.find(self._session, text))

    def run_again(self, text: str) -> dict[str, Any]:  # noqa: D102
        return submissions.run_again(submissions.find(self._session, text)).shown()


class There:
    """The head of a cluster, by the address of its control plane: see `hyperloom.node.reception`.

    Raises:
        errors.LoomError: no node there takes programs.
    """

    look_s = _LOOK_THERE_S

    def __init__(self, address: Address, runtime: Path) -> None:
        self._wire = Wire(address)
        self._runtime = runtime  # of this machine's nodes: it never travels
        try:
            self._node = self._head()
            self._channel = os.urandom(NODE_BYTES)
            question = ["reception", self._channel]
            _checked(asking.ask(self._wire, [self._node], question, _OPENS_S), self._node)
        except BaseException:
            self._wire.close()
            raise

    def _head(self) -> bytes:
        """The node that is asked: the head, or else one that does not end with its program."""
        alive = [node for node in overview.nodes(self._wire) if node["alive"]]
        for role in ("head", "node"):
            for node in alive:
                if node.get("role") == role:
                    return bytes.fromhex(node["node"])
        raise errors.LoomError(
            "no node of that cluster takes programs: those that it has end with the programs that "
            "started them. Nothing was started. Start one that stays there: loom start --head"
        )

    def _ask(self, *question: object) -> dict[str, Any]:
        told = asking.ask(self._wire, [self._channel], question, _ANSWERS_S)
        return _checked(told, self._channel)

    def submit(  # noqa: D102 - as `Desk` says; so the others
        self, command: Sequence[str], directory: Path, env: Mapping[str, str]
    ) -> tuple[dict[str, Any], list[str]]:
        with tempfile.TemporaryFile() as parcel:
            left = parcels.pack(directory, parcel, self._runtime)
            at = parcel.seek(0)
            while part := parcel.read(_PART_BYTES):
                at = self._ask("part", at, part)["has"]
        return self._ask("run", list(command), dict(env)), left

    def all(self) -> list[dict[str, Any]]:  # noqa: D102
        found: list[dict[str, Any]] = self._ask("list")["all"]
        return found

    def read(self, text: str, at: int) -> tuple[dict[str, Any], bytes, int]:  # noqa: D102
        told = self._ask("read", text, at)
        return told["about"], told["text"], told["next"]

    def find(self, text: str) -> dict[str, Any]:  # noqa: D102
        return self._ask("find", text)

    def stop(self, text: str) -> None:  # noqa: D102
        self._ask("stop", text)

    def run_again(self, text: str) -> dict[str, Any]:  # noqa: D102
        return self._ask("run_again", text)

    def close(self) -> None:
        """Hang up; the reception there ends by itself."""
        self._wire.close()


def _checked(told: dict[bytes, Any], who: bytes) -> dict[str, Any]:
    answer: dict[str, Any] | None = told.get(who)
    if answer is None:
        raise errors.LoomError(
            "the cluster's head does not answer. Whether something was started there, loom submit "
            "--list tells; loom ls nodes shows how the nodes are"
        )
    if "error" in answer:
        raise errors.LoomError(str(answer["error"]))
    return answer


class Handing:
    """Whom this program hands programs to, as long as it is entered.

    An `address` (or ``LOOM_ADDRESS``) names a cluster; that of a node of this machine is that node.
    Without one it is the node that `loom start` made last here.

    Raises:
        errors.NotConnected: nobody answers at the address.
        errors.LoomError: no node there takes programs.
    """

    def __init__(self, config: Config, address: str = "") -> None:
        self._password_file = Path(config.password_file) if config.password_file else None
        self._address = address or ("" if config.address in {"auto", "local"} else config.address)
        self._runtime = Path(config.runtime_dir).resolve()
        self._session = self._find_session(config)
        self._there: There | None = None

    def __bool__(self) -> bool:
        """Whether there is anybody."""
        return bool(self._address or self._session)

    def __enter__(self) -> Desk:
        if self._session is not None:
            return Here(self._session)
        address = parse_address(self._address, self._password_file)
        reach(address)
        self._there = There(address, self._runtime)
        return self._there

    def __exit__(self, *_: object) -> None:
        if self._there is not None:
            self._there.close()

    def _find_session(self, config: Config) -> Path | None:
        if not self._address:
            return folders.current_session(config)
        url = parse_address(self._address).url
        for folder in folders.started_sessions(config):
            if folders.runs(folder):
                settings = NodeSettings.read(folder)
                if url in {settings.address.url, (settings.server or {}).get("url")}:
                    return folder
        return None
