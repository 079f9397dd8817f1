"""Stage `sensitivity`: information of one estimator -> the claims under each of its settings; then of all, joined."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from infoplane.claims.parts import Rules
from infoplane.claims.sensitivity import sensitivity_summary, settings_of_estimator, stopped
from infoplane.claims.sensitivity_text import as_markdown
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.stages.common import files_of, settings_of_runs
from infoplane.statistics.series import owners_of

__all__ = ["sensitivity", "sensitivity_tables"]


def sensitivity(
    files: str,
    runs: Sequence[Sequence[str]],
    blocks: Sequence[Sequence[str]],
    estimator: str,
    number_of_seeds: int,
    training: Path,
    layers: Path,
    variant: Mapping[str, Any],
    rules: Mapping[str, Any],
    chosen: Mapping[str, Any],
    resampling: Mapping[str, Any],
    output: Path,
    fixed: str = "",
) -> None:
    """The claims under every setting of one estimator.

    Its tables of information are given by `files`, `runs` and `blocks` as of `files_of`; `fixed` is the name of its
    counterpart with one range of bins for all layers, if there is one. `variant` has base, varied, value and settings
    of the estimator, `rules` the section `claims`, `chosen` bounds, measures and stopping, `resampling` confidence,
    resamples and resampling_seed.
    """
    of_training = storage.read_table(training)
    made_with = storage.read_table_provenance(training)
    shares = chosen["stopping"]
    own, counterpart = (
        stopped(_by_run(files_of(files, runs, blocks, [name]), number_of_seeds), of_training, shares) if name else None
        for name in (estimator, fixed)
    )
    assert own is not None
    table = settings_of_estimator(
        own,
        counterpart,
        owners_of(storage.read_table(layers)),
        Rules(**{**rules, "fixed": fixed or None}),
        settings_of_runs(made_with, training),
        shares=shares,
        bounds=chosen["bounds"],
        measures=chosen["measures"],
        confidence=resampling["confidence"],
        number=resampling["resamples"],
        seed=resampling["resampling_seed"],
    )
    primary = (table["estimator"] == rules["estimator"]) & (table["measure"] == rules["measure"])
    primary &= table["bound"].isin([rules["bound"], "none"])
    primary &= table["stopping_epoch"] == of_training["epoch"].max()
    described = {**variant, "settings": json.dumps(variant["settings"], sort_keys=True)}
    table = table.assign(primary=primary, **described)
    storage.write_table(table, output, {**made_with, **provenance(), "claims": rules, **chosen, **resampling})


def sensitivity_tables(files: Sequence[Path], output: Path, summary: Path, factors: Path, text: Path) -> None:
    """The settings of all estimators as one table, how often each claim holds and what it turns on, and as Markdown."""
    table = pd.concat([storage.read_table(path) for path in files], ignore_index=True)
    counted, turning = sensitivity_summary(table)
    made_with = {**storage.read_table_provenance(files[0]), **provenance()}
    storage.write_table(counted, summary, made_with)
    storage.write_table(turning, factors, made_with)
    with storage.replacing(text) as temporary:
        temporary.write_text(as_markdown(table, counted, turning), encoding="utf-8")
    storage.write_table(table, output, made_with)


def _by_run(files: Sequence[Path], number_of_seeds: int) -> Iterator[pd.DataFrame]:
    """The table information of each run, of the seeds below `number_of_seeds`."""
    for _, paths in itertools.groupby(files, key=lambda path: storage.read_table_provenance(path)["run"]):
        rows = pd.concat([storage.read_table(path) for path in paths], ignore_index=True)
        yield rows[rows["seed"] < number_of_seeds]
