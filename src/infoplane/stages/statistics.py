"""Stage `statistics`: tables of training and information -> compression, and what the study says of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from infoplane import storage
from infoplane.provenance import provenance
from infoplane.stages.common import settings_of_runs
from infoplane.statistics import (
    Rules,
    claims,
    compression,
    compression_summary,
    correlation,
    effects,
    phases,
    seeds_needed,
    variance_components,
)
from infoplane.statistics.claims import OF_INFORMATION, OF_LAYERS
from infoplane.statistics.claims_text import as_markdown


def compression_table(information: Path, training: Path, output: Path) -> None:
    """The measures of compression of every run, seed, layer, estimator and bound."""
    of_training = storage.read_table(training)
    table = pd.concat([compression(rows, of_training) for rows in _trajectories(information)], ignore_index=True)
    storage.write_table(table, output, _from(information))


def summary_table(compression_path: Path, confidence: float, output: Path) -> None:
    """Mean, standard deviation and interval over seeds of every measure."""
    table = compression_summary(storage.read_table(compression_path), confidence=confidence)
    storage.write_table(table, output, {**_from(compression_path), "confidence": confidence})


def correlation_table(compression_path: Path, confidence: float, resamples: int, seed: int, output: Path) -> None:
    """Correlation over seeds of every measure with generalisation."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": seed}
    table = correlation(storage.read_table(compression_path), confidence=confidence, number=resamples, seed=seed)
    storage.write_table(table, output, {**_from(compression_path), **settings})


def effects_table(compression_path: Path, confidence: float, resamples: int, seed: int, output: Path) -> None:
    """Every run with a penalty against the run without."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": seed}
    made_with = _from(compression_path)
    of_runs = settings_of_runs(made_with, compression_path)
    measured = storage.read_table(compression_path)
    table = effects(measured, of_runs, confidence=confidence, number=resamples, seed=seed)
    storage.write_table(table, output, {**made_with, **settings})


def components_table(compression_path: Path, confidence: float, output: Path) -> None:
    """Variance of compression between activation functions and between seeds."""
    made_with = _from(compression_path)
    of_runs = settings_of_runs(made_with, compression_path)
    table = variance_components(storage.read_table(compression_path), of_runs, confidence=confidence)
    storage.write_table(table, output, {**made_with, "confidence": confidence})


def seeds_table(
    compression_path: Path, confidence: float, resamples: int, seed: int, width: float, output: Path
) -> None:
    """Spread over seeds, and how many of them an interval of a given width takes."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": seed, "interval_width": width}
    table = seeds_needed(
        storage.read_table(compression_path), width=width, confidence=confidence, number=resamples, seed=seed
    )
    storage.write_table(table, output, {**_from(compression_path), **settings})


def phases_table(information: Path, training: Path, confidence: float, resamples: int, seed: int, output: Path) -> None:
    """Where the mean trajectory of I(T;X) peaks, how far it rises and falls."""
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": seed}
    of_training = storage.read_table(training)
    tables = [
        phases(rows, of_training, confidence=confidence, number=resamples, seed=seed)
        for rows in _trajectories(information)
    ]
    table = pd.concat(tables, ignore_index=True)
    storage.write_table(table, output, {**_from(information), **settings})


def claims_tables(
    compression_path: Path,
    information: Path,
    layers: Path,
    rules: str,
    confidence: float,
    resamples: int,
    seed: int,
    output: Path,
    parts: Path,
    text: Path,
) -> None:
    """The verdict on every claim as a table, the parts that it rests on, and both as Markdown."""
    of_claims = json.loads(rules)
    settings = {"confidence": confidence, "resamples": resamples, "resampling_seed": seed, "claims": of_claims}
    measured = storage.read_table(compression_path)
    made_with = {**_from(compression_path), **settings}
    table, of_parts = claims(
        measured,
        storage.read_rows(information, "estimator", of_claims["estimator"], OF_INFORMATION),
        storage.read_table(layers, OF_LAYERS),
        Rules(**of_claims),
        settings_of_runs(made_with, compression_path),
        confidence=confidence,
        number=resamples,
        seed=seed,
    )
    storage.write_table(of_parts, parts, made_with)
    with storage.replacing(text) as temporary:
        temporary.write_text(as_markdown(table, of_parts, of_claims, measured), encoding="utf-8")
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
