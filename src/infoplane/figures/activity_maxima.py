"""The largest activity of every layer over training."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import selection
from infoplane.figures.parts.curves import page_of_layers

TABLES = ("layers", "training")
TITLE = "Largest activity of each layer"
PAPER = "Figure 1"
CAPTION = """\
**Largest activity of each layer** over all units and samples, one panel per run, on a logarithmic scale. Lines are
geometric means over the seeds that did not diverge and are not dead, bands their {confidence} intervals (Student's t of
the logarithms); seeds whose layer is silent, with no activity above 0, are left out. Where the maxima of the layers lie
apart, one range of bins for all layers resolves only the layer with the largest activity. The softmax output is at most
1. The number at the end of a curve is the layer.
"""
SETTINGS = ("confidence",)


def draw(tables: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> Figure:
    """One panel per run."""
    training = tables["training"]
    kept = selection.without_lost(tables["layers"], training)
    silent = int((kept["activity_maximum"] <= 0).sum())
    return page_of_layers(
        TITLE,
        kept,
        "activity_maximum",
        training,
        y_label="largest activity",
        confidence=confidence,
        note=f"Left out: {silent} of {len(kept)} values, of layers without activity above 0." if silent else "",
    )
