"""Records and templates survive the wire, whatever they hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperloom import specs
from hyperloom.ids import OBJECT_BYTES, FunctionID, TaskID, TemplateID

OBJECT_IDS = st.binary(min_size=OBJECT_BYTES, max_size=OBJECT_BYTES)
TEMPLATES = st.builds(
    specs.Template,
    function=st.binary(min_size=12, max_size=12).map(FunctionID),
    name=st.text(max_size=20),
    returns=st.integers(-1, 10**6),
    retries=st.integers(-1, 2**31),
    priority=st.integers(-(10**6), 10**6),
    shape=st.sampled_from(["", "CPU:10000", "CPU:5000,paint:7"]),
    timeout_s=st.none() | st.floats(0.001, 1e6),
    max_calls=st.integers(0, 9),
    retry_exceptions=st.booleans() | st.binary(max_size=9),
    ahead=st.integers(0, 9),
    chunk=st.integers(0, 9),
    captures=st.booleans(),
)


@given(
    template=st.binary(min_size=8, max_size=8).map(TemplateID),
    inputs=st.lists(OBJECT_IDS, max_size=5, unique=True),
    others=st.lists(OBJECT_IDS, max_size=5),
    call=st.binary(max_size=50),
)
def test_a_record_gives_back_what_went_in(
    template: TemplateID, inputs: list[bytes], others: list[bytes], call: bytes
) -> None:
    data = specs.record(template, inputs, others, call)
    assert specs.template_of(data) == template
    assert specs.inputs_of(data) == inputs
    assert specs.refs_of(data) == b"".join([*inputs, *others])
    assert specs.heading_of(data) == b"".join([template, *inputs, *others])
    assert data[specs.call_start(data) :] == call


@given(
    template=st.binary(min_size=8, max_size=8).map(TemplateID),
    inputs=st.lists(OBJECT_IDS, max_size=2, unique=True),
    label=st.none() | st.text(st.characters(), max_size=300),
    keep=st.none() | st.builds(specs.Keep, st.binary(max_size=32), st.text(max_size=4000)),
    call=st.sampled_from([b"0", specs.IN_STORE, specs.mapped(b"x")]),
)
def test_a_label_stands_before_the_call_and_is_read_without_it(
    template: TemplateID, inputs: list[bytes], label: str | None, keep: Any, call: bytes
) -> None:
    said = (b"" if keep is None else specs.encode_keep(keep)) + call
    lead = b"" if label is None else specs.encode_label(label)
    data = specs.record(template, inputs, (), lead + said)
    assert specs.label_of(data) == label
    assert specs.split_label(data[specs.call_start(data) :]) == (label, said)


def test_a_bare_record_is_short() -> None:
    data = specs.record(TemplateID(bytes(8)), (), (), b"call")
    assert len(data) == 8 + 6 + 4
    assert specs.refs_of(data) == b""


@given(TEMPLATES)
def test_a_template_gives_back_what_went_in(template: specs.Template) -> None:
    body = specs.encode_template(template)
    assert specs.decode_template(body) == template
    assert body.startswith(template.function)
    assert template.queue == f"{template.priority}|{template.shape}"
    assert template.outputs == (1 if template.returns == -1 else template.returns)


@given(st.binary(min_size=16, max_size=16).map(TaskID), st.integers(1, 10**6))
def test_an_entry_gives_back_task_and_attempt(task: TaskID, attempt: int) -> None:
    entry = task + (b"%d" % attempt if attempt > 1 else b"")
    assert specs.split_entry(entry) == (task, attempt)


@given(st.lists(st.binary(max_size=300), max_size=9))
def test_values_are_taken_apart_as_they_were_joined(values: list[bytes]) -> None:
    joined = b"".join([b"%d:%b" % (len(value), value) for value in values])
    assert specs.split_values(joined) == values
