"""What a task of a plan was named and given, besides its arguments."""

from __future__ import annotations

import pytest

import hyperloom as loom

pytestmark = pytest.mark.slow


@loom.task
def about(*args: object, **kwargs: object) -> tuple[object, ...]:
    context = loom.context()
    return args, kwargs, context.label, dict(context.metadata), context.task_name


@loom.task(max_retries=0)
def fail() -> None:
    raise KeyError("nothing there")


@pytest.mark.usefixtures("anywhere")
def test_a_task_sees_its_label_and_its_metadata_and_its_function_does_not() -> None:
    plain = about.bind(1, x=2)
    named = about.bind(1, x=2).named("fold 3")
    given = about.bind().with_metadata(fold=3).with_metadata(seed={"a": [1]}).named("é")
    name = about.name
    assert loom.submit([plain, named, given]).gather() == [
        ((1,), {"x": 2}, None, {}, name),
        ((1,), {"x": 2}, "fold 3", {}, name),
        ((), {}, "é", {"fold": 3, "seed": {"a": [1]}}, name),
    ]


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("number", [3, 400])
def test_the_tasks_of_a_map_share_theirs(number: int) -> None:
    mapped = about.bind_map(range(number)).named("all").with_metadata(run=7)
    for item, told in enumerate(loom.submit([mapped]).gather()[0]):
        assert told == ((item,), {}, "all", {"run": 7}, about.name)


@pytest.mark.usefixtures("anywhere")
def test_an_error_names_the_label() -> None:
    handle = loom.submit([about.bind(fail.bind().named("fold 3"))])
    with pytest.raises(KeyError) as caught:
        handle.gather()
    assert "fold 3" in str(caught.value)


def test_a_label_that_is_no_text_is_refused() -> None:
    with pytest.raises(TypeError, match="a label is text, not 3"):
        about.bind().named(3)  # type: ignore[arg-type]
