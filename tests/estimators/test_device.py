"""The torch kernel for CUDA devices: its numbers, on the CPU everywhere and on a GPU where there is one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from infoplane.errors import InfoplaneError
from infoplane.estimators import adaptive_kde_bounds, kde_bounds
from infoplane.estimators.kernels import cpu, tiles

CLOSE = 1e-4  # bits


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device_that_ran(request, monkeypatch):
    """Send what is meant for CUDA to torch on the device of the test; the list that is given collects where it ran."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    ran = []
    kernel, batch_kernel = tiles.information_bounds, tiles._batch_bounds

    def on_device(items, classes, class_count, device):
        assert device == "cuda"
        return kernel(items, classes, class_count, request.param)

    def recorded(points, *arguments):
        ran.append(points.device.type)
        return batch_kernel(points, *arguments)

    monkeypatch.setattr(tiles, "information_bounds", on_device)
    monkeypatch.setattr(tiles, "_batch_bounds", recorded)
    yield ran
    assert set(ran) == {request.param}


def never(*arguments):
    raise AssertionError("the CPU kernel ran")


@pytest.mark.parametrize("units", [1, 2, 10, 100])
def test_devices_agree(layer_like, kind, units, device_that_ran, monkeypatch):
    rng = np.random.default_rng(41)
    activity = np.stack([layer_like(kind, rng, 700, units), layer_like("relu", rng, 700, units)])
    labels = rng.integers(0, 3, 700)
    calls = [
        lambda device: kde_bounds(activity, labels, device=device),
        lambda device: kde_bounds(activity, labels, noise_variance=0.5, device=device),
        lambda device: adaptive_kde_bounds(activity, labels, device=device),
        lambda device: adaptive_kde_bounds(activity[:, :1], labels[:1], device=device),
    ]
    expected = [np.array(call("cpu")) for call in calls]
    monkeypatch.setattr(cpu, "information_bounds", never)
    for call, values in zip(calls, expected, strict=True):
        np.testing.assert_allclose(np.array(call("cuda")), values, atol=CLOSE)
    assert len(device_that_ran) >= len(calls)


def test_batches_and_tiles_do_not_matter(device_that_ran, monkeypatch):
    rng = np.random.default_rng(42)
    activity, labels = rng.normal(size=(2, 5, 150, 3)).astype(np.float32), rng.permutation(150) // 2
    whole = np.array(kde_bounds(activity, labels, device="cuda"))
    assert len(device_that_ran) == 1
    monkeypatch.setattr(tiles, "_PAIRS", {"cpu": 3 * 40 * 150, "cuda": 3 * 40 * 150})
    monkeypatch.setattr(tiles, "_ROWS", 40)
    np.testing.assert_allclose(np.array(kde_bounds(activity, labels, device="cuda")), whole, atol=1e-9)
    assert len(device_that_ran) == 1 + 4  # 10 items, 3 at a time
    np.testing.assert_allclose(whole, np.array(kde_bounds(activity, labels)), atol=CLOSE)
    assert kde_bounds(activity[:, :0], labels, device="cuda").upper.i_tx.shape == (2, 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there():
    with pytest.raises(InfoplaneError, match="torch finds no CUDA device"):
        kde_bounds(np.zeros((4, 2)), np.zeros(4, int), device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_memory_of_the_device():
    activity = np.random.default_rng(43).normal(size=(20, 16384, 10)).astype(np.float32)
    torch.cuda.reset_peak_memory_stats()
    kde_bounds(activity, np.arange(16384) % 2, device="cuda")
    assert 0 < torch.cuda.max_memory_allocated() < 1.5e9
