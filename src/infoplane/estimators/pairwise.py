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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.estimators.interface import Cost, Estimate, Information
from infoplane.estimators.validation import Samples, check_choice, check_samples, without_rounding

BOUNDS = ("upper", "lower")
# Compiled as pairs of samples, by numba and, where a device is looked for, with torch.
PAIRS_COST = Cost(
    megabytes=300,
    megabytes_on_gpu=500,
    seconds=lambda samples, units: samples**2 * (4e-10 + 1.5e-11 * units),
)
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


# The noise's standard deviation from the largest |activity| of an item; 0 where the activity is 0 throughout.
Noise = Callable[[float], float]


def pairwise_bounds(
    activity: ArrayLike, labels: ArrayLike, input_ids: ArrayLike | None, noises: Sequence[Noise], device: str
) -> list[Bounds]:
    """Both bounds in bits for each noise, from one pass: on the CPU the same to the last bit as for it alone."""
    check_choice(device, "device", DEVICES)
    samples = check_samples(activity, labels, input_ids)
    if device == "cuda":
        from infoplane.estimators.kernels import tiles

        values = tiles.information_bounds(_scaled(samples, noises), samples.classes, samples.class_count, device)
    else:
        values = _on_cpu(samples, noises)
    by_noise = values.reshape(-1, len(noises), 4).transpose(1, 2, 0).reshape(len(noises), 4, *samples.leading)
    # Mathematically I(T;X) is never negative. I(T;Y), a difference of bounds, may be.
    return [
        Bounds(
            upper=Information(without_rounding(upper_tx), upper_ty),
            lower=Information(without_rounding(lower_tx), lower_ty),
        )
        for upper_tx, upper_ty, lower_tx, lower_ty in by_noise
    ]


# The points of an item in float32, with factors that make squared distances exponents: log2(e) / (8 v) of each noise.
Scaled = tuple[NDArray[np.float32], NDArray[np.float32]]


def _scaled(samples: Samples, noises: Sequence[Noise]) -> Iterator[Scaled]:
    """Each item with all noises, in order: in one part, or in more where successive noises need other points.

    Points and noise are multiplied by one power of two, which is exact, such that the noise's deviation is about 1:
    squares that count then are in the range of float32, however large or small the activity is.
    """
    for item in samples.items():
        common, largest, exponent = item, max(float(item.max()), -float(item.min())), 0
        deviations = [noise(largest) for noise in noises]
        if item.dtype != np.float32:
            # Float64 loses the common part first, which float32 might not hold beside the differences.
            exponent = math.frexp(largest)[1]
            common = np.ldexp(item, -exponent)
            common -= common.mean(axis=0)
            largest = float(np.abs(common).max())
        points, factors = None, []
        for noise_deviation in deviations:
            mantissa, power = math.frexp(noise_deviation or _SMALLEST)
            power -= exponent
            shift = min(-power, _LARGEST_POWER - math.frexp(largest)[1])
            shift = max(-_LARGEST_POWER, min(shift, _LARGEST_POWER))
            if abs(power) <= _ORDINARY_POWER and math.frexp(largest)[1] <= 2 * _ORDINARY_POWER:
                shift = 0  # the same bits without a copy
            # Beyond these limits all pairs, or none but the equal ones, are alike.
            deviation = math.ldexp(mantissa, max(-50, min(power + shift, 50)))
            own = common * common.dtype.type(2.0**shift) if shift else common
            own = own.astype(np.float32, copy=False)
            negligible = np.float32(_NEGLIGIBLE * deviation)
            if _any_below(own, negligible):
                own = np.where(np.abs(own) < negligible, np.float32(0), own)
            if points is not None and own is not points and not np.array_equal(own, points):
                yield points, np.array(factors, dtype=np.float32)
                points, factors = None, []
            points = own if points is None else points
            factors.append(math.log2(math.e) / (8 * deviation * deviation))
        if points is not None:
            yield points, np.array(factors, dtype=np.float32)


def _any_below(points: NDArray[np.float32], limit: np.float32) -> bool:
    """Whether a value other than 0 is closer to 0 than `limit`; in parts, since a layer may be large."""
    rows = max(1, _AT_ONCE // points.shape[1])
    parts = (points[start : start + rows] for start in range(0, len(points), rows))
    return any(bool(((np.abs(part) < limit) & (part != 0)).any()) for part in parts)


def _on_cpu(samples: Samples, noises: Sequence[Noise]) -> NDArray[np.float64]:
    """(items x noises, 4), as `tiles.information_bounds`."""
    # Imported here: compiled at the first call, and nothing that only reads the package waits for it.
    from infoplane.estimators.kernels import cpu

    order = np.argsort(samples.classes, kind="stable")
    sizes = np.bincount(samples.classes)

    def values_of(scaled: Scaled) -> NDArray[np.float64]:
        points, factors = scaled
        values: NDArray[np.float64] = cpu.information_bounds(points, samples.classes, sizes, order, factors)
        return values

    items = _scaled(samples, noises)
    workers = min(_threads(), len(samples.activity))
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            values = list(pool.map(values_of, items))
    else:
        values = [values_of(item) for item in items]
    return np.concatenate([np.zeros((0, 4)), *values])


def _threads() -> int:
    """OMP_NUM_THREADS, which Snakemake sets for each job, else the cores that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def bound_estimates(bounds: Bounds) -> list[Estimate]:
    """The bounds as the pipeline takes them."""
    return [Estimate(name, information) for name, information in bounds._asdict().items()]


def chosen_bound(bounds: Callable[[], Bounds], bound: str) -> Information:
    """One of the two, where the name of the bound is checked before anything is computed."""
    check_choice(bound, "bound", BOUNDS)
    information: Information = getattr(bounds(), bound)
    return information
