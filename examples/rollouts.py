"""Reinforcement learning in small: actors play, the driver learns from what they saw.

A walker on a line of eight places shall find the door at its right end. Four players, each with a
world and dice of its own, play episodes with the newest policy (rollouts); a table of values is
learned from their steps (Q-learning). A pool gives each episode to the player that is free.
"""

import random

import hyperloom as loom

PLACES, LEFT, RIGHT = 8, 0, 1
Policy = list[list[float]]  # the value of each action in each place
Step = tuple[int, int, float, int]  # place, action, reward, next place


class Player(loom.Actor):
    @loom.method
    def play(self, policy: Policy, seed: int, curiosity: float) -> list[Step]:
        """One episode, with dice of its own: whoever plays it, the result is the same."""
        dice = random.Random(seed)
        place = 0
        steps: list[Step] = []
        while place != PLACES - 1 and len(steps) < 200:
            left, right = policy[place]
            best = dice.choice((LEFT, RIGHT)) if left == right else int(right > left)
            action = dice.choice((LEFT, RIGHT)) if dice.random() < curiosity else best
            after = max(0, place - 1) if action == LEFT else place + 1
            steps.append((place, action, float(after == PLACES - 1), after))
            place = after
        return steps


def learn(policy: Policy, steps: list[Step]) -> None:
    for place, action, reward, after in reversed(steps):
        target = reward + 0.9 * max(policy[after])
        policy[place][action] += 0.5 * (target - policy[place][action])


def play(player: Player, seed: int) -> loom.ObjectRef[list[Step]]:
    return player.play.remote(now, seed, curiosity=0.2)


pool = loom.util.ActorPool([Player.remote() for _ in range(4)])
policy: Policy = [[0.0, 0.0] for _ in range(PLACES)]

for generation in range(4):
    now = loom.put(policy)  # all episodes of a generation share it
    episodes = list(pool.map(play, range(16 * generation, 16 * (generation + 1))))
    for steps in episodes:  # in the order of their seeds: the same in every run
        learn(policy, steps)
    print(f"generation {generation}: {sum(map(len, episodes)) / len(episodes):.1f} steps")

print("".join("<>"[right > left] for left, right in policy[:-1]))

# Output:
# generation 0: 68.5 steps
# generation 1: 8.6 steps
# generation 2: 7.9 steps
# generation 3: 8.2 steps
# >>>>>>>
