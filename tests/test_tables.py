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


@pytest.fixture
def parts(tmp_path):
    """Two runs, two blocks and two estimators, one of which has a column of its own, joined in parts."""
    for run in ("tanh", "ebab"):  # a run may have the name of an estimator
        for block in ("seeds_0-1", "seeds_2-3"):
            for estimator in ("ebab", "kde"):
                path = written(tmp_path, run, block, estimator)
                rows = storage.read_table(path).assign(estimator=estimator, i_tx=1.5)
                if estimator == "ebab":
                    rows["coverage"] = 0.5
                storage.write_table(rows, path, storage.read_table_provenance(path))
    output = tmp_path / "information.parquet"
    files = f"{tmp_path}/{{run}}/{{block}}/{{estimator}}.parquet"
    collect(files, [["tanh", "ebab"]], [["seeds_0-1", "seeds_2-3"]], 3, output, ["kde", "ebab"])
    return output


def test_a_table_in_parts_is_read_as_one(parts):
    whole = storage.read_table(parts)
    assert list(zip(whole["run"], whole["estimator"], whole["seed"], strict=True)) == [
        (run, estimator, seed) for run in ("tanh", "ebab") for estimator in ("kde", "ebab") for seed in (0, 1, 2)
    ]
    assert whole["coverage"].isna().tolist() == [estimator == "kde" for estimator in whole["estimator"]]
    pd.testing.assert_frame_equal(pd.read_parquet(parts), whole, check_dtype=False)
    assert storage.read_distinct(parts, "run") == ["tanh", "ebab"]
    of_run = storage.read_rows(parts, "run", "ebab", ["run", "estimator", "seed"])
    assert of_run.to_numpy().tolist() == [["ebab", seed, name] for name in ("kde", "ebab") for seed in (0, 1, 2)]
    assert len(storage.read_rows(parts, "estimator", "ebab")) == 6
    assert storage.read_rows(parts, "run", "relu").empty
    assert len(storage.read_table_provenance(parts)["sources"]) == 8


def test_parts_are_read_only_where_they_are_needed_and_none_may_be_missing(parts):
    damaged = next(parts.glob("*tanh-kde*"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3] ^= 1
    damaged.write_bytes(content)
    assert len(storage.read_rows(parts, "run", "ebab")) == 6
    with pytest.raises(InfoplaneError, match=r"tanh-kde.parquet: this is not a whole table"):
        storage.read_table(parts)
    damaged.unlink()
    for read in (
        storage.read_table,
        storage.read_table_provenance,
        lambda path: storage.read_rows(path, "run", "ebab"),
    ):
        with pytest.raises(InfoplaneError, match=r"information.parquet: a part of this table is missing"):
            read(parts)


def test_a_table_in_parts_takes_the_place_of_the_one_before(parts, tmp_path):
    files = f"{tmp_path}/{{run}}/{{block}}/{{estimator}}.parquet"
    collect(files, [["tanh"]], [["seeds_0-1"]], 1, parts, ["kde"])
    assert storage.read_table(parts)["seed"].tolist() == [0]
    assert not list(tmp_path.glob(".*"))
