"""What the figures contain: panels, labels, limits, the data itself; and that nothing overlaps."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from docutils.core import publish_doctree
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from infoplane import figures
from infoplane.errors import InfoplaneError
from infoplane.figures import FIGURES, declaration, draw, render, single_seeds
from infoplane.figures.estimators_side_by_side import choose as choose_runs
from infoplane.figures.parts import panels as layout
from infoplane.figures.parts.captions import caption
from infoplane.presentation import labels, style
from infoplane.statistics.tables.effects import effects

DRAWN = [
    (name, estimator)
    for name, figure in FIGURES.items()
    for estimator in (("ebab", "kde") if figure.per_estimator else (None,))
]
RUNS = ["tanh", "ReLU", "softplus\n2 of 4 seeds", "ELU\n0 of 4 seeds", "ReLU, L2 0.015"]


@pytest.fixture(scope="module")
def drawn(study):
    """Draws a figure of the simulated study, once."""
    cache = {}

    def get(name, estimator=None):
        if (name, estimator) not in cache:
            cache[name, estimator] = draw(name, study, estimator=estimator)
        return cache[name, estimator]

    return get


def panels(figure):
    """The axes that hold data: not the colour bar."""
    return [axis for axis in figure.axes if axis.get_label() != "colour bar"]


def titles(figure):
    return [axis.get_title(loc="left") for axis in panels(figure)]


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_importing_the_declarations_loads_nothing_heavy():
    code = (
        "import sys, infoplane.figures as f; assert len(f.FIGURES) >= 4;"
        "heavy = {'matplotlib', 'pandas', 'scipy', 'torch', 'numba'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_declarations():
    for name in ("information_plane", "information_over_epochs", "learning_curves", "compression_against_accuracy"):
        assert name in FIGURES
    for figure in FIGURES.values():
        assert set(figure.tables) <= set(figures.TABLES)
        assert figure.caption.startswith("**")
        assert "seed" in figure.caption
        # What a study may set otherwise is said as it sets it.
        assert ("{confidence}" in figure.caption) == ("confidence" in figure.settings)
        assert ("{measure}" in figure.caption) == ("measure" in figure.settings)
        assert "95" not in figure.caption
    assert "style" not in FIGURES
    assert FIGURES["information_plane"].per_estimator
    assert not FIGURES["learning_curves"].per_estimator


def test_the_readme_lists_every_figure_with_its_number_in_the_paper():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*?) ?\|$", readme, re.M)
    assert {name: number for name, number in rows if name in FIGURES} == {
        name: figure.paper for name, figure in FIGURES.items()
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("TITLE = 'T'\nCAPTION = 'C'", "must declare TABLES"),
        ("TABLES = tuple(x)\nTITLE = 'T'\nCAPTION = 'C'", "TABLES of the figure new must be a literal"),
        ("TABLES = ('weights',)\nTITLE = 'T'\nCAPTION = 'C'", "reads the table 'weights'; there are training,"),
        ("TABLES = ('training',)\nTITLE = 3\nCAPTION = 'C'", "must declare TITLE, a literal str"),
        (
            "TABLES = ()\nTITLE = 'T'\nCAPTION = 'C'\nSETTINGS = ('resamples',)",
            "takes the setting 'resamples'; there are",
        ),
    ],
)
def test_faulty_declarations_are_named(source, message):
    assert declaration("new", source) is None
    with pytest.raises(InfoplaneError, match=message):
        declaration("new", f"{source}\ndef draw(tables): ...")


@pytest.mark.parametrize(("name", "estimator"), DRAWN)
def test_no_text_is_clipped_or_overlaps(drawn, name, estimator):
    figure = drawn(name, estimator)
    with style.context():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        renderer = canvas.get_renderer()
    # Tick labels outside an axis's limits exist but are not drawn.
    shown = {
        id(tick.label1) for axis in figure.axes for line in (axis.xaxis, axis.yaxis) for tick in line._update_ticks()
    }
    ticks = {
        id(tick.label1)
        for axis in figure.axes
        for line in (axis.xaxis, axis.yaxis)
        for tick in [*line.majorTicks, *line.minorTicks]
    }
    hidden = ticks - shown
    # Nor do the numbers beside the trajectories count: the data place them.
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_visible()
        and text.get_text().strip()
        and not isinstance(text, matplotlib.text.Annotation)
        and id(text) not in hidden
    ]
    assert len(boxes) > 10
    width, height = canvas.get_width_height()
    for content, box in boxes:
        assert box.x0 >= 0, content
        assert box.y0 >= 0, content
        assert box.x1 <= width, content
        assert box.y1 <= height, content
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        across = min(first.x1, second.x1) - max(first.x0, second.x0)
        down = min(first.y1, second.y1) - max(first.y0, second.y0)
        # A pixel at 100 per inch: the boxes of neighbouring lines touch where the letters do not.
        assert across <= 1 or down <= 1.5, (one, other)


@pytest.mark.parametrize(("name", "estimator"), DRAWN)
def test_footer_states_the_assumption_and_the_seeds(drawn, study, name, estimator):
    footer = " ".join(texts(drawn(name, estimator)))
    if name == "distributions":
        assert "tanh, seed 0, epoch 1000" in footer
    elif name != "estimators_side_by_side":
        assert "4 seeds per run" in footer
    if name == "sensitivity":
        assert "but for up to 6 networks that diverged" in footer
    elif name not in ("estimators_side_by_side", "distributions", "l2"):
        assert "diverged and left out: softplus: 2 of 4; ELU: 4 of 4." in footer
    if estimator is not None:
        rows = study["information"][study["information"]["estimator"] == estimator]
        assert rows["assumption"].iloc[0] in footer


def test_information_plane(drawn, study):
    figure = drawn("information_plane", "ebab")
    axes = panels(figure)
    assert titles(figure) == RUNS
    assert {"$I(T;X)$ (bits)", "$I(T;Y)$ (bits)", "Information plane: EBAB"} <= set(texts(figure))
    limits = {(*axis.get_xlim(), *axis.get_ylim()) for axis in axes}
    assert len(limits) == 1
    low_x, high_x, low_y, high_y = limits.pop()
    assert low_x < 0 < 12 < high_x < 13
    assert low_y < 0 < 0.999 < high_y < 1.1
    colour_bar = next(axis for axis in figure.axes if axis.get_label() == "colour bar")
    assert [tick.get_text() for tick in colour_bar.get_xticklabels()] == ["0", "1", "10", "100", "1000"]
    assert [text.get_text() for text in axes[3].texts] == ["all seeds diverged or are dead"]

    # The dots of softplus are the means over the two seeds that did not diverge, coloured by epoch.
    softplus = axes[RUNS.index("softplus\n2 of 4 seeds")]
    ceilings = {float(line.get_xdata()[0]) for line in softplus.lines if len(set(line.get_xdata())) == 1}
    assert 12.0 in ceilings
    (dots,) = [collection for collection in softplus.collections if isinstance(collection, PathCollection)]
    rows = study["information"]
    rows = rows[(rows["run"] == "softplus") & (rows["estimator"] == "ebab") & rows["seed"].isin([1, 3])]
    expected = rows.groupby(["layer", "epoch"])[["i_tx", "i_ty"]].mean()
    colours = {
        tuple(point): tuple(colour) for point, colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)
    }
    # Points that nobody could tell from the one before are left out, and so are repeated ones; the last never is.
    assert set(colours) < set(map(tuple, expected.to_numpy()))
    assert len(colours) > 0.5 * len(expected)
    norm = style.epoch_norm(1000)
    for (_, epoch), point in expected.iterrows():
        if tuple(point) in colours:
            assert colours[tuple(point)] == pytest.approx(style.EPOCH_COLOURS(norm(epoch)))
    # Every layer is labelled once, alone or as part of a range.
    assert sorted(layer for text in softplus.texts for layer in layers_of(text)) == [1, 2, 3, 4, 5, 6]


def layers_of(text):
    """The layers that a label such as 1–3,5 names."""
    found = []
    for part in text.get_text().strip().split(","):
        first, _, last = part.partition("–")
        found += range(int(first), int(last or first) + 1)
    return found


def test_layers_that_end_in_one_place_share_a_label():
    marks = np.array([[0, 0], [50, 0], [3, 3], [6, 6], [50, 4], [90, 0]], dtype=float)
    groups = labels.clusters(marks, closest=5.5)
    assert groups == [[0, 2, 3], [1, 4], [5]]
    assert [labels.numbers([index + 1 for index in group]) for group in groups] == ["1,3–4", "2,5", "6"]
    assert labels.numbers([2, 3, 4]) == "2–4"


def test_numbers_beside_curves_keep_their_order_and_a_distance():
    figure = Figure(figsize=(2, 1))
    axis = figure.add_axes((0, 0, 0.8, 1))
    axis.set_ylim(0, 12)
    labels.number_curves(axis, {1: 12.0, 2: 12.0, 3: 11.2, 4: 10.4, 5: 0.1, 6: np.nan})
    written = {text.get_text().strip(): text.get_position()[1] for text in axis.texts}
    assert list(written) == ["5", "4", "3", "1–2"]
    heights = np.array(list(written.values())) * 72
    assert np.diff(heights).min() > 6
    assert abs(heights[0] - 0.1 / 12 * 72) < 3


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (4, 4), (5, 3), (6, 3), (7, 4), (8, 4), (9, 3), (11, 4), (12, 4)])
def test_pages_leave_few_places_empty(n, columns):
    page = layout.page("Title", [layout.Section([f"run {index}" for index in range(n)])], footer="")
    lefts = {round(axis.get_position().x0, 4) for axis in page.axes[0]}
    assert len(lefts) == columns


def test_information_plane_shows_both_bounds(drawn):
    figure = drawn("information_plane", "kde")
    assert titles(figure) == RUNS * 2
    assert {"Upper bound", "Lower bound"} <= set(texts(figure))


def test_information_over_epochs(drawn, study):
    figure = drawn("information_over_epochs", "ebab")
    assert titles(figure) == RUNS * 2
    axis = panels(figure)[1]
    curves = [line for line in axis.lines if len(line.get_xdata()) > 2]
    assert len(curves) == 6
    rows = study["information"]
    rows = rows[(rows["run"] == "relu") & (rows["estimator"] == "ebab") & (rows["layer"] == 3)]
    expected = rows.groupby("epoch")["i_tx"].mean()
    np.testing.assert_array_equal(curves[2].get_xdata(), expected.index)
    np.testing.assert_allclose(curves[2].get_ydata(), expected.to_numpy())
    assert len(axis.collections) == 6  # a band each
    assert sorted(layer for text in axis.texts for layer in layers_of(text)) == [1, 2, 3, 4, 5, 6]
    # With two bounds a run is a row of four panels, which the heads name.
    figure = drawn("information_over_epochs", "kde")
    assert titles(figure) == [title for run in RUNS for title in (run, "", "", "")]
    heads = [f"$I(T;{of})$ (bits), {bound} bound" for of in "XY" for bound in ("upper", "lower")]
    assert [text for text in texts(figure) if text.startswith("$I(T;")] == heads
    tops = [axis.get_ylim()[1] for axis in panels(figure)[:4]]
    assert tops[0] == tops[1] > 12 > tops[2] == tops[3] > 0.999


def test_bands_have_the_confidence_of_the_study(study):
    def width(confidence):
        figure = draw("information_over_epochs", study, estimator="ebab", confidence=confidence)
        assert f"{100 * confidence:g} % interval" in " ".join(texts(figure))
        return np.ptp(panels(figure)[0].collections[4].get_paths()[0].vertices[:, 1])

    assert width(0.5) < 0.6 * width(0.95)


def test_learning_curves(drawn):
    figure = drawn("learning_curves")
    assert titles(figure) == RUNS * 2
    accuracy, loss = panels(figure)[0], panels(figure)[len(RUNS)]
    assert (accuracy.get_yscale(), loss.get_yscale()) == ("linear", "log")
    assert len(accuracy.lines) == len(loss.lines) == 2
    assert accuracy.lines[0].get_linestyle() != accuracy.lines[1].get_linestyle()
    assert {"accuracy", "cross-entropy (nats)", "epoch"} <= set(texts(figure))


def test_compression_against_accuracy(drawn, study):
    correlation = study["correlation"].copy()
    correlation["pearson_bootstrap_lower"] = correlation["pearson_r"] - 0.2
    correlation["pearson_bootstrap_upper"] = correlation["pearson_r"] + 0.3
    figure = draw("compression_against_accuracy", {**study, "correlation": correlation}, estimator="ebab")
    layers = [f"layer {layer}" for layer in range(1, 6)] + ["layer 6 (output)"]
    assert titles(figure)[:6] == layers
    assert titles(figure)[6 + 3] == "layer 4: 14 seeds, 4 runs"
    table = study["compression"]
    part = table[(table["estimator"] == "ebab") & (table["layer"] == 4) & ~table["diverged"]]
    points = np.concatenate([np.asarray(dots.get_offsets()) for dots in panels(figure)[3].collections])
    assert len(points) == len(part) == 3 * 4 + 2
    assert set(map(tuple, points)) == set(zip(part["drop"], part["test_accuracy"], strict=True))

    row = correlation[
        (correlation["scope"] == "pooled")
        & (correlation["estimator"] == "ebab")
        & (correlation["layer"] == 4)
        & (correlation["measure"] == "drop")
        & (correlation["generalisation"] == "test_accuracy")
    ].iloc[0]
    text = panels(figure)[6 + 3].texts[0].get_text()
    lower, upper = row["pearson_bootstrap_lower"], row["pearson_bootstrap_upper"]
    assert f"r = {row['pearson_r']:.2f} [{lower:.2f}, {upper:.2f}]".replace("-", "−") in text
    corrected = [float(number) for number in re.findall(r"corrected p = ([0-9.]+)", text)]
    assert corrected == pytest.approx([row["pearson_holm_p"], row["spearman_holm_p"]], abs=0.005)
    # The slope of the line is that of the regression with the run as a factor.
    line = panels(figure)[6 + 3].lines[0]
    centred = part[["drop", "test_accuracy"]] - part.groupby("run")[["drop", "test_accuracy"]].transform("mean")
    slope = np.linalg.lstsq(centred[["drop"]].to_numpy(), centred["test_accuracy"].to_numpy(), rcond=None)[0][0]
    assert line.get_ydata()[-1] / line.get_xdata()[-1] == pytest.approx(slope)
    (band,) = [each for each in panels(figure)[6 + 3].collections if isinstance(each, FillBetweenPolyCollection)]
    x, y = band.get_paths()[0].vertices.T
    slopes = np.divide(y, x, out=np.full_like(x, np.nan), where=x != 0)
    assert sorted([np.nanmin(slopes) / slope, np.nanmax(slopes) / slope]) == pytest.approx(
        sorted([lower / row["pearson_r"], upper / row["pearson_r"]])
    )
    # Where there are too few seeds for an interval, it says so.
    few = panels(drawn("compression_against_accuracy", "ebab"))[6 + 3]
    assert "[not estimable]" in few.texts[0].get_text()
    assert not any(isinstance(each, FillBetweenPolyCollection) for each in few.collections)
    # Layer 1 stays at the ceiling in every seed, and its axis does not magnify that.
    assert panels(figure)[6].texts[0].get_text().startswith("not estimable:")
    assert np.ptp(panels(figure)[0].get_xlim()) >= 0.1
    # Of two bounds the upper is shown.
    assert titles(drawn("compression_against_accuracy", "kde"))[:6] == layers
    assert any(text.endswith("KDE, upper bound") for text in texts(drawn("compression_against_accuracy", "kde")))


@pytest.mark.parametrize("name", ["compression_by_run", "compression_against_accuracy", "l2", "single_seeds"])
def test_the_measure_of_compression_is_that_of_the_study(study, name):
    figure = draw(name, study, estimator="ebab", measure="balance")
    words = " ".join([*texts(figure), *(axis.get_ylabel() for axis in panels(figure))])
    assert "balance of" in words
    assert "drop" not in words
    table = study["compression"]
    table = table[(table["estimator"] == "ebab") & ~table["diverged"]]
    if name == "compression_by_run":
        shown = np.concatenate([np.asarray(dots.get_offsets())[:, 0] for dots in panels(figure)[5].collections])
        np.testing.assert_allclose(np.sort(shown), np.sort(table.loc[table["layer"] == 6, "balance"]))
    if name == "single_seeds":
        means = table[table["run"] == "relu"].groupby("seed")["balance"].mean()
        assert titles(figure)[3] == f"ReLU, seed {means.idxmin()} ({means.min():.2f})".replace("-", "−")


def test_compression_by_run_shows_every_seed(drawn, study):
    figure = drawn("compression_by_run", "ebab")
    assert [label.get_text() for label in panels(figure)[3].get_yticklabels()][:2] == ["tanh", "ReLU"]
    axis = panels(figure)[5]
    drops = np.concatenate([np.asarray(dots.get_offsets())[:, 0] for dots in axis.collections])
    table = study["compression"]
    part = table[(table["estimator"] == "ebab") & (table["layer"] == 6) & ~table["diverged"]]
    np.testing.assert_allclose(np.sort(drops), np.sort(part["drop"]))


def test_single_seeds_are_chosen_by_rule(study):
    table = study["compression"]
    table = table[(table["estimator"] == "ebab")]
    chosen = single_seeds.choose(table)
    assert "elu" not in set(chosen["run"])
    for run in ("tanh", "relu", "softplus"):
        drops = table[(table["run"] == run) & ~table["diverged"]].groupby("seed")["drop"].mean().sort_values()
        seeds = chosen[chosen["run"] == run].set_index("choice")["seed"]
        assert seeds["least"] == drops.index[0]
        assert seeds["most"] == drops.index[-1]
        assert seeds["middle"] == drops.index[(len(drops) - 1) // 2]


def test_side_by_side_takes_tanh_and_relu_without_a_penalty(simulated, drawn):
    assert choose_runs(simulated.runs().iloc[::-1]) == ["tanh", "relu"]
    assert choose_runs(simulated.runs(("elu", "swish", "abs"), ())) == ["elu", "swish"]
    assert choose_runs(simulated.runs(("elu",), ())) == ["elu"]
    figure = drawn("estimators_side_by_side")
    series = ["EBAB", "KDE, upper bound", "KDE, lower bound"]
    assert titles(figure) == [name for name in series for _ in range(2)]
    assert [text for text in texts(figure) if text in ("tanh", "ReLU")] == ["tanh", "ReLU"]
    lefts = [round(axis.get_position().x0, 4) for axis in panels(figure)]
    assert len(set(lefts)) == 2


def test_l2(drawn, study):
    figure = drawn("l2", "ebab")
    assert len(panels(figure)) == 3
    assert [label.get_text() for label in panels(figure)[0].get_xticklabels()] == ["0", "0.015"]
    table = study["compression"]
    relu = table[(table["activation"] == "relu") & (table["estimator"] == "ebab") & (table["layer"] == 6)]
    line = panels(figure)[0].lines[-1]
    np.testing.assert_allclose(line.get_ydata(), relu.groupby("l2")["drop"].mean())


def test_l2_without_a_sweep_says_so(simulated, with_statistics):
    tables = with_statistics(simulated.study(simulated.runs(("tanh",), ()), seeds=2, estimators=("ebab",)))
    axis = panels(draw("l2", tables, estimator="ebab"))[0]
    assert "in its L2 penalty alone" in axis.texts[0].get_text()


def test_gradients_that_were_not_recorded(study):
    layers = study["layers"].assign(gradient_mean_norm=np.nan, gradient_sd_norm=np.nan)
    figure = draw("gradients", {**study, "layers": layers})
    assert len(panels(figure)) == 1
    assert (
        panels(figure)[0].texts[0].get_text()
        == "no run of this study records gradients; record_gradients: true makes it do so"
    )
    # Where only some runs record them, the panels of the others say so.
    others = study["layers"]["run"] != "tanh"
    layers = study["layers"].copy()
    layers.loc[others, ["gradient_mean_norm", "gradient_sd_norm"]] = np.nan
    figure = draw("gradients", {**study, "layers": layers})
    assert [axis.texts[0].get_text() for axis in panels(figure)[1:]] == ["no gradients recorded"] * (len(RUNS) - 1)


def test_small_losses_are_labelled_by_powers_of_ten(study):
    small = study["training"].assign(train_loss=np.geomspace(1e-5, 1, len(study["training"])))
    labels = [
        label.get_text()
        for label in panels(draw("learning_curves", {**study, "training": small}))[len(RUNS)].get_yticklabels()
    ]
    assert {"$10^{-4}$", "$10^{-2}$", "$10^{0}$"} <= set(labels)
    few = study["training"].assign(train_loss=4e-4, test_loss=4e-4)
    loss = panels(draw("learning_curves", {**study, "training": few}))[len(RUNS)]
    for value, label in zip(loss.get_yticks(), loss.get_yticklabels(), strict=True):
        multiple, power = re.fullmatch(r"\$(?:(.*)\\times)?10\^\{(.*)\}\$", label.get_text()).groups("1")
        assert float(multiple) * 10 ** int(power) == pytest.approx(value, rel=0.01)


def test_gradients_are_signal_over_noise(drawn, study):
    figure = drawn("gradients")
    axis = panels(figure)[1]
    assert axis.get_yscale() == "log"
    rows = study["layers"]
    rows = rows[(rows["run"] == "relu") & (rows["layer"] == 2)]
    ratio = np.log(rows["gradient_mean_norm"] / rows["gradient_sd_norm"]).groupby(rows["epoch"]).mean()
    curves = [line for line in axis.lines if len(line.get_xdata()) > 2]
    np.testing.assert_allclose(curves[1].get_ydata(), np.exp(ratio))
    assert [1.0, 1.0] in [list(line.get_ydata()) for line in axis.lines]


def test_silent_layers_are_left_out_of_the_maxima_and_counted(study):
    layers = study["layers"].copy()
    silent = (layers["run"] == "relu") & (layers["layer"] == 5) & (layers["seed"] == 1)
    layers.loc[silent, "activity_maximum"] = 0.0
    figure = draw("activity_maxima", {**study, "layers": layers})
    assert f"Left out: {silent.sum()} of " in " ".join(texts(figure))
    curve = [line for line in panels(figure)[1].lines if len(line.get_xdata()) > 2][4]
    kept = layers[(layers["run"] == "relu") & (layers["layer"] == 5) & (layers["seed"] != 1)]
    np.testing.assert_allclose(
        curve.get_ydata(), np.exp(np.log(kept["activity_maximum"]).groupby(kept["epoch"]).mean())
    )


def test_distributions_show_the_bins_of_the_estimators(drawn, study):
    figure = drawn("distributions")
    assert titles(figure) == ([f"layer {layer}" for layer in range(1, 6)] + ["layer 6 (output)"]) * 2
    table = study["distributions"]
    rows = table[(table["run"] == "relu") & (table["layer"] == 2)]
    axis = panels(figure)[6 + 1]
    assert axis.get_yscale() == "log"
    low, high = axis.get_xlim()
    for estimator, colour in (("fixed", "#8C510A"), ("ebab", "#01665E")):
        edges = rows.loc[(rows["estimator"] == estimator) & (rows["low"] < rows["high"]), "low"]
        lines = [lines for lines in axis.collections if isinstance(lines, LineCollection)]
        lines = [lines for lines in lines if list(map(to_hex, lines.get_colors())) == [colour.lower()]]
        drawn_edges = [segment[0][0] for lines_of in lines for segment in lines_of.get_segments()]
        top = rows.loc[rows["estimator"] == "", "high"].max()
        np.testing.assert_allclose(drawn_edges, edges[(edges > 0) & (edges < top)])
        shares = rows.loc[rows["estimator"] == estimator, "count"] / 2000
        bits = -(shares[shares > 0] * np.log2(shares[shares > 0])).sum()
        assert f"{bits:.2f} bits" in [text.get_text().strip() for text in axis.texts]
    assert low < 0 < high


def test_distributions_of_a_study_whose_first_seeds_diverged(study):
    figure = draw("distributions", {"distributions": study["distributions"].iloc[:0]})
    assert panels(figure)[0].texts[0].get_text() == "the first seeds of all runs diverged or are dead"


def test_variance_components(drawn, study):
    figure = drawn("variance_components", "ebab")
    shares, seeds = panels(figure)
    table = study["variance_components"]
    rows = table[(table["estimator"] == "ebab") & (table["measure"] == "drop") & (table["l2"] == 0)]
    ok = rows[rows["status"] == "ok"]
    assert 1 < len(ok) < 6
    bars = [patch for patch in shares.patches if to_hex(patch.get_facecolor()) == "#4a4a4a"]
    np.testing.assert_allclose([bar.get_width() for bar in bars], ok["share"])
    ends = {(*line.get_xdata(), line.get_ydata()[0]) for line in shares.lines}
    assert ends == set(ok[["share_lower", "share_upper", "layer"]].itertuples(index=False, name=None))
    assert [text.get_text() for text in shares.texts] == ["not estimable"] * (6 - len(ok))
    needed = study["seeds_needed"]
    needed = needed[(needed["estimator"] == "ebab") & (needed["measure"] == "drop") & (needed["run"] == "relu")]
    numbers = needed.drop_duplicates("layer").sort_values("layer")["seeds_needed"]
    written = [text.get_text() for text in seeds.texts][6:12]
    assert written == ["–" if pd.isna(number) else str(number) for number in numbers]
    framed = [text.get_bbox_patch() is not None for text in seeds.texts][6:12]
    assert framed == [bool(pd.notna(number) and number > 4) for number in numbers]


def test_captions_state_the_settings(study):
    text = caption(FIGURES["compression_by_run"], study, estimator="kde", confidence=0.9, measure="final")
    text = text.replace("\\", "")  # what escapes markup
    assert "90 % intervals" in text
    assert "relative to :math:`H(X)`." in text
    assert "KDE: noise variance 0.001." in text
    assert "EBAB" not in text
    assert "4 seeds per run; diverged and left out: softplus: 2 of 4; ELU: 4 of 4." in text
    assert "Corresponds to Figure 1 of Chelombiev" in caption(FIGURES["activity_maxima"], study)
    side_by_side = caption(FIGURES["estimators_side_by_side"], study).replace("\\", "")
    assert all(name in side_by_side for name in ("EBAB: up to 30 bins", "KDE: noise variance 0.001"))
    for name, figure in FIGURES.items():
        text = caption(figure, study, estimator="ebab" if figure.per_estimator else None)
        # Valid reStructuredText, without a warning.
        publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
        assert "{" not in text, name


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_small_study_of_an_unknown_activation_function(simulated, with_statistics, seeds):
    settings = simulated.runs(("mish",), ()).assign(run="mine", hidden_layers="3")
    epochs = np.array([0, 1])
    tables = with_statistics(
        simulated.study(settings, seeds=seeds, layers=2, estimators=("adaptive_kde",), epochs=epochs)
    )
    for name, figure in FIGURES.items():
        estimator = "adaptive_kde" if figure.per_estimator else None
        canvas = FigureCanvasAgg(draw(name, tables, estimator=estimator))
        canvas.draw()
        # Not blank: something other than white.
        assert np.asarray(canvas.buffer_rgba())[..., :3].min() < 60, name


def test_equal_tables_give_equal_bytes(study, tmp_path):
    before = {name: table.copy() for name, table in study.items()}
    for kind in ("svg", "pdf", "png"):
        paths = [tmp_path / "a" / f"figure.{kind}", tmp_path / "b" / f"figure.{kind}"]
        for path in paths:
            render("compression_by_run", study, [path], estimator="ebab")
        assert paths[0].read_bytes() == paths[1].read_bytes(), kind
    assert b"<text" not in (tmp_path / "a" / "figure.svg").read_bytes()
    render("compression_by_run", study, [tmp_path / "a" / "figure.rst"], estimator="ebab", confidence=0.5)
    assert "50 % intervals" in (tmp_path / "a" / "figure.rst").read_text()
    assert [path.name for path in (tmp_path / "a").iterdir() if path.name.startswith(".")] == []
    for name, table in study.items():
        assert table.equals(before[name]), f"drawing changed the table {name}"


@pytest.mark.parametrize(
    ("name", "tables", "estimator", "output", "message"),
    [
        ("information", None, "ebab", "a.svg", "There is no figure 'information'; there are activity_maxima"),
        ("information_plane", None, None, "a.svg", "information_plane takes an estimator"),
        ("learning_curves", None, "ebab", "a.svg", "learning_curves takes no estimator"),
        ("information_plane", None, "knn", "a.svg", "no estimator 'knn'; they have ebab, kde"),
        ("information_plane", ["information"], "ebab", "a.svg", "needs the table 'training'; given are information"),
        ("information_plane", None, "ebab", "a.jpg", "a.jpg: a figure is written as svg, png, pdf, rst, not as '.jpg'"),
    ],
)
def test_errors(study, tmp_path, name, tables, estimator, output, message):
    given = study if tables is None else {table: study[table] for table in tables}
    with pytest.raises(InfoplaneError, match=message):
        render(name, given, [tmp_path / output], estimator=estimator)
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_a_figure_does_not_use_is_refused(study):
    with pytest.raises(InfoplaneError, match="information_plane does not take the setting 'confidence'"):
        draw("information_plane", study, estimator="ebab", confidence=0.9)


def test_the_spread_of_a_figure_is_that_of_the_table(simulated, study):
    # One layer of ReLU is at the ceiling, and one seed has diverged: both are left out of both runs.
    table = study["compression"].copy()
    table.loc[(table["run"] == "relu") & (table["layer"] == 4), "at_ceiling"] = True
    table.loc[table["layer"] == 2, "at_ceiling"] = False
    table.loc[(table["run"] == "relu") & (table["seed"] == 1), "diverged"] = True
    of_runs = simulated.settings_of(study)
    expected = effects(table, of_runs, number=100).query("measure == 'spread' and estimator == 'ebab'").iloc[0]
    assert "4" not in expected["layers"].split()
    assert expected["n"] == 3
    figure = draw("l2", {"compression": table, "effects": effects(table, of_runs, number=100)}, estimator="ebab")
    (black,) = [line for line in panels(figure)[1].lines if line.get_marker() == "x"]
    assert black.get_ydata().tolist() == pytest.approx(expected[["mean_baseline", "mean"]].tolist())


def test_runs_that_differ_otherwise_are_not_in_the_figure_of_l2(simulated, study):
    of_runs = simulated.settings_of(study)
    other = {**of_runs, "relu-l2-0.015": dataclasses.replace(of_runs["relu-l2-0.015"], dropout=0.5)}
    tables = {"compression": study["compression"], "effects": effects(study["compression"], other, number=100)}
    assert "in its L2 penalty alone" in panels(draw("l2", tables, estimator="ebab"))[0].texts[0].get_text()


def test_dead_networks_are_counted_and_left_out(simulated, with_statistics):
    dead = {("relu", 0): 4, ("relu", 2): 3}
    settings = simulated.runs(("tanh", "relu"), (0.015,))
    epochs = simulated.recorded_epochs(1000, 12)
    tables = with_statistics(simulated.study(settings, seeds=5, dead=dead, epochs=epochs, estimators=("ebab",)))
    for name, declared in FIGURES.items():
        if name in ("distributions", "sensitivity", "gradients"):
            continue
        estimator = "ebab" if declared.per_estimator else None
        footer = " ".join(texts(draw(name, tables, estimator=estimator)))
        if name != "estimators_side_by_side":
            assert "dead and left out: ReLU: 2 of 5" in footer, name
        caption_of = caption(declared, tables, estimator=estimator).replace("\\", "")
        assert "dead and left out: ReLU: 2 of 5" in caption_of, name
        assert "A network is dead if a layer of it has the same activity for all samples" in caption_of, name
    assert "up to 2 networks that are dead" in " ".join(texts(draw("sensitivity", tables)))
    figure = draw("information_over_epochs", tables, estimator="ebab")
    information = tables["information"].query("run == 'relu' and layer == 5 and seed not in [0, 2]")
    axis = next(axis for axis in panels(figure) if axis.get_title(loc="left") == "ReLU\n3 of 5 seeds")
    ends = [line.get_ydata()[-1] for line in axis.lines if len(line.get_ydata()) == len(epochs)]
    assert ends[4] == pytest.approx(information.query("epoch == 1000")["i_tx"].mean())
