"""Handwritten digits of 8 x 8 pixels, in ten classes, as scikit-learn ships them."""

from __future__ import annotations

from infoplane.datasets.interface import Dataset
from infoplane.errors import InfoplaneError


def shape() -> tuple[int, int, int]:
    """(samples, pixels, classes)."""
    return 1797, 64, 10


def load() -> Dataset:
    """1797 images of 64 pixels, scaled to [0, 1]. Raises InfoplaneError where scikit-learn is missing."""
    try:
        from sklearn.datasets import load_digits  # not at the top: it takes a second
    except ImportError as error:
        raise InfoplaneError("data set digits: scikit-learn, which it comes with, is not installed here") from error

    images, labels = load_digits(return_X_y=True)
    return Dataset("digits", images / 16, labels)
