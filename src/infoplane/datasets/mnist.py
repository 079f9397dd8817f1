"""MNIST (LeCun, Cortes & Burges), read from its four IDX files; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from infoplane.datasets import idx
from infoplane.datasets.interface import Dataset

# MD5 of the compressed files, as published.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def files(folder: str, samples: int = 0) -> list[Path]:
    """The files that the data are read from."""
    return [Path(folder) / name for name in CHECKSUMS]


def shape(folder: str, samples: int = 0) -> tuple[int, int, int]:
    """(samples, pixels, classes)."""
    return samples or 70_000, 784, 10


def load(folder: str, samples: int = 0) -> Dataset:
    """70,000 images of 784 pixels in [0, 1], those for training first; only the first `samples` if that is not 0.

    Raises InfoplaneError if a file is missing from `folder` or is not the published one.
    """
    return idx.read("mnist", folder, CHECKSUMS, samples)
