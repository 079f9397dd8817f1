"""Plug-in information of binned activity: what the binning estimators share.

Every unit's value falls into a state; a sample's state is the tuple of its units' states. With X the input and
Y the label, both I(T;X) = H(T) - H(T|X) and I(T;Y) = H(T) - H(T|Y) are computed from counts of samples, in bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.estimators.bins import Bins
from infoplane.estimators.interface import Information
from infoplane.estimators.validation import check_choice, check_samples, check_whole_number

CORRECTIONS = ("none", "miller_madow")


def binned_information(
    activity: ArrayLike,
    labels: ArrayLike,
    input_ids: ArrayLike | None,
    bins_of: Callable[[NDArray[Any]], Bins],
    correction: str,
    shuffles: int = 0,
    shuffle_seed: int = 0,
) -> tuple[Information, NDArray[np.float64] | None]:
    """I(T;X) and I(T;Y) in bits with the bins that `bins_of` makes for each (samples, units) item.

    The second value is I(T;Y) averaged over `shuffles` permutations of the labels over the samples, of the
    leading shape; None without shuffles. The permutations are those of numpy's default_rng(shuffle_seed), the
    same for all items, so that two layers or epochs do not differ by the luck of the draw.
    """
    check_choice(correction, "correction", CORRECTIONS)
    check_whole_number(shuffles, "shuffles", 0)
    check_whole_number(shuffle_seed, "shuffle_seed", 0)
    samples = check_samples(activity, labels, input_ids)
    generator = np.random.default_rng(shuffle_seed)
    permuted = [generator.permutation(samples.classes) for _ in range(shuffles)]

    entropy = _EntropyOfCounts(len(samples.classes), correction)
    h_y = entropy.of_groups(samples.classes, samples.class_count)
    h_x = entropy.of_groups(samples.inputs, samples.input_count) if samples.inputs is not None else None
    result = np.zeros((3, len(samples.activity)))
    for number, item in enumerate(samples.items()):
        states, count = joint_states(item, bins_of(item))
        h_t = entropy.of_groups(states, count)
        i_tx = h_t  # H(T|X) = 0 where every sample has an input of its own
        if samples.inputs is not None and h_x is not None:
            i_tx = h_t + h_x - entropy.of_pairs(states, count, samples.inputs, samples.input_count)
        i_ty = h_t + h_y - entropy.of_pairs(states, count, samples.classes, samples.class_count)
        shuffled = [h_t + h_y - entropy.of_pairs(states, count, other, samples.class_count) for other in permuted]
        result[:, number] = i_tx, i_ty, np.mean(shuffled) if shuffled else 0.0
    if correction == "none":
        # Plug-in information is never negative; what is left below zero is rounding.
        np.maximum(result, 0.0, out=result)
    tx, ty, control = (row.reshape(samples.leading) for row in result)
    return Information(tx, ty), control if shuffles else None


def joint_states(item: NDArray[Any], bins: Bins) -> tuple[NDArray[np.int64], int]:
    """Number the distinct rows of states of a (samples, units) array; returns the numbers and how many there are.

    As many units as fit are packed into one 64-bit key per sample and the keys are ranked; the rank then is
    the first digit of the key of the next units. This is exact for any number of units, and stops early:
    once all samples differ, more units change nothing.
    """
    samples, units = item.shape
    ranks, count = np.zeros(samples, dtype=np.int64), 1
    unit = 0
    while unit < units and count < samples:
        keys, size = ranks.astype(np.uint64), count
        first = unit
        while unit < units and size * bins.count < 2**64:
            size *= bins.count
            unit += 1
        columns = np.ascontiguousarray(item[:, first:unit].T)
        radix = np.uint64(bins.count)
        for column in bins.states(columns):
            keys *= radix
            keys += column
        ranks, count = _ranked(keys)
    return ranks, count


def _ranked(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], int]:
    order = np.argsort(keys)
    ordered = keys[order]
    steps = np.zeros(len(keys), dtype=np.int64)
    np.cumsum(ordered[1:] != ordered[:-1], out=steps[1:])
    ranks = np.empty_like(steps)
    ranks[order] = steps
    return ranks, int(steps[-1]) + 1


class _EntropyOfCounts:
    """Entropy in bits of a variable that splits N samples into groups.

    Plug-in: H = sum_k (n_k / N) log2(N / n_k). Miller (1955) and Madow: with K groups, (K - 1) / (2 N ln 2) is added.
    For H(T|Y) = sum_y p(y) H(T|y) with each H(T|y) corrected by its own (K_y - 1) / (2 N_y ln 2), the sum of
    corrections is the one of H(T,Y) less the one of H(Y), so that joint entropies suffice.
    """

    def __init__(self, samples: int, correction: str) -> None:
        self.samples = samples
        counts = np.arange(samples + 1, dtype=np.float64)
        # By count: its share of the entropy, n log2(N / n), which is exactly 0 for n = N.
        self.share = np.concatenate([[0.0], counts[1:] * (np.log2(samples) - np.log2(counts[1:]))])
        self.correction = 1 / (2 * samples * np.log(2)) if correction == "miller_madow" else 0.0

    def of_groups(self, groups: NDArray[np.int64], count: int) -> float:
        """Entropy of the group numbers 0..count - 1."""
        return self._of_counts(np.bincount(groups, minlength=count))

    def of_pairs(self, first: NDArray[np.int64], count: int, second: NDArray[np.int64], other_count: int) -> float:
        """Joint entropy of two numberings of the samples."""
        pairs = first * other_count + second
        if count * other_count <= 8 * self.samples:
            return self._of_counts(np.bincount(pairs))
        pairs.sort()
        ends = np.flatnonzero(np.concatenate([pairs[1:] != pairs[:-1], [True]]))
        return self._of_counts(np.diff(ends, prepend=-1))

    def _of_counts(self, counts: NDArray[np.int64]) -> float:
        # Summed by size of group: the same to the last bit in whatever order the samples and units are.
        sizes = np.bincount(counts, minlength=self.samples + 1)
        entropy = float((sizes * self.share).sum()) / self.samples
        if self.correction:
            entropy += (int(np.count_nonzero(counts)) - 1) * self.correction
        return entropy


BINNING_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "bins": {
        "description": "How many bins a unit's values are sorted into.",
        "type": "integer",
        "minimum": 2,
        "default": 30,
    },
    "correction": {
        "description": (
            "none: plug-in entropies. miller_madow: each entropy is raised by (occupied states - 1) / (2 N ln 2), "
            "for samples drawn from many more; where all inputs were enumerated there is no such bias."
        ),
        "enum": list(CORRECTIONS),
        "default": "none",
    },
    "shuffles": {
        "description": (
            "How many permutations of the labels give the control: the I(T;Y) that the estimator reports when "
            "the labels say nothing. 0: no control."
        ),
        "type": "integer",
        "minimum": 0,
        "default": 0,
    },
    "shuffle_seed": {
        "description": "Seed of the permutations, which are the same for every seed, layer and epoch of a study.",
        "type": "integer",
        "minimum": 0,
        "default": 0,
    },
}


def describe_correction(settings: Mapping[str, Any]) -> str:
    """The end of a binning method's description: nothing, or the correction in use."""
    return ", Miller-Madow correction" if settings["correction"] == "miller_madow" else ""
