"""The words beside every number: a reader computes the number from them, the activity and the labels alone."""

from __future__ import annotations

import re

import numpy as np
import pytest

from infoplane.estimators import METHODS, Layer

CASES = [
    *(
        ("fixed_binning", {"range": chosen, "bins": bins, "correction": correction})
        for chosen in ("activation_function", "network_maximum", "layer_maximum", [-1, 1], [-0.123456789, 2.5000001])
        for bins in (2, 30)
        for correction in ("none", "miller_madow")
    ),
    *(
        ("ebab", {"bins": bins, "correction": correction})
        for bins in (3, 30)
        for correction in ("none", "miller_madow")
    ),
    *(("kde", {"noise_variance": variance}) for variance in (1e-3, 0.0123456789, 2)),
    *(
        ("adaptive_kde", {"scaling": scaling, "noise_scale": scale})
        for scaling in ("variance", "standard_deviation")
        for scale in (None, 0.0123456789)
    ),
]
NUMBER = r"(-?[\d.e+-]+)"


def layers():
    """Activity of one layer, with what its network is: bounded on both sides, below by 0, and on no side."""
    rng = np.random.default_rng(41)
    values = rng.normal(size=(200, 2))
    return {
        "tanh": (np.tanh(values), (-1.0, 1.0), None, -1.0, 1.0),
        "relu": (np.maximum(values, 0), None, 0.0, 0.0, 9.0),
        "elu": (np.where(values > 0, values, np.expm1(values)), None, None, -1.0, 7.0),
    }


def entropy(rows, corrected):
    counts = np.unique(rows, axis=0, return_counts=True)[1]
    share = counts / counts.sum()
    return -(share * np.log2(share)).sum() + corrected * (len(counts) - 1) / (2 * counts.sum() * np.log(2))


def computed_again(words, bound, activity, labels, function_range, lower_bound, extremes):
    """(I(T;X), I(T;Y)) of one epoch, all inputs being distinct."""
    of_labels = [(np.mean(labels == label), activity[labels == label]) for label in np.unique(labels)]
    if found := re.fullmatch(rf"noise (variance|standard deviation) {NUMBER}( x largest .activity. .*)?", words):
        variance = float(found[2]) * (np.abs(activity).max() if found[3] else 1)
        variance = variance**2 if found[1] == "standard deviation" else variance
        width = {"upper": 2, "lower": 8}[bound] * variance

        def h(points):
            squared = ((points[:, None] - points) ** 2).sum(axis=-1)
            return -np.log2(np.exp(-squared / width).mean(axis=1)).mean()

        return h(activity), h(activity) - sum(share * h(part) for share, part in of_labels)
    words, corrected = re.subn(", Miller-Madow correction$", "", words)
    if found := re.fullmatch(r"up to (\d+) bins, adapted per layer and epoch, the function's bound apart", words):
        distinct = sorted(set(activity.ravel().tolist()) - {lower_bound})
        bins = int(found[1])
        edges = [distinct[int(state * (len(distinct) / bins))] for state in range(bins)] + [distinct[-1]]
        states = (activity[..., None] >= np.array(edges)).sum(axis=-1)
        states[activity == lower_bound] = -1
    else:
        found = re.fullmatch(
            rf"(\d+) bins (?:of \[{NUMBER}, {NUMBER}\]|over (the function's range, else )?"
            r"\[min\(0, least\), largest\] of the (layer|network))",
            words,
        )
        assert found, words
        if found[2]:
            low, high = float(found[2]), float(found[3])
        elif found[4] and function_range:
            low, high = function_range
        else:
            least, largest = extremes[found[5]]
            low, high = min(0, least), largest
        edges = [low + (high - low) * state / (int(found[1]) - 1) for state in range(1, int(found[1]))]
        states = (activity[..., None] >= np.array(edges)).sum(axis=-1)
    h_t = entropy(states, corrected)
    return h_t, h_t - sum(np.mean(labels == y) * entropy(states[labels == y], corrected) for y in np.unique(labels))


@pytest.mark.parametrize(("name", "changed"), CASES, ids=str)
@pytest.mark.parametrize("layer_kind", ["tanh", "relu", "elu"])
def test_a_number_is_computed_again_from_its_words(name, changed, layer_kind):
    activity, function_range, lower_bound, least, largest = layers()[layer_kind]
    activity, labels = activity.astype(np.float32), np.random.default_rng(42).integers(0, 3, 200)
    method = METHODS[name]
    settings = {**{key: schema["default"] for key, schema in method.settings.items()}, **changed}
    of_layer = float(activity.min()), float(activity.max())
    layer = Layer(1, lower_bound, function_range, *of_layer, least, largest)
    extremes = {"layer": of_layer, "network": (least, largest)}
    words = method.describe(settings)
    for estimate in method.estimate(activity[None], labels, None, layer, settings, "cpu"):
        again = computed_again(
            words, estimate.bound, activity.astype(float), labels, function_range, lower_bound, extremes
        )
        close = 1e-4 if "kde" in name else 1e-9
        assert np.squeeze(estimate.information) == pytest.approx(again, abs=close), (words, estimate.bound)
