"""Ids tell what they belong to, and nobody gets the same one twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hyperloom import ids


def test_an_object_tells_its_task_process_and_job():
    job = ids.new_job_id()
    process = ids.new_process_id(job)
    task = ids.TaskIds(process).next()
    oid = ids.object_id(task, 70_000)

    assert [len(part) for part in (job, process, task, oid)] == [4, 10, 16, 20]
    assert (ids.task_of(oid), ids.index_of(oid)) == (task, 70_000)
    assert ids.process_of(oid) == ids.process_of(task) == process
    assert ids.job_of(oid) == ids.job_of(task) == ids.job_of(process) == job


def test_the_tasks_of_a_process_are_numbered_in_order():
    maker = ids.TaskIds(ids.new_process_id(ids.new_job_id()))
    made = [maker.next() for _ in range(300)]
    assert made == sorted(set(made))


def test_threads_of_a_process_never_get_the_same_id():
    maker = ids.TaskIds(ids.new_process_id(ids.new_job_id()))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: maker.next(), range(2000)))
    assert len(set(made)) == 2000


def test_functions_and_templates_are_named_by_their_content():
    assert ids.function_id(b"f") == ids.function_id(b"f") != ids.function_id(b"g")
    assert len(ids.function_id(b"f")) == ids.FUNCTION_BYTES
    assert len(ids.template_id(b"t")) == ids.TEMPLATE_BYTES


def test_short_forms_tell_tasks_of_a_process_apart():
    process = ids.ProcessID(bytes.fromhex("00000001" + "9a2e41ffffff"))
    task = ids.TaskIds(process).next()
    assert ids.short(process) == "9a2e41"
    assert ids.short(task) == "9a2e41-1"
    assert ids.short(ids.object_id(task, 3)) == "9a2e41-1:3"
    assert ids.short(ids.NodeID(bytes(range(8)))) == "00010203"


def test_an_id_is_made_of_a_number_and_tells_it() -> None:
    process = ids.new_process_id(ids.new_job_id())
    handed_out = ids.TaskIds(process)
    first, second = handed_out.next(), handed_out.next()
    assert (ids.task_id(process, 1), ids.task_id(process, 2)) == (first, second)
    assert [ids.number_of(one) for one in (first, ids.object_id(second, 5))] == [1, 2]
    assert ids.cut(first + second, ids.TASK_BYTES) == [first, second]
    assert ids.cut(b"", ids.TASK_BYTES) == []
