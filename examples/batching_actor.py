"""An actor that batches: many callers each ask for one thing, and it computes many at a time.

Its methods are coroutines, so all callers wait in it at the same time; whoever comes while a batch
is computed is in the next one.
"""

import asyncio

import hyperloom as loom


class Model(loom.Actor):
    """Pretends that a batch costs what a single text does."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.waiting: list[tuple[str, asyncio.Future[int]]] = []
        self.batches: list[int] = []
        self.computing: asyncio.Task[None] | None = None

    @loom.method
    async def score(self, text: str) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting.append((text, answer))
        if self.computing is None:
            self.computing = asyncio.create_task(self.compute())
        return await answer

    async def compute(self) -> None:
        while self.waiting:
            await asyncio.sleep(0.005)  # a model's time; callers come meanwhile
            batch, self.waiting = self.waiting[: self.most], self.waiting[self.most :]
            self.batches.append(len(batch))
            for text, answer in batch:
                answer.set_result(sum(map(ord, text)))
        self.computing = None

    @loom.method
    async def sizes(self) -> list[int]:
        return self.batches


@loom.task
def ask(model: Model, text: str) -> str:
    return f"{text}: {loom.get(model.score.remote(text))}"


model = Model.remote(most=32)

# From a task, which waits in it without holding its CPU …
print(loom.get(ask.remote(model, "loom")))

# … and two hundred at once.
texts = [f"text {n}" for n in range(200)]
scores = loom.get([model.score.remote(text) for text in texts])
print(scores == [sum(map(ord, text)) for text in texts])

sizes = loom.get(model.sizes.remote())
print(sum(sizes), max(sizes) <= 32, len(sizes) < 100)

# Output:
# loom: 439
# True
# 201 True True
