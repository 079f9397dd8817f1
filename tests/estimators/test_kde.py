"""The kernel density estimators against their twins, known truths, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS, Layer, adaptive_kde, adaptive_kde_bounds, kde, kde_bounds, pairwise, reference
from infoplane.estimators.validation import check_samples

CLOSE = 1e-4  # bits


def assert_twins_agree(activity, labels, **noise):
    """Both bounds of `kde` or, without a variance, of `adaptive_kde`; returns the bounds."""
    fast, twin = (
        (kde_bounds, reference.kde) if "noise_variance" in noise else (adaptive_kde_bounds, reference.adaptive_kde)
    )
    bounds = fast(activity, labels, **noise)
    for name in ("upper", "lower"):
        got, expected = getattr(bounds, name), twin(activity, labels, bound=name, **noise)
        assert got.i_tx == pytest.approx(expected.i_tx, abs=CLOSE)
        assert got.i_ty == pytest.approx(expected.i_ty, abs=CLOSE)
    return bounds


NOISES = [
    {"noise_variance": 1e-3},
    {"noise_variance": 0.3},
    {"scaling": "variance"},
    {"scaling": "standard_deviation", "noise_scale": 0.1},
]


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_twins_agree(layer_like, kind, noise):
    rng = np.random.default_rng(21)
    for samples, units in [(1, 1), (2, 3), (63, 1), (64, 2), (300, 2), (301, 5), (500, 10), (200, 33)]:
        activity = layer_like(kind, rng, samples, units)
        assert_twins_agree(activity, rng.integers(0, 3, samples), **noise)


@pytest.mark.parametrize("units", [64, 130, 511, 512, 513, 1024])
def test_twins_agree_in_wide_layers(layer_like, kind, units):
    rng = np.random.default_rng(22)
    activity, labels = layer_like(kind, rng, 150, units), rng.integers(0, 2, 150)
    for noise in ({"noise_variance": 1e-3}, {"noise_variance": 0.05 * units}, {"scaling": "variance"}):
        assert_twins_agree(activity, labels, **noise)


@pytest.mark.parametrize("labels", ["one class", "as many classes as samples", "a class of one", "negative", "sorted"])
def test_twins_agree_for_any_labels(layer_like, labels):
    rng = np.random.default_rng(23)
    of_kind = {
        "one class": np.zeros(200, int),
        "as many classes as samples": rng.permutation(200),
        "a class of one": np.arange(200) == 77,
        "negative": rng.integers(-5, 5, 200) * 10**9,
        "sorted": np.repeat([0, 1, 2], [100, 30, 70]),
    }[labels]
    for noise_variance in (1e-3, 1.0):
        for activity in (layer_like("tanh", rng, 200, 2), layer_like("coarse", rng, 200, 3)):
            bounds = assert_twins_agree(activity, of_kind, noise_variance=noise_variance)
            if labels == "one class":
                assert bounds.upper.i_ty == bounds.lower.i_ty == 0
            if labels == "as many classes as samples":
                np.testing.assert_allclose(bounds.upper.i_ty, bounds.upper.i_tx, atol=1e-9)


@pytest.mark.parametrize("units", [1, 2, 10])
def test_twins_agree_on_the_size_of_the_task(layer_like, units):
    rng = np.random.default_rng(24)
    labels = rng.integers(0, 2, 4096)
    for kind, variance in [("tanh", 1e-3), ("relu", 1e-2), ("tanh", 1.0)]:
        assert_twins_agree(layer_like(kind, rng, 4096, units), labels, noise_variance=variance)


def test_pairs_at_the_edge_of_what_counts():
    # All pairs at the distance where a pair ceases to count: the twin counts them, the bound on the error holds.
    for exponent in (31.0, 31.4, 31.6, 33.0):
        squared_distance = exponent * np.log(2) * 8
        activity = (np.eye(500) * np.sqrt(squared_distance / 2)).astype(np.float32)
        assert_twins_agree(activity, np.arange(500) % 2, noise_variance=1.0)
        line = (np.arange(500) % 2 * np.sqrt(squared_distance)).astype(np.float32)[:, None]
        assert_twins_agree(line, np.arange(500) % 3, noise_variance=1.0)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-4, 1e6, 1e15, 1e30])
def test_extreme_scales(scale):
    rng = np.random.default_rng(25)
    labels = rng.integers(0, 2, 100)
    for dtype in (np.float32, np.float64):
        activity = (rng.normal(size=(100, 3)) * scale).astype(dtype)
        for scaling in ("variance", "standard_deviation"):
            assert_twins_agree(activity, labels, scaling=scaling)
        assert_twins_agree(activity, labels, noise_variance=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("constant", [1e-42, 1e6, 1e15, 1e20, 1e30, -3e38])
def test_a_constant_unit_changes_nothing(constant, dtype):
    rng = np.random.default_rng(34)
    activity, labels = np.tanh(rng.normal(size=(300, 3))).astype(dtype), rng.integers(0, 2, 300)
    beside = np.column_stack([activity, np.full(300, constant, dtype)])
    alone = assert_twins_agree(activity, labels, noise_variance=1e-3)
    np.testing.assert_allclose(kde_bounds(beside, labels, noise_variance=1e-3), alone, atol=1e-6)
    assert alone.upper.i_tx > 5
    # Its size is that of the adaptive noise.
    assert_twins_agree(beside, labels, scaling="variance")
    assert_twins_agree(beside, labels, scaling="standard_deviation")


@pytest.mark.filterwarnings("ignore:overflow encountered")  # the twin's squares; infinitely far is right
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_units_of_very_different_sizes(dtype):
    rng = np.random.default_rng(35)
    spread = rng.normal(size=(200, 2))
    labels = rng.integers(0, 2, 200)
    units = [1e6 + spread, 1e-3 * spread + 3, 1e-12 * spread, 1e-30 * spread, 1e12 * np.round(spread), 1e30 * spread]
    units += [np.sign(spread) * 3e38, 1e-44 * np.round(1000 * spread)]
    for first in range(len(units)):
        for second in range(first, len(units)):
            activity = np.column_stack([units[first], units[second]]).astype(dtype)
            for variance in (1e-60, 1e-24, 1e-3, 1e6, 1e60):
                # The ends that the docstring of kde_bounds names.
                if dtype == np.float32:
                    within = np.abs(activity).max() < 1e53 * variance**0.5
                else:
                    within = np.abs(activity - activity.mean(axis=0)).max() < 1e6 * variance**0.5
                if within:
                    assert_twins_agree(activity, labels, noise_variance=variance)
            assert_twins_agree(activity, labels, scaling="standard_deviation")


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e307])
def test_the_ends_of_float64(scale):
    rng = np.random.default_rng(36)
    activity, labels = rng.uniform(0.5, 1, size=(100, 2)) * scale, rng.integers(0, 2, 100)
    beyond = assert_twins_agree(activity, labels, noise_variance=1e-3)
    assert beyond.upper.i_tx == pytest.approx(np.log2(100) if scale > 1 else 0)
    assert_twins_agree(activity, labels, noise_variance=1e300)
    # Squares of these leave float64, in which the twin computes.
    scaled = adaptive_kde_bounds(activity, labels, scaling="standard_deviation")
    ordinary = adaptive_kde_bounds(activity / scale, labels, scaling="standard_deviation")
    np.testing.assert_allclose(scaled, ordinary, atol=1e-6)
    assert 1 < scaled.upper.i_tx < 6


def test_float64_within_ten_thousand_deviations_of_the_mean():
    rng = np.random.default_rng(37)
    # Pairs at the distance of the noise's deviation, 20,000 of them apart from other pairs.
    activity = np.repeat([-1e4, 1e4], 200)[:, None] + rng.normal(size=(400, 3))
    bounds = assert_twins_agree(activity, rng.integers(0, 2, 400), noise_variance=1.0)
    assert bounds.upper.i_tx > 1.5


@pytest.mark.parametrize("size", [1e-13, 1e-18, 1e-20, 1e-22, 1e-40])
@pytest.mark.parametrize("units", [2, 10])
def test_a_saturated_softmax_layer_has_no_subnormal_squares(size, units):
    rng = np.random.default_rng(38)
    labels = rng.integers(0, units, 400)
    activity = (10 ** rng.uniform(-1, 1, size=(400, units)) * size).astype(np.float32)
    activity[np.arange(400), labels] = 1
    for noise in ({"noise_variance": 1e-3}, {"scaling": "variance"}, {"noise_variance": size**2}):
        assert_twins_agree(activity, labels, **noise)
    samples = check_samples(activity, labels, None)
    for deviation in (1e-3**0.5, 0.03 * size, size, 1e6):
        [(points, [factor])] = pairwise._scaled(samples, [lambda _, deviation=deviation: deviation])
        differences = np.float64(points[:, None] - points)
        squares = differences**2
        assert (factor * squares[squares > 0]).min(initial=1) > 4 * np.finfo(np.float32).tiny, deviation
        assert squares[squares > 0].min(initial=1) > 4 * np.finfo(np.float32).tiny, deviation


def test_float64_keeps_what_float32_would_lose():
    rng = np.random.default_rng(26)
    activity = 1e7 + rng.normal(size=(200, 2))  # float32 numbers are 1 apart here
    bounds = assert_twins_agree(activity, rng.integers(0, 2, 200), noise_variance=0.1)
    assert bounds.lower.i_tx > 1
    assert_twins_agree(activity + 1e12, np.arange(200) % 2, noise_variance=0.1)


def test_inputs_that_repeat():
    rng = np.random.default_rng(27)
    activity, labels = np.repeat(rng.normal(size=(50, 2)), 4, axis=0), np.repeat(rng.integers(0, 2, 50), 4)
    inputs = np.repeat(np.arange(50), 4)
    repeated = kde_bounds(activity.astype(np.float32), labels, input_ids=inputs)
    once = kde_bounds(activity[::4].astype(np.float32), labels[::4])
    np.testing.assert_allclose(repeated, once, atol=1e-6)  # the same distribution
    expected = reference.kde(activity.astype(np.float32), labels, input_ids=inputs)
    np.testing.assert_allclose(repeated.upper, expected, atol=CLOSE)
    assert repeated.upper.i_tx <= np.log2(50) + 1e-6


def test_closed_cases():
    patterns = np.unpackbits(np.arange(4096, dtype=">u2").view(np.uint8).reshape(-1, 2), axis=1)[:, 4:]
    labels = patterns[:, 0].astype(int)
    for bound in ("upper", "lower"):
        copy = kde(patterns.astype(np.float32), labels, bound=bound)
        assert copy.i_tx == pytest.approx(12, abs=1e-9)
        assert copy.i_ty == pytest.approx(1, abs=1e-9)
        equal = kde(labels[:, None].astype(np.float32), labels, bound=bound)
        assert equal.i_tx == pytest.approx(1, abs=1e-9)
        assert equal.i_ty == pytest.approx(1, abs=1e-9)
        for constant in (0.0, 0.3, 1e4):
            for estimator in (kde, adaptive_kde):
                nothing = estimator(np.full((4096, 3), constant, np.float32), labels, bound=bound)
                assert nothing == (0, 0)
    # Two points at distance d: S_i / N = (1 + exp(-d^2 / (c v))) / 2 for both.
    pair = kde_bounds(np.array([[0.0], [0.1]]), [0, 1], noise_variance=0.01)
    assert pair.upper.i_tx == pytest.approx(1 - np.log2(1 + np.exp(-1 / 2)), abs=1e-6)
    assert pair.lower.i_tx == pytest.approx(1 - np.log2(1 + np.exp(-1 / 8)), abs=1e-6)
    assert pair.lower.i_ty == pytest.approx(pair.lower.i_tx, abs=1e-9)


@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 10.0, 30.0])
def test_gaussian_truth_lies_between_the_bounds(ratio, units):
    # T = S + noise with S Gaussian of variance `ratio` v: I = 0.5 log2(1 + ratio) per unit.
    samples = 8000
    signal = np.random.default_rng(28).normal(size=(samples, units)) * np.sqrt(ratio * 0.01)
    bounds = kde_bounds(signal.astype(np.float32), np.zeros(samples, int), noise_variance=0.01)
    truth = units * 0.5 * np.log2(1 + ratio)
    sampling = 0.03 * units  # 3 standard errors of the mean log density of 8000 samples, and the bias of the sum
    assert bounds.lower.i_tx <= truth + sampling
    assert bounds.upper.i_tx >= truth - sampling
    # What the bounds themselves tend to with many samples is known too.
    for information, c in ((bounds.upper.i_tx, 1), (bounds.lower.i_tx, 4)):
        # The mean over s of -log2 E exp(-(s - s')^2 / (2 c v)), where the expectation over s' is Gaussian in s.
        expected = 0.5 * (np.log2((c + ratio) / c) + ratio / (c + ratio) * np.log2(np.e)) * units
        assert information == pytest.approx(expected, abs=sampling)


def test_leading_axes_threads_and_devices_do_not_matter(monkeypatch):
    rng = np.random.default_rng(29)
    activity = np.tanh(rng.normal(size=(2, 3, 300, 4))).astype(np.float32)
    activity[1, 1] = 0
    labels = rng.integers(0, 3, 300)
    for estimator in (kde_bounds, adaptive_kde_bounds):
        results = []
        for threads in ("1", "2", "5", ""):
            monkeypatch.setenv("OMP_NUM_THREADS", threads)
            results.append(np.array(estimator(activity, labels)))
        assert results[0].shape == (2, 2, 2, 3)
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])
        for index in np.ndindex(2, 3):
            alone = estimator(activity[index], labels)
            assert alone.lower.i_ty.shape == ()
            np.testing.assert_array_equal(np.array(alone), results[0][(..., *index)])
    assert kde(activity[:0], labels).i_tx.shape == (0, 3)
    strided = np.asfortranarray(activity)[..., ::-1]
    np.testing.assert_allclose(kde(strided, labels), kde(activity, labels), atol=1e-5)
    read_only = activity.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(kde(read_only, labels), kde(activity, labels))


few_values = st.one_of(st.floats(-2, 2, width=32), st.sampled_from([-1.0, 0.0, 0.5, 1.0]))


@st.composite
def activity_and_labels(draw):
    shape = draw(st.tuples(st.integers(1, 80), st.integers(1, 6)))
    activity = draw(hnp.arrays(np.float32, shape, elements=few_values))
    return activity, draw(hnp.arrays(np.int64, shape[0], elements=st.integers(-2, 3))), draw(st.integers(0, 2**32 - 1))


@settings(max_examples=60, deadline=None)
@given(activity_and_labels(), st.sampled_from([1e-4, 1e-2, 1.0]))
def test_properties(drawn, variance):
    activity, labels, seed = drawn
    rng = np.random.default_rng(seed)
    bounds = assert_twins_agree(activity, labels, noise_variance=variance)
    assert 0 <= bounds.lower.i_tx <= bounds.upper.i_tx + CLOSE
    distinct = len(np.unique(activity, axis=0))
    assert bounds.upper.i_tx <= np.log2(len(activity)) + CLOSE
    assert distinct > 1 or bounds.upper == (0, 0)
    order = rng.permutation(len(activity))
    units = rng.permutation(activity.shape[1])
    np.testing.assert_allclose(kde_bounds(activity[order], labels[order], noise_variance=variance), bounds, atol=CLOSE)
    np.testing.assert_allclose(kde_bounds(activity[:, units], labels, noise_variance=variance), bounds, atol=CLOSE)
    # A unit more can only bring pairs further apart.
    fewer = kde_bounds(activity[:, :1], labels, noise_variance=variance)
    assert fewer.lower.i_tx <= bounds.lower.i_tx + CLOSE
    assert fewer.upper.i_tx <= bounds.upper.i_tx + CLOSE


@settings(max_examples=40, deadline=None)
@given(activity_and_labels(), st.floats(1e-3, 1e3))
def test_rescaling_a_layer(drawn, factor):
    activity, labels, _ = drawn
    activity = activity.astype(np.float64)
    scaled = adaptive_kde_bounds(activity * factor, labels, scaling="standard_deviation")
    np.testing.assert_allclose(scaled, adaptive_kde_bounds(activity, labels, scaling="standard_deviation"), atol=CLOSE)
    # The variance of the noise grows as the factor, where that of the activity grows as its square.
    largest = np.abs(activity).max()
    if largest > 0:
        scaled = adaptive_kde_bounds(activity * factor, labels, noise_scale=0.01)
        equivalent = kde_bounds(activity, labels, noise_variance=0.01 * largest / factor)
        np.testing.assert_allclose(scaled, equivalent, atol=CLOSE)


def test_the_bound_is_chosen_by_name():
    rng = np.random.default_rng(30)
    activity, labels = rng.normal(size=(100, 2)).astype(np.float32), rng.integers(0, 2, 100)
    for one, both in ((kde, kde_bounds), (adaptive_kde, adaptive_kde_bounds)):
        bounds = both(activity, labels)
        assert one(activity, labels) == one(activity, labels, bound="upper") == bounds.upper
        assert one(activity, labels, bound="lower") == bounds.lower != bounds.upper


@pytest.mark.parametrize("estimator", [kde, adaptive_kde])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"activity": np.array([[0.0], [np.nan], [1.0], [2.0]])}, "NaN or infinite"),
        ({"activity": np.array([[0.0], [-np.inf], [1.0], [2.0]], np.float32)}, "NaN or infinite"),
        ({"activity": np.zeros(4)}, r"shape \(4,\)"),
        ({"labels": np.zeros(5, int)}, "labels have the shape"),
        ({"labels": np.full(4, 0.5)}, "labels have the value 0.5"),
        ({"input_ids": np.zeros(5, int)}, "input_ids have the shape"),
        ({"bound": "middle"}, "bound is 'middle': allowed are upper, lower"),
        ({"device": "abacus"}, "device is 'abacus': allowed are cpu, cuda"),
    ],
)
def test_mistakes_are_told_in_one_sentence(estimator, change, sentence):
    arguments = {"activity": np.zeros((4, 2)), "labels": np.arange(4) % 2, **change}
    with pytest.raises(InfoplaneError, match=sentence):
        estimator(arguments.pop("activity"), arguments.pop("labels"), **arguments)


@pytest.mark.parametrize("value", [0, -1e-3, np.nan, np.inf, "much", True])
def test_noise_that_is_not_positive(value):
    with pytest.raises(InfoplaneError, match="noise_variance is"):
        kde(np.zeros((4, 2)), np.zeros(4, int), noise_variance=value)
    with pytest.raises(InfoplaneError, match="noise_scale is"):
        adaptive_kde(np.zeros((4, 2)), np.zeros(4, int), noise_scale=value)


def test_an_unknown_scaling():
    with pytest.raises(InfoplaneError, match="scaling is 'range': allowed are variance, standard_deviation"):
        adaptive_kde(np.zeros((4, 2)), np.zeros(4, int), scaling="range")


LAYER = Layer(1, None, None, -1.0, 1.0, -1.0, 1.0)


def test_the_methods_give_both_bounds():
    rng = np.random.default_rng(31)
    activity, labels = np.tanh(rng.normal(size=(3, 100, 4))).astype(np.float32), rng.integers(0, 2, 100)
    cases = [
        ("kde", {"noise_variance": 0.02}, kde_bounds(activity, labels, noise_variance=0.02), "noise variance 0.02"),
        (
            "adaptive_kde",
            {"noise_scale": None, "scaling": "variance"},
            adaptive_kde_bounds(activity, labels),
            "noise variance 0.001 x largest |activity| of the layer and epoch",
        ),
        (
            "adaptive_kde",
            {"noise_scale": 0.2, "scaling": "standard_deviation"},
            adaptive_kde_bounds(activity, labels, noise_scale=0.2, scaling="standard_deviation"),
            "noise standard deviation 0.2 x largest |activity| of the layer and epoch",
        ),
    ]
    for name, chosen, bounds, description in cases:
        estimates = METHODS[name].estimate(activity, labels, None, LAYER, chosen, "cpu")
        assert [estimate.bound for estimate in estimates] == ["upper", "lower"]
        np.testing.assert_array_equal([estimate.information for estimate in estimates], bounds)
        assert METHODS[name].describe(chosen) == description
