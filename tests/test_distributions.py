"""The distribution of activity and the bins on it: the estimators' own, and all values counted."""

import json
from pathlib import Path

import numpy as np
import pytest

from infoplane import configuration, estimators
from infoplane.files import storage
from infoplane.settings import EstimatorSettings
from infoplane.stages.distributions import distributions

ROOT = Path(__file__).parents[1]
ESTIMATORS = {
    "fixed": EstimatorSettings("fixed_binning", {"bins": 30, "range": "network_maximum", "correction": "none"}),
    "ebab": EstimatorSettings("ebab", {"bins": 12, "correction": "none"}),
    "kde": EstimatorSettings("kde", {"noise_variance": 1e-3}),
}


@pytest.fixture
def settings():
    config = {
        "study": "study",
        "seeds": 3,
        "defaults": {"epochs": 2, "recorded_epochs": [0, 2], "hidden_layers": [1]},
        "runs": {"relu": {"activation": "relu"}},
        "estimators": {"ebab": {"method": "ebab"}},
    }
    return configuration.load(config).runs["relu"]


@pytest.fixture
def dump(tmp_path, settings):
    """Writes a dump of three seeds, of which those given diverged; returns its path and the activity by layer."""

    def write(*diverged):
        generator = np.random.default_rng(0)
        activity = [
            np.maximum(generator.normal(size=(3, 2, 400, 1)), 0).astype(np.float32),
            generator.uniform(size=(3, 2, 400, 2)).astype(np.float32),
        ]
        path = tmp_path / "seeds_0-2.h5"
        with storage.create(path, "recording", {"run": "relu", "settings": settings.to_json()}) as file:
            file.attrs["recording"] = 1
            arrays = {"seeds": np.arange(3), "epochs": np.array([0, 2]), "labels": np.arange(400) % 2}
            arrays["diverged_epoch"] = np.array([2 if seed in diverged else -1 for seed in range(3)])
            for number, values in enumerate(activity, start=1):
                arrays[f"layer{number}/activity"] = values
                arrays[f"layer{number}/minimum"] = values.min((2, 3))
                arrays[f"layer{number}/maximum"] = values.max((2, 3))
                arrays[f"layer{number}/varying_units"] = (values.max(2) > values.min(2)).sum(2).astype(np.float32)
            for name, values in arrays.items():
                storage.write_array(file, name, values)
            for number, ends in ((1, None), (2, (0.0, 1.0))):
                file[f"layer{number}"].attrs["lower_bound"] = 0.0
                if ends:
                    file[f"layer{number}"].attrs["function_range"] = ends
        return path, activity

    return write


def test_bins_are_those_of_the_estimators(dump, settings, tmp_path):
    path, activity = dump(0)
    distributions(path, ESTIMATORS, tmp_path / "table.parquet")
    table = storage.read_table(tmp_path / "table.parquet")
    assert table["estimator"].unique().tolist() == ["", "fixed", "ebab"]
    # The first seed that did not diverge, at the last epoch.
    assert set(zip(table["seed"], table["epoch"], strict=True)) == {(1, 2)}
    for layer, values in enumerate(activity, start=1):
        values = values[1, -1]
        for name, rows in table[table["layer"] == layer].groupby("estimator"):
            assert rows["count"].sum() == values.size
            assert rows["state"].tolist() == list(range(len(rows)))
            if name != "ebab":  # no value stands alone: from the lowest edge on every value is counted
                counted = [
                    np.count_nonzero((values >= low) & (values < high))
                    for low, high in zip(rows["low"], rows["high"], strict=True)
                ]
                counted[-1] += np.count_nonzero(values == rows["high"].iloc[-1])
                assert rows["count"].tolist() == counted
    # With one unit and as many inputs as samples I(T;X) is the entropy of the states.
    of_unit = activity[0][1, -1]
    highest = max(values[1].max() for values in activity)
    expected = {
        "ebab": estimators.ebab(of_unit, np.zeros(400, int), bins=12, lower_bound=0.0).i_tx,
        "fixed": estimators.fixed_binning(of_unit, np.zeros(400, int), bins=30, value_range=(0, highest)).i_tx,
    }
    for name, i_tx in expected.items():
        shares = table.loc[(table["layer"] == 1) & (table["estimator"] == name), "count"] / 400
        assert -(shares[shares > 0] * np.log2(shares[shares > 0])).sum() == pytest.approx(float(i_tx))
    zero = table[(table["layer"] == 1) & (table["estimator"] == "ebab")].iloc[-1]
    assert (zero["low"], zero["high"], zero["count"]) == (0, 0, np.count_nonzero(of_unit == 0))


def test_a_run_in_which_all_seeds_diverged_has_no_rows_but_the_same_columns(dump, settings, tmp_path):
    path, _ = dump(0, 1, 2)
    distributions(path, ESTIMATORS, tmp_path / "none.parquet")
    none = storage.read_table(tmp_path / "none.parquet")
    path.unlink()
    path, _ = dump()
    distributions(path, ESTIMATORS, tmp_path / "some.parquet")
    some = storage.read_table(tmp_path / "some.parquet")
    assert len(none) == 0
    assert none.columns.tolist() == some.columns.tolist()
    assert set(some["seed"]) == {0}
    assert storage.read_table_provenance(tmp_path / "some.parquet")["estimators"]["ebab"] == json.loads(
        ESTIMATORS["ebab"].to_json()
    )


def test_a_recording_of_another_run_is_refused(dump, tmp_path):
    path, _ = dump()
    with pytest.raises(storage.InfoplaneError, match="this recording is of the run 'relu', not of 'elu'"):
        distributions(path, ESTIMATORS, tmp_path / "table.parquet", run="elu")
