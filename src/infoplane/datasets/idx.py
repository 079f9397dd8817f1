"""The IDX format of MNIST and its kin: big-endian sizes, then bytes."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset
from infoplane.errors import InfoplaneError


def read(name: str, folder: str, checksums: Mapping[str, str], samples: int) -> Dataset:
    """The data set of four files in `folder`, training images, training labels, test images and test labels.

    `checksums` maps the files' names, in that order, to their MD5. Only the first `samples` are taken, unless that is
    0. Raises InfoplaneError if a file is missing, is not the one of the checksum, or there are too few samples.
    """
    arrays = []
    for file, checksum in checksums.items():
        path = Path(folder) / file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InfoplaneError(
                f"{path}: {error.strerror}; put the files {', '.join(checksums)} of {name} into that folder"
            ) from error
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found != checksum:
            raise InfoplaneError(f"{path}: its MD5 is {found}; that of {name} is {checksum}")
        arrays.append(parse(content, path))
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
        raw = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InfoplaneError(f"{path}: this is not a gzip file ({error})") from error
    dimensions = raw[3] if len(raw) > 3 and raw[:3] == b"\0\0\x08" else 0
    header = 4 + 4 * dimensions
    shape = np.frombuffer(raw[4:header], ">u4") if len(raw) >= header else np.empty(0, int)
    if not dimensions or len(shape) != dimensions or len(raw) - header != np.prod(shape, dtype=np.int64):
        raise InfoplaneError(f"{path}: this is not an IDX file of bytes")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape.astype(np.int64))
