"""The signal-to-noise ratio of the gradients of every layer over training."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import selection
from infoplane.figures.parts.curves import page_of_layers
from infoplane.figures.parts.panels import Section, page, say

TABLES = ("layers", "training")
TITLE = "Signal-to-noise ratio of the gradients"
CAPTION = """\
**Signal-to-noise ratio of the gradients**, one panel per run: the norm of the mean gradient of each layer over the norm
of the gradients' standard deviation, both over the batches of an epoch (Shwartz-Ziv & Tishby 2017), on a logarithmic
scale. Above 1, the dashed line, the batches agree on a direction (drift), below 1 they do not (diffusion). Lines are
geometric means over the seeds that did not diverge and are not dead, bands their {confidence} intervals (Student's t of
the logarithms). The number at the end of a curve is the layer. Empty where the study does not record gradients.
"""
SETTINGS = ("confidence",)


def draw(tables: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> Figure:
    """One panel per run; one panel in all if no run recorded gradients."""
    training = tables["training"]
    kept = selection.without_lost(tables["layers"], training)
    known = kept[(kept["gradient_mean_norm"] > 0) & (kept["gradient_sd_norm"] > 0)]
    if known.empty:
        result = page(TITLE, [Section([""])], footer=selection.seeds_note(training), height=0.6)
        result.axes[0][0].set_axis_off()
        say(result.axes[0][0], "no run of this study records gradients; record_gradients: true makes it do so")
        return result.figure
    return page_of_layers(
        TITLE,
        known.assign(ratio=known["gradient_mean_norm"] / known["gradient_sd_norm"]),
        "ratio",
        training,
        y_label="‖mean‖ / ‖standard deviation‖ of the gradient",
        confidence=confidence,
        empty="no gradients recorded",
        level=1.0,
    )
