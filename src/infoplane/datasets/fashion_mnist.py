"""Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), read from its four IDX files; nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from infoplane.datasets import idx
from infoplane.datasets.interface import Dataset

# MD5 of the compressed files, as published.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
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
    return idx.read("fashion_mnist", folder, CHECKSUMS, samples)
