"""The demo, as `loom demo` runs it: its answer is that of a plain count, and it says when not."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import demo
from hyperloom.demo import command, corpus, pipeline, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

WORDS = ["self", "x1", "_private", "CamelCase", "0x10", "12", "héllo", "1e5", "a", "if:", "b=c"]
PARTITIONS = 3


class Silent:
    """Counts what the pipeline tells a watcher."""

    def __init__(self) -> None:
        self.heard: Counter[str] = Counter()

    def submitted(self, files: int) -> None:
        self.heard["submitted"] += files

    def counted(self, batch: pipeline.Counted) -> None:
        self.heard["counted"] += batch.files

    def merged(self, partition: pipeline.Totals) -> None:
        self.heard["merged"] += 1
        self.heard["distinct"] += partition.distinct


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some folders of files: ordinary ones, an empty one, one of another kind."""
    folder = tmp_path_factory.mktemp("tree")
    chance = random.Random(7)
    for number in range(60):
        home = folder / f"package{number % 4}"
        home.mkdir(exist_ok=True)
        words = [chance.choice([*WORDS, f"name{number}"]) for _ in range(chance.randrange(200))]
        (home / f"module{number}.py").write_text("\n".join(words))
    (folder / "empty.py").touch()
    (folder / "notes.txt").write_text("never counted")
    return folder


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BATCH_BYTES", 1 << 12)
    monkeypatch.setattr(corpus, "TEXT_BYTES", 1 << 14)


@pytest.fixture(params=["cluster", "inline"])
def running(request: pytest.FixtureRequest) -> Iterator[None]:
    with loom.init("local", num_cpus=2, mode=request.param):
        yield


def plainly(files: list[str]) -> dict[str, list[tuple[int, int]]]:
    """Written anew, on text instead of bytes: what the index must be."""
    index: dict[str, list[tuple[int, int]]] = {}
    for number, path in enumerate(files):
        words = re.split(r"\W+", Path(path).read_text("latin-1"), flags=re.ASCII)
        counted = Counter(word for word in words if word and not word[0].isdigit())
        for word, times in counted.items():
            index.setdefault(word, []).append((number, times))
    return index


@pytest.mark.usefixtures("small_batches", "running")
def test_the_index_is_what_a_plain_count_makes(tree: Path) -> None:
    files = corpus.find_files([str(tree)])
    assert len(files) == 61
    watcher = Silent()
    index = pipeline.build(files, PARTITIONS, watcher)

    truth = plainly(files)
    totals = index.totals
    shards = loom.get(index.shards)
    found = {
        token.decode(): shard.find(token) for shard in shards for token in shard.tokens.split()
    }
    assert found == truth
    assert totals.distinct == len(truth)
    assert totals.postings == sum(map(len, truth.values()))
    assert totals.tokens == sum(times for entries in truth.values() for _, times in entries)
    assert index.size_bytes == sum(len(corpus.read(path)) for path in files)
    assert index.texts > 1
    heard = {"submitted": 61, "counted": 61, "merged": PARTITIONS, "distinct": len(truth)}
    assert watcher.heard == heard
    assert pipeline.ask(index, [b"self", b"absent"]) == {b"self": truth["self"], b"absent": []}
    assert plain.differences(index, *plain.build(files)) == []


@pytest.mark.usefixtures("small_batches")
def test_each_kind_of_difference_is_found(tree: Path) -> None:
    files = corpus.find_files([str(tree)])
    with loom.init("local", num_cpus=1, mode="inline"):
        index = pipeline.build(files, PARTITIONS, Silent())
        truth, top = plain.build(files)
        fewer = {token: entries for token, entries in truth.items() if token != b"self"}
        more = {**truth, b"never": [0, 1]}
        other = {**truth, b"self": [*truth[b"self"][:-1], truth[b"self"][-1] + 1]}
        off = replace(index, totals=replace(index.totals, tokens=1))

        assert any("postings of self differ" in x for x in plain.differences(index, fewer, top))
        assert any("1 tokens of" in x for x in plain.differences(index, more, top))
        assert any("postings of self differ" in x for x in plain.differences(index, other, top))
        assert any("1 tokens were counted" in x for x in plain.differences(off, truth, top))
        assert any("top tokens" in x for x in plain.differences(index, truth, top[:-1]))
        assert len(plain.differences(index, {}, [])) == 6, "five of them, and how many more"


def test_count_tasks_look_at_the_text_where_it_lies() -> None:
    """A numpy array of the text is mapped, not copied."""
    numpy = pytest.importorskip("numpy")

    @loom.task
    def look(text: object) -> tuple[bool, bool]:
        assert isinstance(text, numpy.ndarray)
        return bool(text.flags.writeable), bool(text.flags.owndata)

    # Larger than what is copied to be rid of the mapping (`reader.COPY_MAX_BYTES`).
    data = numpy.frombuffer(b"word " * 100_000, dtype=numpy.uint8)
    with loom.init("local", num_cpus=1):
        assert loom.get(look.remote(loom.put(data))) == (False, False)


def test_it_works_without_numpy(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert demo.main([str(tree), "--address", "local", "--quiet"]) == command.RIGHT
    assert capsys.readouterr().out.startswith("identical: ")


def test_on_the_standard_library_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--address", "local", "--files", "150", "--partitions", "2"]) == command.RIGHT

    out, err = capsys.readouterr()
    assert err == ""
    assert "150 Python files" in out
    assert "top tokens" in out
    assert "self" in out
    assert "one plain process" in out
    assert out.splitlines()[-1].startswith("identical: ")
    assert "\x1b" not in out, "no colours and no bars where nobody looks"
    assert max(map(len, out.splitlines())) <= 80


def test_unchecked_it_claims_nothing(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([str(tree), "--address", "local", "--no-check"]) == command.RIGHT
    out = capsys.readouterr().out
    assert "plain" not in out
    assert out.splitlines()[-1].startswith("done, not checked: ")


def test_a_wrong_answer_is_an_exit_code(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plain, "build", lambda _: ({b"self": [0, 1]}, []))
    assert demo.main([str(tree), "--address", "local", "--quiet"]) == command.WRONG
    out = capsys.readouterr().out
    assert "not the same" in out
    assert "postings of " in out


def test_nothing_to_count_and_nobody_to_do_it(
    tmp_path: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([str(tmp_path)]) == command.NOTHING
    assert "no readable .py files" in capsys.readouterr().err
    nobody = f"unix://{tmp_path}/nobody.sock"
    assert demo.main([str(tree), "--address", nobody, "--quiet"]) == command.NOTHING
    assert "nobody.sock" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--files", "0"], ["--partitions", "-1"], ["--what"]])
def test_an_option_that_cannot_be_is_refused(options: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        demo.main(options)
    assert end.value.code == 2


def test_the_packages_of_the_python_beneath_a_venv_are_not_ours(tmp_path: Path) -> None:
    for name in ("json.py", "site-packages/theirs.py", "venv/site-packages/ours.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    ours = str(tmp_path / "venv" / "site-packages")
    found = corpus.find_files([str(tmp_path), ours])
    assert [corpus.place(path, [str(tmp_path), ours]) for path in found] == ["json.py", "ours.py"]
