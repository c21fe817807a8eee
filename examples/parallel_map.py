"""One call for many small tasks, and `chunk` for very small ones."""

import hyperloom as loom


@loom.task
def is_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


# A task for each number would do; with chunk=500 a task takes 500 of them one after the other,
# and still each has a ref, and an error, of its own.
refs = is_prime.map(range(10_000), chunk=500)
print(len(refs), "refs")
print(sum(loom.get(refs)), "primes below 10,000")

# Output:
# 10000 refs
# 1229 primes below 10,000
