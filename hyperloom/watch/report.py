"""A job's run as one HTML file that needs nothing else: to keep, to send, to look at offline.

The rule: no script, no link to anywhere, and every text of a user is escaped.  What a reader may
want to know of a shape is its title, which browsers show and screen readers read.
"""

from __future__ import annotations

import time
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

from hyperloom.watch import counted, left, nodes_report, plans_report
from hyperloom.watch.at_work import at_work
from hyperloom.watch.cut_off import NODE_LOST
from hyperloom.watch.drawn import LABEL, WIDTH, label, line, picture, seconds_text, size_text
from hyperloom.watch.figures import BINS, Figures, Group, figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.cut_off import CutOff

_ROW = 18
_WORKERS = 64  # rows of the picture of workers
_GROUPS = 30
_LEAST_S = 1e-6  # nothing is shorter in a picture


def report(cluster: Cluster, job: bytes, about: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The page; `about` is the job as a table tells it, `rows` its functions with their counts."""
    happened = list(cluster.events(job))
    now = at_work(cluster, job, happened) if about["state"] == "open" else []
    told = figures(happened, lambda each: cluster.name(job, each), now)
    over = sum(map(counted.over_in, rows))
    hidden = over - sum(len(group.seconds) for group in told.groups)
    hidden -= sum(each.why == NODE_LOST for each in told.cut_off)
    template = Template(files("hyperloom.watch").joinpath("report.html").read_text("utf-8"))
    return template.substitute(
        title=escape(f"{about['program'] or 'job'} · {about['job']}"),
        facts=_facts(about, told),
        note=_open(about) + _note(hidden, told),
        left=_left(cluster, job, about),
        plans=plans_report.section(cluster, job),
        functions=_functions(rows, told.groups),
        boxes=_boxes(told.groups[:_GROUPS]),
        rate=_rate(told) + _pending(told),
        workers=_workers(told),
        nodes=nodes_report.section(cluster, told.began, told.length_s),
        fetched=_fetched(told.groups),
        errors=_errors(told),
    )


def _facts(about: dict[str, Any], told: Figures) -> str:
    when = about["opened"] and time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(about["opened"]))
    work = sum(group.total_s for group in told.groups)
    facts = {
        "program": about["program"], "job": about["job"], "began": when or "?",
        "took": seconds_text(told.length_s), "state": about["state"],
        "tasks": f"{about['submitted']:,}", "done": f"{about['done']:,}",
        "failed": f"{about['failed']:,}", "cancelled": f"{about['cancelled']:,}",
        "tried again": f"{about['retried']:,}",
        "running": f"{len(told.running):,}", "workers": str(len(told.busy)),
        "time in functions": seconds_text(work),
    }  # fmt: skip
    cells = [f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items()]
    return f"<dl>{''.join(cells)}</dl>"


def _open(about: dict[str, Any]) -> str:
    if about["state"] != "open":
        return ""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"<p>The job goes on: this is how it stood at {now}.</p>"


def _left(cluster: Cluster, job: bytes, about: dict[str, Any]) -> str:
    """Of an open job what its tasks that are left do, or wait for; else nothing."""
    if about["state"] != "open":
        return ""
    head, *kinds = left.of_job(cluster, job)
    rows = [
        f"<tr><th>{escape(line['name'])}</th><td>{line['tasks']:,}</td>"
        f"<td class=text>{escape(line['short'])}</td><td class=text>{escape(line['says'])}</td>"
        f"<td class=text>{escape(line['advice'])}</td></tr>"
        for line in kinds
    ]
    table = _table(("function", "tasks", "such as", "which", "to do"), rows) if rows else ""
    return f"<h2>What is left</h2><p>The job {escape(head['says'])}.</p>{table}"


def _note(hidden: int, told: Figures) -> str:
    cut = len(told.cut_off)
    if not told.attempts and not cut and not told.running:
        return "<p>No attempts are known: their events were dropped, or switched off.</p>"
    note = "" if not cut else (
        f"<p>Attempts that were cut off: {cut:,}. They ran when the job ended, or when their node "
        "was lost; their time counts until then, and the picture of workers has a mark there.</p>"
    )  # fmt: skip
    if hidden <= 0:
        return note
    return note + (
        f"<p>Counts are exact. Of {hidden:,} attempts no times are known (they were not run, or "
        "their events were dropped); pictures are of the others.</p>"
    )


def _colours(groups: Sequence[Group]) -> dict[str, str]:
    """Of functions, in pictures; the first is no red, which would look like failure."""
    return {group.name: f"hsl({(210 + 47 * at) % 360} 55% 50%)" for at, group in enumerate(groups)}


def _functions(rows: list[dict[str, Any]], known: Sequence[Group]) -> str:
    body = []
    groups, colours = {group.name: group for group in known}, _colours(known)
    for row in sorted(rows, key=lambda row: -row["submitted"]):
        group = groups.get(row["name"], Group(row["name"]))
        total = max(1, row["submitted"])
        bar = "".join([
            f'<span class={what} style="width:{100 * row[what] / total:.1f}%"></span>'
            for what in counted.OVER
        ])  # fmt: skip
        body.append(
            f'<tr><th><span class=mark style="background:{colours.get(row["name"], "none")}">'
            f"</span> {escape(row['name'])}</th>"
            f"<td class=bar>{bar}</td>"
            + "".join([f"<td>{text}</td>" for text in (
                *[f"{row[what]:,}" for what in ("submitted", *counted.OVER, "retried")],
                f"{len(group.cut_off):,}", f"{len(group.running):,}",
                _mean(group.queued), _mean(group.seconds), seconds_text(group.total_s),
                size_text(group.output_bytes),
            )]) + "</tr>"
        )  # fmt: skip
    heads = (
        "function",
        "",
        "tasks",
        "done",
        "failed",
        "cancelled",
        "tried again",
        "cut off",
        "running",
        "queued",
        "ran",
        "in all",
        "results",
    )
    return _table(heads, body)


def _mean(seconds: Sequence[float]) -> str:
    return seconds_text(sum(seconds) / len(seconds)) if seconds else ""


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    return (
        f"<table><tr>{''.join([f'<th>{head}</th>' for head in heads])}</tr>{''.join(rows)}</table>"
    )


def _fetched(groups: Sequence[Group]) -> str:
    """What moved between nodes for the tasks of each function."""
    rows = [
        f"<tr><th>{escape(group.name)}</th><td>{len(group.fetching):,}</td>"
        f"<td>{size_text(group.fetched_bytes)}</td><td>{_mean(group.fetching)}</td>"
        f"<td>{seconds_text(max(group.fetching))}</td></tr>"
        for group in sorted(groups, key=lambda group: -group.fetched_bytes)
        if group.fetching
    ]
    if not rows:
        return "<p>No task had to fetch an input from another node.</p>"
    return _table(("function", "tasks that fetched", "bytes", "mean wait", "longest"), rows)


def _boxes(groups: Sequence[Group]) -> str:
    """Box plots on one logarithmic scale: durations differ by orders of magnitude."""
    from math import ceil, floor, log10  # noqa: PLC0415 - here alone

    drawn = [(group, box) for group in groups if (box := group.box()) is not None]
    if not drawn:
        return "<p>Nothing ran.</p>"
    low = log10(max(_LEAST_S, min(box.least for _, box in drawn)))
    high = log10(max(_LEAST_S, *(box.most for _, box in drawn)))
    span = max(high - low, 1e-9)

    def x(seconds: float) -> float:
        return LABEL + (log10(max(_LEAST_S, seconds)) - low) / span * (WIDTH - LABEL - 20)

    parts = []
    for at, (group, box) in enumerate(drawn):
        y = at * _ROW + 4
        words = ", ".join(
            [f"{name} {seconds_text(value)}" for name, value in box._asdict().items()]
        )
        name = escape(group.name)
        parts.append(
            f"<g><title>{name}: {words}</title>{label(group.name, y)}"
            f'<line x1="{x(box.least):.1f}" x2="{x(box.most):.1f}" y1="{y + 6}" y2="{y + 6}"/>'
            f'<rect x="{x(box.low):.1f}" y="{y}" height="12" '
            f'width="{max(2.0, x(box.high) - x(box.low)):.1f}" class=box />'
            f'<line x1="{x(box.median):.1f}" x2="{x(box.median):.1f}" y1="{y}" y2="{y + 12}" '
            "class=median /></g>"
        )
    bottom = len(drawn) * _ROW + 4
    parts += [_mark(10.0**ten, x(10.0**ten), bottom) for ten in range(ceil(low), floor(high) + 1)]
    return picture(parts, bottom + 20, "How long attempts ran, by function")


def _mark(seconds: float, x: float, bottom: float) -> str:
    """How long that is, on the scale below."""
    return (
        f'<g class=axis><line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>'
        f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{seconds_text(seconds)}</text>'
        "</g>"
    )


def _rate(told: Figures) -> str:
    most = max(told.ended, default=0)
    if not most or not told.length_s:
        return "<p>Nothing ran.</p>"
    width, height = WIDTH / BINS, 120
    bin_s = told.length_s / BINS
    bars = [
        f'<rect x="{at * width:.1f}" width="{width:.2f}" y="{height - h:.1f}" height="{h:.1f}" '
        f"class=done><title>{seconds_text(at * bin_s)}: {n / bin_s:,.0f} a second</title></rect>"
        for at, n in enumerate(told.ended)
        if (h := n / most * height)
    ]
    return picture(bars, height, f"Attempts that ended, a second; at most {most / bin_s:,.0f}")


def _pending(told: Figures) -> str:
    most = max(told.pending, default=0)
    if not most:
        return ""
    curve = [(at / (BINS - 1), count) for at, count in enumerate(told.pending)]
    what = f"Tasks that were submitted and not over; at most {most:,}"
    return picture([line(curve, most, 80, "pending")], 80, what)


def _workers(told: Figures) -> str:
    colours = _colours(told.groups)
    parts, width = [], (WIDTH - LABEL) / BINS
    rows = sorted(told.busy.items())[:_WORKERS]
    for at, ((node, pid), shares) in enumerate(rows):
        y = at * _ROW
        parts.append(label(f"{node[:8]} {pid}: {100 * sum(shares) / BINS:.0f} %", y + 4))
        names = told.of[node, pid]
        parts += [
            f'<rect x="{LABEL + n * width:.1f}" y="{y}" width="{width:.2f}" height="{_ROW - 2}" '
            f'fill="{colours.get(names[n], "none")}" fill-opacity="{share:.2f}">'
            f"<title>{escape(names[n])}: busy {100 * share:.0f} %</title></rect>"
            for n, share in enumerate(shares)
            if share > 0.005  # noqa: PLR2004 - nothing to be seen
        ]
        cut = [each for each in told.cut_off if (each.node.hex(), each.pid) == (node, pid)]
        parts += [_cut(each, told, y) for each in cut]
    more = len(told.busy) - len(rows)
    shown = picture(parts, len(rows) * _ROW, "When workers were busy, and with which function")
    return shown + (f"<p>and {more} more workers</p>" if more > 0 else "")


def _cut(each: CutOff, told: Figures, y: float) -> str:
    """A mark where an attempt was cut off, in its worker's row."""
    part = (each.begun + each.seconds - told.began) / (told.length_s or 1.0)
    x = LABEL + part * (WIDTH - LABEL) - 1
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + _ROW - 2}" class=cut>'
        f"<title>cut off after {seconds_text(each.seconds)}: {each.why}</title></line>"
    )


def _errors(told: Figures) -> str:
    if not told.errors:
        return "<p>None.</p>"
    rows = [
        f"<tr><th>{escape(each['name'])}</th><td class=text>{escape(each['kind'])}</td>"
        f"<td>{each['count']:,}</td><td>{each['retried']:,}</td>"
        f"<td class=text>{escape(each['place'])}</td>"
        f"<td class=text>{escape(each['text'])}{_traceback(each['traceback'])}</td></tr>"
        for each in told.errors
    ]
    heads = ("function", "class", "times", "tried again", "place", "the latest said")
    return _table(heads, rows)


def _traceback(text: str) -> str:
    if not text:
        return ""
    return f"<details><summary>traceback</summary><pre>{escape(text)}</pre></details>"
