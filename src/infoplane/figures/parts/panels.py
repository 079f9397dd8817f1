"""Pages of equally large panels, laid out in inches: what does not move cannot overlap."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import matplotlib.cm
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from infoplane.presentation import style
from infoplane.presentation.style import Look

_LINE = 0.125  # inches; one line of small text
_TITLE_HEIGHT = 0.28
_TICK_ROOM = 0.16
_SECTION_HEIGHT = 0.22
_LEGEND_LINE = 0.16
_COLOUR_BAR_HEIGHT = 0.36


@dataclass(frozen=True, slots=True)
class Section:
    """A block of panels under a heading (none if it is empty); the axis labels hold for all its panels.

    `heads` stand above the columns, one for each.
    """

    panels: Sequence[str]
    heading: str = ""
    x_label: str = ""
    y_label: str = ""
    heads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A figure and its axes: `axes[section][panel]`."""

    figure: Figure
    axes: list[list[Axes]]


def page(
    title: str,
    sections: Sequence[Section],
    *,
    footer: str,
    columns: int | None = None,
    height: float = 1.35,
    share_x: bool = True,
    share_y: bool = True,
    gap: float | None = None,
    legend: Sequence[Artist] = (),
    last_epoch: int | None = None,
    beside_bar: Sequence[Artist] = (),
    left: float = 0.45,
    right: float = 0.12,
    width: float = style.PAGE_WIDTH,
) -> Page:
    """A page of panels with a title, a legend below them and a footer that states the assumptions.

    `height` is that of a panel, `left` the room for the labels of the y axis, `right` that beside the last column and
    `gap` that between columns, all in inches. Without `columns` there are three or four, whichever leaves fewer places
    empty. Panels that share an axis show its numbers only at the edge of the page. `last_epoch` adds a colour bar of
    epochs, with the legend's entries `beside_bar` to its right.
    """
    most = max(len(section.panels) for section in sections)
    columns = min(columns or _columns(most), most)
    gap_x = gap if gap is not None else (0.14 if share_x else 0.28) if share_y else left + 0.02
    panel_width = (width - left - right - gap_x * (columns - 1)) / columns

    foot_lines = textwrap.wrap(footer, width=int(width * 23.5)) if footer else []
    legend_rows = _legend_rows(legend, width - left)
    bottom = 0.15 + _LINE * len(foot_lines)
    bottom += len(legend_rows) * _LEGEND_LINE + (0.04 if legend else 0)
    bottom += _COLOUR_BAR_HEIGHT if last_epoch is not None else 0

    # Inches from the top of a section to the top of each of its rows of panels, and its whole height.
    row_tops, heights = [], []
    for section in sections:
        down = _SECTION_HEIGHT if section.heading else 0.0
        down += _LINE + 0.02 if section.heads else 0.0
        tops = []
        for first in range(0, len(section.panels), columns):
            lines = [name.count("\n") + 1 for name in section.panels[first : first + columns] if name]
            down += (0.08 if not first or share_x else _TICK_ROOM + 0.06) + _LINE * max(lines, default=0)
            tops.append(down)
            down += height
        row_tops.append(tops)
        heights.append(down + _TICK_ROOM + (0.16 if section.x_label else 0))
    total = _TITLE_HEIGHT + sum(heights) + 0.08 * (len(sections) - 1) + bottom
    figure = Figure(figsize=(width, total))

    def place(x: float, y: float) -> tuple[float, float]:
        """From inches right of the left and below the top edge to figure coordinates."""
        return x / width, 1 - y / total

    figure.text(*place(0.08, 0.07), title, fontsize=style.TITLE, fontweight="bold", va="top", ha="left")
    axes: list[list[Axes]] = []
    top = _TITLE_HEIGHT
    for section, tops, section_height in zip(sections, row_tops, heights, strict=True):
        if section.heading:
            figure.text(*place(0.08, top + 0.04), section.heading, fontsize=style.TEXT + 0.5, va="top", style="italic")
        head = top + (_SECTION_HEIGHT if section.heading else 0.0) + 0.05
        for column, text in enumerate(section.heads):
            at = place(left + column * (panel_width + gap_x), head)
            figure.text(*at, text, fontsize=style.TEXT, fontweight="bold", va="top", ha="left")
        placed: list[Axes] = []
        for index, name in enumerate(section.panels):
            row, column = divmod(index, columns)
            corner = place(left + column * (panel_width + gap_x), top + tops[row] + height)
            axis = figure.add_axes((*corner, panel_width / width, height / total))
            axis.set_title(name)
            if share_y and column:
                axis.tick_params(labelleft=False)
            if share_x and index + columns < len(section.panels):
                axis.tick_params(labelbottom=False)
            placed.append(axis)
        if section.y_label:
            middle = top + (tops[0] + tops[-1] + height) / 2
            figure.text(*place(0.1, middle), section.y_label, rotation=90, va="center", ha="center")
        if section.x_label:
            used = min(columns, len(section.panels))
            middle = left + (used * panel_width + (used - 1) * gap_x) / 2
            y = top + tops[-1] + height + _TICK_ROOM + 0.05
            figure.text(*place(middle, y), section.x_label, va="top", ha="center")
        axes.append(placed)
        top += section_height + 0.08

    below = total - bottom + 0.06
    for entries in legend_rows:
        figure.legend(
            handles=entries,
            loc="upper left",
            bbox_to_anchor=place(left - 0.05, below),
            ncols=len(entries),
            borderaxespad=0,
            borderpad=0,
            handlelength=_handle_length(legend),
            columnspacing=1.2,
        )
        below += _LEGEND_LINE
    below += 0.04 if legend else 0
    if last_epoch is not None:
        colour_bar(figure, (*place(left, below + 0.11), 0.45 * (width - left) / width, 0.075 / total), last_epoch)
        if beside_bar:
            figure.legend(
                handles=list(beside_bar),
                loc="center left",
                bbox_to_anchor=place(left + 0.45 * (width - left) + 0.6, below + 0.075),
                ncols=len(beside_bar),
                borderaxespad=0,
                borderpad=0,
            )
    for index, line in enumerate(foot_lines):
        y = (0.08 + _LINE * (len(foot_lines) - 1 - index)) / total
        figure.text(0.08 / width, y, line, fontsize=style.SMALL, color="#555555", va="bottom", ha="left")
    return Page(figure, axes)


def _columns(panels: int) -> int:
    """Three or four, whichever leaves fewer empty places in the last row; four if both leave as many."""
    return min((4, 3), key=lambda columns: -panels % columns) if panels > 4 else panels


def _handle_length(legend: Sequence[Artist]) -> float:
    """Lines need room to show their dashes, markers do not; in units of the font's size."""
    return 2.2 if any(isinstance(handle, Line2D) and handle.get_linestyle() != "None" for handle in legend) else 1.0


def _legend_rows(legend: Sequence[Artist], width: float) -> list[list[Artist]]:
    """The entries of a legend in rows, from left to right, that fit into `width` inches."""
    rows: list[list[Artist]] = []
    room = 0.0
    for handle in legend:
        # Letters of the legend's font are about 0.052 inches wide; mathematics is written longer than it is set.
        letters = len(re.sub(r"[$\\{}]", "", str(handle.get_label())))
        length = 0.052 * letters + (_handle_length(legend) + 2.0) * 0.09
        if not rows or length > room:
            rows.append([])
            room = width
        rows[-1].append(handle)
        room -= length
    return rows


def colour_bar(figure: Figure, box: tuple[float, float, float, float], last: int) -> None:
    """A horizontal colour bar of epochs in `box` (left, bottom, width, height in figure coordinates)."""
    axis = figure.add_axes(box, label="colour bar")
    mappable = matplotlib.cm.ScalarMappable(style.epoch_norm(last), style.EPOCH_COLOURS)
    bar = figure.colorbar(mappable, cax=axis, orientation="horizontal")
    ticks = style.epoch_ticks(max(last, 1), with_last=True)
    bar.ax.xaxis.set_major_locator(FixedLocator(ticks))
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.ax.xaxis.set_major_formatter(FixedFormatter([style.epoch_text(tick) for tick in ticks]))
    bar.outline.set_visible(False)
    bar.ax.grid(False)
    bar.ax.text(1.02, 0.5, "epoch", transform=bar.ax.transAxes, va="center", ha="left")


def line_handles(looks: Iterable[Look], *, markers: bool = False) -> list[Line2D]:
    """Legend entries that show lines, with their markers if asked for."""
    return [
        Line2D(
            [],
            [],
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker if markers else "",
            markersize=7 if look.marker == "*" else 4.5,
            label=look.label,
        )
        for look in looks
    ]


def marker_handles(looks: Iterable[Look], colour: str | None = None) -> list[Line2D]:
    """Legend entries that show markers, all in one colour if it is given."""
    return [
        Line2D(
            [],
            [],
            linestyle="",
            marker=look.marker,
            markersize=7 if look.marker == "*" else 5,
            markerfacecolor=colour or look.colour,
            markeredgecolor="white" if colour is None else style.INK,
            markeredgewidth=0.5,
            label=look.label,
        )
        for look in looks
    ]


def patch_handles(looks: Iterable[Look]) -> list[Patch]:
    """Legend entries that show a colour."""
    return [Patch(color=look.colour, label=look.label) for look in looks]


def say(axis: Axes, text: str) -> None:
    """Write into an empty panel why it is empty."""
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color="#555555", fontsize=style.SMALL)
