"""Arrays as people bring them, as plain NumPy arrays of numbers: what says the same is converted, all else refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError

# Above it not every whole number is a float64.
_EXACT = 2**53
_NUMBERING = "numpy.unique(labels, return_inverse=True)[1] numbers them"


def plain(values: Any, name: str) -> NDArray[Any]:
    """A plain array in the machine's byte order, of whatever type; not copied where it is one.

    A tensor of torch may need a gradient or lie on a GPU. Raises InfoplaneError for masked values, since NumPy would
    drop the mask, and for what is no array.
    """
    if masked := int(np.ma.getmaskarray(values).sum()) if isinstance(values, np.ma.MaskedArray) else 0:
        raise InfoplaneError(
            f"{name}: {masked} of {values.size} values are masked; whole samples are needed, so select them first, as "
            "in values[~numpy.ma.getmaskarray(values).any(axis=1)], and their labels likewise"
        )
    try:
        if hasattr(values, "detach") and hasattr(values, "cpu"):
            values = values.detach().cpu()
        array = np.asarray(values)
    except Exception as error:  # lists of lists of several lengths, sparse and other tensors: each has its own
        reason = " ".join(str(error).split())[:120]
        raise InfoplaneError(f"{name}: this cannot be read as an array ({reason})") from error
    if array.dtype.kind == "O" and array.ndim == 0:
        raise InfoplaneError(f"{name}: a {type(values).__name__} is no array; a sparse one becomes one by .toarray()")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _described(dtype: np.dtype[Any]) -> str:
    """The type of an array in words."""
    kinds = {
        "O": "Python objects",
        "U": "texts",
        "S": "texts",
        "V": "records of fields",
        "M": "dates",
        "m": "durations",
    }
    return f"the type is {dtype}" + (f" ({kinds[dtype.kind]})" if dtype.kind in kinds else "")


def check_numbers(dtype: np.dtype[Any], name: str) -> None:
    """Raise InfoplaneError for a type that is not one of real numbers, such as complex numbers, texts or objects."""
    if dtype.kind not in "biuf":
        hint = "; .astype(float) makes numbers of objects that are" if dtype.kind == "O" else ""
        raise InfoplaneError(f"{name}: {_described(dtype)}, and real numbers are needed{hint}")


def numbers(values: Any, name: str) -> NDArray[Any]:
    """A plain array of booleans, integers or floating-point numbers. Raises InfoplaneError for any other."""
    array = plain(values, name)
    check_numbers(array.dtype, name)
    return array


def check_whole(dtype: np.dtype[Any], name: str) -> None:
    """Raise InfoplaneError for a type that cannot hold whole numbers."""
    if dtype.kind not in "biuf":
        hint = f"; {_NUMBERING}" if dtype.kind in "OUS" else ""
        raise InfoplaneError(f"{name}: {_described(dtype)}, and whole numbers are needed{hint}")


def whole_numbers(values: Any, name: str, samples: int) -> NDArray[Any]:
    """One integer per sample, (samples,).

    Booleans and floating-point numbers that are whole are converted; so is a single row or column, as MATLAB has it.
    Raises InfoplaneError for all else.
    """
    array = plain(values, name)
    check_whole(array.dtype, name)
    if array.ndim == 2 and array.shape in ((samples, 1), (1, samples)):
        array = array.reshape(samples)
    if array.shape != (samples,):
        one_hot = array.ndim == 2 and len(array) == samples
        hint = "; of one column per class argmax(axis=1) makes them" if one_hot else ""
        raise InfoplaneError(
            f"{name} have the shape {array.shape}; they must be ({samples},), one for each sample{hint}"
        )
    if array.dtype.kind == "f":
        wide = array.astype(np.float64)
        broken = wide[~((wide == np.floor(wide)) & (np.abs(wide) <= _EXACT))]  # of NaN and infinity, too
        if broken.size:
            raise InfoplaneError(f"{name} have the value {broken[0]}; they must be whole numbers")
    return array if array.dtype.kind in "iu" else array.astype(np.int64)
