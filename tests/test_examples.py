"""Each example, and each snippet of the README and the guide, does what it says.

An example ends with what it prints, after ``# Output:``.  A page's snippet that names a file,
``<!-- examples/quickstart.py -->`` in the line above it, is a part of that file, word for word
(of a test, where it takes what not every machine has); one of ``>>>`` lines is run as a doctest,
all of a page in one session.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hyperloom as loom

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
SNIPPET = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```python\n(?P<code>.*?)```", re.DOTALL)


def promised(example: Path) -> str:
    """What the example says that it prints."""
    _, _, block = example.read_text().partition("\n# Output:\n")
    assert block, f"{example.name} must end with '# Output:' and what it prints"
    return "".join(f"{line.removeprefix('#').removeprefix(' ')}\n" for line in block.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_promises(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What it has wait on purpose is warned of after a while: on a slow machine before its end.
    monkeypatch.setenv("LOOM_INFEASIBLE_WARN_S", "60")
    if "import numpy" in example.read_text():
        pytest.importorskip("numpy")
    ran = subprocess.run(
        [sys.executable, example], capture_output=True, text=True, timeout=50, check=False
    )
    assert ran.stderr == ""
    assert ran.stdout == promised(example)
    assert ran.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_each_snippet_is_tested(page: Path) -> None:
    """One that is neither a doctest nor a part of an example would rot."""
    for snippet in SNIPPET.finditer(page.read_text()):
        file, code = snippet["file"], snippet["code"]
        if file is None:
            assert code.startswith(">>> "), f"{page.name}: nobody runs this:\n{code}"
        else:
            assert code in (ROOT / file).read_text(), f"{page.name}: not in {file}:\n{code}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_the_sessions_of_a_page_run(page: Path) -> None:
    snippets = [found["code"] for found in SNIPPET.finditer(page.read_text())]
    session = "\n".join(code for code in snippets if code.startswith(">>> "))
    if not session:
        return
    names = {"loom": loom, "__name__": "__main__"}
    test = doctest.DocTestParser().get_doctest(session, names, page.name, str(page), 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    report: list[str] = []
    with loom.init("local", num_cpus=2):
        failed = doctest.DocTestRunner(optionflags=flags).run(test, out=report.append).failed
    assert not failed, "".join(report)
