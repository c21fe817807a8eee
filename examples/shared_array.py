"""A large array is stored once and read in place by every task on the machine."""

import numpy as np

import hyperloom as loom


@loom.task
def smooth(samples: np.ndarray, begin: int, end: int) -> float:
    assert not samples.flags.owndata  # these bytes are the store's; nothing was copied
    assert not samples.flags.writeable  # and shared, hence read-only: copy what you change
    return float(samples[begin:end].mean())


samples = np.arange(8_000_000, dtype=np.float64)  # 64 MB
shared = loom.put(samples)
step = len(samples) // 4
means = [smooth.remote(shared, begin, begin + step) for begin in range(0, len(samples), step)]
print(loom.get(means))
print(np.mean(loom.get(means)) == samples.mean())

# Output:
# [999999.5, 2999999.5, 4999999.5, 6999999.5]
# True
