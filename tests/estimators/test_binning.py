"""The binning estimators against their twins, closed cases, and properties."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS, Layer, ebab, fixed_binning, reference

TWINS = [(fixed_binning, reference.fixed_binning), (ebab, reference.ebab)]
EXACT = 1e-9  # bits


def assert_twins_agree(fast, twin, activity, labels, **settings):
    got, expected = fast(activity, labels, **settings), twin(activity, labels, **settings)
    assert got.i_tx == pytest.approx(expected.i_tx, abs=EXACT)
    assert got.i_ty == pytest.approx(expected.i_ty, abs=EXACT)
    return got


@pytest.mark.parametrize("correction", ["none", "miller_madow"])
@pytest.mark.parametrize(("fast", "twin"), TWINS)
def test_twins_agree(layer_like, fast, twin, kind, correction):
    rng = np.random.default_rng(7)
    for samples, units in [(1, 1), (2, 3), (300, 2), (500, 10), (200, 70)]:
        activity, labels = layer_like(kind, rng, samples, units), rng.integers(0, 3, samples)
        inputs = rng.integers(0, samples, samples)
        assert_twins_agree(fast, twin, activity, labels, correction=correction)
        assert_twins_agree(fast, twin, activity, labels, correction=correction, input_ids=inputs)


@pytest.mark.parametrize("bins", [2, 3, 30, 64, 65, 66, 300, 1000])
@pytest.mark.parametrize(("fast", "twin"), TWINS)
def test_twins_agree_for_any_number_of_bins(fast, twin, bins):
    rng = np.random.default_rng(8)
    activity, labels = rng.normal(size=(400, 4)).astype(np.float32), rng.integers(0, 2, 400)
    assert_twins_agree(fast, twin, activity, labels, bins=bins)


def test_ebab_lower_bound_against_the_twin(layer_like):
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 2, 500)
    for units in (1, 5, 10):
        rectified = layer_like("relu", rng, 500, units)
        assert_twins_agree(ebab, reference.ebab, rectified, labels, lower_bound=0.0)
        # Also where the bound is in the middle of the values, or is not one that float32 can hold.
        assert_twins_agree(ebab, reference.ebab, layer_like("coarse", rng, 500, units), labels, lower_bound=0.0)
        assert_twins_agree(ebab, reference.ebab, rectified + np.float32(0.1), labels, lower_bound=0.1)


@pytest.mark.parametrize(("fast", "twin"), TWINS)
def test_twins_agree_on_the_size_of_the_task(layer_like, fast, twin):
    rng = np.random.default_rng(10)
    labels = rng.integers(0, 2, 4096)
    for kind in ("tanh", "relu"):
        for units in (2, 10):
            assert_twins_agree(fast, twin, layer_like(kind, rng, 4096, units), labels)
        wide = layer_like(kind, rng, 500, 1024)
        wide[250:] = wide[:250]
        assert_twins_agree(fast, twin, wide, labels[:500])


def test_bins_of_a_worked_example():
    # Edges 0, 0.5, 1: states [.., 0.5), [0.5, 1) and [1, ..), with 8 of each of three values and 8 outside.
    values = np.repeat(np.float32([0.0, 0.5, 1.0, -3.0]), 8)[:, None]
    labels = np.repeat([0, 1, 2, 3], 8)
    got = fixed_binning(values, labels, bins=3, value_range=(0, 1))
    assert got.i_tx == pytest.approx(1.5)  # probabilities 1/2, 1/4, 1/4
    assert got.i_ty == pytest.approx(1.5)


def test_values_at_edges_that_float32_cannot_hold():
    # The edges of 30 bins are not float32 numbers; values beside them must fall as in float64.
    edges = np.linspace(-1, 1, 30).astype(np.float32)
    near = np.concatenate([edges, np.nextafter(edges, np.float32(2)), np.nextafter(edges, np.float32(-2))])
    assert_twins_agree(fixed_binning, reference.fixed_binning, near[:, None], np.arange(len(near)) % 2)


def test_ebab_counts_distinct_values_not_observations():
    # One value taken 1000 times is one distinct value: the 60 others still fill 29 bins and the top state.
    values = np.concatenate([np.zeros(1000), np.arange(1, 60)]).astype(np.float32)[:, None]
    states = 1 + ((np.arange(60) // 2) + (np.arange(60) == 59)).max()
    got = ebab(values, np.zeros(1059, dtype=int), bins=30)
    counts = [1001, *[2] * 28, 1, 1]
    assert states == len(counts)
    p = np.array(counts) / 1059
    assert got.i_tx == pytest.approx(-(p * np.log2(p)).sum(), abs=EXACT)


@pytest.mark.parametrize("estimator", [fixed_binning, ebab])
def test_closed_cases(estimator):
    patterns = np.unpackbits(np.arange(4096, dtype=">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 4:]
    labels = patterns[:, 0].astype(int)
    copy = estimator(patterns.astype(np.float32), labels)
    assert copy.i_tx == 12
    assert copy.i_ty == pytest.approx(1, abs=1e-12)
    constant = estimator(np.full((4096, 3), 0.25, np.float32), labels)
    assert constant.i_tx == 0
    assert constant.i_ty == 0
    equal = estimator(labels[:, None].astype(np.float32), labels)
    assert equal.i_tx == pytest.approx(1, abs=1e-12)
    assert equal.i_ty == pytest.approx(1, abs=1e-12)
    halves = estimator(patterns.astype(np.float32), labels, input_ids=np.arange(4096) // 2)
    assert halves.i_tx == pytest.approx(11, abs=1e-12)


def test_wide_layers_are_told_apart_by_their_last_unit():
    # 200 units of up to 31 states do not fit into one 64-bit key.
    activity = np.zeros((64, 200), np.float32)
    activity[:, -1] = np.arange(64) % 2
    activity[:, 0] = np.arange(64) // 32
    got = fixed_binning(activity, np.arange(64) % 2, value_range=(0, 1))
    assert got.i_tx == pytest.approx(2, abs=1e-12)
    assert got.i_ty == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("estimator", [fixed_binning, ebab])
def test_leading_axes(estimator):
    rng = np.random.default_rng(11)
    activity, labels = rng.normal(size=(2, 3, 100, 4)).astype(np.float32), rng.integers(0, 2, 100)
    block = estimator(activity, labels)
    assert block.i_tx.shape == block.i_ty.shape == (2, 3)
    assert block.i_tx.dtype == block.i_ty.dtype == np.float64
    for index in np.ndindex(2, 3):
        alone = estimator(activity[index], labels)
        assert alone.i_tx.shape == ()
        assert (alone.i_tx, alone.i_ty) == (block.i_tx[index], block.i_ty[index])
    assert estimator(activity[:0], labels).i_tx.shape == (0, 3)
    backwards = estimator(activity[..., ::-1, :], labels[::-1])
    np.testing.assert_allclose(backwards, block, atol=EXACT)


def test_miller_madow_of_a_worked_example():
    # 4 states by 16 samples: (4 - 1) / (2 * 16 ln 2) for H(T); given Y 2 states of each 8 samples.
    activity, labels = np.repeat(np.arange(4.0), 4)[:, None], np.repeat([0, 1], 8)
    got = fixed_binning(activity, labels, bins=4, value_range=(0, 3), correction="miller_madow")
    assert got.i_tx == pytest.approx(2 + 3 / (32 * np.log(2)))
    assert got.i_ty == pytest.approx(2 + 3 / (32 * np.log(2)) - 1 - 1 / (16 * np.log(2)))


small_activity = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 24), st.integers(1, 4)),
    elements=st.one_of(st.floats(-2, 2, width=32), st.sampled_from([-1.0, 0.0, 0.5, 1.0])),
)


@st.composite
def activity_and_labels(draw):
    activity = draw(small_activity)
    labels = draw(hnp.arrays(np.int64, len(activity), elements=st.integers(-2, 3)))
    return activity, labels, draw(st.integers(0, 2**32 - 1))


@settings(max_examples=80, deadline=None)
@given(activity_and_labels())
def test_properties_of_the_binning_estimators(drawn):
    activity, labels, seed = drawn
    rng = np.random.default_rng(seed)
    entropy_of_labels = fixed_binning(labels[:, None], labels, bins=6, value_range=(-2, 3)).i_tx
    for fast, twin in TWINS:
        got = assert_twins_agree(fast, twin, activity, labels)
        assert 0 <= got.i_ty <= min(got.i_tx, entropy_of_labels) + EXACT
        assert got.i_tx <= np.log2(len(activity)) + EXACT
        order = rng.permutation(len(activity))
        assert fast(activity[order], labels[order]) == got
        assert fast(activity[:, rng.permutation(activity.shape[1])], labels) == got
    # A further unit can only add information where it does not move the bins: data processing.
    fewer, all_units = (fixed_binning(part, labels) for part in (activity[:, :1], activity))
    assert fewer.i_tx <= all_units.i_tx + EXACT
    assert fewer.i_ty <= all_units.i_ty + EXACT


@settings(max_examples=100, deadline=None)
@given(activity_and_labels())
def test_ebab_under_increasing_transformations(drawn):
    activity, labels, seed = drawn
    values, ranks = np.unique(activity, return_inverse=True)
    increasing = np.cumsum(np.random.default_rng(seed).uniform(0.5, 3, len(values))).astype(np.float32)
    transformed = increasing[ranks].reshape(activity.shape)
    assert ebab(transformed, labels) == ebab(activity, labels)


@pytest.mark.parametrize("estimator", [fixed_binning, ebab])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"activity": np.full((4, 2), np.nan)}, "NaN or infinite"),
        ({"activity": np.array([[[0.0]] * 4, [[np.inf]] * 4])}, r"at index \(1,\)"),
        ({"activity": np.zeros(4)}, r"shape \(4,\)"),
        ({"activity": np.zeros((4, 0))}, "at least one sample and one unit"),
        ({"activity": np.zeros((4, 2), complex)}, "complex128"),
        ({"labels": np.zeros(3, int)}, r"labels have the shape \(3,\); they must be \(4,\)"),
        ({"labels": np.full(4, 0.5)}, "labels have the value 0.5"),
        ({"input_ids": np.zeros(5, int)}, "input_ids have the shape"),
        ({"bins": 1}, "bins is 1: a whole number of at least 2"),
        ({"bins": -3}, "bins is -3"),
        ({"bins": 2.5}, "bins is 2.5"),
        ({"correction": "jackknife"}, "allowed are none, miller_madow"),
    ],
)
def test_mistakes_are_told_in_one_sentence(estimator, change, sentence):
    arguments = {"activity": np.zeros((4, 2)), "labels": np.arange(4) % 2, **change}
    with pytest.raises(InfoplaneError, match=sentence):
        estimator(arguments.pop("activity"), arguments.pop("labels"), **arguments)


@pytest.mark.parametrize("value_range", [(1, 1), (2, 1), (0, np.inf), (0, np.nan), (0,), "activation", None])
def test_empty_ranges(value_range):
    with pytest.raises(InfoplaneError, match="value_range is"):
        fixed_binning(np.zeros((4, 2)), np.zeros(4, int), value_range=value_range)


def test_a_lower_bound_that_is_not_finite():
    with pytest.raises(InfoplaneError, match="lower_bound is nan"):
        ebab(np.zeros((4, 2)), np.zeros(4, int), lower_bound=np.nan)


# The methods, as the pipeline calls them.


def settings_of(name, **changes):
    return {**{key: schema["default"] for key, schema in METHODS[name].settings.items()}, **changes}


def a_layer(activity, **changes):
    extremes = float(activity.min()), float(activity.max())
    values = {"index": 1, "lower_bound": None, "function_range": None}
    return Layer(**{**values, **dict(zip(("minimum", "maximum"), extremes, strict=True)), **changes})


def test_ranges_of_the_fixed_binning_method():
    rng = np.random.default_rng(12)
    activity = np.maximum(rng.normal(size=(3, 200, 2)), 0).astype(np.float32)
    labels = rng.integers(0, 2, 200)
    largest = float(activity.max())
    layer = a_layer(activity, network_minimum=-0.5, network_maximum=7.0)
    saturating = a_layer(activity, network_minimum=-0.5, network_maximum=7.0, function_range=(0.0, 1.0))
    ranges = {
        ("activation_function", layer): (-0.5, 7.0),
        ("activation_function", saturating): (0.0, 1.0),
        ("network_maximum", saturating): (-0.5, 7.0),
        ("layer_maximum", layer): (0.0, largest),
        ((-1, 2), layer): (-1, 2),
    }
    for (setting, of_layer), expected in ranges.items():
        given_range = list(setting) if isinstance(setting, tuple) else setting
        settings = settings_of("fixed_binning", range=given_range)
        [estimate] = METHODS["fixed_binning"].estimate(activity, labels, None, of_layer, settings, "cpu")
        assert estimate.bound == "none"
        assert estimate.i_ty_shuffled is None
        np.testing.assert_array_equal(estimate.information, fixed_binning(activity, labels, value_range=expected))


@pytest.mark.parametrize("setting", ["activation_function", "network_maximum", "layer_maximum"])
def test_a_layer_that_is_always_zero_has_no_information(setting):
    activity = np.zeros((2, 50, 3), np.float32)
    layer = a_layer(activity, network_minimum=0.0, network_maximum=0.0, lower_bound=0.0)
    labels = np.arange(50) % 2
    for name, chosen in {
        "fixed_binning": settings_of("fixed_binning", range=setting),
        "ebab": settings_of("ebab"),
    }.items():
        [estimate] = METHODS[name].estimate(activity, labels, None, layer, chosen, "cpu")
        np.testing.assert_array_equal(estimate.information, np.zeros((2, 2)))


def test_the_ebab_method_uses_the_lower_bound_of_the_layer(layer_like):
    rng = np.random.default_rng(13)
    activity, labels = layer_like("relu", rng, 300, 3)[None], rng.integers(0, 2, 300)
    layer = a_layer(activity, network_minimum=0.0, network_maximum=9.0, lower_bound=0.0)
    [estimate] = METHODS["ebab"].estimate(activity, labels, None, layer, settings_of("ebab", bins=7), "cpu")
    expected = reference.ebab(activity[0], labels, bins=7, lower_bound=0.0)
    np.testing.assert_allclose(np.squeeze(estimate.information), expected, atol=EXACT)
    assert expected != reference.ebab(activity[0], labels, bins=7)


def test_the_shuffled_control():
    rng = np.random.default_rng(14)
    labels = np.arange(400) % 2
    activity = np.stack([labels[:, None] * 2.0 - 1, rng.uniform(-1, 1, (400, 1)), np.zeros((400, 1))]).astype(
        np.float32
    )
    layer = a_layer(activity, network_minimum=-1.0, network_maximum=1.0, function_range=(-1.0, 1.0))
    for name in ("fixed_binning", "ebab"):
        settings = settings_of(name, shuffles=20, shuffle_seed=3)
        [estimate] = METHODS[name].estimate(activity, labels, None, layer, settings, "cpu")
        assert estimate.information.i_ty[0] == pytest.approx(1)
        # Two states, shuffled: the plug-in bias of one degree of freedom, 1 / (2 N ln 2), and no more.
        assert 0 < estimate.i_ty_shuffled[0] < 5 / (800 * np.log(2))
        # About 30 states by two labels: the bias is near 29 / (2 N ln 2) = 0.052 bits, and is what is measured.
        assert estimate.i_ty_shuffled[1] == pytest.approx(29 / (800 * np.log(2)), rel=0.25)
        assert estimate.i_ty_shuffled[2] == 0
        [again] = METHODS[name].estimate(activity[1:2], labels, None, layer, settings, "cpu")
        assert again.i_ty_shuffled[0] == estimate.i_ty_shuffled[1]
        [other] = METHODS[name].estimate(activity[1:2], labels, None, layer, {**settings, "shuffle_seed": 4}, "cpu")
        assert other.i_ty_shuffled[0] != again.i_ty_shuffled[0]
        corrected = {**settings, "correction": "miller_madow"}
        [unbiased] = METHODS[name].estimate(activity[1:2], labels, None, layer, corrected, "cpu")
        assert abs(unbiased.i_ty_shuffled[0]) < estimate.i_ty_shuffled[1] / 4


def test_what_the_methods_say_of_their_assumptions():
    fixed, adaptive = METHODS["fixed_binning"], METHODS["ebab"]
    assert fixed.describe(settings_of("fixed_binning")) == (
        "30 bins over the function's range, else [min(0, least), largest] of the network"
    )
    assert fixed.describe(settings_of("fixed_binning", bins=9, range=[-1, 1])) == "9 bins of [-1, 1]"
    corrected = settings_of("ebab", correction="miller_madow")
    assert adaptive.describe(corrected) == (
        "up to 30 bins, adapted per layer and epoch, the function's bound apart, Miller-Madow correction"
    )
    with pytest.raises(InfoplaneError, match=r"range is \[1, -1\]"):
        fixed.check(settings_of("fixed_binning", range=[1, -1]))


@pytest.mark.parametrize("at_once", [500, 3000])
@pytest.mark.parametrize("lower_bound", [None, 0.0])
def test_very_wide_layers_get_the_same_bins_range_by_range(monkeypatch, at_once, lower_bound):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 1024)
    normal = rng.normal(size=(1024, 4)).astype(np.float32)
    layers = [normal, np.maximum(normal, 0), np.tanh(8 * normal), np.zeros_like(normal), np.round(normal), -(normal**2)]
    whole = [ebab(layer, labels, lower_bound=lower_bound) for layer in layers]
    monkeypatch.setattr(importlib.import_module(ebab.__module__), "_AT_ONCE", at_once)
    assert [ebab(layer, labels, lower_bound=lower_bound) for layer in layers] == whole


@pytest.mark.parametrize("bins", [2, 4, 7, 256])
def test_more_units_than_one_key_holds(bins):
    """Of 200 units only one varies: states of all of them do not fit 64 bits, and none may be lost on the way."""
    labels = np.repeat([0, 1], 32)
    for place in (0, 1, 99, 199):
        activity = np.zeros((64, 200), dtype=np.float32)
        activity[:, place] = labels
        found = fixed_binning(activity, labels, bins=bins, value_range=(0, 1))
        assert (found.i_tx, found.i_ty) == pytest.approx((1, 1)), place
