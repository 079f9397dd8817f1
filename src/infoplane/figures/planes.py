"""One panel of the information plane: the layers' trajectories through I(T;X) and I(T;Y)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.colors
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from infoplane.figures import selection, style
from infoplane.figures.panels import marker_handles, say
from infoplane.figures.style import Look

X_LABEL, Y_LABEL = "$I(T;X)$ (bits)", "$I(T;Y)$ (bits)"

# More points than this on one page are drawn as pixels inside the vector formats, which otherwise grow to megabytes.
_MOST_VECTOR_POINTS = 8000


def limits(table: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of I(T;X) and I(T;Y) that hold for all panels of a page: from 0 to above the ceilings."""
    h_x, h_y = selection.entropies(table)
    top_x, top_y = max(h_x, float(table["i_tx"].max())), max(h_y, float(table["i_ty"].max()))
    low_x, low_y = min(0.0, float(table["i_tx"].min())), min(0.0, float(table["i_ty"].min()))
    return (low_x - 0.035 * top_x, top_x * 1.05), (low_y - 0.035 * top_y, top_y * 1.08)


def ceiling_handle(table: pd.DataFrame) -> Line2D:
    """The legend's entry for the ceilings."""
    h_x, h_y = selection.entropies(table)
    text = f"$H(X)$ = {h_x:.4g} bits, $H(Y)$ = {h_y:.3g} bits"
    return Line2D([], [], color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, label=text)


def layer_handles(looks: Mapping[int, Look]) -> list[Line2D]:
    """The legend's entries for the layers: their marker at the last epoch."""
    last = matplotlib.colors.to_hex(style.EPOCH_COLOURS(1.0))
    return marker_handles(looks.values(), colour=last)


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
    (low_x, high_x), (low_y, high_y) = box
    axis.set_xlim(low_x, high_x)
    axis.set_ylim(low_y, high_y)
    axis.set_xticks(ticks(high_x))
    axis.set_yticks([0, 0.5, 1] if high_y < 1.4 else ticks(high_y))
    table = table[table["i_tx"].notna() & table["i_ty"].notna()]
    if table.empty:
        say(axis, "all seeds diverged")
        return
    axis.axvline(float(table["h_x"].iloc[0]), color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
    axis.axhline(float(table["h_y"].iloc[0]), color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)

    norm = style.epoch_norm(last)
    as_pixels = points_on_page > _MOST_VECTOR_POINTS
    ends, dots = {}, []
    for layer, part in table.sort_values("epoch").groupby("layer", sort=True):
        points = part[["i_tx", "i_ty"]].to_numpy(dtype=np.float64)
        epochs = part["epoch"].to_numpy(dtype=np.float64)
        lines = LineCollection(
            list(np.stack([points[:-1], points[1:]], axis=1)),
            cmap=style.EPOCH_COLOURS,
            norm=norm,
            linewidths=0.7,
            alpha=0.75,
            zorder=2,
        )
        lines.set_array(epochs[1:])
        lines.set_rasterized(as_pixels)
        axis.add_collection(lines, autolim=False)
        axis.scatter(
            points[:, 0],
            points[:, 1],
            c=epochs,
            cmap=style.EPOCH_COLOURS,
            norm=norm,
            s=5,
            linewidths=0,
            zorder=3,
            rasterized=as_pixels,
        )
        ends[int(str(layer))] = points[-1]
        dots.append(points)
    for layer, (x, y) in ends.items():
        axis.plot(
            x,
            y,
            linestyle="",
            marker=looks[layer].marker,
            markersize=6.5 if looks[layer].marker == "*" else 4.6,
            markerfacecolor=style.EPOCH_COLOURS(1.0),
            markeredgecolor=style.INK,
            markeredgewidth=0.6,
            zorder=4,
            clip_on=False,
        )
    h_x, h_y = float(table["h_x"].iloc[0]), float(table["h_y"].iloc[0])
    ceilings = np.concatenate(
        [
            np.column_stack([np.full(60, h_x), np.linspace(low_y, high_y, 60)]),
            np.column_stack([np.linspace(low_x, high_x, 60), np.full(60, h_y)]),
        ]
    )
    _label_ends(axis, ends, np.concatenate([*dots, ceilings]))


def ticks(high: float) -> list[float]:
    """Round numbers from 0, four or five of them."""
    step = next(step for step in (0.25, 0.5, 1, 2, 3, 4, 5, 10, 20, 50, 100) if high / step < 5.5)
    return [float(value) for value in np.arange(0, high, step)]


def _label_ends(axis: Axes, ends: Mapping[int, NDArray[np.float64]], dots: NDArray[np.float64]) -> None:
    """Write each layer's number near its end, where it hides least; a thin line leads to the end.

    Layers that end in the same place share a label, such as 1–3.
    """
    box = axis.get_window_extent()
    size = np.array([box.width, box.height]) * 72 / axis.figure.dpi  # points
    low = np.array([axis.get_xlim()[0], axis.get_ylim()[0]])
    high = np.array([axis.get_xlim()[1], axis.get_ylim()[1]])

    def points(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((values - low) / (high - low) * size)

    layers = list(ends)
    crowd, marks = points(dots), points(np.array(list(ends.values())))
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False) + np.pi / 2
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    taken: list[NDArray[np.float64]] = []
    for members in _clusters(marks, closest=5.5):
        end = marks[members].mean(axis=0)
        spots = np.concatenate([end + radius * directions for radius in (8.0, 11.0, 15.0, 20.0, 26.0)])
        half = np.array([3.0 if len(members) == 1 else 6.5, 3.6])
        length = np.repeat([8.0, 11.0, 15.0, 20.0, 26.0], len(directions))
        cost = 0.25 * length
        cost += 1000.0 * np.any((spots < half) | (spots > size - half), axis=1)
        cost += 1.0 * np.minimum(_hits(spots, crowd, half), 20)
        cost += 12.0 * _hits(spots, marks, half + 3.0)
        if taken:
            cost += 100.0 * _hits(spots, np.array(taken), half + np.array([6.5, 3.6]))
        spot = spots[int(np.argmin(cost))]
        taken.append(spot)
        axis.annotate(
            _numbers([layers[member] for member in members]),
            xy=(0, 0),
            xytext=tuple(spot / size),
            xycoords="axes fraction",
            textcoords="axes fraction",
            fontsize=style.SMALL,
            fontweight="bold",
            ha="center",
            va="center",
            zorder=6,
        )
        toward = end + (spot - end) * max(0.0, 1 - (half[0] + 1.2) / float(np.linalg.norm(spot - end)))
        start, stop = end / size, toward / size
        axis.plot(
            [start[0], stop[0]],
            [start[1], stop[1]],
            transform=axis.transAxes,
            color=style.INK,
            linewidth=0.45,
            zorder=3.5,
            clip_on=False,
        )


def _clusters(marks: NDArray[np.float64], closest: float) -> list[list[int]]:
    """The indices of `marks` in groups, joined where neighbours are nearer than `closest` points."""
    groups: list[list[int]] = []
    for index, mark in enumerate(marks):
        near = [group for group in groups if np.linalg.norm(marks[group] - mark, axis=1).min() < closest]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([index, *(member for group in near for member in group)]))
    return sorted(groups)


def _numbers(layers: Sequence[int]) -> str:
    """Layers as a label: "2", "1–3" where they follow each other, else "1,3"."""
    if len(layers) > 1 and layers[-1] - layers[0] == len(layers) - 1:
        return f"{layers[0]}–{layers[-1]}"
    return ",".join(map(str, layers))


def _hits(spots: NDArray[np.float64], others: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of `others` lie in the box of half size `half` around each spot."""
    inside = np.all(np.abs(spots[:, None, :] - others[None, :, :]) < half, axis=2)
    return np.asarray(inside.sum(axis=1))
