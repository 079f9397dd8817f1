"""Under which settings of the analysis each claim holds, under how many, and what its verdict turns on."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from infoplane.claims.parts import CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE, SUPPORTED
from infoplane.claims.sensitivity import WHOLE
from infoplane.claims.sensitivity_text import factor_name
from infoplane.presentation import style

TABLES = ("sensitivity", "sensitivity_summary", "sensitivity_factors")
TITLE = "Sensitivity of the claims to the analysis"
CAPTION = """\
**Sensitivity of the claims to the analysis.** Each claim, as a whole (bold) and in its parts, is tested again under
every combination of estimator, bound, measure of compression and epoch at which training is taken to stop, with the
same seeds and the same rules. Top: the verdicts; a block of small cells is an estimator with its own settings, in it
rows are measures and columns stopping epochs, as the key below shows, and a frame marks the setting of the study's own
claims. Bottom left: the share of the settings with each verdict, of those where there is one. Bottom right: how often
the verdict changes when one thing is changed, as a share of all pairs of settings that differ in it alone; an asterisk
marks pairs that go from supported to contradicted. Settings share their networks, so that shares are no probabilities.
"""

_LEFT = 2.2  # inches; the names of claims and parts
_RIGHT = 0.12
_ROW = 0.2
_GAP = 0.07  # between claims, and between estimators
_NARROWEST = 0.19  # of a column of the matrix
_WIDEST = 0.5
_LINE = 0.115

# Dark, middle, light and white, also in grey; what is contradicted is crossed out and what has no verdict is dotted.
_FACES = {SUPPORTED: "#0072B2", CONTRADICTED: "#EFB04A", INCONCLUSIVE: "#E6E6E6", NOT_ESTIMABLE: "#FFFFFF"}


@dataclass(frozen=True, slots=True)
class _Column:
    """One estimator and bound; `label` says what sets it apart in its group."""

    estimator: str
    bound: str
    group: str
    label: str


@dataclass(frozen=True, slots=True)
class _Row:
    claim: str
    part: str
    label: str
    bold: bool
    gap: float  # above it


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A matrix of verdicts, a bar of shares for each claim and part, and a table of what changes them."""
    table = tables["sensitivity"]
    summary, factors = tables["sensitivity_summary"], tables["sensitivity_factors"]
    rows, columns = _rows(summary), _columns(table)
    measures = list(dict.fromkeys(table["measure"]))
    stops = table.drop_duplicates("stopping").sort_values("stopping")[["stopping", "stopping_epoch"]]
    blocks = _blocks(columns)
    headers = [_header_height([column for group in block for column in group]) for block in blocks]
    matrix_height = sum(row.gap + _ROW for row in rows)
    cell = max(_ROW * 0.9 / len(measures), 0.06)
    key_height = max(cell * 1.6 * len(measures) + 0.3, 0.55)
    foot = textwrap.wrap(_footer(table), width=int(style.PAGE_WIDTH * 23.5))
    heights = [header + matrix_height + 0.14 for header in headers]
    below_heading = 0.38
    bottom = 0.16 + _LINE * len(foot)
    height = 0.34 + sum(heights) + key_height + 0.12 + below_heading + 0.8 * matrix_height + 0.1 + bottom
    figure = Figure(figsize=(style.PAGE_WIDTH, height))
    # Everything is placed in inches from the top left corner.
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_xlim(0, style.PAGE_WIDTH)
    axis.set_ylim(height, 0)
    axis.set_axis_off()
    axis.set(xticks=[], yticks=[])
    axis.text(0.08, 0.07, TITLE, fontsize=style.TITLE, fontweight="bold", va="top")
    top = 0.34
    verdicts = table.set_index(["claim", "part", "estimator", "bound", "measure", "stopping"])
    for block, header, block_height in zip(blocks, headers, heights, strict=True):
        _matrix(axis, top, header, block, rows, verdicts, measures, stops["stopping"].tolist())
        top += block_height
    _key(axis, top + 0.05, measures, stops["stopping_epoch"].tolist())
    top += key_height + 0.12
    _shares(axis, top, below_heading, rows, summary, factors)
    for index, line in enumerate(foot):
        y = 1 - (height - bottom + 0.1 + _LINE * index) / height
        figure.text(0.08 / style.PAGE_WIDTH, y, line, fontsize=style.SMALL, color="#555555", va="top")
    return figure


def _footer(table: pd.DataFrame) -> str:
    settings = table.drop_duplicates(["estimator", "bound", "measure", "stopping"])
    n, diverged, dead = (int(table[name].max()) for name in ("n_seeds", "n_diverged", "n_dead"))
    reasons = [
        f"up to {count} {'network' if count == 1 else 'networks'} that {verb}"
        for count, verb in ((diverged, "diverged"), (dead, "is dead" if dead == 1 else "are dead"))
        if count
    ]
    lost = f", but for {' and '.join(reasons)}" if reasons else ""
    own = table[table["varied"].isna() | (table["varied"] == "")].drop_duplicates("estimator")
    return (
        f"{len(settings)} settings, {n} seed{'s' if n > 1 else ''} per run{lost}. Own settings of the estimators: "
        + "; ".join(f"{estimator}: {text}" for estimator, text in zip(own["estimator"], own["assumption"], strict=True))
        + ". Asterisk: some of the pairs go from supported to contradicted."
    )


def _rows(summary: pd.DataFrame) -> list[_Row]:
    """A claim with one part has one row."""
    rows = []
    for claim in dict.fromkeys(summary["claim"]):
        parts = [part for part in summary.loc[summary["claim"] == claim, "part"] if part != WHOLE]
        single = parts[0] if len(parts) == 1 else "as a whole"
        rows.append(_Row(claim, WHOLE, f"{claim}  {single}", True, _GAP))
        rows += [_Row(claim, part, part, False, 0.0) for part in parts if len(parts) > 1]
    return rows


def _columns(table: pd.DataFrame) -> list[list[_Column]]:
    """The columns of every estimator of the study: by bound, then by the value of the setting that is varied."""
    found = table.drop_duplicates(["estimator", "bound"])[["estimator", "bound", "base", "method", *_VARIANT]]
    found = found.fillna("")
    groups = []
    for base, rows in found.groupby("base", sort=False):
        keys = [key for key in dict.fromkeys(rows["varied"]) if key]
        name = style.estimator_label(str(base), str(rows["method"].iloc[0]))
        group = f"{name}\n{factor_name(keys[0])}" if len(keys) == 1 else name
        placed = []
        for row in rows.to_dict("records"):
            settings = json.loads(row["settings"])
            value: Any = settings.get(keys[0], "") if len(keys) == 1 else ""
            label = f"{value:g}" if isinstance(value, int | float) else str(value)
            if len(keys) > 1:
                label = f"{factor_name(row['varied'])} {row['value']}" if row["varied"] else "own settings"
            bound = "" if row["bound"] == "none" else row["bound"]
            place = (bound != "upper", value if isinstance(value, int | float) else 0.0)
            column = _Column(row["estimator"], row["bound"], group, " ".join(filter(None, [bound, label])))
            placed.append((place, column))
        groups.append([column for _, column in sorted(placed, key=lambda pair: pair[0])])
    return groups


_VARIANT = ("varied", "value", "settings")


def _blocks(groups: Sequence[Sequence[_Column]]) -> list[list[list[_Column]]]:
    """The groups one after the other, begun anew below where the page is not wide enough."""
    room = style.PAGE_WIDTH - _LEFT - _RIGHT
    most = int(room / _NARROWEST)
    blocks: list[list[list[_Column]]] = [[]]
    used = 0.0
    for group in groups:
        for first in range(0, len(group), most):
            part = list(group[first : first + most])
            width = _least_width(part)
            if blocks[-1] and used + _GAP + width > room:
                blocks.append([])
                used = 0.0
            blocks[-1].append(part)
            used += _GAP + width
    return blocks


def _least_width(group: Sequence[_Column]) -> float:
    """Inches that a group needs for its columns and its name."""
    return max(len(group) * _NARROWEST, *(0.056 * len(line) for line in group[0].group.split("\n")))


def _header_height(columns: Sequence[_Column]) -> float:
    lines = max(column.group.count("\n") + 1 for column in columns)
    return lines * _LINE + _label_height(columns) + 0.08


def _label_height(columns: Sequence[_Column]) -> float:
    return 0.05 * max(len(column.label) for column in columns) + 0.04


def _matrix(
    axis: Axes,
    top: float,
    header: float,
    groups: Sequence[Sequence[_Column]],
    rows: Sequence[_Row],
    table: pd.DataFrame,
    measures: Sequence[str],
    stops: Sequence[float],
) -> None:
    room = style.PAGE_WIDTH - _LEFT - _RIGHT - _GAP * (len(groups) - 1)
    count = sum(map(len, groups))
    widths = [max(min(room / count, _WIDEST) * len(group), _least_width(group)) for group in groups]
    shrink = min(1.0, room / sum(widths))
    verdicts, primary = table["verdict"].to_dict(), table["primary"].to_dict()
    cells = _Cells()
    left = _LEFT
    for group, width in zip(groups, widths, strict=True):
        width *= shrink
        column_width = min(width / len(group), _WIDEST)
        name_at = top + header - 0.06 - _label_height(group)
        axis.text(left, name_at, group[0].group, fontsize=style.SMALL, va="bottom", linespacing=1.15)
        for index, column in enumerate(group):
            x = left + index * column_width
            middle = x + 0.47 * column_width
            place = (middle, top + header - 0.04)
            axis.text(*place, column.label, fontsize=style.SMALL, rotation=90, ha="center", va="bottom")
            y = top + header
            for row in rows:
                y += row.gap
                at = (row.claim, row.part, column.estimator, column.bound)
                for i, measure in enumerate(measures):
                    for j, stop in enumerate(stops):
                        verdict = verdicts.get((*at, measure, stop))
                        if verdict is None:
                            continue
                        box = (
                            x + j * 0.94 * column_width / len(stops),
                            y + i * 0.9 * _ROW / len(measures),
                            0.94 * column_width / len(stops),
                            0.9 * _ROW / len(measures),
                        )
                        cells.add(verdict, *box, framed=bool(primary[(*at, measure, stop)]))
                y += _ROW
        left += width + _GAP
    cells.draw(axis)
    y = top + header
    for row in rows:
        y += row.gap
        _name(axis, row, y + 0.45 * _ROW)
        y += _ROW


def _name(axis: Axes, row: _Row, y: float) -> None:
    x = 0.08 if row.bold else 0.08 + 0.2
    weight = "bold" if row.bold else "normal"
    axis.text(x, y, row.label, fontsize=style.SMALL, fontweight=weight, va="center")


class _Cells:
    """Rectangles with the look of a verdict, drawn all at once: there may be thousands."""

    def __init__(self) -> None:
        self._boxes: list[Rectangle] = []
        self._faces: list[str] = []
        self._strokes: list[list[tuple[float, float]]] = []
        self._dots: list[tuple[float, float]] = []
        self._frames: list[Rectangle] = []

    def add(self, verdict: str, x: float, y: float, width: float, height: float, *, framed: bool = False) -> None:
        """A cell whose upper left corner is (x, y)."""
        self._boxes.append(Rectangle((x, y), width, height))
        self._faces.append(_FACES[verdict])
        if verdict == CONTRADICTED:
            self._strokes.append([(x, y + height), (x + width, y)])
        if verdict == NOT_ESTIMABLE:
            self._dots.append((x + width / 2, y + height / 2))
        if framed:
            self._frames.append(Rectangle((x, y), width, height))

    def add_bar(self, verdict: str, x: float, y: float, width: float, height: float) -> None:
        """A bar, with strokes all along it if it is contradicted."""
        self._boxes.append(Rectangle((x, y), width, height))
        self._faces.append(_FACES[verdict])
        if verdict == CONTRADICTED:
            slant = min(0.08, width)
            for index in range(max(int((width - slant) / 0.1) + 1, 1)):
                start = x + 0.1 * index
                self._strokes.append([(start, y + height), (start + slant, y)])

    def draw(self, axis: Axes) -> None:
        """Put everything on the axis."""
        axis.add_collection(
            PatchCollection(self._boxes, facecolor=self._faces, edgecolor="white", linewidth=0.3), autolim=False
        )
        axis.add_collection(LineCollection(self._strokes, color=style.INK, linewidth=0.6), autolim=False)
        if self._dots:
            axis.plot(*zip(*self._dots, strict=True), ".", markersize=1.4, color=style.FAINT)
        axis.add_collection(
            PatchCollection(self._frames, facecolor="none", edgecolor=style.INK, linewidth=0.9, zorder=5),
            autolim=False,
        )


def _key(axis: Axes, top: float, measures: Sequence[str], epochs: Sequence[int]) -> None:
    """What the cells mean, and what the places in a block mean."""
    size = 0.11
    cells = _Cells()
    for index, verdict in enumerate((SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE)):
        y = top + index * _LINE * 1.15
        cells.add(verdict, 0.08, y, size, 0.09)
        if verdict == NOT_ESTIMABLE:
            axis.add_patch(Rectangle((0.08, y), size, 0.09, fill=False, edgecolor=style.GRID, linewidth=0.5))
        axis.text(0.08 + size + 0.06, y + 0.045, verdict, fontsize=style.SMALL, va="center")
    cells.draw(axis)
    left, width = _LEFT, 0.36
    axis.text(left - 0.06, top - 0.01, "stopping epoch", fontsize=style.SMALL, va="center", ha="right", style="italic")
    for j, epoch in enumerate(epochs):
        axis.text(left + (j + 0.5) * width, top - 0.01, f"{epoch:g}", fontsize=style.SMALL, va="center", ha="center")
    for i, measure in enumerate(measures):
        y = top + 0.06 + i * 0.115
        axis.text(left - 0.06, y + 0.055, measure, fontsize=style.SMALL, va="center", ha="right", style="italic")
        for j in range(len(epochs)):
            axis.add_patch(
                Rectangle((left + j * width, y), width, 0.115, fill=False, edgecolor=style.FAINT, linewidth=0.5)
            )
    x = left + len(epochs) * width + 0.25
    axis.add_patch(Rectangle((x, top + 0.06), size, 0.09, fill=False, edgecolor=style.INK, linewidth=0.9))
    axis.text(x + size + 0.06, top + 0.105, "the study's own claims", fontsize=style.SMALL, va="center")


def _shares(
    axis: Axes, top: float, heading: float, rows: Sequence[_Row], summary: pd.DataFrame, factors: pd.DataFrame
) -> None:
    bar = 1.7
    axis.text(_LEFT, top, "share of settings", fontsize=style.TEXT, va="top")
    names = list(dict.fromkeys(factors["factor"]))
    left = _LEFT + bar + 0.55
    room = style.PAGE_WIDTH - _RIGHT - left
    width = min(room / max(len(names), 1), 0.55)
    axis.text(left, top, "verdict changes with", fontsize=style.TEXT, va="top")
    for index, name in enumerate(names):
        text = factor_name(name).replace(" ", "\n")
        x, y = left + (index + 0.5) * width, top + heading - 0.03
        axis.text(x, y, text, fontsize=style.SMALL, ha="center", va="bottom", linespacing=1.05)
    for share in (0, 0.5, 1):
        x = _LEFT + share * bar
        axis.text(x, top + heading - 0.03, f"{100 * share:g} %", fontsize=style.SMALL, ha="center", va="bottom")
    counted = {(row["claim"], row["part"]): row for row in summary.to_dict("records")}
    changes = {(row["claim"], row["part"], row["factor"]): row for row in factors.to_dict("records")}
    y = top + heading
    height = 0.8 * _ROW
    cells = _Cells()
    for row in rows:
        y += 0.8 * row.gap
        _name(axis, row, y + height / 2)
        own = counted[row.claim, row.part]
        x = _LEFT
        for verdict in (SUPPORTED, INCONCLUSIVE, CONTRADICTED):
            share = own[f"share_{verdict}"]
            if share > 0:
                cells.add_bar(verdict, x, y + 0.02, share * bar, height - 0.04)
                x += share * bar
        estimable = own["n_settings"] - own["n_not_estimable"]
        axis.text(_LEFT + bar + 0.06, y + height / 2, f"of {estimable}", fontsize=style.SMALL, va="center")
        for index, name in enumerate(names):
            change = changes[row.claim, row.part, name]
            if change["pairs"] == 0:
                continue
            share = float(change["share_differing"])
            # White to a grey on which black text is easy to read.
            shade = 1 - 0.35 * share
            box = (left + index * width + 0.01, y + 0.01)
            axis.add_patch(Rectangle(box, width - 0.02, height - 0.02, facecolor=(shade,) * 3, linewidth=0))
            text = f"{100 * share:.0f} %" + ("*" if change["n_reversed"] else "")
            colour = style.INK if share else style.FAINT
            place = (left + (index + 0.5) * width, y + height / 2)
            axis.text(*place, text, fontsize=style.SMALL, color=colour, ha="center", va="center")
        y += height
    cells.draw(axis)
