"""Compression against test accuracy, layer by layer, for every seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from infoplane.figures.parts import selection
from infoplane.figures.parts.measures import MEASURES, percent
from infoplane.figures.parts.panels import Section, marker_handles, page, say
from infoplane.presentation import style
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import settings_of_runs
from infoplane.statistics.tables.correlation import POOLED, poolable

TABLES = ("compression", "correlation")
TITLE = "Compression against test accuracy"
CAPTION = """\
**Compression against test accuracy**, one panel per layer, one point per seed. {measure} Above: the values; below: the
same seeds with each run's means taken off, so that differences between runs do not pose as a correlation, with the
regression line. The panels below give Pearson's r with the run as a factor, its {confidence} interval, Spearman's ρ of
the ranks within the runs, and for both the two-sided p value, corrected for the number of layers (Holm). Intervals are
by bootstrap (BCa), p by permutation, both of seeds, the same in all runs: a seed is not independent between them. The
band is the interval of r. Diverged and dead seeds are left out, and from the lower panels runs whose
compression does not vary or which stay at the ceiling :math:`H(X)`. Where compression hardly varies the axis still
spans 0.1. For an estimator that bounds the information, of the upper bound; the table correlation has both.
"""
PER_ESTIMATOR = True
PAPER = "a later figure"
SETTINGS = ("confidence", "measure")

_GENERALISATION = "test_accuracy"

# The least width of an axis of compression: a layer that does not compress must not look as if it did.
_LEAST_WIDTH = 0.1


def draw(
    tables: Mapping[str, pd.DataFrame], *, estimator: str = "ebab", confidence: float = 0.95, measure: str = "drop"
) -> Figure:
    """One panel per layer with the values, then one with the values centred within their run."""
    table = selection.of_estimator(tables["compression"], estimator)
    bound = selection.bounds(table)[0]
    table = table[table["bound"] == bound]
    correlation = selection.of_estimator(tables["correlation"], estimator)
    looks = style.run_looks(settings_of_runs(table))
    layers = style.layer_looks(int(table["n_layers"].max()))
    kept = table[~is_left_out(table) & table[measure].notna()]
    of_layer = {layer: kept[kept["layer"] == layer] for layer in layers}
    pools = {layer: _centred(poolable(part, measure, _GENERALISATION), measure) for layer, part in of_layer.items()}
    label = MEASURES[measure].label
    counted = [
        f"{look.label}: {len(pools[layer])} seeds, {pools[layer]['run'].nunique()} runs"
        if len(pools[layer])
        else look.label
        for layer, look in layers.items()
    ]
    result = page(
        ", ".join(filter(None, [f"{TITLE}: {selection.label(table)}", style.bound_label(bound)])),
        [
            Section([look.label for look in layers.values()], "Every seed", label, "test accuracy"),
            Section(
                counted, "Relative to the run's means", f"{label} − mean of the run", "test accuracy − mean of the run"
            ),
        ],
        footer=f"{selection.assumption_note(table)} Every point is a seed; {selection.seeds_note(table)} r, ρ: "
        f"Pearson's and Spearman's correlation with the run as a factor, r with its {percent(confidence)} interval and "
        "band by bootstrap of seeds; p: by permutation of seeds, corrected for the layers (Holm).",
        columns=3,
        height=1.4,
        share_x=False,
        left=0.55,
        legend=marker_handles(looks.values()),
    )
    # All panels of a block share one scale of accuracy; the lower has room for two lines of text above the points.
    limits = selection.span(kept[_GENERALISATION])
    extent = (
        max((float(pool[_GENERALISATION].abs().max()) for pool in pools.values() if len(pool)), default=0.0) or 0.01
    )
    for (layer, part), above, below in zip(of_layer.items(), *result.axes, strict=True):
        above.set_ylim(*limits)
        if part.empty:
            say(above, "no seed can be measured")
        for run, look in looks.items():
            seeds = part[part["run"] == run]
            _points(above, seeds[measure], seeds[_GENERALISATION], look)
        above.set_xlim(*_wide(part[measure]))
        above.xaxis.set_major_locator(MaxNLocator(5))
        row = _pooled(correlation, layer, bound, measure)
        _draw_centred(below, pools[layer], measure, looks, row)
        below.set_ylim(-1.12 * extent, 1.75 * extent)
        below.yaxis.set_major_locator(MaxNLocator(4))
    return result.figure


def _wide(values: Iterable[float]) -> tuple[float, float]:
    """Limits that hold all values and are at least `_LEAST_WIDTH` apart."""
    low, high = selection.span(values)
    more = max(0.0, _LEAST_WIDTH - (high - low)) / 2
    return low - more, high + more


def _points(axis: Axes, x: pd.Series, y: pd.Series, look: style.Look) -> None:
    size = 26 if look.marker == "*" else 15
    axis.scatter(x, y, s=size, marker=look.marker, color=look.colour, edgecolor="white", linewidth=0.35, zorder=3)


def _pooled(correlation: pd.DataFrame, layer: int, bound: str, measure: str) -> pd.Series | None:
    """The correlation pooled over runs, or that of the only run."""
    chosen = correlation[
        (correlation["layer"] == layer)
        & (correlation["bound"] == bound)
        & (correlation["measure"] == measure)
        & (correlation["generalisation"] == _GENERALISATION)
    ]
    pooled = chosen[chosen["run"] == POOLED]
    rows = pooled if len(pooled) else chosen
    return rows.iloc[0] if len(rows) == 1 else None


def _centred(pool: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Each run's means taken off."""
    columns = [measure, _GENERALISATION]
    return pool[["run"]].join(pool[columns] - pool.groupby("run", observed=True)[columns].transform("mean"))


def _draw_centred(
    axis: Axes,
    pool: pd.DataFrame,
    measure: str,
    looks: Mapping[str, style.Look],
    row: pd.Series | None,
) -> None:
    """The points of one layer with each run's means taken off, the regression and its numbers."""
    x, y = pool[measure], pool[_GENERALISATION]
    for run, look in looks.items():
        of_run = pool["run"] == run
        _points(axis, x[of_run], y[of_run], look)
    axis.set_xlim(*_wide([*x, *(-x)]))
    axis.xaxis.set_major_locator(MaxNLocator(5))
    if row is None or row["status"] != "ok":
        reason = "runs of different depth are not pooled" if row is None else str(row["status"])
        axis.text(0.04, 0.96, reason.replace(": ", ":\n"), transform=axis.transAxes, va="top", fontsize=style.SMALL)
        return
    # The line through the means; r and the ends of its interval as slopes.
    r, lower, upper = (float(row[f"pearson_{name}"]) for name in ("r", "bootstrap_lower", "bootstrap_upper"))
    ends = np.array([x.min(), 0.0, x.max()])
    line = float(np.sqrt((y**2).sum() / (x**2).sum())) * ends
    axis.plot(ends, r * line, color=style.INK, linewidth=1.0, zorder=2)
    interval = " [not estimable]"
    if np.isfinite([lower, upper]).all():
        axis.fill_between(ends, lower * line, upper * line, color=style.INK, alpha=0.12, linewidth=0, zorder=1)
        interval = f" [{selection.number(lower)}, {selection.number(upper)}]"
    r_p, rho_p = (selection.p_text(float(row[f"{name}_holm_p"])) for name in ("pearson", "spearman"))
    rho = selection.number(float(row["spearman_rho"]))
    text = f"r = {selection.number(r)}{interval}, corrected {r_p}\nρ = {rho}, corrected {rho_p}"
    axis.text(0.03, 0.97, text, transform=axis.transAxes, va="top", fontsize=style.SMALL, linespacing=1.3)
