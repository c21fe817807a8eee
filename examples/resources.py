"""What a task asks for: parts of a CPU, and things that only you know of."""

import tempfile
import time
from itertools import pairwise
from pathlib import Path

import hyperloom as loom

loom.init("local", num_cpus=2, resources={"licence": 1})
print({name: loom.cluster_resources()[name] for name in ("CPU", "licence")})


# Four halves of a CPU run on two CPUs at the same time: each waits here for the others.
@loom.task(num_cpus=0.5)
def meet(folder: Path, name: str) -> int:
    (folder / name).touch()
    while len(list(folder.iterdir())) < 4:
        time.sleep(0.001)
    return len(list(folder.iterdir()))


# One licence, so never two of these at the same time, however many CPUs are free.
@loom.task(num_cpus=0, resources={"licence": 1})
def licensed() -> tuple[float, float]:
    begin = time.monotonic()
    time.sleep(0.02)
    return begin, time.monotonic()


with tempfile.TemporaryDirectory() as folder:
    print(loom.get([meet.remote(Path(folder), name) for name in "abcd"]))

spans = sorted(loom.get([licensed.remote() for _ in range(5)]))
print(all(end <= begin for (_, end), (begin, _) in pairwise(spans)))

# Output:
# {'CPU': 2.0, 'licence': 1.0}
# [4, 4, 4, 4]
# True
