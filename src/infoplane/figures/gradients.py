"""The signal-to-noise ratio of the gradients of every layer over training."""

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
TITLE = "Signal-to-noise ratio of the gradients"
CAPTION = """\
**Signal-to-noise ratio of the gradients**, one panel per run: the norm of the mean gradient of each layer over
the norm of the gradients' standard deviation, both over the batches of an epoch, on a logarithmic scale. Above 1 the
batches agree on a direction (drift), below 1 they do not (diffusion). Lines are geometric means over the seeds that did
not diverge, bands the 95 % intervals (Student's t of the logarithms). Empty where the study does not record gradients.
"""


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per run."""
    training = tables["training"]
    kept = selection.without_diverged(tables["layers"], training)
    titles = selection.panel_titles(training)
    looks = style.layer_looks(int(tables["layers"]["layer"].max()))
    last = selection.last_epoch(tables["layers"])
    known = (kept["gradient_mean_norm"] > 0) & (kept["gradient_sd_norm"] > 0)
    kept = kept[known].assign(ratio=np.log(kept["gradient_mean_norm"] / kept["gradient_sd_norm"]))
    curves = over_epochs(kept, ["run", "layer"], "ratio")
    curves[["mean", "lower", "upper"]] = np.exp(curves[["mean", "lower", "upper"]])
    result = page(
        TITLE,
        [Section(list(titles.values()), "", "epoch", "|mean| / standard deviation")],
        footer=f"Lines: geometric mean; bands: 95 % interval of it; {selection.seeds_note(training)}",
        height=1.2,
        legend=line_handles(looks.values()),
    )
    for run, axis in zip(titles, result.axes[0], strict=True):
        style.epoch_axis(axis, last)
        of_run = curves[curves["run"] == run]
        if of_run.empty:
            say(axis, "no gradients recorded")
            axis.set_yticks([])
            continue
        axis.set_yscale("log")
        axis.set_ylim(0.7 * float(curves["mean"].min()), 1.5 * float(curves["mean"].max()))
        axis.axhline(1.0, color=style.FAINT, linestyle=(0, (4, 2)), linewidth=0.8, zorder=1)
        axis.yaxis.set_major_locator(LogLocator(numticks=6))
        axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axis.yaxis.set_minor_locator(NullLocator())
        for layer, look in looks.items():
            draw_curve(axis, of_run[of_run["layer"] == layer], look)
    return result.figure
