"""`Plan`: a graph of tasks that is built first, looked at, and submitted as one thing."""

from __future__ import annotations

from contextlib import nullcontext
from html import escape
from typing import TYPE_CHECKING, Literal

from hyperloom.core import current
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask, Replacing
from hyperloom.core.visiting import session_there
from hyperloom.errors import OtherJob
from hyperloom.plan import living, stopping
from hyperloom.plan.detached import Detached, being_said, new_plan
from hyperloom.plan.graph import in_order, shape_of
from hyperloom.plan.handle import PlanHandle
from hyperloom.plan.naming import parts_of
from hyperloom.plan.submission import Submission
from hyperloom.plan.submitted import Submitted

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from hyperloom.core.session import Session
    from hyperloom.plan.drawing.drawing import Drawing
    from hyperloom.plan.graph import Shape
    from hyperloom.plan.submission import Wanted


class Plan(Replacing):
    """Tasks whose results are wanted, and by way of their inputs all that these need.

        plan = loom.Plan()
        parts = [load.bind(path) for path in paths]
        plan.want(merge.bind(*parts))
        print(plan.explain())
        answer, = plan.submit().gather()

    Only what the wanted results need is run, and only they are kept.
    """

    def __init__(self, wanted: Iterable[Wanted] = (), *, label: str = "") -> None:
        """`label` is shown to people, where plans are listed."""
        self.label = label
        self.wanted: list[Wanted] = []
        if not hasattr(wanted, "__iter__"):
            _check(wanted)
        self.want(*wanted)

    def want(self, *tasks: Wanted) -> None:
        """Keep the results of these, in this order.

        Raises:
            TypeError: it is nothing that `bind` or `bind_map` made.
        """
        for task in tasks:
            _check(task)
            self.wanted.append(task)

    def explain(self, seconds: Mapping[str, float] | None = None) -> Shape:
        """How many tasks and edges, how deep and wide, and the chain that takes longest.

        Args:
            seconds: how long tasks take, by label or function name; 1 second where not given,
                and the answer says of how many tasks that was guessed. `hyperloom.durations` has
                what was recorded.

        Raises:
            Cycle: a task needs its own output.
            TypeError: a duration is no number.
        """
        for name, duration in (seconds or {}).items():
            if not isinstance(duration, (int, float)):
                raise TypeError(f"how long {name!r} takes is a number of seconds, not {duration!r}")
        order = in_order([task for task, _ in map(parts_of, self.wanted)])
        return shape_of(order, seconds or {})

    def draw(self, path: str | os.PathLike[str] | None = None, *, most: int = 200) -> Drawing:
        """A picture: tasks in layers, inputs above; what is kept has a thick frame.

        A notebook shows what this returns.

        Args:
            path: also write it there: ``.svg``, ``.dot`` or ``.gv``; with Graphviz ``.png``,
                ``.pdf``.
            most: tasks that have a box each; of more, those of one name share a box.

        Raises:
            Cycle: a task needs its own output.
            RuntimeError: neither Graphviz nor igraph is there to lay out a picture.
            ValueError: the path's suffix is none of these.
        """
        from hyperloom.plan.drawing.drawing import Drawing  # noqa: PLC0415 - for who looks
        from hyperloom.plan.drawing.outline import outline_of  # noqa: PLC0415

        tasks = [task for task, _ in map(parts_of, self.wanted)]
        drawing = Drawing(outline_of(in_order(tasks), {id(task) for task in tasks}, most))
        if path is not None:
            drawing.save(path)
        return drawing

    def _repr_html_(self) -> str:
        try:
            picture = self.draw(most=60).svg
        except RuntimeError:  # nothing is there to draw with: say it in words
            picture = ""
        return f"<pre>{escape(str(self.explain()))}</pre>{picture}"

    def submit(
        self,
        *,
        detach: bool = False,
        resume: bool = False,
        on_error: Literal["continue", "stop"] = "continue",
    ) -> PlanHandle:
        """Submit it; its handle, when the control plane has accepted all of it.

        A plan may be submitted again: that is another run, of new tasks.  Refs of a plan that this
        process attached to may be inputs: then this one becomes part of that one's job.

        Args:
            detach: it goes on when this program ends, however that ends, and keeps its results
                until somebody releases them; `loom.attach(handle.id)` finds it again.
            resume: do not compute what has a valid checkpoint, nor what only that needs. One
                that is damaged, or was made by other code, arguments or inputs, is computed
                again, with a warning.
            on_error: ``"continue"``: a failure fails what depends on it, and all else goes on.
                ``"stop"``: the first failure of any task cancels the rest at once, and `fetch`
                raises that failure. A detached plan is stopped whether or not this program is
                there still.

        Raises:
            InvalidOption: a checkpoint cannot be where it should be; nothing was submitted.
            Cycle: a task needs its own output; nothing was submitted.
            NotSerializable: an argument cannot travel; nothing was submitted.
            SessionClosed: an argument is a ref of an earlier session; nothing was submitted.
            OtherJob: arguments are refs of several jobs; nothing was submitted.
            ValueError: `detach` where nothing would outlive this program; `on_error` is neither.
        """
        stops = stopping.checked(on_error)
        session = current.session()
        try:
            return self._submit(session, detach=detach, resume=resume, stops=stops)
        except OtherJob as error:
            there = session_there(error)
            return self._submit(there, detach=detach, resume=resume, stops=stops)

    def _submit(self, session: Session, *, detach: bool, resume: bool, stops: bool) -> PlanHandle:
        plan = new_plan(session) if detach else None
        submission = Submission(session, self.wanted, plan, resume=resume)
        wanted = tuple(self.wanted)
        submitted = Submitted(wanted, submission.numbers, self.label, submission.skipped)
        if plan is None and stops:
            return stopping.submit(session, submission, submitted)
        if plan is None:
            results, known = living.submit(session, submission, self.label)
            return living.handle_of(session, results, submitted, known)
        with being_said(session, plan):
            with stopping.detached(session, plan) if stops else nullcontext():
                results = submission.run()
            theirs = Detached.of(session, plan, submitted, results)
        return PlanHandle(session, results, theirs.tasks, submitted, theirs)

    def __repr__(self) -> str:
        return f"<plan for {len(self.wanted)} results>"


def _check(task: object) -> None:
    if not isinstance(task, (BoundTask, BoundMap, BoundOutput)):
        advice = "; write f.bind(...) instead of f.remote(...)" if hasattr(task, "binary") else ""
        advice = "; it was not called: write f.bind(...)" if hasattr(task, "bind") else advice
        advice = "; write plan.submit()" if isinstance(task, Plan) else advice
        advice = "; a list is not taken apart: write *tasks" if isinstance(task, list) else advice
        advice = getattr(task, "instead", advice)
        raise TypeError(f"a plan is made of bound tasks, not of {task!r:.100}{advice}")
