"""Stage `tables`: the files of all runs and blocks -> one tidy table of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.stages.common import files_of, recorded_settings, rows_of_study

__all__ = ["collect"]


def collect(
    files: str,
    runs: Sequence[Sequence[str]],
    blocks: Sequence[Sequence[str]],
    number_of_seeds: int,
    output: Path,
    estimators: Sequence[str] | None = None,
) -> None:
    """Join tables, but for the seeds from `number_of_seeds` on; with `estimators`, in parts by run and estimator.

    `files`, `runs`, `blocks` and `estimators` as of `files_of`.
    """
    if estimators is None:
        tables = files_of(files, runs, blocks)
        made_with = _collected(tables)
        joined = pd.concat([rows_of_study(path, number_of_seeds) for path in tables], ignore_index=True)
        storage.write_table(joined, output, made_with)
        return
    files_of(files, runs, blocks, estimators)  # refuses blocks that are not of as many runs
    parts: dict[tuple[str, ...], Sequence[Path]] = {
        (run, estimator): files_of(files, [[run]], [names], [estimator])
        for of_same, names in zip(runs, blocks, strict=True)
        for run in of_same
        for estimator in estimators
    }
    storage.write_parts(parts, output, lambda path: rows_of_study(path, number_of_seeds), _collected)


def _source(path: Path, made_with: Mapping[str, Any]) -> str:
    """What the provenance of a joined table calls one of its files: run, block of seeds and, if any, estimator."""
    # The files of an estimator are in a folder of the block's name, the others have it themselves.
    block = path.parent.name if "estimator" in made_with else path.name.partition(".")[0]
    return "/".join(part for part in (made_with["run"], block, made_with.get("estimator")) if part)


def _collected(tables: Sequence[Path]) -> dict[str, Any]:
    """The provenance of a table that joins these, which are read whole beside it."""
    sources = {}
    for path in tables:
        made_with = storage.read_table_provenance(path, whole=False)
        recorded_settings(made_with, path)
        sources[_source(path, made_with)] = made_with
    return provenance(sources=dict(sorted(sources.items())))
