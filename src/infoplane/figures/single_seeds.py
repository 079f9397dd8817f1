"""The information plane of single initialisations, chosen by a rule."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures import planes, selection, style
from infoplane.figures.panels import Section, page
from infoplane.statistics.frames import settings_of_runs

TABLES = ("information", "compression")
TITLE = "Single initialisations"
CAPTION = """\
**Single initialisations**, three per run: the seeds that compress least, in the middle and most. Compression is the
drop of :math:`I(T;X)` averaged over the layers; with an even number of seeds the middle one is the lower of the two,
and of equal seeds the smallest comes first. Seeds that diverged are not considered. :math:`I(T;Y)` against
:math:`I(T;X)` of each layer at every recorded epoch, both in bits; colour is the epoch on a logarithmic scale, the
marker and the number show where a layer is at the last epoch. Dashed lines are the ceilings :math:`H(X)` and
:math:`H(Y)`. For an estimator that bounds the information both the choice and the picture are of the upper bound.
"""
PER_ESTIMATOR = True


def draw(tables: Mapping[str, pd.DataFrame], estimator: str = "ebab") -> Figure:
    """Three panels per run, one run in a row of the page."""
    information = selection.of_estimator(tables["information"], estimator)
    compression = selection.of_estimator(tables["compression"], estimator)
    bound = selection.bounds(information)[0]
    information = information[information["bound"] == bound]
    compression = compression[compression["bound"] == bound]
    chosen = choose(compression)
    labels = style.run_labels(settings_of_runs(compression))
    looks = style.layer_looks(int(information["n_layers"].max()))
    last = selection.last_epoch(information)
    shown = information.merge(chosen[["run", "seed"]].drop_duplicates(), on=["run", "seed"])
    box = planes.limits(information)

    panels = [
        f"{labels[row['run']]}, {row['choice']}\nseed {row['seed']}, drop {row['drop']:.2f}"
        for row in chosen.to_dict("records")
    ]
    suffix = f", {style.bound_label(bound)}" if bound != "none" else ""
    result = page(
        f"{TITLE}: {selection.label(information)}{suffix}",
        [Section(panels, "", planes.X_LABEL, planes.Y_LABEL)],
        footer=f"{selection.assumption_note(information)} The seeds of each run that compress least, in the middle and "
        f"most, by the drop of I(T;X) averaged over the layers, of {selection.seeds_note(compression)}",
        columns=3,
        height=1.2,
        legend=planes.layer_handles(looks),
        last_epoch=last,
        beside_bar=[planes.ceiling_handle(information)],
    )
    for row, axis in zip(chosen.to_dict("records"), result.axes[0], strict=True):
        part = shown[(shown["run"] == row["run"]) & (shown["seed"] == row["seed"])]
        planes.draw_plane(axis, part, looks=looks, box=box, last=last, points_on_page=len(shown))
    return result.figure


def choose(compression: pd.DataFrame) -> pd.DataFrame:
    """The least, middle and most compressing seed of every run: columns run, choice, seed and drop.

    The drop is averaged over the layers for which it is estimable; `compression` has one estimator and bound. A run
    with fewer than three seeds that can be measured has the same seed in more than one place, one without any has none.
    """
    kept = compression[~compression["diverged"]]
    drops = kept.groupby(["run", "seed"], sort=False, observed=True)["drop"].mean().dropna().reset_index()
    rows = []
    for run in compression["run"].unique():
        part = drops[drops["run"] == run].sort_values(["drop", "seed"])
        if len(part):
            for choice, position in (("least", 0), ("middle", (len(part) - 1) // 2), ("most", len(part) - 1)):
                seed, drop = int(part["seed"].iloc[position]), float(part["drop"].iloc[position])
                rows.append({"run": run, "choice": choice, "seed": seed, "drop": drop})
    return pd.DataFrame(rows, columns=["run", "choice", "seed", "drop"])
