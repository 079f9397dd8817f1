"""The largest activity of every layer over training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from infoplane.figures import selection, style
from infoplane.figures.curves import draw_curve, over_epochs
from infoplane.figures.panels import Section, line_handles, page, say

TABLES = ("layers", "training")
TITLE = "Largest activity of each layer"
CAPTION = """\
**Largest activity of each layer** over all units and samples, one panel per run, on a logarithmic scale. Lines are
means over the seeds that did not diverge, bands their 95 % intervals (Student's t). Where the maxima of the layers lie
apart, one range of bins for all layers resolves only the layer with the largest activity. The softmax output is at
most 1.
"""


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per run."""
    training = tables["training"]
    kept = selection.without_diverged(tables["layers"], training)
    titles = selection.panel_titles(training)
    looks = style.layer_looks(int(tables["layers"]["layer"].max()))
    last = selection.last_epoch(tables["layers"])
    curves = over_epochs(kept, ["run", "layer"], "activity_maximum")
    positive = curves["mean"][np.isfinite(curves["mean"]) & (curves["mean"] > 0)]
    result = page(
        TITLE,
        [Section(list(titles.values()), "", "epoch", "largest activity")],
        footer=f"Lines: mean; bands: 95 % interval of the mean; {selection.seeds_note(training)}",
        height=1.2,
        legend=line_handles(looks.values()),
    )
    for run, axis in zip(titles, result.axes[0], strict=True):
        style.epoch_axis(axis, last)
        axis.set_yscale("log")
        if len(positive):
            axis.set_ylim(0.7 * float(positive.min()), 1.5 * float(positive.max()))
            few = positive.max() / positive.min() < 100
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=6))
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.yaxis.set_minor_locator(NullLocator())
        of_run = curves[curves["run"] == run]
        if of_run.empty:
            say(axis, "all seeds diverged")
        for layer, look in looks.items():
            draw_curve(axis, of_run[of_run["layer"] == layer], look)
    return result.figure
