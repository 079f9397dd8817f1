"""Stage `tables`: the files of all runs and blocks -> one tidy table of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.stages.common import files_of, recorded_settings

__all__ = ["collect"]


def collect(
    files: str,
    runs: Sequence[Sequence[str]],
    blocks: Sequence[Sequence[str]],
    number_of_seeds: int,
    output: Path,
    estimators: Sequence[str] = ("",),
) -> None:
    """Join tables of the same columns, but for the seeds from `number_of_seeds` on.

    `files`, `runs`, `blocks` and `estimators` as of `files_of`.
    """
    tables = files_of(files, runs, blocks, estimators)
    sources = {}
    for path in tables:
        made_with = storage.read_table_provenance(path)
        recorded_settings(made_with, path)
        sources[_source(path, made_with)] = made_with
    frames = [storage.read_table(path) for path in tables]
    joined = pd.concat([rows[rows["seed"] < number_of_seeds] for rows in frames], ignore_index=True)
    storage.write_table(joined, output, _collected(sources))


def _source(path: Path, made_with: Mapping[str, Any]) -> str:
    """What the provenance of a joined table calls one of its files: run, block of seeds and, if any, estimator."""
    # The files of an estimator are in a folder of the block's name, the others have it themselves.
    block = path.parent.name if "estimator" in made_with else path.name.partition(".")[0]
    return "/".join(part for part in (made_with["run"], block, made_with.get("estimator")) if part)


def _collected(sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return provenance(sources=dict(sorted(sources.items())))
