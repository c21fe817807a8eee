"""What a task of a plan was named and given, besides its arguments; and its own options."""

from __future__ import annotations

import pytest

import hyperloom as loom
from hyperloom import data, errors, tasks

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


@loom.task
def has() -> tuple[str | None, dict[str, float]]:
    context = loom.context()
    return context.label, context.assigned_resources


@pytest.mark.usefixtures("anywhere")
def test_a_bound_task_may_have_other_options_than_its_function() -> None:
    given = has.bind().named("x").options(num_cpus=0.5, resources={"paint": 1})
    assert loom.submit([given, has.bind()]).gather() == [
        ("x", {"CPU": 0.5, "paint": 1.0}),
        (None, {"CPU": 1.0}),
    ]


@pytest.mark.usefixtures("anywhere")
def test_so_may_built_in_tasks_and_maps_and_those_of_scattered_inputs() -> None:
    def asks(_: object) -> data.PyObj:
        return data.PyObj(loom.context().assigned_resources)

    half = {"CPU": 0.5}
    call = tasks.py_call(asks, ["x"]).options(num_cpus=0.5, priority=3, timeout_s=60)
    each = tasks.py_call(asks, [tasks.dget(["a", "b"])]).options(num_cpus=0.5)
    mapped = loom.task(lambda item: (item, loom.context().assigned_resources)).bind_map([1, 2])
    merged = tasks.merge(["a", "b"]).options(num_cpus=0.5)
    assert loom.submit([call, each, mapped.options(num_cpus=0.5), merged]).gather() == [
        half, [half, half], [(1, half), (2, half)], b"ab",
    ]  # fmt: skip


def test_options_of_a_bound_task_that_cannot_be_are_refused() -> None:
    with pytest.raises(errors.InvalidOption, match="Did you mean 'max_retries'"):
        about.bind().options(retries=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"write it at the function: f\.options\(num_returns"):
        about.bind().options(num_returns=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="max_calls belongs to the function"):
        about.bind().options(max_calls=2)
    with pytest.raises(errors.InvalidOption, match="the results of a map are not kept"):
        about.bind_map([1]).options(cache=True)
    assert about.bind().options(checkpoint="/tmp/x").kept_at == "/tmp/x"
