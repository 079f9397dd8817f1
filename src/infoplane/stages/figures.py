"""Stage `figures`: tables -> one figure with its caption, in every format asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.figures import render
from infoplane.files import storage
from infoplane.stages.common import rows_of_part
from infoplane.statistics import OF_PARTS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["animation", "figure"]


def figure(
    name: str,
    tables: Sequence[Path],
    output: Sequence[Path],
    estimator: str | None = None,
    confidence: float | None = None,
    measure: str | None = None,
    part: str = "all",
) -> None:
    """Draw the figure `name` from tables whose file names are the names of the tables; one output for each format.

    Figures that each estimator has its own of take `estimator`, those with intervals their `confidence`, those of
    compression its `measure`. Of tables with several parts of the samples it shows this `part`.
    """
    given = {"confidence": confidence, "measure": measure}
    settings: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    render(name, _read(tables, estimator, part), output, estimator=estimator, part=part, **settings)


def animation(
    estimator: str, information: Path, training: Path, output: Path, run: str | None = None, part: str = "all"
) -> None:
    """Animate the information plane of one estimator, of all runs or of one."""
    from infoplane.figures.animation import animate

    animate(_read([information, training], estimator, part), output, estimator=estimator, run=run)


def _read(paths: Sequence[Path], estimator: str | None, part: str) -> dict[str, pd.DataFrame]:
    """The tables by name, of one part of the samples; of information the rows of the estimator, if there is one."""
    return {
        path.stem: rows_of_part(
            storage.read_rows(path, "estimator", estimator)
            if estimator is not None and path.stem in ("information", "scans")
            else storage.read_table(path),
            part if path.stem in OF_PARTS else None,
        )
        for path in paths
    }
