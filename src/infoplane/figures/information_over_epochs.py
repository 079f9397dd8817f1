"""I(T;X) and I(T;Y) of every layer over the epochs, with the spread over seeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import planes, selection
from infoplane.figures.parts.curves import GAP, RIGHT, draw_layers, over_epochs
from infoplane.figures.parts.measures import percent
from infoplane.figures.parts.panels import Section, line_handles, page, say
from infoplane.presentation import style

TABLES = ("information", "training")
TITLE = "Information over epochs"
CAPTION = """\
**Information over epochs** for every run: :math:`I(T;X)` and :math:`I(T;Y)` of each layer in bits. Lines are means over
the seeds that did not diverge and are not dead, bands their {confidence} intervals (Student's t). The number at the end
of a curve is the layer. The axis of epochs is logarithmic in epoch + 1, its labels are true epochs. Dashed grey lines
are the ceilings :math:`H(X)` and :math:`H(Y)`: a layer that stays at :math:`H(X)` cannot show compression. For an
estimator that bounds the information a run is a row, with panels for the upper and for the lower bound.
"""
PER_ESTIMATOR = True
SETTINGS = ("confidence",)


def draw(tables: Mapping[str, pd.DataFrame], *, estimator: str, confidence: float = 0.95) -> Figure:
    """I(T;X) of every run, then I(T;Y); with several bounds every run is a row, with a panel for each."""
    training = tables["training"]
    table = selection.of_estimator(tables["information"], estimator)
    kept = selection.without_lost(table, training)
    titles = selection.panel_titles(training)
    looks = style.layer_looks(int(table["n_layers"].max()))
    last = selection.last_epoch(table)
    bounds = selection.bounds(table)
    h_x, h_y = selection.entropies(table)
    kinds = [
        (column, bound, ceiling, ", ".join(filter(None, [label, style.bound_label(bound)])))
        for column, ceiling, label in (("i_tx", h_x, planes.X_LABEL), ("i_ty", h_y, planes.Y_LABEL))
        for bound in bounds
    ]
    one = len(bounds) == 1
    if one:
        sections = [
            Section(list(titles.values()), name, "epoch", label)
            for (*_, label), name in zip(
                kinds, ("Information about the input", "Information about the label"), strict=True
            )
        ]
    else:
        rows = [text for title in titles.values() for text in (title, *[""] * (len(kinds) - 1))]
        sections = [Section(rows, "", "epoch", "", heads=[label for *_, label in kinds])]
    result = page(
        f"{TITLE}: {selection.label(table)}",
        sections,
        footer=f"{selection.assumption_note(table)} Lines: mean; bands: {percent(confidence)} interval of the mean; "
        f"{selection.seeds_note(training)}",
        columns=None if one else len(kinds),
        height=1.1 if one else 0.8,
        share_y=one,
        gap=GAP if one else 0.38,
        right=RIGHT,
        left=0.45 if one else 0.32,
        legend=[*line_handles(looks.values()), planes.ceiling_handle(table)],
    )
    for index, (column, bound, ceiling, _) in enumerate(kinds):
        axes = result.axes[index] if one else result.axes[0][index :: len(kinds)]
        curves = over_epochs(kept[kept["bound"] == bound], ["run", "layer"], column, confidence=confidence)
        # Intervals of few seeds may reach beyond what is possible; the panels do not.
        largest = float(np.nanmax([ceiling, *curves["mean"]]))
        for run, axis in zip(titles, axes, strict=True):
            style.epoch_axis(axis, last)
            axis.set_ylim(-0.03 * ceiling, 1.06 * largest)
            axis.set_yticks(planes.ticks(axis.get_ylim()[1]) if one or ceiling > 1.4 else [0, 0.5, 1])
            planes.draw_ceiling(axis, table, run, column)
            of_run = curves[curves["run"] == run]
            if of_run.empty:
                say(axis, selection.NONE_LEFT)
            draw_layers(axis, of_run, looks)
    return result.figure
