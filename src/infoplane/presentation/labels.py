"""Layers' numbers beside what is drawn of them, so that no reader depends on colours."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from infoplane.presentation import style


def number_curves(axis: Axes, ends: Mapping[int, float]) -> None:
    """Write each layer's number to the right of the panel, at the height at which its curve ends.

    Layers whose curves end in the same place share a label, such as 1–3; labels that would touch are moved apart, in
    the order of the curves. Set the limits of the axis before.
    """
    layers = [layer for layer, end in ends.items() if np.isfinite(end)]
    if not layers:
        return
    height = float(_size(axis)[1])
    at_ends = axis.transData.transform([(0, ends[layer]) for layer in layers])
    places = np.clip(axis.transAxes.inverted().transform(at_ends)[:, 1], 0.0, 1.0) * height
    groups = clusters(np.column_stack([np.zeros(len(layers)), places]), closest=3.0)
    groups.sort(key=lambda group: float(places[group].mean()))
    spread = _apart(np.array([places[group].mean() for group in groups]), distance=6.9)
    # Where labels were moved beyond an end of the panel, all come back a little.
    spread -= max(0.0, spread[-1] - height - 2.0) + min(0.0, spread[0] + 2.0)
    for group, place in zip(groups, spread, strict=True):
        axis.text(
            1.0,
            place / height,
            f" {numbers([layers[index] for index in group])}",
            transform=axis.transAxes,
            fontsize=style.SMALL - 0.5,
            va="center",
            ha="left",
        )


def _apart(places: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """The nearest places, by least squares, to ascending ones that keep a distance (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []  # mean, size
    for place in places - distance * np.arange(len(places)):
        mean, size = float(place), 1
        while blocks and blocks[-1][0] > mean:
            before, more = blocks.pop()
            mean, size = (before * more + mean * size) / (more + size), more + size
        blocks.append((mean, size))
    means = np.concatenate([np.full(size, mean) for mean, size in blocks])
    return np.asarray(means + distance * np.arange(len(places)))


def number_ends(axis: Axes, ends: Mapping[int, NDArray[np.float64]], crowd: NDArray[np.float64]) -> None:
    """Write each layer's number near its end (x, y), where it hides least of `crowd`; a thin line leads to the end.

    Layers that end in the same place share a label, such as 1–3.
    """
    size = _size(axis)
    low = np.array([axis.get_xlim()[0], axis.get_ylim()[0]])
    high = np.array([axis.get_xlim()[1], axis.get_ylim()[1]])

    def points(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((values - low) / (high - low) * size)

    layers = list(ends)
    dots, marks = points(crowd), points(np.array(list(ends.values())))
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False) + np.pi / 2
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    taken: list[NDArray[np.float64]] = []
    for members in clusters(marks, closest=5.5):
        end = marks[members].mean(axis=0)
        spots = np.concatenate([end + radius * directions for radius in (8.0, 11.0, 15.0, 20.0, 26.0)])
        half = np.array([3.0 if len(members) == 1 else 6.5, 3.6])
        length = np.repeat([8.0, 11.0, 15.0, 20.0, 26.0], len(directions))
        cost = 0.25 * length
        cost += 1000.0 * np.any((spots < half) | (spots > size - half), axis=1)
        cost += 1.0 * np.minimum(_hits(spots, dots, half), 20)
        cost += 12.0 * _hits(spots, marks, half + 3.0)
        if taken:
            cost += 100.0 * _hits(spots, np.array(taken), half + np.array([6.5, 3.6]))
        spot = spots[int(np.argmin(cost))]
        taken.append(spot)
        axis.annotate(
            numbers([layers[member] for member in members]),
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


def _size(axis: Axes) -> NDArray[np.float64]:
    """Width and height of a panel in points."""
    box = axis.get_window_extent()
    return np.array([box.width, box.height]) * 72 / axis.figure.dpi


def clusters(marks: NDArray[np.float64], closest: float) -> list[list[int]]:
    """The indices of `marks` in groups, joined where neighbours are nearer than `closest` points."""
    groups: list[list[int]] = []
    for index, mark in enumerate(marks):
        near = [group for group in groups if np.linalg.norm(marks[group] - mark, axis=1).min() < closest]
        groups = [group for group in groups if group not in near]
        groups.append(sorted([index, *(member for group in near for member in group)]))
    return sorted(groups)


def numbers(layers: Sequence[int]) -> str:
    """Layers, ascending, as a label: "2", "1–3", "1,3–5"."""
    # Successive numbers have the same distance from their place in the list.
    runs = [
        [layer for _, layer in run]
        for _, run in itertools.groupby(enumerate(layers), key=lambda placed: placed[1] - placed[0])
    ]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _hits(spots: NDArray[np.float64], others: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of `others` lie in the box of half size `half` around each spot."""
    inside = np.all(np.abs(spots[:, None, :] - others[None, :, :]) < half, axis=2)
    return np.asarray(inside.sum(axis=1))
