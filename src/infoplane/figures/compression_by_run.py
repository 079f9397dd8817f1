"""How much each layer compresses, for every run and seed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from infoplane.figures.parts import selection
from infoplane.figures.parts.measures import MEASURES, percent
from infoplane.figures.parts.panels import Section, page
from infoplane.presentation import style
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import settings_of_runs

TABLES = ("compression", "compression_summary")
TITLE = "Compression by activation function and layer"
CAPTION = """\
**Compression by activation function and layer**, one panel per layer, one row per run. Every point is a seed; hollow
points are seeds whose layer stays at the ceiling :math:`H(X)` during the whole training and so cannot show compression.
Bars are the means over seeds with their {confidence} intervals (Student's t). {measure} Diverged and dead seeds are
left out.
"""
PER_ESTIMATOR = True
SETTINGS = ("confidence", "measure")


def draw(
    tables: Mapping[str, pd.DataFrame], *, estimator: str, confidence: float = 0.95, measure: str = "drop"
) -> Figure:
    """One panel per layer, for each bound of the estimator."""
    table = selection.of_estimator(tables["compression"], estimator)
    summary = selection.of_estimator(tables["compression_summary"], estimator)
    summary = summary[summary["measure"] == measure]
    looks = style.run_looks(settings_of_runs(table))
    layers = style.layer_looks(int(table["n_layers"].max()))
    bounds = selection.bounds(table)
    rows = {run: index for index, run in enumerate(looks)}
    kept = table[~is_left_out(table) & table[measure].notna()]
    letters = max(len(look.label) for look in looks.values())

    result = page(
        f"{TITLE}: {selection.label(table)}",
        [
            Section(
                [look.label for look in layers.values()],
                style.bound_label(bound).capitalize(),
                MEASURES[measure].axis,
            )
            for bound in bounds
        ],
        footer=f"{selection.assumption_note(table)} Points: seeds (hollow: always at the ceiling H(X)); "
        f"bars: mean with its {percent(confidence)} interval; {selection.seeds_note(table)}",
        columns=3,
        height=0.14 * len(looks) + 0.15,
        left=0.25 + 0.048 * letters,
    )
    limits = selection.span([0.0, *kept[measure], *summary["lower"], *summary["upper"]], margin=0.04)
    for bound, axes in zip(bounds, result.axes, strict=True):
        for layer, axis in zip(layers, axes, strict=True):
            for run, look in looks.items():
                part = kept[(kept["run"] == run) & (kept["layer"] == layer) & (kept["bound"] == bound)]
                for always, points in part.groupby("at_ceiling"):
                    seaborn.swarmplot(
                        x=points[measure],
                        y=points["run"],
                        order=list(rows),
                        ax=axis,
                        size=3,
                        marker=look.marker,
                        facecolor="white" if always else look.colour,
                        edgecolor=look.colour,
                        linewidth=0.6,
                        alpha=0.75,
                        warn_thresh=1.0,
                        zorder=3,
                    )
                mean = summary[(summary["run"] == run) & (summary["layer"] == layer) & (summary["bound"] == bound)]
                for centre, lower, upper in mean[["mean", "lower", "upper"]].to_numpy(dtype=np.float64):
                    axis.plot([lower, upper], [rows[run]] * 2, color=style.INK, linewidth=1.0, zorder=4)
                    axis.plot(
                        [centre] * 2, [rows[run] - 0.33, rows[run] + 0.33], color=style.INK, linewidth=1.4, zorder=4
                    )
            axis.set(xlabel="", ylabel="")
            axis.set_yticks(list(rows.values()), labels=[look.label for look in looks.values()])
            axis.set_ylim(len(rows) - 0.4, -0.6)
            axis.set_xlim(*limits)
            axis.tick_params(axis="y", length=0)
    return result.figure
