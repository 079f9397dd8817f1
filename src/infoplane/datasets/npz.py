"""A user's own data: a NumPy archive with the arrays `inputs` (samples, features) and `labels` (samples,)."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset
from infoplane.datasets.unpacking import unpack
from infoplane.errors import InfoplaneError

# What numpy.savez and numpy.savez_compressed write.
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# Kinds of types, and what they are called.
_NUMBERS = ("biuf", "numbers")
_WHOLE = ("biu", "whole numbers, from 0")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def files(path: str) -> list[Path]:
    """The files that the data are read from."""
    return [Path(path)]


def shape(path: str) -> tuple[int, int, int]:
    """(samples, features, classes), for which only the labels are unpacked. Raises InfoplaneError as `load` does."""
    with _opened(path) as archive:
        with _member(archive, "inputs", _NUMBERS) as (_, sizes, _, _):
            samples, features = sizes
        labels = _array(archive, "labels", _WHOLE)
    return samples, features, max(int(labels.max()) + 1, 2)


def load(path: str) -> Dataset:
    """The data of the archive at `path`; nothing in it is executed, and no more is unpacked than an array may take.

    Raises InfoplaneError if the file is missing, is no such archive, or its arrays do not fit.
    """
    with _opened(path) as archive:
        return Dataset("npz", _array(archive, "inputs", _NUMBERS), _array(archive, "labels", _WHOLE))


@contextmanager
def _opened(path: str) -> Iterator[zipfile.ZipFile]:
    if not Path(path).is_file():
        raise InfoplaneError(f"{path}: there is no such file; it must be a NumPy archive of inputs and labels")
    try:
        with open(path, "rb") as file:
            if file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                raise InfoplaneError("this is a single array; it must be an archive that numpy.savez wrote")
        with zipfile.ZipFile(path) as archive:
            yield archive
    except InfoplaneError as error:
        raise InfoplaneError(f"{path}: {error}") from error
    except Exception as error:  # zipfile and numpy raise a dozen kinds for an archive that is damaged or crafted
        reason = "".join(c if c.isprintable() else " " for c in str(error)[:200]) or type(error).__name__
        raise InfoplaneError(f"{path}: this is not a NumPy archive of plain arrays ({reason})") from error


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, allowed: tuple[str, str]
) -> Iterator[tuple[IO[bytes], tuple[int, ...], bool, np.dtype[Any]]]:
    """An array's file behind its header, its shape, whether it is stored by columns, and its type."""
    if f"{name}.npy" not in archive.namelist():
        found = ", ".join(repr(member.removesuffix(".npy")) for member in archive.namelist()) or "none"
        raise InfoplaneError(f"there is no array {name!r}; found are {found[:200]}, needed are inputs and labels")
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type not in _COMPRESSIONS:
        raise InfoplaneError(f"{name} are compressed in a way that NumPy does not use")
    with archive.open(member) as file:
        sizes, by_columns, dtype = _HEADERS[npy.read_magic(file)](file)
        if dtype.hasobject:
            raise ValueError(f"{name} are Python objects")
        if dtype.kind not in allowed[0]:
            raise InfoplaneError(f"{name} have the type {dtype}; they must be {allowed[1]}")
        yield file, sizes, by_columns, dtype


def _array(archive: zipfile.ZipFile, name: str, allowed: tuple[str, str]) -> NDArray[Any]:
    with _member(archive, name, allowed) as (file, sizes, by_columns, dtype):
        content = unpack(file.read, math.prod(sizes) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(sizes, order="F" if by_columns else "C")
