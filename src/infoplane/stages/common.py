"""What several stages need: the data set of a run, the device, and tidy rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from infoplane import datasets
from infoplane.activity.recording import descriptions
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.files.provenance import provenance
from infoplane.runtime import devices
from infoplane.settings import RunSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from infoplane.activity.recording import Recording
    from infoplane.datasets import Dataset


Device = Literal["auto", "cpu", "cuda"]


def files_of(
    files: str, runs: Sequence[Sequence[str]], blocks: Sequence[Sequence[str]], estimators: Sequence[str] = ("",)
) -> list[Path]:
    """The files of every combination of run, its blocks and estimators, in the order given.

    `files` is a path with {run}, {block} and perhaps {estimator}: a study may have more files than fit on a command
    line. The runs of `runs[i]` have the blocks of `blocks[i]`. Raises InfoplaneError if there are more of one.
    """
    if len(runs) != len(blocks):
        raise InfoplaneError(f"--runs is given {len(runs)} times; --blocks must be given as often")
    return [
        Path(files.format(run=run, block=block, estimator=estimator))
        for of_same, names in zip(runs, blocks, strict=True)
        for run, estimator, block in itertools.product(of_same, estimators, names)
    ]


def resolve_device(device: Device) -> Literal["cpu", "cuda"]:
    """Either cpu or cuda; auto takes CUDA where there is one. Raises InfoplaneError for cuda where there is none.

    Of several CUDA devices cuda then means one that other jobs do not use, as long as there are enough.
    """
    if device == "cpu":
        return device
    import torch

    if torch.cuda.is_available():
        devices.use_one()
        return "cuda"
    if device == "cuda":
        raise InfoplaneError("device is cuda, but torch finds no CUDA device here; allowed here are auto and cpu")
    return "cpu"


def load_dataset(settings: RunSettings) -> Dataset:
    """The data set of a run."""
    return datasets.load(settings.dataset, **dict(settings.dataset_options))


def recorded_settings(made_with: Mapping[str, Any], path: Path) -> RunSettings | None:
    """The settings of the run that a file was made with, None for a run that was recorded elsewhere.

    Raises InfoplaneError if the file does not say.
    """
    try:
        if made_with["settings"] is None:
            return None
        return RunSettings.from_json(made_with["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise InfoplaneError(
            f"{path}: this file does not say which settings it was made with; remove it to have it made again"
        ) from error


def settings_of_runs(made_with: Mapping[str, Any], path: Path) -> dict[str, RunSettings | None]:
    """All settings of every run in a table that joins several, by the run's name; None if it was recorded elsewhere.

    `made_with` is the provenance of the table, or of one that was made from it. Raises InfoplaneError if it lacks any.
    """
    found: dict[str, RunSettings | None] = {}
    for source in made_with.get("sources", {}).values():
        settings = recorded_settings(source, path)
        if found.setdefault(source["run"], settings) != settings:
            raise InfoplaneError(
                f"{path}: the blocks of seeds of the run {source['run']!r} were made with different settings; remove "
                "the results of that run to have them made again"
            )
    if not found:
        raise InfoplaneError(
            f"{path}: this table does not say which settings its runs have; remove it to have it made again"
        )
    return found


def check_settings(made_with: Mapping[str, Any], settings: RunSettings, path: Path) -> None:
    if made_with.get("settings") != settings.to_json():
        raise InfoplaneError(
            f"{path}: this file was made with other settings of the run; remove it to have it made again"
        )


def rows_of_study(path: Path, number_of_seeds: int) -> pd.DataFrame:
    """A table of one run, without the seeds that a smaller study leaves out; a recording has the seeds that it has."""
    table = storage.read_table(path)
    if recorded_settings(storage.read_table_provenance(path, whole=False), path) is None:
        return table
    return table[table["seed"] < number_of_seeds]


def rows_of_part(table: pd.DataFrame, part: str | None) -> pd.DataFrame:
    """The rows of one part of the samples, without the column `part`; all, with it, for None or a table without it."""
    if part is None or "part" not in table:
        return table
    return table[table["part"] == part].drop(columns="part").reset_index(drop=True)


def run_of(recording: Recording, run: str | None) -> str:
    """The name of the run of a recording: as given, else as it says itself, else that of the file.

    Raises InfoplaneError if it says another one than is given.
    """
    if run is not None and recording.run not in (None, run):
        raise InfoplaneError(f"{recording.path}: this recording is of the run {recording.run!r}, not of {run!r}")
    return run or recording.run or recording.path.stem


def provenance_of_run(recording: Recording, run: str, **settings: Any) -> dict[str, Any]:
    """What a table of a recording was made with: what its recording says, the versions now, and the settings given."""
    return {"settings": None, **recording.made_with, **provenance(), "run": run, **settings}


def run_axes(recording: Recording, layers: int = 0) -> dict[str, NDArray[np.int64]]:
    """The axes of a recording's arrays: seed, epoch and, with a number of layers, layer."""
    axes = {"seed": recording.seeds, "epoch": recording.epochs}
    return {**axes, "layer": np.arange(1, layers + 1)} if layers else axes


def tidy(recording: Recording, run: str, axes: Mapping[str, NDArray[Any]], columns: Mapping[str, Any]) -> pd.DataFrame:
    """One row per combination of the axes, in their order, with the run and what its recording says of it in front."""
    grid = np.meshgrid(*axes.values(), indexing="ij")
    shape = grid[0].shape
    return pd.DataFrame(
        {
            "run": run,
            **descriptions(recording, run),
            **{name: values.ravel() for name, values in zip(axes, grid, strict=True)},
            **{
                name: np.broadcast_to(values, shape).ravel() if isinstance(values, np.ndarray) else values
                for name, values in columns.items()
            },
        }
    )
