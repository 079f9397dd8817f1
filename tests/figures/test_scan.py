"""The figure of a scan: what its lines and its axis show, of trained and of recorded runs."""

from __future__ import annotations

import pandas as pd
import pytest

from infoplane.figures import draw

SECTIONS = ("i_tx", "i_ty")


@pytest.fixture(scope="module")
def figure(study):
    return draw("scan", study, estimator="kde")


def ticks(axis):
    """The numbers of the x axis, which only the lowest panels show."""
    return axis.xaxis.get_major_formatter().format_ticks(axis.get_xticks())


def lines_of(axis):
    """The curves of an axis, without the line of the ceiling and those that point at numbers."""
    return [line for line in axis.lines if len(line.get_xdata()) == 3]


def test_lines_are_the_means_at_the_first_and_the_last_epoch(study, figure):
    table = study["scans"][(study["scans"]["estimator"] == "kde") & (study["scans"]["bound"] == "upper")]
    ascending = ["0.0001", "0.001", "0.01"]
    of_run = table[table["run"] == "tanh"]
    epochs = (of_run["epoch"].min(), of_run["epoch"].max())
    runs = list(dict.fromkeys(study["training"]["run"]))
    for section, column in enumerate(SECTIONS):
        axis = figure.axes[section * len(runs) + runs.index("tanh")]
        assert ticks(axis) == ascending
        found = [tuple(line.get_ydata()) for line in lines_of(axis)]
        assert [line.get_xdata().tolist() for line in lines_of(axis)] == [[0, 1, 2]] * len(found)
        expected = []
        for epoch in epochs:
            for layer in sorted(of_run["layer"].unique()):
                rows = of_run[(of_run["epoch"] == epoch) & (of_run["layer"] == layer)]
                expected.append([rows.loc[rows["value"] == value, column].mean() for value in ascending])
        assert len(found) == len(expected)
        for curve, known in zip(found, expected, strict=True):
            assert curve == pytest.approx(known)


def test_runs_without_a_seed_say_so(study, figure):
    runs = list(dict.fromkeys(study["training"]["run"]))
    for section in range(2):
        axis = figure.axes[section * len(runs) + runs.index("elu")]
        assert [text.get_text() for text in axis.texts] == ["all seeds diverged or are dead"]


def test_values_that_are_not_numbers_keep_their_order(study):
    names = {"0.001": '"layer_maximum"', "0.01": '"network_maximum"', "0.0001": "[-1, 1]"}
    scans = study["scans"][study["scans"]["estimator"] == "kde"]
    drawn = draw("scan", {**study, "scans": scans.assign(value=scans["value"].map(names))}, estimator="kde")
    assert ticks(drawn.axes[0]) == ["layer maximum", "network maximum", "[-1, 1]"]


def test_each_run_has_its_own_ceiling_and_a_recorded_one_its_name(study):
    tables = {name: study[name].copy() for name in ("scans", "training")}
    tables["scans"].loc[tables["scans"]["run"] == "relu", "h_x"] = 8.0
    for table in tables.values():
        table.loc[table["run"] == "relu", ["activation", "dataset"]] = ["not recorded", "that of relu"]
    figure = draw("scan", tables, estimator="kde")
    ceilings = {
        axis.get_title(loc="left"): line.get_ydata()[0]
        for axis in figure.axes[:5]
        for line in axis.lines
        if line.get_linestyle() == "--" and len(line.get_xdata()) == 2 and line.get_ydata()[0] == line.get_ydata()[1]
    }
    assert ceilings["relu"] == 8.0
    assert ceilings["tanh, szt"] == pd.unique(study["scans"]["h_x"]).max()
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert any("8 to" in label for label in labels), labels
