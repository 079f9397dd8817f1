"""Activations and the joined tables: units that vary, and the provenance of every file that was joined."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from infoplane.activity.recording import varying_units
from infoplane.errors import InfoplaneError
from infoplane.files import storage
from infoplane.settings import Initialisation, RecordedEpochs, RunSettings, Split
from infoplane.stages.common import settings_of_runs
from infoplane.stages.tables import collect

SETTINGS = RunSettings(
    dataset="szt",
    dataset_options=(),
    split=Split(0.8, 0, "shuffled", stratified=False),
    hidden_layers=(3,),
    activations=("relu",),
    batch_normalisation=False,
    dropout=0.0,
    initialisation=Initialisation("truncated_normal", None),
    optimiser="adam",
    learning_rate=0.1,
    momentum=0.0,
    batch_size=None,
    l2=0.0,
    weight_decay=0.0,
    penalised_layers=(1,),
    epochs=3,
    recorded_epochs=RecordedEpochs("log", 3),
    record_gradients=False,
    study_seed=0,
)


def test_units_vary_where_two_samples_differ():
    activity = np.zeros((4, 5, 3), np.float32)
    activity[0, 2, 1] = 1e-30  # one sample of one unit, by however little
    activity[1] = np.arange(5, dtype=np.float32)[:, None]
    activity[2] = 7.0  # constant, and not 0
    activity[3] = np.nan
    np.testing.assert_array_equal(varying_units(activity), np.array([1, 3, 0, np.nan], np.float32))


def written(folder, run, block, estimator, settings=SETTINGS):
    """A table as a stage writes it, of the layers or of the information of an estimator."""
    first, last = map(int, block.removeprefix("seeds_").split("-"))
    made_with = {"run": run, "settings": settings.to_json(), "block made on": f"{run} {block} {estimator}"}
    path = folder / f"{run}/{block}.layers.parquet"
    if estimator:
        made_with["estimator"] = estimator
        path = folder / f"{run}/{block}/{estimator}.parquet"
    rows = pd.DataFrame({"run": run, "seed": np.arange(first, last + 1)})
    storage.write_table(rows, path, made_with)
    return path


@pytest.mark.parametrize("estimators", [("",), ("ebab", "kde")])
def test_a_joined_table_keeps_the_provenance_of_every_file(tmp_path, estimators):
    parts = [(run, block, of) for run in ("a", "b") for block in ("seeds_0-4", "seeds_5-9") for of in estimators]
    paths = [written(tmp_path, *part) for part in parts]
    blocks = ["seeds_0-4", "seeds_5-9"]
    files = f"{tmp_path}/{{run}}/{{block}}" + ("/{estimator}.parquet" if estimators[0] else ".layers.parquet")
    collect(files, [["a", "b"]], [blocks], 8, tmp_path / "joined.parquet", estimators)
    sources = storage.read_table_provenance(tmp_path / "joined.parquet")["sources"]
    assert sources == {
        "/".join(filter(None, part)): storage.read_table_provenance(path)
        for part, path in zip(parts, paths, strict=True)
    }
    assert len(sources) == len(paths)
    assert settings_of_runs({"sources": sources}, tmp_path) == {"a": SETTINGS, "b": SETTINGS}


def test_blocks_of_different_settings_and_tables_without_are_refused(tmp_path):
    other = dataclasses.replace(SETTINGS, dropout=0.5)
    written(tmp_path, "a", "seeds_0-4", "")
    written(tmp_path, "a", "seeds_5-9", "", other)
    files = f"{tmp_path}/{{run}}/{{block}}.layers.parquet"
    collect(files, [["a"]], [["seeds_0-4", "seeds_5-9"]], 10, tmp_path / "joined.parquet")
    made_with = storage.read_table_provenance(tmp_path / "joined.parquet")
    with pytest.raises(InfoplaneError, match=r"joined.parquet: the blocks of seeds of the run 'a' were made with diff"):
        settings_of_runs(made_with, tmp_path / "joined.parquet")
    with pytest.raises(InfoplaneError, match="does not say which settings its runs have"):
        settings_of_runs({}, tmp_path / "joined.parquet")
    assert json.loads(made_with["sources"]["a/seeds_5-9"]["settings"])["dropout"] == 0.5
