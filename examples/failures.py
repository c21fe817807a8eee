"""What can go wrong, and what it looks like: errors, retries, timeouts, cancelling."""

import time

import hyperloom as loom
from hyperloom.errors import GetTimeout, TaskCancelled, TaskTimeout


@loom.task
def parse(text: str) -> int:
    return int(text)


@loom.task
def double(number: int) -> int:
    return 2 * number


@loom.task(max_retries=5, retry_exceptions=[ConnectionError])
def download(url: str) -> str:
    attempt = loom.context().attempt or 0
    if attempt < 3:  # a server that answers the third time
        raise ConnectionError(url)
    return f"{url} at attempt {attempt}"


@loom.task
def slow() -> None:
    time.sleep(60)


# A task's exception is raised by get, as its own class; so for all that depended on it.
try:
    loom.get(double.remote(parse.remote("seven")))
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])

# Worker and node failures are retried without asking; exceptions when told to.
print(loom.get(download.remote("data.csv")))

# A time limit of the task ends it.
try:
    loom.get(slow.options(timeout_s=0.2).remote())
except TaskTimeout as error:
    print("TaskTimeout:", str(error).splitlines()[0])

# A time limit of get ends only the waiting.
ref = slow.remote()
try:
    loom.get(ref, timeout=0.1)
except GetTimeout as error:
    print("GetTimeout:", str(error).splitlines()[0])

loom.cancel(ref)
try:
    loom.get(ref)
except TaskCancelled as error:
    print("TaskCancelled:", str(error).splitlines()[0])

# Output:
# ValueError: invalid literal for int() with base 10: 'seven'
# data.csv at attempt 3
# TaskTimeout: slow was ended after its timeout_s=0.2; it has no result
# GetTimeout: waited 0.1 s; 1 of 1 objects are not ready.
# TaskCancelled: slow was cancelled; it has no result
