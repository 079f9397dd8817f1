"""Stage `figures`: tables -> one figure with its caption, in every format asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.figures import render
from infoplane.files import storage

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
) -> None:
    """Draw the figure `name` from tables whose file names are the names of the tables; one output for each format.

    Figures that each estimator has its own of take `estimator`, those with intervals their `confidence`, those of
    compression its `measure`.
    """
    given = {"confidence": confidence, "measure": measure}
    settings: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    render(name, _read(tables, estimator), output, estimator=estimator, **settings)


def animation(estimator: str, information: Path, training: Path, output: Path, run: str | None = None) -> None:
    """Animate the information plane of one estimator, of all runs or of one."""
    from infoplane.figures.animation import animate

    animate(_read([information, training], estimator), output, estimator=estimator, run=run)


def _read(paths: Sequence[Path], estimator: str | None) -> dict[str, pd.DataFrame]:
    """The tables by name; of the trajectories of information only those of the estimator, where there is one."""
    return {
        path.stem: storage.read_rows(path, "estimator", estimator)
        if estimator is not None and path.stem == "information"
        else storage.read_table(path)
        for path in paths
    }
