"""The recordings that a study takes in place of training: which files they are, and whether they fit together.

All of it is known before any job starts. What takes reading the whole of a file, whether every value is finite, is
found out by the first job of the run.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.errors import InfoplaneError

if TYPE_CHECKING:
    from infoplane.activity.recording import Recording


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file of a recorded run: what is planned from it."""

    path: Path
    seeds: tuple[int, ...]
    samples: int
    epochs: int
    units: tuple[int, ...]


def files(run: str, patterns: Sequence[str]) -> dict[str, Path]:
    """The files that patterns name, by the name of their block: the path below the folder that all share.

    Raises InfoplaneError, naming the run, for a pattern without a file, a file that is a symbolic link, a path that
    Snakemake would take for a wildcard, and two files whose blocks would have one name.
    """
    found: list[Path] = []
    for pattern in patterns:
        matches = sorted(glob.glob(os.path.expanduser(pattern), recursive=True))
        if not matches:
            raise InfoplaneError(f"runs.{run}.recorded: no file is named {pattern}")
        found += [path for path in map(Path, matches) if path not in found]
    for path in found:
        if path.is_symlink():
            raise InfoplaneError(
                f"runs.{run}.recorded: {path} is a symbolic link to {os.readlink(path)}; name the file that it leads to"
            )
        if not path.is_file():
            raise InfoplaneError(f"runs.{run}.recorded: {path} is not a file")
        if re.search("[{}<>]", str(path)):
            raise InfoplaneError(
                f"runs.{run}.recorded: the path {path} has braces or angle brackets, which Snakemake takes for "
                "wildcards; rename the file"
            )
    shared = Path(os.path.commonpath([path.parent for path in found]))
    named: dict[str, Path] = {}
    for path in found:
        block = re.sub(r"[^\w.-]", "_", str(path.relative_to(shared).with_suffix("")).replace(os.sep, "-"), flags=re.A)
        if block in named:
            raise InfoplaneError(f"runs.{run}.recorded: {named[block]} and {path} would both be called {block}")
        named[block] = path
    return named


def read(run: str, named: Mapping[str, Path], parts: Sequence[str] = ("all",)) -> dict[str, Recorded]:
    """What is planned from each file of a run.

    Raises InfoplaneError, naming file and field, for a file that is not a recording, and for files that do not have the
    same layers, epochs and number of samples, or that have a seed twice; also if it does not say which samples are of a
    part that is asked for.
    """
    from infoplane.activity.recording import open_recording, part_indices

    first: tuple[Path, dict[str, Any]] | None = None
    met: dict[int, Path] = {}
    known = {}
    for block, path in named.items():
        with open_recording(path) as recording:
            for part in parts:
                part_indices(recording, part)
            fields = _shared_fields(recording)
            first = first or (path, fields)
            for field, value in fields.items():
                if value != first[1][field]:
                    raise InfoplaneError(
                        f"{path}: {field} are {_shown(value)}; in {first[0]}, of the same run {run}, they are "
                        f"{_shown(first[1][field])}"
                    )
            for seed in recording.seeds.tolist():
                if seed in met:
                    raise InfoplaneError(
                        f"{path}: seeds holds {seed}, which {met[seed]}, of the same run {run}, has too"
                    )
                met[seed] = path
            seeds = tuple(recording.seeds.tolist())
            known[block] = Recorded(path, seeds, len(recording.samples.labels), len(recording.epochs), recording.units)
    return known


def _shared_fields(recording: Recording) -> dict[str, Any]:
    return {
        "the names of the layers": [layer.name for layer in recording.layers],
        "the units of the layers": list(recording.units),
        "epochs": recording.epochs.tolist(),
        "labels": len(recording.samples.labels),
    }


def _shown(value: Any) -> str:
    if isinstance(value, int):
        return f"of {value} samples"
    text = ", ".join(map(str, value))
    return text if len(text) <= 80 else f"{text[:77]}..."
