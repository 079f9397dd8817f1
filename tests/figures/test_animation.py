"""The moving information plane: a picture for every epoch, each another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from infoplane.errors import InfoplaneError
from infoplane.figures import animation
from infoplane.presentation import style


def test_a_picture_for_every_recorded_epoch(study, tmp_path):
    path = tmp_path / "plane.gif"
    animation.animate(study, path, estimator="kde", run="relu")
    epochs = study["information"]["epoch"].nunique()
    with Image.open(path) as image:
        assert image.n_frames == epochs
        frames, times = [], []
        for index in range(epochs):
            image.seek(index)
            times.append(image.info["duration"])
            frames.append(np.asarray(image.convert("RGB")).astype(int))
    assert all((one != other).any() for one, other in itertools.pairwise(frames))
    assert times[-1] > 10 * times[0]
    # White stays white, and the layers' colours are theirs.
    assert (frames[0][-1, -1] == 255).all()
    softmax = np.array([0xD5, 0x5E, 0x00])
    for frame in (frames[0], frames[-1]):
        assert np.abs(frame - softmax).max(axis=2).min() < 12
    assert [path.name for path in tmp_path.iterdir()] == ["plane.gif"]


def test_many_epochs_are_thinned_evenly(study, monkeypatch):
    table = study["information"]
    recorded = np.unique(table["epoch"])
    monkeypatch.setattr(animation, "MOST_FRAMES", 5)
    shown = animation.epochs_shown(table)
    assert len(shown) == 5
    assert (shown[0], shown[-1]) == (recorded[0], recorded[-1])
    steps = np.diff(np.searchsorted(recorded, shown))
    assert steps.max() - steps.min() <= 1


def test_markers_are_where_the_means_are(study):
    table = study["information"]
    rows = table[(table["run"] == "relu") & (table["estimator"] == "ebab") & (table["layer"] == 4)]
    axis = Figure().add_subplot()
    layer = animation._Layer(axis, rows, style.layer_looks(6)[4])
    epochs = np.unique(rows["epoch"])
    layer.move(int(epochs[3]))
    way, dots, marker = (line.get_xydata() for line in layer.artists)
    means = rows.groupby("epoch")[["i_tx", "i_ty"]].mean().to_numpy()
    np.testing.assert_allclose(marker, means[3:4])
    np.testing.assert_allclose(way, means[:4])
    assert len(dots) == 4
    # Between recorded epochs of its own a run stays where it was.
    layer.move(int(epochs[4]) - 1)
    np.testing.assert_allclose(layer.marker.get_xydata(), means[3:4])


def test_a_run_that_is_not_there(study, tmp_path):
    with pytest.raises(InfoplaneError, match="no run 'gelu'; they have tanh, relu"):
        animation.animate(study, tmp_path / "plane.gif", estimator="ebab", run="gelu")
    # One in which all seeds diverged has pictures that say so.
    animation.animate(study, tmp_path / "diverged.gif", estimator="ebab", run="elu")
    assert (tmp_path / "diverged.gif").stat().st_size > 1000
