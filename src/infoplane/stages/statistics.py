"""Stage `statistics`: tables of training and information -> compression, and what the study says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from infoplane import statistics, storage
from infoplane.provenance import provenance
from infoplane.stages.common import settings_of_runs
from infoplane.statistics.claims import OF_INFORMATION, OF_LAYERS
from infoplane.statistics.claims_text import as_markdown

__all__ = [
    "claims",
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
    storage.write_table(table, output, _from(information))


def compression_summary(compression: Path, output: Path, confidence: float = 0.95) -> None:
    """Mean, standard deviation and interval over seeds of every measure."""
    table = statistics.compression_summary(storage.read_table(compression), confidence=confidence)
    storage.write_table(table, output, {**_from(compression), "confidence": confidence})


def correlation(
    compression: Path, output: Path, confidence: float = 0.95, resamples: int = 2000, resampling_seed: int = 0
) -> None:
    """Correlation over seeds of every measure with generalisation."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": resampling_seed}
    table = statistics.correlation(
        storage.read_table(compression), confidence=confidence, number=resamples, seed=resampling_seed
    )
    storage.write_table(table, output, {**_from(compression), **settings})


def effects(
    compression: Path, output: Path, confidence: float = 0.95, resamples: int = 2000, resampling_seed: int = 0
) -> None:
    """Every run with a penalty against the run without."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": resampling_seed}
    made_with = _from(compression)
    of_runs = settings_of_runs(made_with, compression)
    measured = storage.read_table(compression)
    table = statistics.effects(measured, of_runs, confidence=confidence, number=resamples, seed=resampling_seed)
    storage.write_table(table, output, {**made_with, **settings})


def variance_components(compression: Path, output: Path, confidence: float = 0.95) -> None:
    """Variance of compression between activation functions and between seeds."""
    made_with = _from(compression)
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
    storage.write_table(table, output, {**_from(compression), **settings})


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
    storage.write_table(table, output, {**_from(information), **settings})


def claims(
    compression: Path,
    information: Path,
    layers: Path,
    rules: Mapping[str, Any],
    output: Path,
    parts: Path,
    text: Path,
    confidence: float = 0.95,
    resamples: int = 2000,
    resampling_seed: int = 0,
) -> None:
    """The verdict on every claim as a table, the parts that it rests on, and both as Markdown."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": resampling_seed, "claims": rules}
    measured = storage.read_table(compression)
    made_with = {**_from(compression), **settings}
    table, of_parts = statistics.claims(
        measured,
        storage.read_rows(information, "estimator", rules["estimator"], OF_INFORMATION),
        storage.read_table(layers, OF_LAYERS),
        statistics.Rules(**rules),
        settings_of_runs(made_with, compression),
        confidence=confidence,
        number=resamples,
        seed=resampling_seed,
    )
    storage.write_table(of_parts, parts, made_with)
    with storage.replacing(text) as temporary:
        temporary.write_text(as_markdown(table, of_parts, rules, measured), encoding="utf-8")
    storage.write_table(table, output, made_with)


def _trajectories(path: Path) -> Iterator[pd.DataFrame]:
    """The table information, run by run: the whole of a large study takes several gigabytes."""
    runs = storage.read_distinct(path, "run")
    if not runs:
        yield storage.read_table(path)
    for run in runs:
        yield storage.read_rows(path, "run", run)


def _from(path: Path) -> dict[str, object]:
    return {**storage.read_table_provenance(path), **provenance()}
