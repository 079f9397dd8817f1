"""Stage `recorded`: a recording that somebody else made -> its tables, once all of its values are known to be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from infoplane.activity.recording import Recording, open_recording
from infoplane.files import storage
from infoplane.stages.common import provenance_of_run, run_axes, tidy

__all__ = ["recorded"]

# What our own networks are measured by: these columns are there, empty, where a recording has no such metric.
METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
LAYER_STATISTICS = ("weight_norm", "gradient_mean_norm", "gradient_sd_norm")


def recorded(recording: Path, run: str, layers: Path, metrics: Path) -> None:
    """Check every value of a recording, and write the table of its layers and that of its metrics.

    `layers` has one row per seed, recorded epoch and layer, with the extremes of its activity, how many of its units
    vary, and its statistics; `metrics` one per seed and recorded epoch. Raises InfoplaneError, naming file and field,
    for what is not right.
    """
    with open_recording(recording) as opened:
        write_tables(opened, run, layers, metrics)


def write_tables(recording: Recording, run: str, layers: Path, metrics: Path) -> None:
    """The two tables of a recording, which is of this run."""
    extremes, count = recording.extremes(), len(recording.layers)
    shape = (len(recording.seeds), len(recording.epochs))
    made_with = provenance_of_run(recording, run)
    measured = {name: recording.metrics.get(name, np.full(shape, np.nan)) for name in (*METRICS, *recording.metrics)}
    measured["diverged_epoch"] = np.repeat(recording.diverged_epoch[:, None], shape[1], axis=1)
    storage.write_table(tidy(recording, run, run_axes(recording), measured), metrics, made_with)
    columns = {
        "layer_name": np.array([layer.name for layer in recording.layers])[None, None],
        "activity_minimum": extremes.minimum,
        "activity_maximum": extremes.maximum,
        "varying_units": extremes.varying_units,
        **{
            name: recording.layer_statistics.get(name, np.full((*shape, count), np.nan))
            for name in (*LAYER_STATISTICS, *recording.layer_statistics)
        },
    }
    storage.write_table(tidy(recording, run, run_axes(recording, layers=count), columns), layers, made_with)
