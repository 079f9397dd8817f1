"""I(T;X) and I(T;Y) of every layer over the epochs, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures import planes, selection, style
from infoplane.figures.curves import draw_curve, over_epochs
from infoplane.figures.panels import Section, line_handles, page, say

TABLES = ("information", "training")
TITLE = "Information over epochs"
CAPTION = """\
**Information over epochs**, one panel per run: :math:`I(T;X)` (above) and :math:`I(T;Y)` (below) of each layer in bits.
Lines are means over the seeds that did not diverge, bands their 95 % intervals (Student's t). The axis of epochs is
logarithmic in epoch + 1, its labels are true epochs. Dashed grey lines are the ceilings :math:`H(X)` and :math:`H(Y)`.
An estimator that bounds the information has panels for the upper and for the lower bound.
"""
PER_ESTIMATOR = True


def draw(tables: Mapping[str, pd.DataFrame], estimator: str = "ebab") -> Figure:
    """One panel per run for each bound of I(T;X), then for each bound of I(T;Y)."""
    training = tables["training"]
    table = selection.of_estimator(tables["information"], estimator)
    kept = selection.without_diverged(table, training)
    titles = selection.panel_titles(training)
    looks = style.layer_looks(int(table["n_layers"].max()))
    last = selection.last_epoch(table)
    h_x, h_y = selection.entropies(table)
    bounds = selection.bounds(table)
    panels = list(titles.values())
    # I(T;X) of every bound, then I(T;Y) of every bound.
    blocks = [
        (column, bound, ceiling, name, axis_label)
        for column, ceiling, name, axis_label in (
            ("i_tx", h_x, "Information about the input", planes.X_LABEL),
            ("i_ty", h_y, "Information about the label", planes.Y_LABEL),
        )
        for bound in bounds
    ]
    result = page(
        f"{TITLE}: {selection.label(table)}",
        [
            Section(panels, ", ".join(filter(None, [name, style.bound_label(bound)])), "epoch", axis_label)
            for _, bound, _, name, axis_label in blocks
        ],
        footer=f"{selection.assumption_note(table)} Lines: mean; bands: 95 % interval of the mean; "
        f"{selection.seeds_note(training)}",
        height=1.15,
        legend=[*line_handles(looks.values()), planes.ceiling_handle(table)],
    )
    for (column, bound, ceiling, _, _), axes in zip(blocks, result.axes, strict=True):
        curves = over_epochs(kept[kept["bound"] == bound], ["run", "layer"], column)
        # Intervals of few seeds may reach beyond what is possible; the panels do not.
        largest = float(np.nanmax([ceiling, *curves["mean"]]))
        for run, axis in zip(titles, axes, strict=True):
            style.epoch_axis(axis, last)
            axis.set_ylim(-0.03 * ceiling, 1.06 * largest)
            axis.set_yticks(planes.ticks(axis.get_ylim()[1]))
            axis.axhline(ceiling, color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
            of_run = curves[curves["run"] == run]
            if of_run.empty:
                say(axis, "all seeds diverged")
            for layer, look in looks.items():
                draw_curve(axis, of_run[of_run["layer"] == layer], look)
    return result.figure
