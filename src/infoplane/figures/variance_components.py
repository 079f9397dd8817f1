"""How much of compression is the activation function's and how much the initialisation's, and the seeds that takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from infoplane.figures.parts import selection
from infoplane.figures.parts.measures import percent, plain
from infoplane.figures.parts.panels import Section, page, patch_handles, say
from infoplane.presentation import style
from infoplane.presentation.style import Look
from infoplane.statistics.frames import settings_of_runs

TABLES = ("variance_components", "seeds_needed", "compression")
TITLE = "Variance of compression"
CAPTION = """\
**Variance of compression.** Left: how the variance of a layer's compression divides between activation functions and
between seeds, over the runs that differ in nothing but their activation function; the line is the
{confidence} interval of the share between activation functions. Right: how many seeds a {confidence} interval of the
mean of the width in the heading takes, at the spread over the study's own seeds; the framed numbers are more than the
study has. {measure} Diverged and dead seeds are left out, and runs in which every seed of the layer stays at the
ceiling :math:`H(X)` (–), for they show no compression.
"""
PER_ESTIMATOR = True
SETTINGS = ("confidence", "measure")

_BETWEEN = Look("#4a4a4a", "", "-", "between activation functions")
_WITHIN = Look("#cfcfcf", "", "-", "between seeds")

# The settings in which compared runs are alike, as a title has them.
_SETTINGS = {
    "dataset": "{}",
    "hidden_layers": "layers {}",
    "l2": "L2 {:g}",
    "weight_decay": "weight decay {:g}",
    "learning_rate": "learning rate {:g}",
    "batch_size": "batch size {}",
    "epochs": "{} epochs",
}


def draw(
    tables: Mapping[str, pd.DataFrame], *, estimator: str, confidence: float = 0.95, measure: str = "drop"
) -> Figure:
    """For each bound of the estimator, a panel per comparable group of runs and one of the seeds that are needed."""
    compression = selection.of_estimator(tables["compression"], estimator)
    components, needed = (
        rows[rows["measure"] == measure]
        for rows in (
            selection.of_estimator(tables[name], estimator) for name in ("variance_components", "seeds_needed")
        )
    )
    needed = needed.drop_duplicates(["run", "layer", "bound"])
    layers = style.layer_looks(int(compression["n_layers"].max()))
    labels = style.run_labels(settings_of_runs(compression))
    bounds = selection.bounds(compression)
    groups = _groups(components)
    width = float(needed["target_width"].iloc[0])
    panels = [*groups, f"seeds for an interval of width {width:g}"] if groups else ["", f"seeds for width {width:g}"]
    result = page(
        f"{TITLE}: {selection.label(compression)}",
        [Section(panels, style.bound_label(bound).capitalize()) for bound in bounds],
        footer=f"{selection.assumption_note(compression)} Compression: {plain(measure)}. Lines: "
        f"{percent(confidence)} interval of the share between activation functions; framed: more seeds than there are. "
        f"{selection.seeds_note(compression)}",
        columns=2,
        height=0.17 * max(len(layers), len(labels)) + 0.1,
        share_x=False,
        share_y=False,
        left=0.95,
        gap=0.3 + 0.048 * max(len(label) for label in labels.values()),
        legend=patch_handles([_BETWEEN, _WITHIN]),
    )
    available = int(selection.seeds(compression).groupby("run", observed=True).size().max())
    for bound, (*of_groups, of_seeds) in zip(bounds, result.axes, strict=True):
        of_bound = components[components["bound"] == bound]
        for title, axis in zip(groups or [""], of_groups, strict=True):
            rows = of_bound.loc[of_bound.index.intersection(groups[title])] if groups else of_bound[:0]
            _draw_shares(axis, rows, layers)
        _draw_needed(of_seeds, needed[needed["bound"] == bound], labels, layers, available)
    return result.figure


def _groups(components: pd.DataFrame) -> dict[str, pd.Index]:
    """Title and rows of each group of runs that differ in their activation function alone, if any can be estimated."""
    keys = list(_SETTINGS)
    several = [name for name in keys if len(components[name].unique()) > 1]
    found: dict[str, pd.Index] = {}
    # Families may differ in settings that have no column: then their first run names them.
    for values, rows in components.groupby([*keys, "family"], sort=False, observed=True, dropna=False):
        if (rows["status"] == "ok").any():
            named = dict(zip([*keys, "family"], values, strict=True))
            parts = [_SETTINGS[name].format(named[name]) for name in several]
            title = ", ".join([f"share of the variance, {int(rows['n_runs'].max())} runs", *parts])
            found[title if title not in found else f"{title}, like {named['family']}"] = rows.index
    return found


def _draw_shares(axis: Axes, rows: pd.DataFrame, layers: Mapping[int, Look]) -> None:
    """One bar per layer: the share between activation functions, its interval, and the rest between seeds."""
    axis.set_xlim(0, 1)
    axis.set_ylim(len(layers) + 0.5, 0.5)
    axis.set_yticks(list(layers), labels=[look.label for look in layers.values()])
    axis.tick_params(axis="y", length=0)
    axis.grid(False)
    if rows.empty:
        axis.set_yticks([])
        say(axis, "no runs differ in their activation function alone")
    for row in rows.to_dict("records"):
        layer = int(row["layer"])
        if row["status"] != "ok":
            axis.text(0.02, layer, str(row["status"]).split(":")[0], va="center", fontsize=style.SMALL, color="#555555")
            continue
        axis.barh(layer, row["share"], height=0.7, color=_BETWEEN.colour, linewidth=0)
        axis.barh(layer, 1 - row["share"], height=0.7, left=row["share"], color=_WITHIN.colour, linewidth=0)
        # White under black, so that the interval shows on both colours.
        for colour, line in (("white", 2.6), (style.INK, 1.0)):
            axis.plot([row["share_lower"], row["share_upper"]], [layer] * 2, color=colour, linewidth=line, zorder=3)


def _draw_needed(
    axis: Axes, needed: pd.DataFrame, labels: Mapping[str, str], layers: Mapping[int, Look], available: int
) -> None:
    """A table of runs and layers: the seeds needed, the darker the more; framed where the study has fewer."""
    numbers = np.full((len(labels), len(layers)), np.nan)
    places = {run: index for index, run in enumerate(labels)}
    for row in needed.to_dict("records"):
        if pd.notna(row["seeds_needed"]):
            numbers[places[str(row["run"])], int(row["layer"]) - 1] = float(row["seeds_needed"])
    axis.pcolormesh(
        np.arange(len(layers) + 1) + 0.5,
        np.arange(len(labels) + 1) - 0.5,
        numbers,
        cmap="Greys",
        norm=LogNorm(2, 2000),
        edgecolor="white",
        linewidth=0.8,
    )
    for (row, column), number in np.ndenumerate(numbers):
        text = "–" if np.isnan(number) else f"{number:.0f}" if number < 1000 else ">999"
        axis.text(
            column + 1,
            row,
            text,
            ha="center",
            va="center",
            fontsize=style.SMALL,
            color="white" if number > 150 else style.INK,
            bbox={"boxstyle": "square,pad=0.15", "fill": False, "linewidth": 0.6} if number > available else None,
        )
    axis.set_xticks(list(layers), labels=[str(layer) for layer in layers])
    axis.set_xlabel("layer")
    axis.set_yticks(range(len(labels)), labels=list(labels.values()))
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.tick_params(length=0)
    axis.grid(False)
