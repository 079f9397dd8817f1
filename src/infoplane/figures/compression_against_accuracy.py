"""Compression against test accuracy, layer by layer, for every seed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from infoplane.figures import selection, style
from infoplane.figures.panels import Section, marker_handles, page, say
from infoplane.statistics.correlation import POOLED, poolable
from infoplane.statistics.frames import settings_of_runs

TABLES = ("compression", "correlation")
TITLE = "Compression against test accuracy"
CAPTION = """\
**Compression against test accuracy**, one panel per layer, one point per seed. Compression is the drop of
:math:`I(T;X)`: from its largest value to the mean of the last recorded tenth of the epochs, relative to the largest
value. Above: the values; below: the same seeds with each run's means taken off, so that differences between runs do not
pose as a correlation, with the regression line and its 95 % band. The panels below give Pearson's r with the run as a
factor, its 95 % interval (Fisher's z), Spearman's ρ of the ranks within the runs, and two-sided p values that are not
corrected for the number of layers. Diverged seeds are left out, and from the lower panels runs whose compression does
not vary or which stay at the ceiling :math:`H(X)`.
"""
PER_ESTIMATOR = True

_MEASURE, _GENERALISATION = "drop", "test_accuracy"


def draw(tables: Mapping[str, pd.DataFrame], estimator: str = "ebab") -> Figure:
    """For each bound, one panel per layer with the values, then one with the values centred within their run."""
    table = selection.of_estimator(tables["compression"], estimator)
    correlation = selection.of_estimator(tables["correlation"], estimator)
    looks = style.run_looks(settings_of_runs(table))
    layers = style.layer_looks(int(table["n_layers"].max()))
    bounds = selection.bounds(table)
    panels = [look.label for look in layers.values()]
    sections = []
    for bound in bounds:
        name = style.bound_label(bound)
        sections.append(
            Section(panels, ", ".join(filter(None, ["Every seed", name])), "drop of $I(T;X)$", "test accuracy")
        )
        sections.append(
            Section(
                panels,
                ", ".join(filter(None, ["Relative to the run's means", name])),
                "drop of $I(T;X)$ − mean of the run",
                "test accuracy − mean of the run",
            )
        )
    result = page(
        f"{TITLE}: {selection.label(table)}",
        sections,
        footer=f"{selection.assumption_note(table)} Every point is a seed; {selection.seeds_note(table)} "
        "r, ρ: Pearson's and Spearman's correlation with the run as a factor; p not corrected for the layers.",
        columns=3,
        height=1.4,
        share_x=False,
        left=0.55,
        legend=marker_handles(looks.values()),
    )
    kept = table[~table["diverged"]]
    for index, bound in enumerate(bounds):
        of_bound = kept[kept["bound"] == bound]
        limits = selection.span(of_bound[_GENERALISATION])
        extent = 0.0
        for layer, above, below in zip(layers, result.axes[2 * index], result.axes[2 * index + 1], strict=True):
            part = of_bound[(of_bound["layer"] == layer) & of_bound[_MEASURE].notna()]
            above.set_ylim(*limits)
            if part.empty:
                say(above, "no seed can be measured")
            for run, look in looks.items():
                seeds = part[part["run"] == run]
                _points(above, seeds[_MEASURE], seeds[_GENERALISATION], look)
            above.set_xlim(*selection.span(part[_MEASURE]))
            above.xaxis.set_major_locator(MaxNLocator(5))
            pool = _centred(poolable(part, _MEASURE, _GENERALISATION))
            _draw_centred(below, pool, looks, _pooled(correlation, layer, bound))
            extent = max(extent, float(pool[_GENERALISATION].abs().max()) if len(pool) else 0.0)
        # The lower panels share one scale of accuracy, with room for two lines of text above the points.
        extent = extent or 0.01
        for axis in result.axes[2 * index + 1]:
            axis.set_ylim(-1.12 * extent, 1.75 * extent)
            axis.yaxis.set_major_locator(MaxNLocator(4))
    return result.figure


def _points(axis: Axes, x: pd.Series, y: pd.Series, look: style.Look) -> None:
    size = 26 if look.marker == "*" else 15
    axis.scatter(x, y, s=size, marker=look.marker, color=look.colour, edgecolor="white", linewidth=0.35, zorder=3)


def _pooled(correlation: pd.DataFrame, layer: int, bound: str) -> pd.Series | None:
    """The correlation pooled over runs, or that of the only run."""
    chosen = correlation[
        (correlation["layer"] == layer)
        & (correlation["bound"] == bound)
        & (correlation["measure"] == _MEASURE)
        & (correlation["generalisation"] == _GENERALISATION)
    ]
    pooled = chosen[chosen["run"] == POOLED]
    rows = pooled if len(pooled) else chosen
    return rows.iloc[0] if len(rows) == 1 else None


def _centred(pool: pd.DataFrame) -> pd.DataFrame:
    """Each run's means taken off."""
    columns = [_MEASURE, _GENERALISATION]
    return pool[["run"]].join(pool[columns] - pool.groupby("run", observed=True)[columns].transform("mean"))


def _draw_centred(axis: Axes, pool: pd.DataFrame, looks: Mapping[str, style.Look], row: pd.Series | None) -> None:
    """The points of one layer with each run's means taken off, the regression and its numbers."""
    x, y = pool[_MEASURE], pool[_GENERALISATION]
    for run, look in looks.items():
        of_run = pool["run"] == run
        _points(axis, x[of_run], y[of_run], look)
    low, high = selection.span([*x, *(-x)])
    axis.set_xlim(low, high)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    if row is None or row["status"] != "ok":
        reason = "runs of different depth are not pooled" if row is None else str(row["status"])
        axis.text(0.04, 0.96, reason.replace(": ", ":\n"), transform=axis.transAxes, va="top", fontsize=style.SMALL)
        return
    # The line through the means; the errors of its slope follow from r and its degrees of freedom.
    r, freedom = float(row["pearson_r"]), int(row["degrees_of_freedom"])
    ratio = float(np.sqrt((y**2).sum() / (x**2).sum()))
    error = stats.t.ppf(0.975, freedom) * ratio * np.sqrt(max(1 - r * r, 0.0) / freedom)
    ends = np.array([low, 0.0, high])
    axis.fill_between(
        ends,
        r * ratio * ends - error * np.abs(ends),
        r * ratio * ends + error * np.abs(ends),
        color=style.INK,
        alpha=0.12,
        linewidth=0,
        zorder=1,
    )
    axis.plot(ends, r * ratio * ends, color=style.INK, linewidth=1.0, zorder=2)
    lower, upper = float(row["pearson_lower"]), float(row["pearson_upper"])
    rho = selection.number(float(row["spearman_rho"]))
    p_values = [selection.p_text(float(row[name])) for name in ("pearson_p", "spearman_p")]
    text = (
        f"r = {selection.number(r)} [{selection.number(lower)}, {selection.number(upper)}], {p_values[0]}\n"
        f"ρ = {rho}, {p_values[1]}; {row['n']} seeds, {row['n_runs']} runs"
    )
    axis.text(0.03, 0.97, text, transform=axis.transAxes, va="top", fontsize=style.SMALL, linespacing=1.3)
