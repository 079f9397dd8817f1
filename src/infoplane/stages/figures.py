"""Stage `figures`: tables -> one figure with its caption, in every format asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane import storage
from infoplane.figures import render

if TYPE_CHECKING:
    import pandas as pd


def figure(
    name: str, estimator: str | None, settings: Mapping[str, Any], tables: Sequence[Path], outputs: Sequence[Path]
) -> None:
    """Draw the figure `name` from tables whose file names are the names of the tables."""
    render(name, _read(tables, estimator), outputs, estimator=estimator, **settings)


def animation(estimator: str, run: str | None, information: Path, training: Path, output: Path) -> None:
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
