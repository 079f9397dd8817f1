"""Accuracy and loss of every run on the training and the test part."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from infoplane.figures.parts import selection
from infoplane.figures.parts.curves import draw_curve, log_axis, over_epochs
from infoplane.figures.parts.measures import percent
from infoplane.figures.parts.panels import Section, line_handles, page, say
from infoplane.presentation import style

TABLES = ("training", "layers")
TITLE = "Learning curves"
CAPTION = """\
**Learning curves**, one panel per run: accuracy (above) and mean cross-entropy in nats (below, on a logarithmic scale)
on the training and the test part. Lines are means over the seeds that did not diverge (of the loss geometric ones),
bands their {confidence} intervals (Student's t; of the loss that of its logarithm). The axis of epochs is logarithmic
in epoch + 1, its labels are true epochs. The loss is without the penalty.
"""
SETTINGS = ("confidence",)


def draw(tables: Mapping[str, pd.DataFrame], *, confidence: float = 0.95) -> Figure:
    """One panel per run for accuracy, then one per run for the loss."""
    training = tables["training"]
    kept = selection.without_lost(training, training)
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
        footer=f"Lines: mean, of the loss geometric; bands: {percent(confidence)} interval of the mean; "
        f"{selection.seeds_note(training)}",
        height=1.0,
        legend=line_handles(parts.values()),
    )
    for kind, axes in zip(("accuracy", "loss"), result.axes, strict=True):
        curves = {
            part: over_epochs(kept, ["run"], f"{part}_{kind}", confidence=confidence, geometric=kind == "loss")
            for part in parts
        }
        both = pd.concat(curves.values())
        for run, axis in zip(titles, axes, strict=True):
            style.epoch_axis(axis, last)
            if kind == "loss":
                log_axis(axis, both)
            else:
                axis.set_ylim(max(0.0, selection.span(both["mean"])[0]), 1.02)
            of_run = {part: curve[(curve["run"] == run) & curve["mean"].notna()] for part, curve in curves.items()}
            if all(curve.empty for curve in of_run.values()):
                say(axis, f"not recorded: {kind}" if (kept["run"] == run).any() else selection.NONE_LEFT)
            for part, curve in of_run.items():
                if not curve.empty:
                    draw_curve(axis, curve, parts[part])
    return result.figure
