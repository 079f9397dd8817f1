"""Bounds on information from all pairs of samples: what the kernel density estimators share.

Gaussian noise of variance v is added to each unit of a deterministic layer. Kolchinsky & Tracey (2017) bound the
entropy of the resulting mixture, up to the noise's own entropy H(T|X), by

    -(1/N) sum_i log2[(1/N) sum_j exp(-||t_i - t_j||^2 / (c v))]

from above with c = 2 and from below with c = 8. I(T;X) = H(T) - H(T|X) is this sum alone, and
I(T;Y) = H(T) - sum_y p(y) H(T|y), with the same bound in both terms.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.estimators.interface import Estimate, Information
from infoplane.estimators.validation import Samples, check_choice, check_samples

BOUNDS = ("upper", "lower")
DEVICES = ("cpu", "cuda")

# Points are below 2^126, so that a difference of two is a finite float32; its square may be infinite, which is far.
_LARGEST_POWER = 126
# Noise whose deviation is within these powers of two, and activity within twice as many, need no scaling: all squares
# that count are normal float32 numbers.
_ORDINARY_POWER = 20
# Values of a layer that are looked at together.
_AT_ONCE = 2**16
# Stands for a deviation of 0, which is that of a layer of zeros.
_SMALLEST = 5e-324
# What is smaller than this share of the noise's deviation becomes 0. No kernel value that counts changes by more than
# 1e-10 sqrt(units) of itself, and the differences that are left are so large that their squares are normal numbers:
# arithmetic with subnormal ones, of which saturated layers are full, takes several times as long.
_NEGLIGIBLE = 2.0**-36


class Bounds(NamedTuple):
    """Information from the upper and from the lower bound on the entropies, both from one pass over the pairs."""

    upper: Information
    lower: Information


def pairwise_bounds(
    activity: ArrayLike,
    labels: ArrayLike,
    input_ids: ArrayLike | None,
    noise: Callable[[float], float],
    device: str,
) -> Bounds:
    """Both bounds in bits; `noise` gives the noise's standard deviation from the largest |activity| of an item.

    A standard deviation of 0 is allowed where the activity is 0 throughout.
    """
    check_choice(device, "device", DEVICES)
    samples = check_samples(activity, labels, input_ids)
    if device == "cuda":
        from infoplane.estimators.kernels import tiles

        values = tiles.information_bounds(_scaled(samples, noise), samples.classes, samples.class_count, device)
    else:
        values = _on_cpu(samples, noise)
    # Mathematically I(T;X) is never negative; what is left below zero is rounding. I(T;Y), a difference of
    # bounds, is left as it is.
    values[:, ::2] = np.maximum(values[:, ::2], 0.0)
    upper_tx, upper_ty, lower_tx, lower_ty = (column.reshape(samples.leading) for column in values.T)
    return Bounds(upper=Information(upper_tx, upper_ty), lower=Information(lower_tx, lower_ty))


def _scaled(samples: Samples, noise: Callable[[float], float]) -> Iterator[tuple[NDArray[np.float32], np.float32]]:
    """Each item in float32, with the factor that makes squared distances exponents: log2(e) / (8 v).

    Points and noise are multiplied by one power of two, which is exact, such that the noise's deviation is about 1:
    squares that count then are in the range of float32, however large or small the activity is.
    """
    for item in samples.items():
        points, largest = item, max(float(item.max()), -float(item.min()))
        mantissa, power = math.frexp(noise(largest) or _SMALLEST)
        if item.dtype != np.float32:
            # Float64 loses the common part first, which float32 might not hold beside the differences.
            exponent = math.frexp(largest)[1]
            points = np.ldexp(item, -exponent)
            points -= points.mean(axis=0)
            power -= exponent
            largest = float(np.abs(points).max())
        shift = min(-power, _LARGEST_POWER - math.frexp(largest)[1])
        shift = max(-_LARGEST_POWER, min(shift, _LARGEST_POWER))
        if abs(power) <= _ORDINARY_POWER and math.frexp(largest)[1] <= 2 * _ORDINARY_POWER:
            shift = 0  # the same bits without a copy
        # Beyond these limits all pairs, or none but the equal ones, are alike.
        deviation = math.ldexp(mantissa, max(-50, min(power + shift, 50)))
        if shift:
            points = points * points.dtype.type(2.0**shift)
        points = points.astype(np.float32, copy=False)
        negligible = np.float32(_NEGLIGIBLE * deviation)
        if _any_below(points, negligible):
            points = np.where(np.abs(points) < negligible, np.float32(0), points)
        yield points, np.float32(math.log2(math.e) / (8 * deviation * deviation))


def _any_below(points: NDArray[np.float32], limit: np.float32) -> bool:
    """Whether a value other than 0 is closer to 0 than `limit`; in parts, since a layer may be large."""
    rows = max(1, _AT_ONCE // points.shape[1])
    parts = (points[start : start + rows] for start in range(0, len(points), rows))
    return any(bool(((np.abs(part) < limit) & (part != 0)).any()) for part in parts)


def _on_cpu(samples: Samples, noise: Callable[[float], float]) -> NDArray[np.float64]:
    # Imported here: compiled at the first call, and nothing that only reads the package waits for it.
    from infoplane.estimators.kernels import cpu

    order = np.argsort(samples.classes, kind="stable")
    sizes = np.bincount(samples.classes)

    def values_of(scaled: tuple[NDArray[np.float32], np.float32]) -> tuple[float, float, float, float]:
        points, factor = scaled
        values: tuple[float, float, float, float] = cpu.information_bounds(
            points, samples.classes, sizes, order, factor
        )
        return values

    items = _scaled(samples, noise)
    workers = min(_threads(), len(samples.activity))
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            values = list(pool.map(values_of, items))
    else:
        values = [values_of(item) for item in items]
    return np.array(values, dtype=np.float64).reshape(-1, 4)


def _threads() -> int:
    """OMP_NUM_THREADS, which Snakemake sets for each job, else the cores that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def estimates(bounds: Bounds) -> list[Estimate]:
    """The bounds as the pipeline takes them."""
    return [Estimate(name, information) for name, information in bounds._asdict().items()]


def chosen_bound(bounds: Callable[[], Bounds], bound: str) -> Information:
    """One of the two, where the name of the bound is checked before anything is computed."""
    check_choice(bound, "bound", BOUNDS)
    information: Information = getattr(bounds(), bound)
    return information
