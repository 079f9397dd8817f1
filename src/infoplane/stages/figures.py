"""Stage `figures`: tables -> one figure, in every format asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infoplane import storage
from infoplane.figures import render


def figure(name: str, estimator: str | None, tables: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Draw the figure `name` from tables whose file names are the names of the tables."""
    render(name, {path.stem: storage.read_table(path) for path in tables}, outputs, estimator=estimator)
