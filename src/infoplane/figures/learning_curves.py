"""Accuracy and loss of every run on the training and the test part."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from infoplane.figures import selection, style
from infoplane.figures.curves import draw_curve, over_epochs
from infoplane.figures.panels import Section, line_handles, page, say

TABLES = ("training",)
TITLE = "Learning curves"
CAPTION = """\
**Learning curves**, one panel per run: accuracy (above) and mean cross-entropy in nats (below, on a logarithmic scale)
on the training and the test part. Lines are means over the seeds that did not diverge, bands their 95 % intervals
(Student's t). The axis of epochs is logarithmic in epoch + 1, its labels are true epochs. The loss is without the L2
penalty.
"""


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """One panel per run for accuracy, then one per run for the loss."""
    training = tables["training"]
    kept = selection.without_diverged(training, training)
    titles = selection.panel_titles(training)
    last = selection.last_epoch(training)
    panels = list(titles.values())
    parts = {"train": style.TRAIN, "test": style.TEST}
    result = page(
        TITLE,
        [
            Section(panels, "Accuracy", "epoch", "accuracy"),
            Section(panels, "Loss", "epoch", "cross-entropy (nats)"),
        ],
        footer=f"Lines: mean; bands: 95 % interval of the mean; {selection.seeds_note(training)}",
        height=1.05,
        legend=line_handles(parts.values()),
    )
    for kind, axes in zip(("accuracy", "loss"), result.axes, strict=True):
        curves = {part: over_epochs(kept, ["run"], f"{part}_{kind}") for part in parts}
        means = np.concatenate([curve["mean"].to_numpy() for curve in curves.values()])
        for run, axis in zip(titles, axes, strict=True):
            style.epoch_axis(axis, last)
            if kind == "loss":
                axis.set_yscale("log")
            for part, look in parts.items():
                curve = curves[part]
                curve = curve[curve["run"] == run]
                if curve.empty:
                    say(axis, "all seeds diverged")
                    break
                draw_curve(axis, curve, look)
            if kind == "accuracy":
                low, _ = selection.span(means)
                axis.set_ylim(max(0.0, low), 1.02)
            else:
                positive = means[np.isfinite(means) & (means > 0)]
                decades = np.log10(positive.max() / positive.min()) if len(positive) else 0.0
                if len(positive):
                    axis.set_ylim(0.7 * float(positive.min()), 1.4 * float(positive.max()))
                axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2 else (1,), numticks=6))
                axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
                axis.yaxis.set_minor_locator(NullLocator())
    return result.figure
