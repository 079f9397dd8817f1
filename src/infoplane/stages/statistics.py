"""Stage `statistics`: tables -> one table of statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from infoplane import statistics
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.stages.common import rows_of_part, settings_of_runs

__all__ = ["table"]


def table(
    name: str, tables: Sequence[Path], output: Path, settings: Mapping[str, Any] | None = None, part: str = "all"
) -> None:
    """Make the table of statistics `name` from tables whose file names are the names of the tables.

    Of tables that have several parts of the samples it is made of this `part`, unless it declares EVERY_PART.
    `settings` are those of the statistics that the table uses; one that is left out has the default of its function.
    Raises InfoplaneError for an unknown table, a table that is missing or a setting that it does not take.
    """
    declared, given, settings = statistics.declared(name), {path.stem: path for path in tables}, settings or {}
    for kind, needed, known in (
        ("needs the table", declared.tables, given),
        ("does not take the setting", settings, declared.settings),
    ):
        missing = [part for part in needed if part not in known]
        if missing:
            raise InfoplaneError(f"The table {name} {kind} {missing[0]!r}; there are {', '.join(known) or 'none'}.")
    first = given[declared.tables[0]]
    made_with = provenance_from(first)
    options = {statistics.SETTINGS[key]: value for key, value in settings.items()}
    if declared.of_runs:
        options["settings"] = settings_of_runs(made_with, first)
    wanted = None if declared.every_part else part
    by_run = ["information"] if declared.run_by_run else []
    others = [read for read in declared.tables if read not in by_run]
    parts_of = {read: wanted if read in statistics.OF_PARTS else None for read in others}
    whole = {read: rows_of_part(storage.read_table(given[read]), part) for read, part in parts_of.items()}
    function = declared.function()
    if by_run:
        of_runs = trajectories(given["information"], wanted)
        made = pd.concat([function(information=rows, **whole, **options) for rows in of_runs], ignore_index=True)
    else:
        made = function(**whole, **options)
    storage.write_table(made, output, {**made_with, **settings, **({} if wanted is None else {"part": part})})


def trajectories(information: Path, part: str | None) -> Iterator[pd.DataFrame]:
    """The table information, run by run, of one part or of all: the whole of a large study takes several gigabytes."""
    runs = storage.read_distinct(information, "run")
    if not runs:
        yield rows_of_part(storage.read_table(information), part)
    for run in runs:
        yield rows_of_part(storage.read_rows(information, "run", run), part)


def provenance_from(path: Path) -> dict[str, object]:
    """The provenance of a table that is made from the one at `path`."""
    return {**storage.read_table_provenance(path), **provenance()}
