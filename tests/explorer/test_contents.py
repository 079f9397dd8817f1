"""The explorer's data: the numbers of the tables, rounded, without those of diverged seeds, and bounded in size."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.markers import MarkerStyle

from infoplane.errors import InfoplaneError
from infoplane.explorer import contents as module
from infoplane.explorer.contents import contents, dash_pattern, marker_path
from infoplane.presentation import style
from infoplane.statistics.inference.intervals import mean_intervals


def by_run(tables: dict[str, pd.DataFrame]) -> list[pd.DataFrame]:
    return [rows for _, rows in tables["information"].groupby("run", sort=False)]


@pytest.fixture(scope="module")
def found(tables) -> dict:
    return contents(by_run(tables), tables["training"])


def run_named(found: dict, name: str) -> dict:
    return next(run for run in found["runs"] if run["name"] == name)


def test_single_seeds_are_the_rows_of_the_table(tables, found):
    information = tables["information"]
    relu = run_named(found, "relu")
    for seed, bound in ((0, "upper"), (3, "lower"), (1, "upper")):
        rows = information.query("run == 'relu' and estimator == 'kde' and bound == @bound and seed == @seed")
        expected = rows.pivot_table(index="layer", columns="epoch", values="i_tx", dropna=False).to_numpy()
        given = np.array(relu["estimates"][f"kde, {bound}"]["single"][str(seed)]["i_tx"], dtype=np.float64)
        assert np.allclose(given, expected, atol=0.51e-4, equal_nan=True)
        # From the epoch of its divergence on, a seed has no numbers.
        assert (seed == 1) == bool(np.isnan(given).any())


def test_means_and_intervals_are_over_the_seeds_that_did_not_diverge(tables, found):
    rows = tables["information"].query("run == 'relu' and estimator == 'ebab' and seed != 1")
    expected = mean_intervals(rows, ["layer", "epoch"], "i_ty").sort_values(["layer", "epoch"])
    given = run_named(found, "relu")["estimates"]["ebab, none"]["mean"]
    for column, name in (("mean", "i_ty"), ("lower", "i_ty_low"), ("upper", "i_ty_high")):
        assert np.allclose(np.ravel(given[name]), expected[column], atol=0.51e-4)
    accuracy = run_named(found, "relu")["accuracy"]["mean"]["test_accuracy"][0]
    kept = tables["training"].query("run == 'relu' and seed != 1")
    assert np.allclose(accuracy, kept.groupby("epoch")["test_accuracy"].mean(), atol=0.51e-4)


def test_diverged_seeds_are_named_and_a_run_without_others_has_no_mean(found):
    relu, elu = run_named(found, "relu"), run_named(found, "elu")
    assert (relu["seeds"], relu["kept"], relu["diverged"]) == (4, 3, {"1": 30})
    assert (elu["seeds"], elu["kept"]) == (4, 0)
    assert all(value is None for row in elu["estimates"]["ebab, none"]["mean"]["i_tx"] for value in row)


def test_series_have_the_upper_bound_before_the_lower_and_ebab_comes_first(found):
    assert [entry["key"] for entry in found["series"]] == ["fixed, none", "ebab, none", "kde, upper", "kde, lower"]
    assert [entry["label"] for entry in found["series"]][2:] == ["KDE, upper bound", "KDE, lower bound"]
    assert found["first"] == "ebab, none"


def test_numbers_have_few_digits_and_missing_ones_are_null(found):
    text = json.dumps(found["runs"][1]["estimates"], allow_nan=False)
    assert "null" in text
    assert max(len(digits) for digits in re.findall(r"\.(\d+)", text)) == module.DECIMALS


def test_a_long_study_is_thinned_but_its_means_are_over_all_seeds(simulated, monkeypatch):
    settings = simulated.runs(("tanh",), ())
    tables = simulated.study(settings, seeds=5, epochs=np.arange(100), estimators=("ebab",))
    per_seed = module.MOST_EPOCHS * (2 * 6 + 2)
    monkeypatch.setattr(module, "MOST_NUMBERS", 2 * per_seed)
    run = contents(by_run(tables), tables["training"])["runs"][0]
    assert len(run["epochs"]) == module.MOST_EPOCHS
    assert (run["epochs"][0], run["epochs"][-1]) == (0, 99)
    assert run["shown"] == [0, 1]
    assert set(run["estimates"]["ebab, none"]["single"]) == {"0", "1"}
    information = tables["information"]
    at_tenth = (information["layer"] == 3) & (information["epoch"] == run["epochs"][10])
    expected = information.loc[at_tenth, "i_tx"].mean()
    assert run["estimates"]["ebab, none"]["mean"]["i_tx"][2][10] == pytest.approx(expected, abs=1e-4)


def test_runs_of_one_data_set_share_their_axes(simulated):
    tables = simulated.study(simulated.runs(("tanh", "relu", "elu"), ()), seeds=1, estimators=("ebab",))
    information, training = tables["information"], tables["training"]
    for table in (information, training):
        table.loc[table["run"] == "elu", "dataset"] = "digits"
    information.loc[information["run"] == "elu", ["h_x", "h_y"]] = 10.5, 3.3
    information.loc[information.query("run == 'tanh'").index[0], "i_ty"] = -0.2  # as a corrected estimate may be
    runs = {run["name"]: run for run in contents(by_run(tables), training)["runs"]}
    assert runs["tanh"]["axes"] == runs["relu"]["axes"] == [0.0, 12.0, -0.2, 0.9992]
    assert runs["elu"]["axes"][3] == 3.3


def test_no_information_is_an_error(tables):
    with pytest.raises(InfoplaneError, match="no rows"):
        contents([], tables["training"])


def test_every_marker_of_the_figures_has_an_outline():
    looks = [*style.layer_looks(14).values(), *style.activation_looks(list(style._ACTIVATION_LOOKS)).values()]
    for marker in {look.marker for look in looks}:
        path = marker_path(marker)
        assert re.fullmatch(r"(?:[MLQC][-\d. e]+|Z)+", path), marker
        numbers = np.array(re.findall(r"-?\d+(?:\.\d+)?", path), dtype=float)
        extent = np.abs(MarkerStyle(marker).get_path().transformed(MarkerStyle(marker).get_transform()).vertices).max()
        assert np.abs(numbers).max() == pytest.approx(2 * extent, abs=1e-3)
    assert marker_path("s") == "M-1 1L1 1L1 -1L-1 -1Z"


def test_dashes():
    assert dash_pattern("-") == [1.0, 0.0]
    assert dash_pattern((0, (5, 1, 1, 1))) == [8.0, 1.6, 1.6, 1.6]


def test_dead_networks_are_named_and_not_in_the_mean(simulated):
    settings = simulated.runs(("relu",), ())
    epochs = simulated.recorded_epochs(1000, 12)
    tables = simulated.study(settings, seeds=4, epochs=epochs, estimators=("ebab",), dead={("relu", 2): 4})
    (run,) = contents([tables["information"]], tables["training"])["runs"]
    assert (run["dead"], run["kept"], run["seeds"]) == ([2], 3, 4)
    last = tables["information"].query("layer == 5 and epoch == 1000 and seed != 2")
    assert run["estimates"]["ebab, none"]["mean"]["i_tx"][4][-1] == pytest.approx(last["i_tx"].mean(), abs=1e-4)
    # The seed itself is there to be looked at.
    assert run["estimates"]["ebab, none"]["single"]["2"]["i_tx"][4][-1] == 0
