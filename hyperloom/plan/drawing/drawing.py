"""`Drawing`: a picture of a plan, to be looked at in a notebook or kept in a file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from hyperloom.plan.drawing.dot import to_dot
from hyperloom.plan.drawing.svg import to_svg

if TYPE_CHECKING:
    import os

    from hyperloom.plan.drawing.outline import Outline

_TEXT = {".dot", ".gv"}
_BY_GRAPHVIZ = {".png", ".pdf"}
_PATIENCE_S = 60
_BEYOND_GRAPHVIZ = 2000  # boxes; its layout takes minutes


class Drawing:
    """Made by `Plan.draw`.  A notebook shows it."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    @property
    def dot(self) -> str:
        """The picture in Graphviz's language."""
        return to_dot(self._outline)

    @property
    def svg(self) -> str:
        """The picture as SVG: laid out by Graphviz if its ``dot`` is there, else by igraph.

        Raises:
            RuntimeError: neither is there; says what to install.
        """
        if _graphviz() and len(self._outline.boxes) <= _BEYOND_GRAPHVIZ:
            return self._by_graphviz("svg").decode()
        try:
            return to_svg(self._outline)
        except ImportError as error:
            raise RuntimeError(
                "a picture needs Graphviz's program `dot`, or igraph: pip install "
                "'hyperloom[draw]'. The plan is as it was; its text is in .dot"
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; what it is goes by the file's suffix.

        ``.svg``, ``.dot`` and ``.gv``; with Graphviz also ``.png`` and ``.pdf``.

        Raises:
            ValueError: it cannot be written in that form.
            RuntimeError: what is needed for it is not there.
            OSError: the file cannot be written.
        """
        file = Path(path)
        if file.suffix in _TEXT:
            file.write_text(self.dot)
        elif file.suffix == ".svg":
            file.write_text(self.svg)
        elif file.suffix in _BY_GRAPHVIZ:
            if not _graphviz():
                raise RuntimeError(
                    f"{file.name} needs Graphviz's program `dot`, which is not on the path; "
                    "nothing was written. A .svg does without"
                )
            file.write_bytes(self._by_graphviz(file.suffix[1:]))
        else:
            raise ValueError(
                f"{file.name}: a picture of a plan is a .svg, .dot, .gv, .png or .pdf file; "
                "nothing was written"
            )

    def _by_graphviz(self, form: str) -> bytes:
        ran = subprocess.run(
            [str(_graphviz()), f"-T{form}"],
            input=self.dot.encode(),
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(f"Graphviz could not draw it: {ran.stderr.decode(errors='replace')}")
        return ran.stdout

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        what = self._outline
        names = " (one for each name)" if what.collapsed else ""
        return f"<drawing of {what.tasks:,} tasks: {len(what.boxes):,} boxes{names}>"


def _graphviz() -> str | None:
    return shutil.which("dot")
