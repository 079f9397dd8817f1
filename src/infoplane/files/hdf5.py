"""How HDF5 files are written, and their layout, checked before anything in them is used.

A file may come from a stranger: nothing in it is executed, but it may lead to other files, declare arrays of any size,
or contain itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py


@dataclass(frozen=True, slots=True)
class Layout:
    """The data sets of a kind of file and their axes; # is the number of a layer.

    Axes of the same name are equally long. `others` are data sets that a file may have beside those of `required`; *
    stands for any name.
    """

    kind: str
    required: Mapping[str, tuple[str, ...]]
    others: Mapping[str, tuple[str, ...]]


_DEEPEST = 3
# gzip makes an array of one value a thousand times smaller, and no array more than that.
_MOST_COMPRESSED = 1100


@contextmanager
def written(path: Path) -> Iterator[h5py.File]:
    """A new file to write. Raises OSError, when it is closed, if anything could not be written."""
    with _Output(path, "w+b") as output:
        with h5py.File(output, "w", libver="v110") as file:
            yield file
        if output.failure is not None:
            raise output.failure


class _Output(io.FileIO):
    """A file that keeps the first failure to itself: where a disk is full HDF5 crashes the process.

    From then on what is written is lost, and what is read is zero.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and self.failure is None:
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        if self.failure is None:
            return super().readinto(target)
        target[:] = bytes(len(target))
        return len(target)


def check(file: h5py.File, layout: Layout, *, sealed: bool = True) -> None:
    """Raise ValueError, saying what is wrong, unless the file holds all data sets of its kind and nothing else.

    Every array is of numbers, is stored in the file itself, and is no larger than what is stored. In a file that we
    sealed it has a checksum; those of others may be compressed.
    """
    lengths: dict[str, int] = {}
    names = set()
    left = int(file.id.get_filesize())
    for name, data in _data_sets(file):
        axes = _axes(name, layout)
        if axes is None:
            raise ValueError(f"{name} is no part of a file of {layout.kind}")
        if data.dtype.kind not in "iuf" or (sealed and not data.dtype.isnative) or data.is_virtual or data.external:
            raise ValueError(f"{name} is not an array of numbers in this file")
        stored = data.nbytes
        if not sealed:
            stored = max(data.id.get_storage_size(), -(-data.nbytes // _MOST_COMPRESSED))
        left -= stored
        if left < 0 or (not sealed and data.nbytes > _MOST_COMPRESSED * data.id.get_storage_size()):
            raise ValueError(f"{name} is larger than the file")
        fits = [lengths.setdefault(axis, length) == length for axis, length in zip(axes, data.shape, strict=False)]
        if len(axes) != data.ndim or 0 in data.shape or not all(fits):
            known = ", ".join(f"{axis} {lengths[axis]}" if axis in lengths else axis for axis in axes)
            raise ValueError(f"{name} has the shape {data.shape}, which does not fit the others: its axes are {known}")
        if sealed and not data.fletcher32:
            raise ValueError(f"{name} has no checksum")
        names.add(name)
    layers = max(1, sum(axis.startswith("unit") for axis in lengths))
    for name in layout.required:
        for number in range(1, layers + 1):
            if (missing := name.replace("#", str(number))) not in names:
                raise ValueError(f"there is no {missing}")
    for number in range(2, layers + 1):
        inputs = lengths.get(f"input of layer {number}")
        if inputs not in (None, lengths[f"unit of layer {number - 1}"]):
            raise ValueError(f"layer {number} has {inputs} inputs, which are not the units of the layer before")
    if lengths.get("layer", layers) != layers:
        raise ValueError(f"layer_statistics are of {lengths['layer']} layers; there are {layers}")


def _data_sets(group: h5py.Group, above: str = "", depth: int = 1) -> Iterator[tuple[str, h5py.Dataset]]:
    for key in group:
        name = f"{above}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link")
        item = group[key]
        if isinstance(item, h5py.Dataset):
            yield name, item
        elif isinstance(item, h5py.Group) and depth < _DEEPEST:
            yield from _data_sets(item, f"{name}/", depth + 1)
        else:
            raise ValueError(f"{name} is not a data set")


def _axes(name: str, layout: Layout) -> list[str] | None:
    number = re.search(r"layer([1-9][0-9]{0,3})/", name)
    general = name.replace(number[0], "layer#/") if number else name
    above = general.rpartition("/")[0]
    axes = layout.required.get(general) or layout.others.get(general) or layout.others.get(f"{above}/*")
    return [axis.replace("#", number[1]) if number else axis for axis in axes] if axes else None
