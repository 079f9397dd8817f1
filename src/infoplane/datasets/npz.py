"""A user's own data: a NumPy archive with the arrays `inputs` (samples, features) and `labels` (samples,)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from infoplane.datasets.interface import Dataset
from infoplane.errors import InfoplaneError


def files(path: str) -> list[Path]:
    """The files that the data are read from."""
    return [Path(path)]


def shape(path: str) -> tuple[int, int, int]:
    """(samples, features, classes), of which only the labels are read. Raises InfoplaneError as `load` does."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("inputs.npy") as inputs, archive.open("labels.npy") as file:
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            (samples, features), _, _ = read[np.lib.format.read_magic(inputs)](inputs)
            return samples, features, max(int(np.lib.format.read_array(file).max()) + 1, 2)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError):
        data = load(path)
        return (*data.inputs.shape, data.classes)


def load(path: str) -> Dataset:
    """The data of the archive at `path`; nothing in it is executed.

    Raises InfoplaneError if the file is missing, is no such archive, or its arrays do not fit.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise InfoplaneError(f"{path}: this is a single array; it must be an archive that numpy.savez wrote")
        with archive:
            for name in ("inputs", "labels"):
                if name not in archive.files:
                    raise InfoplaneError(
                        f"{path}: there is no array {name!r}; found are {', '.join(archive.files) or 'none'}, needed "
                        "are inputs and labels"
                    )
            inputs, labels = archive["inputs"], archive["labels"]
    except FileNotFoundError:
        raise InfoplaneError(
            f"{path}: there is no such file; it must be a NumPy archive of inputs and labels"
        ) from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise InfoplaneError(f"{path}: this is not a NumPy archive of plain arrays ({error})") from error
    if inputs.dtype.kind not in "biuf":
        raise InfoplaneError(f"{path}: inputs have the type {inputs.dtype}; they must be numbers")
    if labels.dtype.kind not in "biu":
        raise InfoplaneError(f"{path}: labels have the type {labels.dtype}; they must be whole numbers, from 0")
    return Dataset("npz", inputs, labels)
