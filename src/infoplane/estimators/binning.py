"""Plug-in information of binned activity: what the binning estimators share.

Every unit's value falls into a state; a sample's state is the tuple of its units' states. With X the input and
Y the label, both I(T;X) = H(T) - H(T|X) and I(T;Y) = H(T) - H(T|Y) are computed from counts of samples, in bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.estimators.bins import Bins
from infoplane.estimators.interface import Estimate, Information
from infoplane.estimators.validation import Samples, check_choice, check_samples, check_whole_number, without_rounding

CORRECTIONS = ("none", "miller_madow")


DIAGNOSTICS: Mapping[str, str] = {
    "occupied_states": "states of the layer that a sample is in, a whole number",
    "singletons": "states with one sample, a whole number",
    "coverage": "1 - singletons / N of N samples: estimates the probability of the states that were seen, from 0 to 1",
    "distance_to_log2_n": "log2 N - H(T) as estimated, in bits: near 0 the count of samples limits I(T;X)",
}
"""What the counts of samples say of an estimate."""


def binned_estimates(
    activity: ArrayLike,
    labels: ArrayLike,
    input_ids: ArrayLike | None,
    bins_of: Callable[[NDArray[Any]], Sequence[Bins]],
    settings: Sequence[Mapping[str, Any]],
) -> list[Estimate]:
    """I(T;X) and I(T;Y) in bits with each of the bins that `bins_of` makes for a (samples, units) item.

    Beside each bins `settings` says correction, shuffles and shuffle_seed. With shuffles, I(T;Y) is also averaged over
    as many permutations of the labels over the samples. They are those of numpy's default_rng(shuffle_seed), the same
    for all items, so that two layers or epochs do not differ by the luck of the draw.
    """
    for each in settings:
        check_choice(each["correction"], "correction", CORRECTIONS)
        check_whole_number(each["shuffles"], "shuffles", 0)
        check_whole_number(each["shuffle_seed"], "shuffle_seed", 0)
    samples = check_samples(activity, labels, input_ids)
    counted = [_Counted(samples, each) for each in settings]
    result = np.zeros((len(settings), 3 + len(DIAGNOSTICS), len(samples.activity)))
    for number, item in enumerate(samples.items()):
        for at, bins in enumerate(bins_of(item)):
            result[at, :, number] = counted[at].values(*joint_states(item, bins))
    return [
        _binned_estimate(rows.reshape(-1, *samples.leading), each) for rows, each in zip(result, settings, strict=True)
    ]


def _binned_estimate(values: NDArray[np.float64], settings: Mapping[str, Any]) -> Estimate:
    # Plug-in information is never negative; with a correction it may be.
    i_tx, i_ty, shuffled = map(without_rounding, values[:3]) if settings["correction"] == "none" else values[:3]
    return Estimate(
        "none",
        Information(i_tx, i_ty),
        shuffled if settings["shuffles"] else None,
        diagnostics=dict(zip(DIAGNOSTICS, values[3:], strict=True)),
    )


class _Counted:
    """What is computed from the states of all samples, with one correction and its permutations of the labels."""

    def __init__(self, samples: Samples, settings: Mapping[str, Any]) -> None:
        self.samples = samples
        generator = np.random.default_rng(settings["shuffle_seed"])
        self.permuted = [generator.permutation(samples.classes) for _ in range(settings["shuffles"])]
        self.entropy = _EntropyOfCounts(len(samples.classes), settings["correction"])
        self.h_y = self.entropy.of_groups(samples.classes, samples.class_count)
        self.h_x = 0.0 if samples.inputs is None else self.entropy.of_groups(samples.inputs, samples.input_count)

    def values(self, states: NDArray[np.int64], count: int) -> tuple[float, ...]:
        """I(T;X), I(T;Y) and its control, then the diagnostics."""
        entropy, samples = self.entropy, self.samples
        counts = np.bincount(states, minlength=count)
        h_t = entropy.of_counts(counts)
        i_tx = h_t  # H(T|X) = 0 where every sample has an input of its own
        if samples.inputs is not None:
            i_tx = h_t + self.h_x - entropy.of_pairs(states, count, samples.inputs, samples.input_count)
        i_ty, *shuffled = (
            h_t + self.h_y - entropy.of_pairs(states, count, classes, samples.class_count)
            for classes in (samples.classes, *self.permuted)
        )
        singletons = int(np.count_nonzero(counts == 1))
        return (
            i_tx,
            i_ty,
            float(np.mean(shuffled)) if shuffled else 0.0,
            count,
            singletons,
            1 - singletons / len(states),
            float(np.log2(len(states))) - h_t,
        )


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
        return self.of_counts(np.bincount(groups, minlength=count))

    def of_pairs(self, first: NDArray[np.int64], count: int, second: NDArray[np.int64], other_count: int) -> float:
        """Joint entropy of two numberings of the samples."""
        pairs = first * other_count + second
        if count * other_count <= 8 * self.samples:
            return self.of_counts(np.bincount(pairs))
        pairs.sort()
        ends = np.flatnonzero(np.concatenate([pairs[1:] != pairs[:-1], [True]]))
        return self.of_counts(np.diff(ends, prepend=-1))

    def of_counts(self, counts: NDArray[np.int64]) -> float:
        """Entropy of groups of so many samples."""
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
