"""All pairs of samples with torch, tile by tile and for many items at once: made for CUDA devices.

A tile is some rows, all of one class, of the matrix of pairs of every item of a batch; the matrix itself is never
stored. Distances are taken of differences, not by a matrix product, which would cancel where values are large
or the noise is small. Sums are in float64.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from infoplane.errors import InfoplaneError

# Pairs held at a time, of 4 bytes each, and as many again while they are worked on.
_PAIRS = {"cuda": 2**26, "cpu": 2**20}
_ROWS = 256


def information_bounds(
    items: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]],
    classes: NDArray[np.int64],
    class_count: int,
    device: str,
) -> NDArray[np.float64]:
    """I(T;X) and I(T;Y) in bits, (items x factors, 4): two from the upper bound, then two from the lower.

    items: points (samples, units) and their factors, log2(e) / (8 v). classes: (samples,), each below
    `class_count`. Raises InfoplaneError for the device "cuda" where there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InfoplaneError("device is 'cuda', but torch finds no CUDA device: allowed is cpu")
    samples = len(classes)
    rows = min(_ROWS, samples)
    batch_size = max(1, _PAIRS[device] // (rows * samples))
    order = np.argsort(classes, kind="stable")
    ends = np.cumsum(np.bincount(classes, minlength=class_count)).tolist()
    results = [np.zeros((0, 4))]
    with torch.inference_mode():
        for _, alike in itertools.groupby(items, key=lambda item: len(item[1])):
            while batch := list(itertools.islice(alike, batch_size)):
                points = torch.from_numpy(np.stack([item[order] for item, _ in batch])).to(device)
                factors = torch.from_numpy(np.stack([factors for _, factors in batch])).to(device)
                results.append(_batch_bounds(points, factors, ends, rows).cpu().numpy())
    return np.concatenate(results)


def _batch_bounds(points: torch.Tensor, factors: torch.Tensor, ends: list[int], rows: int) -> torch.Tensor:
    """points: (items, samples, units), sorted by class; factors: (items, factors); `ends`: where each class ends."""
    samples = points.shape[1]
    logs = torch.zeros(4, *factors.shape, dtype=torch.float64, device=points.device)
    last_factor = factors.shape[1] - 1
    for first, last in zip([0, *ends], ends, strict=False):
        for start in range(first, last, rows):
            stop = min(start + rows, last)
            tile = torch.cdist(points[:, start:stop], points, compute_mode="donot_use_mm_for_euclid_dist")
            tile.square_()
            for number in range(last_factor + 1):
                scale = -factors[:, number, None, None]
                kernels = (tile.mul_(scale) if number == last_factor else tile * scale).exp2_()
                for bound in (2, 0):  # the lower bound's kernels, then their fourth powers, the upper bound's
                    whole = (kernels.sum(-1, dtype=torch.float64) / samples).log2_()
                    own = (kernels[..., first:last].sum(-1, dtype=torch.float64) / (last - first)).log2_()
                    logs[bound, :, number] -= whole.sum(-1)
                    logs[bound + 1, :, number] += (own - whole).sum(-1)
                    if bound:
                        kernels.square_().square_()
    return logs.flatten(1).T / samples
