"""Many settings from one pass are, to the last bit, those of each setting by itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from infoplane.estimators import METHODS, Layer, pairwise
from infoplane.estimators.interface import scan_estimates
from infoplane.estimators.kernels import cpu, tiles

LAYER = Layer(1, 0.0, None, -1.0, 1.0, -2.0, 2.0)
# Of each method and key: values in no order, one of them twice, and noise beyond the range that needs no scaling.
SCANS = [
    ("fixed_binning", "bins", [30, 2, 100, 30]),
    ("fixed_binning", "correction", ["miller_madow", "none"]),
    ("fixed_binning", "shuffles", [0, 3, 1]),
    ("fixed_binning", "shuffle_seed", [4, 0]),
    ("fixed_binning", "range", ["layer_maximum", "network_maximum", [-0.5, 0.25]]),
    ("ebab", "bins", [30, 2, 100, 30]),
    ("ebab", "correction", ["miller_madow", "none"]),
    ("ebab", "shuffles", [0, 3, 1]),
    ("ebab", "shuffle_seed", [4, 0]),
    ("kde", "noise_variance", [1e-3, 1e-5, 1e-1, 1e-3, 1e-20, 1e20, 1e-2, 3.0]),
    ("adaptive_kde", "noise_scale", [1e-3, None, 1e-5, 1e-1, 1e-20, 3.0]),
    ("adaptive_kde", "scaling", ["standard_deviation", "variance"]),
]


def complete(name, key, value):
    return {**{key: schema["default"] for key, schema in METHODS[name].settings.items()}, "shuffles": 2, key: value}


def scan_settings(name, key, values):
    """Complete settings, where there are labels to permute with permutations."""
    found = [complete(name, key, value) for value in values]
    return [{key: value for key, value in each.items() if key in METHODS[name].settings} for each in found]


def assert_same(scanned, single):
    """Equal fields, NaN or None alike, to the last bit."""
    assert len(scanned) == len(single)
    for one, other in zip(scanned, single, strict=True):
        assert one.bound == other.bound
        for field in dataclasses.fields(one):
            got, expected = getattr(one, field.name), getattr(other, field.name)
            if isinstance(got, dict):
                assert got.keys() == expected.keys()
                got, expected = list(got.values()), list(expected.values())
            np.testing.assert_array_equal(got, expected, err_msg=field.name)


def test_every_setting_is_scanned():
    assert {(name, key) for name, key, _ in SCANS} >= {
        (name, key) for name in {name for name, _, _ in SCANS} for key in METHODS[name].settings
    }


@pytest.mark.parametrize(("name", "key", "values"), SCANS, ids=str)
@pytest.mark.parametrize("units", [1, 2, 10, 600])
def test_a_scan_is_its_single_settings(layer_like, name, key, values, units):
    rng = np.random.default_rng(61)
    kinds = ("tanh", "relu", "saturated", "dead", "large")
    activity = np.stack([layer_like(kind, rng, 150 if units > 512 else 400, units) for kind in kinds])
    activity = np.concatenate([activity, 0.01 * activity[:1], 1e-18 * activity[:1]])
    labels, inputs = rng.integers(0, 3, activity.shape[1]), rng.integers(0, 100, activity.shape[1])
    settings = scan_settings(name, key, values)
    for ids in (None, inputs):
        scanned = scan_estimates(METHODS[name], activity, labels, ids, LAYER, settings, "cpu")
        assert len(scanned) == len(settings)
        for found, each in zip(scanned, settings, strict=True):
            assert_same(found, METHODS[name].estimate(activity, labels, ids, LAYER, each, "cpu"))


def test_the_scan_differs_where_its_settings_do(layer_like):
    rng = np.random.default_rng(62)
    activity, labels = layer_like("tanh", rng, 300, 3)[None], rng.integers(0, 2, 300)
    for name, key, values in SCANS:
        if key in ("bins", "noise_variance"):
            settings = scan_settings(name, key, values)
            found = scan_estimates(METHODS[name], activity, labels, None, LAYER, settings, "cpu")
            assert len({float(estimate[0].information.i_tx[0]) for estimate in found}) > 1


def test_very_wide_layers_sort_parts_once_for_all(monkeypatch):
    from infoplane.estimators.methods import ebab

    rng = np.random.default_rng(63)
    activity, labels = rng.normal(size=(1, 60, 40)).astype(np.float32), rng.integers(0, 2, 60)
    settings = scan_settings("ebab", "bins", [10, 30, 100])
    whole = scan_estimates(METHODS["ebab"], activity, labels, None, LAYER, settings, "cpu")
    monkeypatch.setattr(ebab, "_AT_ONCE", 500)
    parts = scan_estimates(METHODS["ebab"], activity, labels, None, LAYER, settings, "cpu")
    for one, other in zip(parts, whole, strict=True):
        assert_same(one, other)


def test_one_pass_has_all_noises(monkeypatch, layer_like):
    rng = np.random.default_rng(64)
    activity, labels = layer_like("tanh", rng, 200, 4)[None], rng.integers(0, 2, 200)
    passes = []
    kernel = cpu.information_bounds
    monkeypatch.setattr(cpu, "information_bounds", lambda *given: passes.append(len(given[-1])) or kernel(*given))
    settings = scan_settings("kde", "noise_variance", [1e-4, 1e-3, 1e-2])
    scan_estimates(METHODS["kde"], activity, labels, None, LAYER, settings, "cpu")
    assert passes == [3]


@pytest.mark.parametrize(("name", "key", "values"), [scan for scan in SCANS if "noise" in scan[1]], ids=str)
def test_the_kernel_of_devices_scans(monkeypatch, layer_like, name, key, values):
    rng = np.random.default_rng(65)
    activity = np.stack([layer_like(kind, rng, 300, 3) for kind in ("tanh", "relu", "dead", "large", "tanh")])
    activity[4] *= np.float32(1e-18)
    labels, settings = rng.integers(0, 3, 300), scan_settings(name, key, values)
    kernel, batches = tiles.information_bounds, []
    batch_kernel = tiles._batch_bounds
    monkeypatch.setattr(tiles, "_PAIRS", {"cpu": 2 * 256 * 300})
    monkeypatch.setattr(tiles, "information_bounds", lambda *given: kernel(*given[:-1], "cpu"))
    monkeypatch.setattr(
        tiles, "_batch_bounds", lambda points, *given: batches.append(len(points)) or batch_kernel(points, *given)
    )
    scanned = scan_estimates(METHODS[name], activity, labels, None, LAYER, settings, "cuda")
    assert max(batches) == 2
    for found, each in zip(scanned, settings, strict=True):
        for device, close in (("cuda", 1e-9), ("cpu", 1e-4)):
            single = METHODS[name].estimate(activity, labels, None, LAYER, each, device)
            for one, other in zip(found, single, strict=True):
                np.testing.assert_allclose(one.information, other.information, rtol=0, atol=close)


def test_noises_share_points_unless_they_differ():
    samples = pairwise.check_samples(np.array([[0.5], [1e-15], [0.0]], np.float32), [0, 1, 0], None)
    noises = [lambda _, d=d: d for d in (1e-2, 3e-2, 1e-6, 1e-2)]
    parts = list(pairwise._scaled(samples, noises))
    assert [len(factors) for _, factors in parts] == [2, 1, 1]
    assert [points[1, 0] for points, _ in parts] == [0, np.float32(1e-15), 0]


def test_rows_that_are_near_for_some_noises_only():
    """Blocks of neighbours, of which larger noise reaches more: each noise has its own rows in twos."""
    rng = np.random.default_rng(66)
    activity, labels = rng.normal(size=(3, 2500, 2)).astype(np.float32), rng.integers(0, 2, 2500)
    activity[1] = np.maximum(activity[1], 0)
    activity[2] = np.tanh(1.5 * activity[2])
    settings = scan_settings("kde", "noise_variance", [1e-4, 3e-4, 1e-3, 3e-3, 1e-2])
    scanned = scan_estimates(METHODS["kde"], activity, labels, None, LAYER, settings, "cpu")
    for found, each in zip(scanned, settings, strict=True):
        assert_same(found, METHODS["kde"].estimate(activity, labels, None, LAYER, each, "cpu"))
