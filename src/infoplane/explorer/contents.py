"""What the explorer shows, from the tables: every number that the page can draw, rounded and bounded in size.

The layout is that of JSON, for the script of the page to read: runs with their epochs, layers and ceilings, series
(an estimator and a bound of it), and for each run and series the mean over seeds with its 95 % interval and the
single seeds, each as [layer][epoch]. What is not there (a diverged seed) is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError
from infoplane.figures.parts import selection
from infoplane.presentation import style
from infoplane.statistics.dead import dead_networks
from infoplane.statistics.frames import settings_of_runs
from infoplane.statistics.inference.intervals import mean_intervals

# Numbers have this many decimals: bits to 0.0001, accuracies to 0.01 %.
DECIMALS = 4
# A page of more than about 10 MB opens slowly. A long study is thinned to so many epochs, and shows so many single
# seeds that their numbers are at most these (8 characters each); means are over all seeds in any case.
MOST_EPOCHS = 64
MOST_NUMBERS = 1_100_000

# The curves of accuracy by the column of the table.
PARTS = {"train_accuracy": style.TRAIN, "test_accuracy": style.TEST}


def contents(information: Iterable[pd.DataFrame], training: pd.DataFrame) -> dict[str, Any]:
    """Everything that the page shows but its title.

    `information` has one table for each run, so that a large study need not be in memory at once; `training` is the
    table of all runs. Raises InfoplaneError if there is no information.
    """
    labels, looks = style.run_labels(settings_of_runs(training)), style.run_looks(settings_of_runs(training))
    divergence = training.drop_duplicates(["run", "seed"]).set_index(["run", "seed"])["diverged_epoch"]
    shown: list[int] | None = None
    series: dict[tuple[str, str], dict[str, Any]] = {}
    runs: list[dict[str, Any]] = []
    for table in information:
        name = str(table["run"].iloc[0])
        seeds = sorted(map(int, table["seed"].unique()))
        epochs = _thinned(np.unique(table["epoch"].to_numpy()))
        diverged = {seed: int(divergence[name, seed]) for seed in seeds if divergence[name, seed] >= 0}
        dead = sorted(seed for _, seed in dead_networks(table) if seed not in diverged)
        kept = [seed for seed in seeds if seed not in diverged and seed not in dead]
        n_layers = int(table["n_layers"].max())
        table = table.assign(key=table["estimator"] + ", " + table["bound"])
        details = table.drop_duplicates("key")
        if shown is None:
            per_seed = len(labels) * len(epochs) * (2 * n_layers * len(details) + len(PARTS))
            shown = seeds[: max(1, MOST_NUMBERS // per_seed)]
        estimates = _numbers(table, ("i_tx", "i_ty"), kept, shown, epochs)
        for row in details.to_dict("records"):
            series.setdefault((row["estimator"], row["bound"]), _series(row))
            estimates[row["key"]]["assumption"] = row["assumption"]
        of_run = training[training["run"] == name].assign(layer=0, key="")
        accuracy = _numbers(of_run, tuple(PARTS), kept, shown, epochs)[""]
        h_x, h_y = selection.entropies(table)
        runs.append(
            {
                "name": name,
                "label": labels[name],
                "colour": looks[name].colour,
                "epochs": epochs.tolist(),
                "ticks": style.epoch_ticks(int(epochs[-1]), with_last=True),
                "layers": [_layer(number, look) for number, look in style.layer_looks(n_layers).items()],
                "ceilings": [_rounded(h_x), _rounded(h_y)],
                "extent": _extent(table, h_x, h_y),
                "seeds": len(seeds),
                "kept": len(kept),
                "shown": [seed for seed in shown if seed in seeds],
                "dead": dead,
                "diverged": {str(seed): epoch for seed, epoch in diverged.items()},
                "estimates": estimates,
                "accuracy": accuracy,
                "lowest_accuracy": _rounded(np.nan_to_num(of_run[list(PARTS)].min().min())),
            }
        )
    if not runs:
        raise InfoplaneError("The table information has no rows.")
    _share_extents(runs, training)
    ordered = [series[key] for key in sorted(series, key=lambda key: _order(key, list(series)))]
    return {
        "runs": runs,
        "series": ordered,
        "first": next((entry["key"] for entry in ordered if entry["method"] == "ebab"), ordered[0]["key"]),
        "parts": [{"key": key, "label": look.label} for key, look in PARTS.items()],
    }


def _series(row: Mapping[Any, Any]) -> dict[str, Any]:
    name = style.estimator_label(row["estimator"], row["method"])
    label = ", ".join(filter(None, [name, style.bound_label(row["bound"])]))
    return {"key": row["key"], "method": row["method"], "label": label}


def _order(key: tuple[str, str], keys: Sequence[tuple[str, str]]) -> tuple[int, int]:
    """Estimators as they come, of each the upper bound before the lower."""
    names = list(dict.fromkeys(name for name, _ in keys))
    return names.index(key[0]), -["lower", "none", "upper"].index(key[1])


def _numbers(
    table: pd.DataFrame,
    columns: Sequence[str],
    kept: Sequence[int],
    shown: Sequence[int],
    epochs: NDArray[np.int64],
) -> dict[str, dict[str, Any]]:
    """By the key of the series: the mean over the seeds `kept` with its interval, and single seeds.

    `table` has the columns key, seed, layer, epoch and `columns`; what comes out is [layer][epoch].
    """
    table = table[table["epoch"].isin(epochs)]
    keys = list(map(str, table["key"].unique()))
    layers = np.unique(table["layer"].to_numpy())
    shape = (len(keys), len(layers), len(epochs))
    found: dict[str, dict[str, Any]] = {key: {"mean": {}, "single": {}} for key in keys}

    def place(rows: pd.DataFrame) -> tuple[NDArray[np.intp], ...]:
        """Where rows go in an array of `shape`."""
        return (
            np.array([keys.index(key) for key in rows["key"]], dtype=np.intp),
            np.searchsorted(layers, rows["layer"].to_numpy()),
            np.searchsorted(epochs, rows["epoch"].to_numpy()),
        )

    def fill(rows: pd.DataFrame, column: str, kind: str, seed: str | None, name: str) -> None:
        values = np.full(shape, np.nan)
        values[place(rows)] = rows[column].to_numpy(dtype=np.float64)
        for key, of_series in zip(keys, values, strict=True):
            into = found[key][kind] if seed is None else found[key][kind].setdefault(seed, {})
            into[name] = _lists(of_series)

    for column in columns:
        means = mean_intervals(table[table["seed"].isin(kept)], ["key", "layer", "epoch"], column)
        for name, ending in (("mean", ""), ("lower", "_low"), ("upper", "_high")):
            fill(means, name, "mean", None, column + ending)
    for seed, rows in table[table["seed"].isin(shown)].groupby("seed", sort=True):
        for column in columns:
            fill(rows, column, "single", str(seed), column)
    return found


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0


def _lists(values: NDArray[np.float64]) -> list[list[float | None]]:
    rounded = (np.round(values, DECIMALS) + 0.0).tolist()
    return [[value if value == value else None for value in row] for row in rounded]


def _thinned(epochs: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most MOST_EPOCHS of the epochs, evenly chosen, with the first and the last."""
    if len(epochs) <= MOST_EPOCHS:
        return epochs
    chosen: NDArray[np.int64] = epochs[np.round(np.linspace(0, len(epochs) - 1, MOST_EPOCHS)).astype(np.int64)]
    return chosen


def _extent(table: pd.DataFrame, h_x: float, h_y: float) -> list[float]:
    """Lowest and highest I(T;X), then I(T;Y), that the axes must show; corrected estimates go below 0."""
    finite = table[["i_tx", "i_ty"]].dropna()
    if finite.empty:
        return [0.0, _rounded(h_x), 0.0, _rounded(h_y)]
    low, high = finite.min(), finite.max()
    limits = (min(0.0, low["i_tx"]), max(h_x, high["i_tx"]), min(0.0, low["i_ty"]), max(h_y, high["i_ty"]))
    return [_rounded(limit) for limit in limits]


def _share_extents(runs: Sequence[dict[str, Any]], training: pd.DataFrame) -> None:
    """Give runs of the same data set the same axes, so that they can be compared."""
    dataset = dict(zip(training["run"], training["dataset"], strict=True))
    for run in runs:
        alike = np.array([other["extent"] for other in runs if dataset[other["name"]] == dataset[run["name"]]])
        low, high = alike.min(axis=0), alike.max(axis=0)
        run["axes"] = [float(low[0]), float(high[1]), float(low[2]), float(high[3])]
    for run in runs:
        del run["extent"]


def _layer(number: int, look: style.Look) -> dict[str, Any]:
    # Square pixels; a star of the same size has less room for its number.
    size = 900 if look.marker == "*" else 330
    return {
        "number": number,
        "label": look.label,
        "colour": look.colour,
        "ink": "#ffffff" if _luminance(look.colour) < 0.3 else style.INK,
        "shape": marker_path(look.marker),
        "size": size,
        # Pixels by which the number stands under the marker's middle: a triangle is wide where it is heavy.
        "shift": round(float(np.asarray(_outline(look.marker).vertices)[:-1, 1].mean()) * -(size**0.5), 1) + 0.0,
        "dash": dash_pattern(look.dashes),
    }


def _luminance(colour: str) -> float:
    """Relative luminance as in the Web Content Accessibility Guidelines 2, from 0 (black) to 1."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in matplotlib.colors.to_rgb(colour)
    ]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def dash_pattern(dashes: Any) -> list[float]:
    """Matplotlib's dashes as lengths of strokes and gaps in pixels."""
    return [1.0, 0.0] if dashes == "-" else [round(1.6 * length, 2) for length in dashes[1]]


def _outline(marker: str) -> Outline:
    """One of matplotlib's markers, in the square from -0.5 to 0.5, the y axis upwards."""
    found = MarkerStyle(marker)
    return found.get_path().transformed(found.get_transform())


def marker_path(marker: str) -> str:
    """The outline of one of matplotlib's markers as an SVG path, in the square from -1 to 1."""
    letters = {Outline.MOVETO: "M", Outline.LINETO: "L", Outline.CURVE3: "Q", Outline.CURVE4: "C"}
    parts = []
    for vertices, code in _outline(marker).iter_segments(curves=True, simplify=False):
        if code == Outline.CLOSEPOLY:
            parts.append("Z")
        else:
            # The y axis of SVG points down.
            pairs = 2.0 * np.asarray(vertices).reshape(-1, 2) * (1, -1)
            parts.append(letters[code] + " ".join(f"{round(value, 3) + 0.0:g}" for value in pairs.ravel()))
    return "".join(parts)
