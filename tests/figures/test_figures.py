"""What the figures contain: panels, labels, limits, the data itself; and that nothing overlaps."""

from __future__ import annotations

import itertools
import subprocess
import sys

import matplotlib.text
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection

from infoplane import figures
from infoplane.errors import InfoplaneError
from infoplane.figures import FIGURES, declaration, draw, planes, render, single_seeds, style
from infoplane.figures import panels as layout
from infoplane.figures.estimators_side_by_side import choose as choose_runs

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
        "heavy = {'matplotlib', 'pandas', 'scipy', 'seaborn', 'torch', 'numba'} & set(sys.modules);"
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
    assert "style" not in FIGURES
    assert FIGURES["information_plane"].per_estimator
    assert not FIGURES["learning_curves"].per_estimator


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("TITLE = 'T'\nCAPTION = 'C'", "must declare TABLES"),
        ("TABLES = tuple(x)\nTITLE = 'T'\nCAPTION = 'C'", "TABLES of the figure new must be a literal"),
        ("TABLES = ('weights',)\nTITLE = 'T'\nCAPTION = 'C'", "reads the table 'weights'; there are training,"),
        ("TABLES = ('training',)\nTITLE = 3\nCAPTION = 'C'", "must declare TITLE, a literal str"),
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
    if name != "estimators_side_by_side":
        assert "4 seeds per run" in footer
    if name not in ("estimators_side_by_side", "l2"):
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
    assert [text.get_text() for text in axes[3].texts] == ["all seeds diverged"]

    # The dots of softplus are the means over the two seeds that did not diverge, coloured by epoch.
    softplus = axes[RUNS.index("softplus\n2 of 4 seeds")]
    ceilings = {float(line.get_xdata()[0]) for line in softplus.lines if len(set(line.get_xdata())) == 1}
    assert 12.0 in ceilings
    dots = [collection for collection in softplus.collections if isinstance(collection, PathCollection)]
    assert len(dots) == 6
    rows = study["information"]
    rows = rows[(rows["run"] == "softplus") & (rows["estimator"] == "ebab") & rows["seed"].isin([1, 3])]
    for layer, dot in enumerate(dots, start=1):
        expected = rows[rows["layer"] == layer].groupby("epoch")[["i_tx", "i_ty"]].mean()
        np.testing.assert_allclose(dot.get_offsets(), expected.to_numpy())
        np.testing.assert_array_equal(dot.get_array(), expected.index)
    # Every layer is labelled once, alone or as part of a range.
    labelled = []
    for text in softplus.texts:
        first, _, last = text.get_text().partition("–")
        labelled += range(int(first), int(last or first) + 1)
    assert sorted(labelled) == [1, 2, 3, 4, 5, 6]


def test_layers_that_end_in_one_place_share_a_label():
    marks = np.array([[0, 0], [50, 0], [3, 3], [6, 6], [50, 4], [90, 0]], dtype=float)
    groups = planes._clusters(marks, closest=5.5)
    assert groups == [[0, 2, 3], [1, 4], [5]]
    assert [planes._numbers([index + 1 for index in group]) for group in groups] == ["1,3,4", "2,5", "6"]
    assert planes._numbers([2, 3, 4]) == "2–4"


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
    assert len(panels(drawn("information_over_epochs", "kde"))) == 4 * len(RUNS)


def test_learning_curves(drawn):
    figure = drawn("learning_curves")
    assert titles(figure) == RUNS * 2
    accuracy, loss = panels(figure)[0], panels(figure)[len(RUNS)]
    assert (accuracy.get_yscale(), loss.get_yscale()) == ("linear", "log")
    assert len(accuracy.lines) == len(loss.lines) == 2
    assert accuracy.lines[0].get_linestyle() != accuracy.lines[1].get_linestyle()
    assert {"accuracy", "cross-entropy (nats)", "epoch"} <= set(texts(figure))


def test_compression_against_accuracy(drawn, study):
    figure = drawn("compression_against_accuracy", "ebab")
    layers = [f"layer {layer}" for layer in range(1, 6)] + ["layer 6 (softmax)"]
    assert titles(figure) == layers * 2
    table = study["compression"]
    part = table[(table["estimator"] == "ebab") & (table["layer"] == 4) & ~table["diverged"]]
    points = np.concatenate([np.asarray(dots.get_offsets()) for dots in panels(figure)[3].collections])
    assert len(points) == len(part) == 3 * 4 + 2
    assert set(map(tuple, points)) == set(zip(part["drop"], part["test_accuracy"], strict=True))

    correlation = study["correlation"]
    row = correlation[
        (correlation["scope"] == "pooled")
        & (correlation["estimator"] == "ebab")
        & (correlation["layer"] == 4)
        & (correlation["measure"] == "drop")
        & (correlation["generalisation"] == "test_accuracy")
    ].iloc[0]
    text = panels(figure)[6 + 3].texts[0].get_text()
    assert f"r = {row['pearson_r']:.2f}".replace("-", "−") in text
    assert "14 seeds, 4 runs" in text
    # The slope of the line is that of the regression with the run as a factor.
    line = panels(figure)[6 + 3].lines[0]
    centred = part[["drop", "test_accuracy"]] - part.groupby("run")[["drop", "test_accuracy"]].transform("mean")
    slope = np.linalg.lstsq(centred[["drop"]].to_numpy(), centred["test_accuracy"].to_numpy(), rcond=None)[0][0]
    assert line.get_ydata()[-1] / line.get_xdata()[-1] == pytest.approx(slope)
    # Layer 1 stays at the ceiling in every seed.
    assert panels(figure)[6].texts[0].get_text().startswith("not estimable:")


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
    assert titles(drawn("estimators_side_by_side")) == ["EBAB", "KDE, upper bound", "KDE, lower bound"] * 2


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
    assert "more than one L2 penalty" in axis.texts[0].get_text()


def test_gradients_that_were_not_recorded(study):
    layers = study["layers"].assign(gradient_mean_norm=np.nan, gradient_sd_norm=np.nan)
    figure = draw("gradients", {**study, "layers": layers})
    assert {text.get_text() for axis in panels(figure) for text in axis.texts} == {"no gradients recorded"}


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
        ("information_plane", None, "ebab", "a.jpg", "a.jpg: a figure is written as svg, png, pdf, not as '.jpg'"),
    ],
)
def test_errors(study, tmp_path, name, tables, estimator, output, message):
    given = study if tables is None else {table: study[table] for table in tables}
    with pytest.raises(InfoplaneError, match=message):
        render(name, given, [tmp_path / output], estimator=estimator)
    assert list(tmp_path.iterdir()) == []
