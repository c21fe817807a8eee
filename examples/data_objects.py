"""A file is taken apart, each part is worked on where there is room, and the results are merged."""

import tempfile
from collections import Counter
from pathlib import Path

import hyperloom as loom
from hyperloom import data, tasks


@tasks.py_task
def count(lines: data.Plain) -> data.PyObj:
    return data.PyObj(Counter(lines.read().split()))


@tasks.py_task
def add(*counts: data.PyObj) -> str:
    total: Counter[bytes] = sum((each.unwrap() for each in counts), Counter())
    return "".join(f"{word.decode()} {number}\n" for word, number in total.most_common(3))


with tempfile.TemporaryDirectory() as folder, loom.init(num_cpus=2):
    path = Path(folder) / "lines.txt"
    path.write_text("to be or not to be\nthat is the question\n" * 5000)

    lines = tasks.split(tasks.open(path))
    report = add(count(tasks.dslice(lines)))
    plan = loom.Plan([tasks.length(lines), report, tasks.save(report, Path(folder) / "report.txt")])

    number, text, _ = plan.submit().gather()
    print(f"{number} lines")
    print((Path(folder) / "report.txt").read_text(), end="")

# Output:
# 10000 lines
# to 10000
# be 10000
# or 5000
