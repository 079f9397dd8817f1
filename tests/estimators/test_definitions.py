"""What the methods are by definition: defaults and limits of settings, the shuffled control, words, large layers."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from infoplane.estimators import METHODS, Layer, adaptive_kde, ebab, fixed_binning, kde, reference


@pytest.fixture(scope="module")
def twins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("twins", Path(__file__).parents[1] / "twins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


DEFAULTS = {
    "bins": 30,
    "correction": "none",
    "shuffles": 0,
    "shuffle_seed": 0,
    "range": "activation_function",
    "noise_variance": 0.001,
    "noise_scale": None,
    "scaling": "variance",
}
SETTINGS = {
    "ebab": ["bins", "correction", "shuffles", "shuffle_seed"],
    "fixed_binning": ["bins", "correction", "shuffles", "shuffle_seed", "range"],
    "kde": ["noise_variance"],
    "adaptive_kde": ["noise_scale", "scaling"],
}
LEAST = {"bins": 2, "shuffles": 0, "shuffle_seed": 0}
ABOVE = {"noise_variance": 0, "noise_scale": 0}


@pytest.mark.parametrize("name", SETTINGS)
def test_defaults_and_limits_of_the_settings(name):
    schemas = METHODS[name].settings
    assert {key: schema["default"] for key, schema in schemas.items()} == {key: DEFAULTS[key] for key in SETTINGS[name]}
    for key, schema in schemas.items():
        assert schema.get("minimum") == LEAST.get(key)
        assert schema.get("exclusiveMinimum") == ABOVE.get(key)
    assert METHODS[name].name == name
    of_range = schemas.get("range", {"oneOf": [{}, {"minItems": 2, "maxItems": 2}]})["oneOf"][1]
    assert (of_range["minItems"], of_range["maxItems"]) == (2, 2)
    # What the words say of the method with its defaults is what the settings have.
    defaults = {key: schema["default"] for key, schema in schemas.items()}
    numbers = set(map(float, re.findall(r"(?<![\w.])[\d.e-]*\d", METHODS[name].describe(defaults))))
    expected = {"ebab": {30}, "fixed_binning": {30, 0}, "kde": {1e-3}, "adaptive_kde": {1e-3}}[name]
    assert expected == numbers


def test_arguments_that_are_not_given_are_the_documented_ones():
    random = np.random.default_rng(1)
    activity, labels = random.normal(size=(60, 2)), random.integers(0, 2, 60)
    for function, documented in (
        (fixed_binning, {"bins": 30, "value_range": (-1.0, 1.0), "input_ids": None, "correction": "none"}),
        (ebab, {"bins": 30, "lower_bound": None, "input_ids": None, "correction": "none"}),
        (kde, {"noise_variance": 1e-3, "bound": "upper", "input_ids": None, "device": "cpu"}),
        (adaptive_kde, {"noise_scale": 1e-3, "scaling": "variance", "bound": "upper", "device": "cpu"}),
    ):
        assert function(activity, labels) == function(activity, labels, **documented)
    deviation = {"scaling": "standard_deviation", "bound": "lower"}
    given = adaptive_kde(activity, labels, noise_scale=0.03, **deviation)
    assert adaptive_kde(activity, labels, **deviation) == given


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("kde", {"noise_variance": 0.0123456789}, r"noise variance (\S+)"),
        ("kde", {"noise_variance": 1 / 3}, r"noise variance (\S+)"),
        ("kde", {"noise_variance": 1.25e-17}, r"noise variance (\S+)"),
        ("kde", {"noise_variance": 12345678}, r"noise variance (\S+)"),
        ("adaptive_kde", {"noise_scale": 0.0123456789}, r"noise variance (\S+) x largest"),
        ("adaptive_kde", {"noise_scale": 0.1 + 0.2, "scaling": "standard_deviation"}, r"standard deviation (\S+) x"),
        ("fixed_binning", {"range": [-0.123456789, 2.5000001]}, r"30 bins of \[(\S+), (\S+)\]"),
        ("fixed_binning", {"range": [1e10 / 3, 1e11]}, r"30 bins of \[(\S+), (\S+)\]"),
    ],
)
def test_words_give_a_setting_back_to_the_last_digit(name, changed, words):
    method = METHODS[name]
    settings = {**{key: schema["default"] for key, schema in method.settings.items()}, **changed}
    found = re.search(words, method.describe(settings))
    assert found
    expected = next(iter(changed.values()))
    assert list(map(float, found.groups())) == (expected if isinstance(expected, list) else [expected])


def test_words_have_no_more_digits_than_it_takes():
    for value, text in ((0.001, "0.001"), (2, "2"), (0.03, "0.03"), (1e-3, "0.001"), (0.1 + 0.2, repr(0.1 + 0.2))):
        assert METHODS["kde"].describe({"noise_variance": value}) == f"noise variance {text}"


@pytest.mark.parametrize("correction", ["none", "miller_madow"])
@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize(("name", "shuffles", "seed"), [("ebab", 3, 11), ("fixed_binning", 1, 0), ("ebab", 0, 0)])
def test_the_shuffled_control_is_the_mean_over_permutations(twins, name, shuffles, seed, correction, repeated):
    """Labels permuted one after the other by numpy's default_rng(shuffle_seed), the same for all items."""
    random = np.random.default_rng(4)
    activity = np.maximum(random.normal(size=(2, 70, 2)), 0).astype(np.float32)
    # Of unlike size, and not numbered from 0: what is permuted are the labels.
    labels = random.choice([5, -3, 40], 70, p=[0.6, 0.3, 0.1])
    inputs = np.arange(70) // 2 if repeated else None
    defaults = {key: schema["default"] for key, schema in METHODS[name].settings.items()}
    settings = {**defaults, "bins": 5, "shuffles": shuffles, "shuffle_seed": seed, "correction": correction}
    layer = Layer(1, 0.0, None, 0.0, float(activity.max()), -1.0, 2.5)
    (found,) = METHODS[name].estimate(activity, labels, inputs, layer, settings, "cpu")
    if not shuffles:
        assert found.i_ty_shuffled is None
        return
    generator = np.random.default_rng(seed)
    permuted = [generator.permutation(labels) for _ in range(shuffles)]

    def entropy(rows):
        raised = (len(set(rows)) - 1) / (2 * len(rows) * np.log(2)) if correction == "miller_madow" else 0
        return twins.entropy(rows) + raised

    for item, control in zip(activity, found.i_ty_shuffled, strict=True):
        states = twins.adaptive_bins(item, 5, 0.0) if name == "ebab" else twins.equal_bins(item, 5, -1.0, 2.5)
        rows = [tuple(row) for row in states.tolist()]
        of_each = [
            entropy(rows) + entropy(other.tolist()) - entropy(list(zip(rows, other.tolist(), strict=True)))
            for other in permuted
        ]
        assert control == pytest.approx(np.mean(of_each), abs=1e-12)
    assert found.i_ty_shuffled[0] != found.i_ty_shuffled[1]


def test_adaptive_bins_of_more_values_than_are_sorted_at_once():
    """The first and the last value are the only ones of their kind, and so is one on either side of every border."""
    samples, units = 2**20 + 5, 2
    values = np.tile(np.arange(6, dtype=np.float32), samples * units // 6 + 1)[: samples * units]
    for number, place in enumerate((0, 1, 2**21 - 2, 2**21 - 1, 2**21, 2**21 + 1, -2, -1)):
        values[place] = 10 + number
    activity = values.reshape(samples, units)
    counts = np.unique(activity[:, 0] * 100 + activity[:, 1], return_counts=True)[1]
    found = ebab(activity, np.zeros(samples, int), bins=40)
    # Fewer distinct values than bins: every value is a state.
    share = counts / samples
    assert found.i_tx == pytest.approx(-(share * np.log2(share)).sum(), abs=1e-9)
    few = ebab(activity, np.zeros(samples, int), bins=3, lower_bound=0.0)
    # 13 distinct values beside the bound: states begin at the first, fifth and ninth, and the last is its own.
    edges = np.unique(values[values > 0])[[4, 8, 12]]
    states = np.where(activity == 0, 9, np.digitize(activity, edges))
    share = np.unique(states[:, 0] * 10 + states[:, 1], return_counts=True)[1] / samples
    assert few.i_tx == pytest.approx(-(share * np.log2(share)).sum(), abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.bool_])
def test_kinds_of_numbers(dtype):
    random = np.random.default_rng(6)
    activity = (random.normal(size=(80, 3)) * 2).astype(dtype)
    wide, labels = activity.astype(np.float64), random.integers(0, 3, 80)
    settings = {"bins": 4, "value_range": (-1.5, 1.5)}
    np.testing.assert_allclose(
        fixed_binning(activity, labels, **settings), reference.fixed_binning(wide, labels, **settings), atol=1e-9
    )
    np.testing.assert_allclose(ebab(activity, labels), reference.ebab(wide, labels), atol=1e-9)
    for bound in ("upper", "lower"):
        found = kde(activity, labels, noise_variance=0.1, bound=bound)
        np.testing.assert_allclose(found, reference.kde(wide, labels, noise_variance=0.1, bound=bound), atol=1e-5)
