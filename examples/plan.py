"""A plan: a whole graph of tasks, built first, looked at, submitted as one thing.

A parameter study: each setting is simulated, each simulation is scored twice, the scores of one
setting are averaged, and the best setting wins.
"""

from __future__ import annotations

import hyperloom as loom

SETTINGS = [0.5, 1.0, 1.5, 2.0]
SEEDS = [1, 2, 3]


@loom.task
def simulate(setting: float, seed: int) -> list[float]:
    x, path = 0.1 * seed, []
    for _ in range(100):
        x = setting * x * (1 - x)
        path.append(x)
    return path


@loom.task(num_returns=2)
def score(path: list[float]) -> tuple[float, float]:
    return max(path), path[-1]


@loom.task
def mean(*scores: float) -> float:
    return round(sum(scores) / len(scores), 4)


@loom.task
def best(*means: float) -> tuple[float, float]:
    return max(zip(means, SETTINGS, strict=True))


plan = loom.Plan()
means = []
for setting in SETTINGS:
    scores = [score.bind(simulate.bind(setting, seed)) for seed in SEEDS]
    last = [one[1] for one in scores]  # the second result of each
    means.append(mean.bind(*last))
plan.want(best.bind(*means), means[0].named("first mean"))  # only what these need is run

print(plan.explain({"simulate": 2.0}))
handle = plan.submit()
print(handle.gather(timeout=60))
print(handle)

# Output:
# 29 tasks (12 simulate, 12 score, 3 mean, 1 first mean, 1 best), 28 edges, depth 4, width 12
# critical path 5 s: simulate → score → first mean → best
# 17 tasks, 3 of them on the critical path, count as 1 s each: nothing says how long they take
# [(0.5, 2.0), 0.0]
# <plan of 29 tasks: 2 of 2 results, released>
