"""Tasks and refs: the example of the README."""

import hyperloom as loom


@loom.task
def square(x: int) -> int:
    return x * x


@loom.task
def total(*numbers: int) -> int:
    return sum(numbers)


squares = [square.remote(i) for i in range(10)]  # ten tasks; nobody waits yet
answer = total.remote(*squares)  # runs after them: refs arrive as values
print(loom.get(answer))

# Output:
# 285
