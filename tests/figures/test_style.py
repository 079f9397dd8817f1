"""The one table of looks is complete and tells things apart."""

from __future__ import annotations

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.estimators import METHODS
from infoplane.presentation import style

# Machado, Oliveira & Fernandes (2009): how people without one kind of cone see linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)


def lab(colour, seen=None):
    """CIELAB of an sRGB colour as somebody sees it (D65)."""
    rgb = np.asarray(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = linear if seen is None else np.clip(seen @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ linear / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_every_activation_function_has_a_look_of_its_own():
    assert set(style._ACTIVATION_LOOKS) == set(ACTIVATION_FUNCTIONS)
    looks = style.activation_looks(list(ACTIVATION_FUNCTIONS))
    assert len({look.colour for look in looks.values()}) == len(looks)
    assert len({look.marker for look in looks.values()}) == len(looks)
    assert {name: look.label for name, look in looks.items()} == {
        name: entry.label for name, entry in ACTIVATION_FUNCTIONS.items()
    }


@pytest.mark.parametrize("seen", [None, DEUTERANOPIA, PROTANOPIA], ids=["all cones", "deuteranopia", "protanopia"])
def test_activation_functions_of_the_study_are_apart_for_colour_blind_readers(seen):
    names = ["tanh", "relu", "abs", "prelu", "elu", "softplus", "centered_softplus", "swish"]
    looks = style.activation_looks(names)
    for one, other in itertools.combinations(names, 2):
        distance = np.linalg.norm(lab(looks[one].colour, seen) - lab(looks[other].colour, seen))
        assert distance > 15, (one, other)


def test_layers_get_lighter_and_the_output_stands_apart():
    for n_layers in (2, 3, 6, 12):
        looks = style.layer_looks(n_layers)
        assert list(looks) == list(range(1, n_layers + 1))
        lightness = [lab(look.colour)[0] for look in list(looks.values())[:-1]]
        assert all(earlier < later for earlier, later in itertools.pairwise(lightness))
        assert looks[n_layers].label == f"layer {n_layers} (output)"
        assert looks[n_layers].marker not in {look.marker for look in list(looks.values())[:-1]}


def test_epochs_get_lighter_in_grey():
    lightness = [lab(style.EPOCH_COLOURS(position)[:3])[0] for position in np.linspace(0, 1, 40)]
    assert np.all(np.diff(lightness) > 0)
    assert lightness[-1] < 90


def test_unknown_activation_functions_are_drawn_too():
    looks = style.activation_looks(["tanh", "mish", "sine", "relu-tanh"])
    assert looks["mish"].label == "mish"
    assert looks["relu-tanh"].label == "ReLU-tanh"
    assert len({look.colour for look in looks.values()}) == 4
    # The same whatever the order, so that figures of one study agree.
    assert style.activation_looks(["sine", "relu-tanh", "mish", "tanh"]) == looks


def settings(**columns):
    defaults = {"dataset": "szt", "activation": "relu", "l2": 0.0, "weight_decay": 0.0}
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"run": [f"run{index}" for index in range(n)], **defaults, **columns})


def test_run_labels_say_what_tells_runs_apart():
    assert list(style.run_labels(settings(l2=[0.0, 0.015])).values()) == ["ReLU", "ReLU, L2 0.015"]
    table = settings(activation=["abs", "gelu"], weight_decay=[0.0, 0.1], dataset=["szt", "parity"])
    assert list(style.run_labels(table).values()) == ["|x|, szt", "GELU, weight decay 0.1, parity"]
    alike = settings(hidden_layers=["10-7", "9-7", "3"], l2=[0.0, 0.0, 1.0])
    assert list(style.run_labels(alike).values()) == ["ReLU (run0)", "ReLU (run1)", "ReLU, L2 1"]


def test_runs_with_the_same_activation_function_look_different():
    looks = list(style.run_looks(settings(l2=[0.0, 0.005, 0.015, 0.05])).values())
    assert len({look.marker for look in looks}) == 4
    assert len({look.colour for look in looks}) == 4


def test_every_method_has_a_look_of_its_own():
    chosen = {name: method.look for name, method in METHODS.items() if method.look.colour}
    looks = style.estimator_looks({method: method for method in chosen})
    for part in ("colour", "marker", "label"):
        assert {method: getattr(look, part) for method, look in looks.items()} == {
            method: getattr(look, part) for method, look in chosen.items()
        }
        assert len({getattr(look, part) for look in looks.values()}) == len(chosen)
    assert all(look.label != method for method, look in looks.items())


def test_further_estimators_of_a_method_and_unknown_methods_get_looks_by_rule():
    methods = {"ebab": "ebab", "ebab-bins-10": "ebab", "ebab-bins-100": "ebab", "knn": "knn", "mine": "other"}
    looks = style.estimator_looks(methods)
    assert [looks[name].label for name in methods] == [
        "EBAB", "EBAB (ebab-bins-10)", "EBAB (ebab-bins-100)", "knn", "other (mine)",
    ]  # fmt: skip
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(methods)


@pytest.mark.parametrize("seen", [None, DEUTERANOPIA, PROTANOPIA], ids=["all cones", "deuteranopia", "protanopia"])
def test_methods_and_layers_are_apart_for_colour_blind_readers(seen):
    methods = list(style.estimator_looks({method: method for method in METHODS}).values())
    for looks, least in ((methods, 12), (list(style.layer_looks(6).values()), 8)):
        for one, other in itertools.combinations(looks, 2):
            assert np.linalg.norm(lab(one.colour, seen) - lab(other.colour, seen)) > least, (one.label, other.label)
    # Thin lines on white need contrast.
    assert all(lab(look.colour)[0] < 72 for look in style.layer_looks(12).values())


def test_estimator_labels():
    assert style.estimator_label("ebab", "ebab") == "EBAB"
    assert style.estimator_label("fixed", "fixed_binning") == "Fixed-range binning"
    assert style.estimator_label("ebab_50", "ebab") == "EBAB (ebab_50)"
    assert style.estimator_label("mine", "mine") == "mine"


def test_epoch_axis_shows_true_epochs_and_has_a_place_for_epoch_0():
    axis = Figure().add_axes((0, 0, 1, 1))
    style.epoch_axis(axis, 8000)
    axis.figure.draw_without_rendering()
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "1", "10", "100", "1000"]
    low, high = axis.get_xlim()
    assert low < 0
    assert 8000 < high < 10000
    places = axis.transData.transform([(epoch, 0) for epoch in (0, 1, 10, 100)])[:, 0]
    assert np.all(np.diff(places) > 5)
    norm = style.epoch_norm(8000)
    assert norm(0) == 0
    assert norm(8000) == pytest.approx(1)
    assert norm(89) == pytest.approx(np.log(90) / np.log(8001))


def test_epoch_ticks():
    assert style.epoch_ticks(8000, with_last=True) == [0, 1, 10, 100, 1000, 8000]
    assert style.epoch_ticks(1000, with_last=True) == [0, 1, 10, 100, 1000]
    assert style.epoch_ticks(1100, with_last=True) == [0, 1, 10, 100, 1000]
    assert style.epoch_ticks(1) == [0, 1]
    assert style.epoch_text(10000) == "$10^{4}$"


def test_the_style_leaves_the_users_settings_alone():
    before = dict(matplotlib.rcParams)
    with style.context():
        assert matplotlib.rcParams["svg.hashsalt"] == "infoplane"
    assert dict(matplotlib.rcParams) == before
