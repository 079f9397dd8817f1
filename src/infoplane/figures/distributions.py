"""How the activity of a layer is distributed, and what the bins of an estimator make of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from infoplane.figures.estimators_side_by_side import choose
from infoplane.figures.parts import selection
from infoplane.figures.parts.panels import Section, page, patch_handles, say
from infoplane.presentation import style
from infoplane.presentation.style import Look
from infoplane.statistics.frames import settings_of_runs

TABLES = ("distributions",)
TITLE = "Activity and its bins"
PAPER = "Figure 2"
CAPTION = """\
**Activity and its bins**, for tanh and ReLU without a penalty where the study has them, else for its first two runs:
one panel per layer with the histogram of its activity, all units and samples pooled, on a logarithmic scale, for the
first seed that did not diverge, at the last recorded epoch. The strips below show the bins of the study's first
estimator of each kind that sorts activity into bins: a line at every edge, the darker between edges the more of the
values are in the bin. Beside a strip stands the entropy of these shares in bits, at most the binary logarithm of the
number of bins. The axis spans the layer's own activity; bins beyond it are empty. A layer whose activity falls into one
or two bins is hardly resolved. Exact zeros of functions bounded below by 0 are a state of their own in EBAB: the black
mark at 0.
"""

# Heights of the strips, as shares of the panel, from its lower edge.
_STRIP, _SPACE = 0.12, 0.04


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """One block of panels per run, one panel per layer."""
    table = tables["distributions"]
    settings = settings_of_runs(table)
    runs = choose(settings) if len(settings) else []
    labels = style.run_labels(settings)
    table = table[table["run"].isin(runs)]
    binned = table[table["estimator"] != ""]
    looks = style.estimator_looks(dict(zip(binned["estimator"], binned["method"], strict=True)))
    sections = []
    for run in runs:
        part = table[table["run"] == run]
        layers = style.layer_looks(int(part["n_layers"].max()))
        heading = f"{labels[run]}, seed {part['seed'].iloc[0]}, epoch {part['epoch'].iloc[0]}"
        sections.append(Section([look.label for look in layers.values()], heading, "activity", "share of the values"))
    assumptions = [selection.assumption_note(binned[binned["estimator"] == name]) for name in looks]
    result = page(
        TITLE,
        sections or [Section([""])],
        footer=" ".join([*assumptions, "Beside each strip: the entropy of the shares of its bins."]),
        columns=3,
        height=1.3,
        share_x=False,
        gap=0.42,
        right=0.42,
        left=0.55,
        legend=patch_handles(looks.values()),
    )
    if not runs:
        result.axes[0][0].set_axis_off()
        say(result.axes[0][0], "the first seeds of all runs diverged or are dead")
    for run, axes in zip(runs, result.axes, strict=False):
        part = table[table["run"] == run]
        floor, top = _range_of_shares(part[part["estimator"] == ""])
        for number, axis in enumerate(axes, start=1):
            of_layer = part[part["layer"] == number]
            histogram = of_layer[of_layer["estimator"] == ""]
            ends = float(histogram["low"].min()), float(histogram["high"].max())
            _draw_histogram(axis, histogram, floor, top, len(looks))
            for index, (name, look) in enumerate(looks.items()):
                _draw_strip(axis, of_layer[of_layer["estimator"] == name], look, len(looks) - 1 - index, ends)
    return result.figure


def _shares(table: pd.DataFrame) -> pd.Series:
    return table["count"] / table["count"].sum()


def _range_of_shares(histograms: pd.DataFrame) -> tuple[float, float]:
    """The smallest positive and the largest share of values in a fine bin of any layer."""
    shares = histograms["count"] / histograms.groupby("layer")["count"].transform("sum")
    return float(shares[shares > 0].min()), float(shares.max())


def _draw_histogram(axis: Axes, table: pd.DataFrame, floor: float, top: float, strips: int) -> None:
    """The histogram on a logarithmic scale, with room for the strips below its foot."""
    room = strips * (_STRIP + _SPACE) + _SPACE
    foot, high = np.log10(floor) - 0.3, np.log10(top) + 0.15
    axis.set_yscale("log")
    axis.set_ylim(10 ** (foot - (high - foot) * room / (1 - room)), 10**high)
    low, right = float(table["low"].min()), float(table["high"].max())
    margin = 0.02 * (right - low)
    axis.set_xlim(low - margin, right + margin)
    heights = np.maximum(_shares(table).to_numpy(dtype=np.float64), 10**foot)
    edges = np.append(table["low"].to_numpy(dtype=np.float64), right)
    axis.stairs(heights, edges, baseline=10**foot, fill=True, color="#9a9a9a", zorder=2)
    axis.plot([low, right], [10**foot] * 2, color=style.INK, linewidth=0.5, zorder=3)
    powers = np.arange(np.ceil(foot), np.floor(high) + 1)
    axis.yaxis.set_major_locator(FixedLocator([float(10**power) for power in powers]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_locator(MaxNLocator(5))


def _draw_strip(axis: Axes, table: pd.DataFrame, look: Look, place: int, ends: tuple[float, float]) -> None:
    """The bins between `ends` as a strip, `place` from below: the share of the values as darkness, lines as edges."""
    shares = _shares(table).to_numpy(dtype=np.float64)
    edges = table[["low", "high"]].to_numpy(dtype=np.float64)
    alone = edges[:, 0] == edges[:, 1]
    low, high = np.clip(edges, *ends).T
    across = axis.get_xaxis_transform()
    foot = _SPACE + place * (_STRIP + _SPACE)
    shown = (high > low) & (shares > 0)
    axis.add_collection(
        PolyCollection(
            [
                [(x, foot), (x, foot + _STRIP), (y, foot + _STRIP), (y, foot)]
                for x, y in np.column_stack([low, high])[shown]
            ],
            facecolors=[to_rgba(look.colour, 0.75 * share / shares[~alone].max()) for share in shares[shown]],
            linewidths=0,
            transform=across,
        ),
        autolim=False,
    )
    inner = low[(low > ends[0]) & (low < ends[1])]
    axis.vlines(inner, foot, foot + _STRIP, transform=across, color=look.colour, linewidth=0.5, zorder=3)
    marked = edges[alone, 0]
    axis.vlines(marked, foot, foot + 1.25 * _STRIP, transform=across, color=style.INK, linewidth=1.4, zorder=4)
    used = shares[shares > 0]
    axis.text(
        1.0,
        foot + _STRIP / 2,
        f" {-float((used * np.log2(used)).sum()) + 0.0:.2f} bits",
        transform=axis.transAxes,
        fontsize=style.SMALL - 0.5,
        color=look.colour,
        va="center",
        ha="left",
    )
