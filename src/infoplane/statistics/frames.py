"""What every statistic needs to know about the tables: their keys, and the settings they carry."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from infoplane.errors import InfoplaneError

# The measures of compression; the first is the primary one: figures and claims use it unless told otherwise.
MEASURES = ("drop", "balance", "final")
# Of generalisation; the first is the primary one. A high accuracy, a low loss and a small gap generalise well.
GENERALISATION = ("test_accuracy", "test_loss", "accuracy_gap")
# Bits; differences below this are rounding, not change. Without it a layer that sits at 12 bits with errors of
# 1e-15 would get a balance anywhere between -1 and 1.
RESOLUTION = 1e-9

# One series of estimates: an estimator as the configuration names it, and which bound of it.
SERIES = ["estimator", "bound"]
# What describes a series beside its key; constant within a run and series.
SERIES_DETAILS = ["n_layers", "method", "assumption", "h_x", "h_y"]


def settings_columns(table: pd.DataFrame) -> list[str]:
    """The columns that hold a run's settings: those before `seed`, the run's name first."""
    return [str(name) for name in table.columns[: table.columns.get_loc("seed")]]


def require_columns(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """Raise InfoplaneError if the table called `name` lacks one of `columns`, or has no rows."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InfoplaneError(
            f"The table {name} lacks the column {missing[0]!r}; it has {', '.join(map(str, table.columns))}."
        )
    if table.empty:
        raise InfoplaneError(f"The table {name} has no rows.")


def settings_of_runs(table: pd.DataFrame) -> pd.DataFrame:
    """One row per run with its settings, in the order in which the runs first appear."""
    return table[settings_columns(table)].drop_duplicates("run", ignore_index=True)
