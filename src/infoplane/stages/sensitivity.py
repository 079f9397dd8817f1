"""Stage `sensitivity`: information of one estimator -> the claims under each of its settings; then of all, joined."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from infoplane.claims.parts import Rules
from infoplane.claims.sensitivity import Stopped, sensitivity_summary, settings_of_estimator, stopped
from infoplane.claims.sensitivity_text import as_markdown
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.stages.common import files_of, rows_of_part, rows_of_study, settings_of_runs
from infoplane.statistics.series import owners_of

__all__ = ["sensitivity", "sensitivity_tables"]


def sensitivity(
    files: str,
    scans: str,
    runs: Sequence[Sequence[str]],
    blocks: Sequence[Sequence[str]],
    number_of_seeds: int,
    training: Path,
    layers: Path,
    variants: Mapping[str, Any],
    rules: Mapping[str, Any],
    chosen: Mapping[str, Any],
    resampling: Mapping[str, Any],
    output: Path,
) -> None:
    """The claims under every setting of one estimator and of its variants.

    `variants` has, by the name of each of them, base, varied, value (as JSON) and settings; source, the scan that it is
    computed in and its value there, both "" for an estimator of the study; and fixed, null or the name and the source
    of its counterpart with one range of bins for all layers. The tables of information are given by `files`, those of
    scans by `scans`, with `runs` and `blocks` as of `files_of`. `rules` is the section `claims`, `chosen` has bounds,
    measures and stopping, `resampling` confidence, resamples, resampling_seed and, if it is not all, the part of the
    samples.
    """
    of_training = storage.read_table(training)
    owners = owners_of(storage.read_table(layers))
    made_with = storage.read_table_provenance(training)
    settings, part = settings_of_runs(made_with, training), resampling.get("part", "all")

    def estimates(name: str, source: Sequence[str]) -> list[Stopped]:
        scan, value = source
        paths = files_of(scans if scan else files, runs, blocks, [scan or name])
        return stopped(_by_run(paths, number_of_seeds, part, name, value), of_training, chosen["stopping"])

    tables = []
    for name, variant in variants.items():
        fixed = variant["fixed"] or {"name": None}
        table = settings_of_estimator(
            estimates(name, variant["source"]),
            estimates(**fixed) if fixed["name"] else None,
            owners,
            Rules(**{**rules, "fixed": fixed["name"]}),
            settings,
            shares=chosen["stopping"],
            bounds=chosen["bounds"],
            measures=chosen["measures"],
            confidence=resampling["confidence"],
            number=resampling["resamples"],
            seed=resampling["resampling_seed"],
        )
        primary = (table["estimator"] == rules["estimator"]) & (table["measure"] == rules["measure"])
        primary &= table["bound"].isin([rules["bound"], "none"])
        primary &= table["stopping_epoch"] == of_training["epoch"].max()
        described = {key: variant[key] for key in ("base", "varied", "value")}
        described["settings"] = json.dumps(variant["settings"], sort_keys=True)
        tables.append(table.assign(primary=primary, **described))
    made_with = {**made_with, **provenance(), "claims": rules, **chosen, **resampling}
    storage.write_table(pd.concat(tables, ignore_index=True), output, made_with)


def sensitivity_tables(files: Sequence[Path], output: Path, summary: Path, factors: Path, text: Path) -> None:
    """The settings of all estimators as one table, how often each claim holds and what it turns on, and as Markdown."""
    table = pd.concat([storage.read_table(path) for path in files], ignore_index=True)
    # The estimators of the study come first, then their variants.
    table = table.iloc[np.argsort(table["varied"] != "", kind="stable")].reset_index(drop=True)
    counted, turning = sensitivity_summary(table)
    made_with = {**storage.read_table_provenance(files[0]), **provenance()}
    storage.write_table(counted, summary, made_with)
    storage.write_table(turning, factors, made_with)
    with storage.replacing(text) as temporary:
        temporary.write_text(as_markdown(table, counted, turning), encoding="utf-8")
    storage.write_table(table, output, made_with)


def _by_run(files: Sequence[Path], number_of_seeds: int, part: str, name: str, value: str) -> Iterator[pd.DataFrame]:
    """The information of an estimator for each run, of one part; of scans the rows of one value, under its own name."""
    for _, paths in itertools.groupby(files, key=lambda path: storage.read_table_provenance(path, whole=False)["run"]):
        rows = pd.concat([rows_of_study(path, number_of_seeds) for path in paths], ignore_index=True)
        if value:
            rows = rows[rows["value"] == value].assign(estimator=name).reset_index(drop=True)
        yield rows_of_part(rows, part)
