"""The IDX format of MNIST and its kin: big-endian sizes, then bytes."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset
from infoplane.datasets.paths import path_of
from infoplane.datasets.unpacking import unpack
from infoplane.errors import InfoplaneError


class Published(NamedTuple):
    """The functions of a data set of images."""

    files: Callable[..., list[Path]]
    shape: Callable[..., tuple[int, int, int]]
    load: Callable[..., Dataset]


def published(name: str, checksums: Mapping[str, str]) -> Published:
    """The functions of a data set of 70,000 images in ten classes, published as four gzip-compressed IDX files.

    `checksums` maps the files' names to their MD5: training images, training labels, test images, test labels.
    """

    def files(folder: str, samples: int = 0) -> list[Path]:
        """The files that the data are read from."""
        return [path_of(folder) / file for file in checksums]

    def shape(folder: str, samples: int = 0) -> tuple[int, int, int]:
        """(samples, pixels, classes)."""
        return samples or 70_000, 784, 10

    def load(folder: str, samples: int = 0) -> Dataset:
        """70,000 images of 784 pixels in [0, 1], those for training first; only the first `samples` if that is not 0.

        Raises InfoplaneError if a file is missing from `folder` or is not the published one.
        """
        return read(name, folder, checksums, samples)

    return Published(files, shape, load)


def read(name: str, folder: str, checksums: Mapping[str, str], samples: int) -> Dataset:
    """The data set of four files in `folder`, training images, training labels, test images and test labels.

    `checksums` maps the files' names, in that order, to their MD5. Only the first `samples` are taken, unless that is
    0. Raises InfoplaneError if a file is missing, is not the one of the checksum, or there are too few samples.
    """
    arrays = []
    for file, checksum in checksums.items():
        path = path_of(folder) / file
        if not path.is_file():
            raise InfoplaneError(
                f"{path}: there is no such file; put the files {', '.join(checksums)} of {name} into that folder"
            )
        try:
            with path.open("rb") as opened:
                found = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
                if found != checksum:
                    raise InfoplaneError(f"{path}: its MD5 is {found}; that of {name} is {checksum}")
                opened.seek(0)
                arrays.append(parse(opened.read(), path))
        except OSError as error:
            raise InfoplaneError(f"{path}: this file cannot be read ({error.strerror})") from error
    images = np.concatenate([arrays[0], arrays[2]])
    labels = np.concatenate([arrays[1], arrays[3]])
    if not 0 <= samples <= len(images):
        raise InfoplaneError(f"data set {name}: samples is {samples}; allowed are 0 (all) to {len(images)}")
    count = samples or len(images)
    pixels = images[:count].reshape(count, -1).astype(np.float32) / np.float32(255)
    return Dataset(name, pixels, labels[:count].astype(np.int64))


def parse(content: bytes, path: Path) -> NDArray[np.uint8]:
    """The array of bytes in a gzip-compressed IDX file. Raises InfoplaneError if it is not one."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            start = file.read(4)
            sizes = file.read(4 * start[3]) if len(start) == 4 and start[:3] == b"\0\0\x08" else b""
            if not sizes or len(sizes) != 4 * start[3]:
                raise ValueError("it does not begin with its sizes")
            shape = tuple(map(int, np.frombuffer(sizes, ">u4")))
            return np.frombuffer(unpack(file.read, math.prod(shape)), np.uint8).reshape(shape)
    except (OSError, EOFError, zlib.error) as error:
        raise InfoplaneError(f"{path}: this is not a gzip file ({error})") from error
    except ValueError as error:
        raise InfoplaneError(f"{path}: this is not an IDX file of bytes ({error})") from error
