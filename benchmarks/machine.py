"""The machine on which figures were taken, and how it was doing at the time."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass

import numpy as np
import psutil

import hyperloom


@dataclass(frozen=True, slots=True)
class Machine:
    """What one must know to compare figures of two runs."""

    version: str
    python: str
    system: str
    processor: str
    cpus: int
    memory_gib: float
    load: float  # of others, when we began
    memcpy_gb_s: float  # into warm memory
    hand_over_us: float  # waking another process, there and back, through pipes
    when: str

    @classmethod
    def here(cls) -> Machine:
        """This one, now."""
        return cls(
            version=hyperloom.__version__,
            python=platform.python_version(),
            system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
            processor=_processor(),
            cpus=len(os.sched_getaffinity(0)),
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            load=round(os.getloadavg()[0], 2),
            memcpy_gb_s=round(_memcpy_gb_s(), 1),
            hand_over_us=round(_hand_over_us(), 1),
            when=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        )

    def sentence(self) -> str:
        """In one line."""
        return (
            f"{self.cpus} CPUs ({self.processor}), {self.memory_gib} GiB, Python {self.python}, "
            f"load {self.load}, memcpy {self.memcpy_gb_s} GB/s, waking another process and back "
            f"{self.hand_over_us} us"
        )


def _processor() -> str:
    with open("/proc/cpuinfo") as lines:  # noqa: PTH123 - one line of it
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _memcpy_gb_s() -> float:
    source = np.ones(64 << 17)  # 64 MiB
    target = np.empty_like(source)
    best = 1e9
    for _ in range(5):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return source.nbytes / best / 1e9


def _hand_over_us(times: int = 1000) -> float:
    there, here = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.close(there[1])
        while os.read(there[0], 1):
            os.write(here[1], b"x")
        os._exit(0)
    start = time.perf_counter()
    for _ in range(times):
        os.write(there[1], b"x")
        os.read(here[0], 1)
    took = time.perf_counter() - start
    for end in (*there, *here):
        os.close(end)
    os.waitpid(child, 0)
    return took / times * 1e6
