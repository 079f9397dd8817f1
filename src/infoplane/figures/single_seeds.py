"""The information plane of single initialisations, chosen by a rule."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.measures import plain
from infoplane.figures.parts.panels import Section, page
from infoplane.presentation import style
from infoplane.statistics.dead import is_left_out
from infoplane.statistics.frames import settings_of_runs

TABLES = ("information", "compression")
TITLE = "Single initialisations"
CAPTION = """\
**Single initialisations**, three per run: the seeds that compress least, in the middle and most, by their compression
averaged over the layers; with an even number of seeds the middle one is the lower of the two, and of equal seeds the
smallest comes first. {measure} Diverged and dead seeds are not considered. :math:`I(T;Y)` against
:math:`I(T;X)` of each layer at every recorded epoch, both in bits; colour is the epoch on a logarithmic scale, the
marker and the number show where a layer is at the last epoch. Dashed lines are the ceilings :math:`H(X)` and
:math:`H(Y)`. For an estimator that bounds the information both the choice and the picture are of the upper bound.
"""
PER_ESTIMATOR = True
SETTINGS = ("measure",)
PAPER = "Figure 5"

CHOICES = ("least", "middle", "most")


def draw(tables: Mapping[str, pd.DataFrame], *, estimator: str, measure: str = "drop") -> Figure:
    """Three panels per run, one run in a row of the page."""
    information = selection.of_estimator(tables["information"], estimator)
    compression = selection.of_estimator(tables["compression"], estimator)
    bound = selection.bounds(information)[0]
    information = information[information["bound"] == bound]
    compression = compression[compression["bound"] == bound]
    chosen = choose(compression, measure)
    labels = style.run_labels(settings_of_runs(compression))
    looks = style.layer_looks(int(information["n_layers"].max()))
    last = selection.last_epoch(information)
    shown = information.merge(chosen[["run", "seed"]].drop_duplicates(), on=["run", "seed"])
    box = planes.limits(shown)

    panels = [
        f"{labels[row['run']]}, seed {row['seed']} ({selection.number(row['compression'])})"
        for row in chosen.to_dict("records")
    ]
    suffix = f", {style.bound_label(bound)}" if bound != "none" else ""
    result = page(
        f"{TITLE}: {selection.label(information)}{suffix}",
        [Section(panels, "", planes.X_LABEL, planes.Y_LABEL, heads=[f"{choice} compression" for choice in CHOICES])],
        footer=f"{selection.assumption_note(information)} The seeds of each run that compress least, in the middle and "
        f"most; in brackets compression, the {plain(measure)} averaged over the layers. "
        f"{selection.seeds_note(compression)}",
        columns=3,
        height=1.05,
        legend=planes.layer_handles(looks),
        last_epoch=last,
        beside_bar=[planes.ceiling_handle(information)],
    )
    for row, axis in zip(chosen.to_dict("records"), result.axes[0], strict=True):
        part = shown[(shown["run"] == row["run"]) & (shown["seed"] == row["seed"])]
        planes.draw_plane(axis, part, looks=looks, box=box, last=last, points_on_page=len(shown))
    return result.figure


def choose(compression: pd.DataFrame, measure: str = "drop") -> pd.DataFrame:
    """The least, middle and most compressing seed of every run: columns run, choice, seed and compression.

    Compression is the measure averaged over the layers for which it is estimable; `compression` has one estimator and
    bound. A run with fewer than three seeds that can be measured has the same seed in more than one place, one without
    any has none.
    """
    kept = compression[~is_left_out(compression)]
    means = kept.groupby(["run", "seed"], sort=False, observed=True)[measure].mean().dropna()
    by_seed = means.rename("compression").reset_index()
    rows = []
    for run in compression["run"].unique():
        part = by_seed[by_seed["run"] == run].sort_values(["compression", "seed"])
        if len(part):
            for choice, position in zip(CHOICES, (0, (len(part) - 1) // 2, len(part) - 1), strict=True):
                seed, value = int(part["seed"].iloc[position]), float(part["compression"].iloc[position])
                rows.append({"run": run, "choice": choice, "seed": seed, "compression": value})
    return pd.DataFrame(rows, columns=["run", "choice", "seed", "compression"])
