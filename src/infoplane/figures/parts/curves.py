"""Curves over epochs: the mean over seeds with the band of its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from infoplane.figures.parts import selection
from infoplane.figures.parts.measures import percent
from infoplane.figures.parts.panels import Section, line_handles, page, say
from infoplane.presentation import style
from infoplane.presentation.labels import number_curves
from infoplane.presentation.style import Look
from infoplane.statistics.inference.intervals import mean_intervals

# Room for the layers' numbers to the right of a panel, and of the page, in inches.
GAP, RIGHT = 0.36, 0.32


def over_epochs(
    table: pd.DataFrame, by: Sequence[str], column: str, *, confidence: float, geometric: bool = False
) -> pd.DataFrame:
    """Mean and t interval of `column` over seeds, for each group of `by` and every epoch, ascending in epoch.

    `geometric`: the mean and interval of the logarithms of the positive values, as values again.
    """
    if geometric:
        table = table[table[column] > 0]
        table = table.assign(**{column: np.log(table[column])})
    curves = mean_intervals(table, [*by, "epoch"], column, confidence=confidence)
    if geometric:
        curves[["mean", "lower", "upper"]] = np.exp(curves[["mean", "lower", "upper"]])
    return curves.sort_values("epoch", kind="stable", ignore_index=True)


def draw_curve(axis: Axes, table: pd.DataFrame, look: Look, *, along: str = "epoch", band: bool = True) -> None:
    """One curve of means along a column; no band where there is one seed."""
    x = table[along].to_numpy()
    if band and table["lower"].notna().any():
        axis.fill_between(x, table["lower"], table["upper"], color=look.colour, alpha=0.2, linewidth=0, zorder=2)
    axis.plot(x, table["mean"], color=look.colour, linestyle=look.dashes, zorder=3)


def draw_layers(axis: Axes, table: pd.DataFrame, looks: Mapping[int, Look], *, along: str = "epoch") -> None:
    """The curve of every layer of one run, with its number at the end. Set the limits of the axis before."""
    ends = {}
    for layer, look in looks.items():
        curve = table[table["layer"] == layer]
        draw_curve(axis, curve, look, along=along)
        if len(curve):
            ends[layer] = float(curve["mean"].iloc[-1])
    number_curves(axis, ends)


def log_axis(axis: Axes, curves: pd.DataFrame) -> None:
    """Make the y axis logarithmic, with room for the curves of `over_epochs` and their bands."""
    axis.set_yscale("log")
    axis.yaxis.set_minor_locator(NullLocator())
    means = curves["mean"][np.isfinite(curves["mean"]) & (curves["mean"] > 0)]
    if means.empty:
        return
    low, high = float(means.min()), float(means.max())
    # Bands over few seeds can reach any size: where they go far beyond the means, they are cut.
    low = max(_finite(curves["lower"]).min(initial=low), low / 6)
    high = min(_finite(curves["upper"]).max(initial=high), 6 * high)
    # All in one form: powers where a plain number would be long.
    form = "{:g}".format if low > 1e-3 and high < 1e4 else _power_text
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: form(value)))
    steps = (1, 2, 5) if high / low < 30 else (1, 3) if high / low < 1000 else (1,)
    axis.yaxis.set_major_locator(LogLocator(subs=steps, numticks=8))
    axis.set_ylim(low / 1.4, high * 1.4)


def _finite(values: pd.Series) -> NDArray[np.float64]:
    return np.asarray(values[np.isfinite(values)], dtype=np.float64)


def _power_text(value: float) -> str:
    """A tick of a logarithmic axis as a power of ten, or a multiple of it."""
    power = int(np.floor(np.log10(value) + 1e-9))
    multiple = f"{value / 10.0**power:.3g}"
    return f"$10^{{{power}}}$" if multiple == "1" else f"${multiple}\\times10^{{{power}}}$"


def page_of_layers(
    title: str,
    table: pd.DataFrame,
    column: str,
    training: pd.DataFrame,
    *,
    y_label: str,
    confidence: float,
    note: str = "",
    empty: str = selection.NONE_LEFT,
    level: float | None = None,
) -> Figure:
    """A panel per run with the geometric mean of a positive `column` over seeds, for every layer.

    `table` has the rows of the seeds that did not diverge; values that are not positive are left out. `level` draws a
    line there; `note` ends the footer; `empty` stands in the panel of a run without values.
    """
    titles = selection.panel_titles(training)
    looks = style.layer_looks(int(table["layer"].max()))
    last = selection.last_epoch(table)
    curves = over_epochs(table, ["run", "layer"], column, confidence=confidence, geometric=True)
    result = page(
        title,
        [Section(list(titles.values()), "", "epoch", y_label)],
        footer=f"Lines: geometric mean; bands: its {percent(confidence)} interval; {selection.seeds_note(training)} "
        f"{note}",
        height=1.2,
        gap=GAP,
        right=RIGHT,
        legend=line_handles(looks.values()),
    )
    for run, axis in zip(titles, result.axes[0], strict=True):
        style.epoch_axis(axis, last)
        log_axis(axis, curves)
        of_run = curves[curves["run"] == run]
        if of_run.empty:
            say(axis, empty)
            continue
        if level is not None:
            axis.axhline(level, color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
        draw_layers(axis, of_run, looks)
    return result.figure
