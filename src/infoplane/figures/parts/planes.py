"""One panel of the information plane: the layers' trajectories through I(T;X) and I(T;Y)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import matplotlib.colors
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from infoplane.figures.parts import selection
from infoplane.figures.parts.panels import marker_handles, say
from infoplane.presentation import style
from infoplane.presentation.labels import number_ends
from infoplane.presentation.style import Look

X_LABEL, Y_LABEL = "$I(T;X)$ (bits)", "$I(T;Y)$ (bits)"

# More points than this on one page are drawn as pixels inside the vector formats, which otherwise grow to megabytes.
_MOST_VECTOR_POINTS = 8000

# In how many steps the colour of a line changes from the first to the last epoch; its dots have every colour.
_LINE_COLOURS = 12


def limits(table: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of I(T;X) and I(T;Y) that hold for all panels of a page: from 0 to above the ceilings."""
    h_x, h_y = selection.entropies(table)
    top_x, top_y = max(h_x, float(table["i_tx"].max())), max(h_y, float(table["i_ty"].max()))
    low_x, low_y = min(0.0, float(table["i_tx"].min())), min(0.0, float(table["i_ty"].min()))
    return (low_x - 0.035 * top_x, top_x * 1.05), (low_y - 0.035 * top_y, top_y * 1.08)


def ceiling_handle(table: pd.DataFrame) -> Line2D:
    """The legend's entry for the ceilings."""
    return _ceiling(f"$H(X)$ = {_range(table['h_x'], 4)} bits, $H(Y)$ = {_range(table['h_y'], 3)} bits")


def input_ceiling_handle(table: pd.DataFrame) -> Line2D:
    """The legend's entry for the ceiling H(X) alone."""
    return _ceiling(f"$H(X)$ = {_range(table['h_x'], 4)} bits")


def draw_ceiling(axis: Axes, table: pd.DataFrame, run: str, column: str) -> None:
    """The ceiling of a run's i_tx or i_ty, as a line across the panel."""
    ceiling = selection.entropies(table[table["run"] == run])[column == "i_ty"]
    axis.axhline(ceiling, color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)


def _range(entropies: pd.Series, digits: int) -> str:
    """The entropies of all runs, from the least to the largest where runs have others."""
    texts = [f"{value:.{digits}g}" for value in (entropies.min(), entropies.max())]
    return " to ".join(dict.fromkeys(texts))


def _ceiling(label: str) -> Line2D:
    return Line2D([], [], color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, label=label)


def layer_handles(looks: Mapping[int, Look]) -> list[Line2D]:
    """The legend's entries for the layers: their marker at the last epoch."""
    last = matplotlib.colors.to_hex(style.EPOCH_COLOURS(1.0))
    return marker_handles(looks.values(), colour=last)


def mean_over_seeds(information: pd.DataFrame, training: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """I(T;X), I(T;Y) and the ceilings, averaged over the seeds that are not left out, for each group of `by`."""
    kept = selection.without_lost(information, training)
    averaged = ["i_tx", "i_ty", "h_x", "h_y"]
    return kept.groupby(list(by), sort=False, observed=True)[averaged].mean().reset_index()


def prepare(axis: Axes, table: pd.DataFrame, box: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Limits, ticks and ceilings of one run's panel, or why it is empty."""
    axis.set_xlim(*box[0])
    axis.set_ylim(*box[1])
    high = axis.get_ylim()[1]
    axis.set_xticks(ticks(axis.get_xlim()[1]))
    axis.set_yticks([0, 0.5, 1] if high < 1.4 else ticks(high))
    if table.empty:
        say(axis, selection.NONE_LEFT)
        return
    for draw_line, ceiling in ((axis.axvline, "h_x"), (axis.axhline, "h_y")):
        draw_line(float(table[ceiling].iloc[0]), color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)


def draw_plane(
    axis: Axes,
    table: pd.DataFrame,
    *,
    looks: Mapping[int, Look],
    box: tuple[tuple[float, float], tuple[float, float]],
    last: int,
    points_on_page: int,
) -> None:
    """Draw one run's trajectories: a line and a dot per recorded epoch, coloured by epoch.

    A marker and the layer's number stand at the last one. `table` has one row per layer and epoch with i_tx and
    i_ty in bits.
    """
    table = table[table["i_tx"].notna() & table["i_ty"].notna()]
    prepare(axis, table, box)
    if table.empty:
        return
    as_pixels = points_on_page > _MOST_VECTOR_POINTS
    ends, crowd = draw_trajectories(axis, table, last=last, as_pixels=as_pixels)
    for layer, end in ends.items():
        draw_marker(axis, end, looks[layer])
    (low_x, high_x), (low_y, high_y) = box
    h_x, h_y = float(table["h_x"].iloc[0]), float(table["h_y"].iloc[0])
    ceilings = np.concatenate(
        [
            np.column_stack([np.full(60, h_x), np.linspace(low_y, high_y, 60)]),
            np.column_stack([np.linspace(low_x, high_x, 60), np.full(60, h_y)]),
        ]
    )
    number_ends(axis, ends, np.concatenate([crowd, ceilings]))


def draw_trajectories(
    axis: Axes, table: pd.DataFrame, *, last: int, as_pixels: bool = False
) -> tuple[dict[int, NDArray[np.float64]], NDArray[np.float64]]:
    """Every layer's line and dots, coloured by epoch; returns the layers' ends (x, y) and all points drawn."""
    norm = style.epoch_norm(last)
    scale = np.abs(axis.transData.transform([(1, 1)]) - axis.transData.transform([(0, 0)]))[0] * 72 / axis.figure.dpi
    lines: list[NDArray[np.float64]] = []
    line_levels: list[float] = []
    dots, epochs, ends = [], [], {}
    for layer, part in table.sort_values("epoch").groupby("layer", sort=True):
        points = part[["i_tx", "i_ty"]].to_numpy(dtype=np.float64)
        at = part["epoch"].to_numpy(dtype=np.float64)
        ends[int(str(layer))] = points[-1]
        kept = _visible(points * scale)
        points, at = points[kept], at[kept]
        dots.append(points)
        epochs.append(at)
        # One polyline for each stretch of about the same colour: a tenth of the size of one for each step.
        levels = np.floor(np.asarray(norm(at[1:])) * _LINE_COLOURS)
        starts = np.flatnonzero(np.diff(levels, prepend=-1.0))
        for start, stop in itertools.pairwise([*starts, len(levels)]):
            lines.append(points[start : stop + 1])
            line_levels.append(float(levels[start] + 0.5) / _LINE_COLOURS)
    collection = LineCollection(
        lines, colors=style.EPOCH_COLOURS(line_levels), linewidths=0.7, alpha=0.75, zorder=2, capstyle="round"
    )
    collection.set_rasterized(as_pixels)
    axis.add_collection(collection, autolim=False)
    every = np.concatenate(dots)
    axis.scatter(
        every[:, 0],
        every[:, 1],
        c=style.EPOCH_COLOURS(np.asarray(norm(np.concatenate(epochs)))),
        s=5,
        linewidths=0,
        zorder=3,
        rasterized=as_pixels,
    )
    return ends, every


def draw_marker(axis: Axes, place: NDArray[np.float64], look: Look) -> Line2D:
    """A layer's marker at (x, y), in the colour of the last epoch."""
    (marker,) = axis.plot(
        place[0],
        place[1],
        linestyle="",
        marker=look.marker,
        markersize=6.5 if look.marker == "*" else 4.6,
        markerfacecolor=style.EPOCH_COLOURS(1.0),
        markeredgecolor=style.INK,
        markeredgewidth=0.6,
        zorder=4,
        clip_on=False,
    )
    return marker


def _visible(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which points to draw so that nothing looks different: those at least half a point from the one before."""
    kept = [0]
    for index in range(1, len(points)):
        if np.hypot(*(points[index] - points[kept[-1]])) >= 0.5:
            kept.append(index)
    return np.array(kept)


def ticks(high: float) -> list[float]:
    """Round numbers from 0, four or five of them."""
    step = next(step for step in (0.25, 0.5, 1, 2, 3, 4, 5, 10, 20, 50, 100) if high / step < 5.5)
    return [float(value) for value in np.arange(0, high, step)]
