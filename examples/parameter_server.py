"""A parameter server: the weights are an actor's, workers compute gradients of them.

Eight tasks a round each look at their own part of the data; the server applies what they found as
it comes in, and the next round begins with what it has then.
"""

import hyperloom as loom

Point = tuple[float, float]

# Points on a line, which we pretend not to know: y = 3 x - 2.
DATA: list[Point] = [(n / 64, 3 * n / 64 - 2) for n in range(64)]
PARTS = [DATA[part::8] for part in range(8)]


class Server(loom.Actor):
    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.slope = self.offset = 0.0
        self.updates = 0

    @loom.method
    def weights(self) -> Point:
        return self.slope, self.offset

    @loom.method
    def update(self, gradient: Point) -> None:
        self.slope -= self.rate * gradient[0]
        self.offset -= self.rate * gradient[1]
        self.updates += 1

    @loom.method
    def summary(self) -> str:
        return f"{self.updates} updates: y = {self.slope:.2f} x {self.offset:+.2f}"


@loom.task
def gradient(weights: Point, part: list[Point]) -> Point:
    slope, offset = weights
    errors = [(slope * x + offset - y, x) for x, y in part]
    return (
        sum(2 * error * x for error, x in errors) / len(part),
        sum(2 * error for error, _ in errors) / len(part),
    )


server = Server.remote(rate=0.08)
parts = [loom.put(part) for part in PARTS]  # sent once, not every round

# Nothing is waited for: refs go from the server to the tasks and back, and calls of one caller
# begin in their order, so each round sees the updates of the one before.
for _ in range(60):
    weights = server.weights.remote()
    for part in parts:
        server.update.remote(gradient.remote(weights, part))

print(loom.get(server.summary.remote()))

# Output:
# 480 updates: y = 2.98 x -1.99
