"""What people see in a notebook: bars while a cell waits, and what things say of themselves."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import nbclient
import nbformat
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

CELLS = (
    """
    import pathlib
    import hyperloom as loom
    loom.init("local", num_cpus=1)
    """,
    """
    @loom.task
    def stroll(x):
        go_on = pathlib.Path("go_on")
        while x and not go_on.exists():
            time.sleep(0.01)  # the task takes as long as nobody has seen its bar
        return x

    import IPython, threading, time
    publish = IPython.get_ipython().display_pub.publish
    def noted(data, *args, **kwargs):
        if "<progress" in data.get("text/html", ""):
            print(data["text/html"])
            pathlib.Path("go_on").touch()
        publish(data, *args, **kwargs)
    IPython.get_ipython().display_pub.publish = noted
    ref = stroll.remote(1)
    loom.get(ref)
    """,
    "ref",
    "loom.Plan([stroll.bind(0), stroll.bind(0)])",
    "handle = loom.Plan([stroll.bind(0)]).submit(); handle.wait(); handle",
    "loom.shutdown()",
)


@pytest.mark.usefixtures("home")
def test_bars_while_a_cell_waits_and_what_things_look_like(tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell).strip()) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(
        notebook, timeout=40, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [_html(cell) for cell in notebook.cells]
    assert "<td>1 of 1 CPU</td>" in shown[0]
    bar = '<tr><td>stroll</td><td><progress max="1" value="0"></progress></td><td>0 of 1</td>'
    printed = "".join(output.get("text", "") for output in notebook.cells[1].outputs)
    assert bar in printed
    assert "<progress" not in shown[1], "the bars are gone when it is over"
    assert shown[2].endswith("</code>: there")
    assert "<svg" in shown[3]
    assert shown[4] == 'plan of 1 tasks: 1 of 1 results <progress max="1" value="1"></progress>'


def _html(cell: Any) -> str:
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
