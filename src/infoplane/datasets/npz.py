"""A user's own data: a NumPy archive with the arrays `inputs` (samples, features) and `labels` (samples,)."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset, check_shape, class_labels
from infoplane.datasets.paths import path_of
from infoplane.datasets.unpacking import unpack
from infoplane.errors import InfoplaneError
from infoplane.files.arrays import check_numbers, check_whole

# What numpy.savez and numpy.savez_compressed write.
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# By their first bytes, files that people have as well.
_OTHERS = {
    npy.MAGIC_PREFIX: "a single array",
    b"\x89HDF": "an HDF5 file (of MATLAB 7.3, R or h5py)",
    b"MATLAB": "a file of MATLAB",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip-compressed file (of R, or a text)",
    b"RD": "a file of R",
    b"\x80": "a pickle",
}
_WANTED = "it must be an archive that numpy.savez(path, inputs=..., labels=...) wrote"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def files(path: str) -> list[Path]:
    """The files that the data are read from."""
    return [path_of(path)]


def shape(path: str) -> tuple[int, int, int]:
    """(samples, features, classes), for which only the labels are unpacked. Raises InfoplaneError as `load` does."""
    with _opened(path) as archive:
        sizes, found = _sizes_and_labels(archive)
    return sizes[0], sizes[1], max(int(found.max()) + 1, 2)


def labels(path: str) -> NDArray[np.int64]:
    """(samples,) the labels, without the inputs. Raises InfoplaneError as `load` does."""
    with _opened(path) as archive:
        return _sizes_and_labels(archive)[1]


def load(path: str) -> Dataset:
    """The data of the archive at `path`; nothing in it is executed, and no more is unpacked than an array may take.

    Raises InfoplaneError if the file is missing, is no such archive, or its arrays do not fit.
    """
    with _opened(path) as archive:
        return Dataset("npz", _array(archive, "inputs", check_numbers), _array(archive, "labels", check_whole))


def _sizes_and_labels(archive: zipfile.ZipFile) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    with _member(archive, "inputs", check_numbers) as (_, sizes, _, _):
        check_shape(sizes)
    return sizes, class_labels(_array(archive, "labels", check_whole), sizes[0])


@contextmanager
def _opened(given: str) -> Iterator[zipfile.ZipFile]:
    path = path_of(given)
    if not path.is_file():
        raise InfoplaneError(f"{path}: there is no such file; it must be a NumPy archive of inputs and labels")
    try:
        with path.open("rb") as file:
            start = file.read(8)
        for other, kind in _OTHERS.items():
            if start.startswith(other):
                raise InfoplaneError(f"this is {kind}; {_WANTED}")
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InfoplaneError as error:
        raise InfoplaneError(f"{path}: {error}") from error
    except Exception as error:  # zipfile and numpy raise a dozen kinds for an archive that is damaged or crafted
        reason = "".join(c if c.isprintable() else " " for c in str(error)[:200]) or type(error).__name__
        raise InfoplaneError(f"{path}: this is not a NumPy archive of plain arrays ({reason})") from error


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, check: Callable[[np.dtype[Any], str], None]
) -> Iterator[tuple[IO[bytes], tuple[int, ...], bool, np.dtype[Any]]]:
    """An array's file behind its header, its shape, whether it is stored by columns, and its type."""
    if f"{name}.npy" not in archive.namelist():
        found = ", ".join(repr(member.removesuffix(".npy")) for member in archive.namelist()) or "none"
        if any(member.endswith("/data.pkl") for member in archive.namelist()):
            raise InfoplaneError(f"this is a file of PyTorch; {_WANTED}")
        raise InfoplaneError(f"there is no array {name!r}; found are {found[:200]}, needed are inputs and labels")
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in _COMPRESSIONS:
        raise InfoplaneError(f"{name} are compressed in a way that NumPy does not use")
    with archive.open(member) as file:
        sizes, by_columns, dtype = _HEADERS[npy.read_magic(file)](file)
        if dtype.hasobject:
            raise ValueError(f"{name} are Python objects")
        check(dtype, name)
        yield file, sizes, by_columns, dtype


def _array(archive: zipfile.ZipFile, name: str, check: Callable[[np.dtype[Any], str], None]) -> NDArray[Any]:
    with _member(archive, name, check) as (file, sizes, by_columns, dtype):
        content = unpack(file.read, math.prod(sizes) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(sizes, order="F" if by_columns else "C")
