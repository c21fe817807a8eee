"""The bars of `hyperloom.watch.progress` in a notebook, under the cell that waits.

The rule: IPython is looked for, never imported: who has not loaded it is in no notebook.
"""

from __future__ import annotations

import sys
from html import escape
from importlib import import_module
from typing import Any, Self


def is_notebook() -> bool:
    """Whether what this process shows is shown by a notebook: it runs as a kernel of one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class NotebookBars:
    """Bars that are drawn anew in place, and gone at the end: what `draw` asks of rich's."""

    def __init__(self) -> None:
        self._bars: list[dict[str, Any]] = []
        self._shown = ""
        self._display: Any = None  # IPython's
        self._handle: Any = None

    def __enter__(self) -> Self:
        self._display = import_module("IPython.display")
        self._handle = self._display.display(self._display.HTML(""), display_id=True)
        return self

    def add_task(self, name: str, **told: str) -> int:
        """One more bar, with what stands beside it; its number."""
        self._bars.append({"name": name, "total": 0, "completed": 0, **told})
        return len(self._bars) - 1

    def update(self, bar: int, **told: Any) -> None:  # noqa: ANN401 - numbers and a text
        """How far it is; the page is asked to draw only what changed."""
        self._bars[bar].update(told)
        page = table(self._bars)
        if page != self._shown:
            self._shown = page
            self._draw(page)

    def _draw(self, page: str) -> None:
        if self._handle is not None:
            self._handle.update(self._display.HTML(page))

    def __exit__(self, *_: object) -> None:
        self._draw("")


def table(bars: list[dict[str, Any]]) -> str:
    """The bars as markup; names are text."""
    rows = [
        f"<tr><td>{escape(bar['name'])}</td>"
        f'<td><progress max="{bar["total"]}" value="{bar["completed"]}"></progress></td>'
        f"<td>{bar['completed']:,} of {bar['total']:,}</td>"
        f"<td>{bar['rate']}</td><td>{bar['failed']}</td><td>{bar['cancelled']}</td>"
        f"<td>{bar['left']}</td></tr>"
        for bar in bars
    ]
    return f"<table>{''.join(rows)}</table>"
