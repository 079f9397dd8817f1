"""The information plane of every run, averaged over seeds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.panels import Section, page
from infoplane.presentation import style

TABLES = ("information", "training")
TITLE = "Information plane"
PAPER = "Figures 6 and 7"
CAPTION = """\
**Information plane of every run**, one panel per run: :math:`I(T;Y)` against :math:`I(T;X)` of each layer at every
recorded epoch, both in bits, averaged over the seeds that did not diverge. Colour is the epoch on a logarithmic scale.
The marker and the number show where a layer is at the last epoch; the highest number is the softmax output. Dashed
lines are the ceilings :math:`H(X)` and :math:`H(Y)`: a layer that stays at :math:`H(X)` cannot show compression. The
networks are deterministic, so every value depends on the estimator's assumption, which the footer states together with
the number of seeds.
"""
PER_ESTIMATOR = True


def draw(tables: Mapping[str, pd.DataFrame], *, estimator: str) -> Figure:
    """One panel per run, one block of panels per bound of the estimator."""
    training = tables["training"]
    table = selection.of_estimator(tables["information"], estimator)
    means = planes.mean_over_seeds(table, training, ["bound", "run", "layer", "epoch"])
    titles = selection.panel_titles(training)
    looks = style.layer_looks(int(table["n_layers"].max()))
    last = selection.last_epoch(table)
    box = planes.limits(means)
    name = selection.label(table)
    bounds = selection.bounds(table)
    result = page(
        f"{TITLE}: {name}",
        [
            Section(list(titles.values()), style.bound_label(bound).capitalize(), planes.X_LABEL, planes.Y_LABEL)
            for bound in bounds
        ],
        footer=f"{selection.assumption_note(table)} Mean over {selection.seeds_note(training)}",
        height=1.4 if len(bounds) == 1 else 1.15,
        legend=planes.layer_handles(looks),
        last_epoch=last,
        beside_bar=[planes.ceiling_handle(table)],
    )
    for bound, axes in zip(bounds, result.axes, strict=True):
        for run, axis in zip(titles, axes, strict=True):
            part = means[(means["bound"] == bound) & (means["run"] == run)]
            planes.draw_plane(axis, part, looks=looks, box=box, last=last, points_on_page=len(means))
    return result.figure
