"""What figures show of a run that was recorded elsewhere, of which some metrics are not known."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.figures import draw


@pytest.fixture
def training(study):
    table = study["training"].copy()
    mine = table["run"] == "relu"
    table.loc[mine, ["activation", "dataset"]] = ["not recorded", "that of relu"]
    table.loc[mine, ["train_loss", "test_loss", "train_accuracy"]] = np.nan
    return table


def test_learning_curves_show_what_there_is_and_say_what_is_not_recorded(study, training):
    figure = draw("learning_curves", {**study, "training": training})
    runs = list(dict.fromkeys(training["run"]))
    accuracy, loss = figure.axes[runs.index("relu")], figure.axes[len(runs) + runs.index("relu")]
    assert accuracy.get_title(loc="left") == "relu"
    [line] = accuracy.lines
    last = training[(training["run"] == "relu") & (training["epoch"] == training["epoch"].max())]
    assert line.get_ydata()[-1] == pytest.approx(last["test_accuracy"].mean())
    assert [text.get_text() for text in loss.texts] == ["not recorded: loss"]
    # Where all seeds diverged nothing is left to show, whatever was recorded.
    lost = figure.axes[runs.index("elu")]
    assert [text.get_text() for text in lost.texts] == ["all seeds diverged or are dead"]
