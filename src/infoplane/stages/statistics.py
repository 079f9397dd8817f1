"""Stage `statistics`: tables of training and information -> compression, and what the study says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from infoplane import statistics
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.stages.common import settings_of_runs

__all__ = [
    "compression",
    "compression_summary",
    "correlation",
    "effects",
    "phases",
    "seeds_needed",
    "variance_components",
]


def compression(information: Path, training: Path, output: Path) -> None:
    """The measures of compression of every run, seed, layer, estimator and bound."""
    of_training = storage.read_table(training)
    table = pd.concat(
        [statistics.compression(rows, of_training) for rows in _trajectories(information)], ignore_index=True
    )
    storage.write_table(table, output, provenance_from(information))


def compression_summary(compression: Path, output: Path, confidence: float = 0.95) -> None:
    """Mean, standard deviation and interval over seeds of every measure."""
    table = statistics.compression_summary(storage.read_table(compression), confidence=confidence)
    storage.write_table(table, output, {**provenance_from(compression), "confidence": confidence})


def correlation(
    compression: Path, output: Path, confidence: float = 0.95, resamples: int = 2000, resampling_seed: int = 0
) -> None:
    """Correlation over seeds of every measure with generalisation."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": resampling_seed}
    table = statistics.correlation(
        storage.read_table(compression), confidence=confidence, number=resamples, seed=resampling_seed
    )
    storage.write_table(table, output, {**provenance_from(compression), **settings})


def effects(
    compression: Path, output: Path, confidence: float = 0.95, resamples: int = 2000, resampling_seed: int = 0
) -> None:
    """Every run with a penalty against the run without."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": resampling_seed}
    made_with = provenance_from(compression)
    of_runs = settings_of_runs(made_with, compression)
    measured = storage.read_table(compression)
    table = statistics.effects(measured, of_runs, confidence=confidence, number=resamples, seed=resampling_seed)
    storage.write_table(table, output, {**made_with, **settings})


def variance_components(compression: Path, output: Path, confidence: float = 0.95) -> None:
    """Variance of compression between activation functions and between seeds."""
    made_with = provenance_from(compression)
    of_runs = settings_of_runs(made_with, compression)
    table = statistics.variance_components(storage.read_table(compression), of_runs, confidence=confidence)
    storage.write_table(table, output, {**made_with, "confidence": confidence})


def seeds_needed(
    compression: Path,
    output: Path,
    confidence: float = 0.95,
    resamples: int = 2000,
    resampling_seed: int = 0,
    width: float = 0.1,
) -> None:
    """Spread over seeds, and how many of them an interval of a given width takes."""
    settings = {
        "confidence": confidence,
        "resamples": resamples,
        "resampling_seed": resampling_seed,
        "interval_width": width,
    }
    table = statistics.seeds_needed(
        storage.read_table(compression), width=width, confidence=confidence, number=resamples, seed=resampling_seed
    )
    storage.write_table(table, output, {**provenance_from(compression), **settings})


def phases(
    information: Path,
    training: Path,
    output: Path,
    confidence: float = 0.95,
    resamples: int = 2000,
    resampling_seed: int = 0,
) -> None:
    """Where the mean trajectory of I(T;X) peaks, how far it rises and falls."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": resampling_seed}
    of_training = storage.read_table(training)
    tables = [
        statistics.phases(rows, of_training, confidence=confidence, number=resamples, seed=resampling_seed)
        for rows in _trajectories(information)
    ]
    table = pd.concat(tables, ignore_index=True)
    storage.write_table(table, output, {**provenance_from(information), **settings})


def _trajectories(path: Path) -> Iterator[pd.DataFrame]:
    """The table information, run by run: the whole of a large study takes several gigabytes."""
    runs = storage.read_distinct(path, "run")
    if not runs:
        yield storage.read_table(path)
    for run in runs:
        yield storage.read_rows(path, "run", run)


def provenance_from(path: Path) -> dict[str, object]:
    return {**storage.read_table_provenance(path), **provenance()}
