"""A study of trained and of recorded runs side by side, with parts of the samples, scans and fewer epochs."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from infoplane import estimators
from infoplane.files import storage
from infoplane.statistics import described_columns
from infoplane.statistics.joined import DESCRIPTIONS

from .conftest import Checkout

EPOCHS, SAMPLES = [0, 3, 9, 20], 300
CONFIG = {
    "study": "mixed",
    "seeds": 3,
    "device": "cpu",
    "parts": ["all", "test"],
    "defaults": {"epochs": 20, "recorded_epochs": 6, "hidden_layers": [4]},
    "runs": {"tanh": {"activation": "tanh"}, "mine": {"recorded": "nets/*.h5"}},
    "estimators": {
        "ebab": {"method": "ebab", "bins": 12},
        "sparse": {"method": "kde", "at_epochs": 3},
        "noises": {"method": "kde", "noise_variance": [1.0e-3, 1.0e-2]},
    },
    "statistics": {"resamples": 100},
    "claims": "none",
    "figures": ["information_plane", "scan", "learning_curves"],
}


def record(path: Path, seed: int, scale: float = 1.0) -> None:
    """One network, by h5py and numpy alone."""
    rng = np.random.default_rng(seed)
    labels = np.arange(SAMPLES) % 3
    with h5py.File(path, "w") as file:
        file.attrs["recording"] = 1
        file["seeds"], file["epochs"], file["labels"] = [seed], EPOCHS, labels
        file["part"] = (np.arange(SAMPLES) >= 200).astype("u1")
        file["metrics/test_accuracy"] = [[0.3, 0.5, 0.6, 0.7 + 0.01 * seed]]
        for number, units in enumerate((5, 3), start=1):
            noise = rng.normal(size=(len(EPOCHS), SAMPLES, units))
            growing = np.linspace(0, 2 * scale, len(EPOCHS))[:, None, None] * labels[:, None]
            file[f"layer{number}/activity"] = np.maximum(noise + growing, 0)[None].astype(np.float32)
            file[f"layer{number}"].attrs["name"] = f"conv {number}"
            file[f"layer{number}"].attrs["lower_bound"] = 0.0


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("recorded") / "study")
    (checkout.folder / "nets").mkdir()
    for seed in (5, 6, 12):  # more seeds than the trained runs have, and others
        record(checkout.folder / f"nets/seed_{seed}.h5", seed)
    done = run(checkout, CONFIG)
    assert done.returncode == 0, done.stderr[-5000:]
    return checkout


def write(checkout: Checkout, config: dict) -> str:
    path = checkout.folder / "mixed.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return str(path)


def run(checkout: Checkout, config: dict):
    return checkout.snakemake("--configfile", write(checkout, config))


def planned(checkout: Checkout, config: dict) -> dict[str, int]:
    return checkout.planned("--configfile", write(checkout, config))


@pytest.fixture
def results(study) -> Path:
    return study.folder / "results/mixed"


pytestmark = pytest.mark.slow


def test_nothing_is_left_to_do(study, results):
    assert planned(study, CONFIG) == {}
    for name in ("information_plane-ebab", "information_plane-sparse", "scan-noises", "learning_curves"):
        assert (results / f"figures/{name}.svg").is_file()
    assert "that of mine" in (results / "report/front_page.rst").read_text()
    assert '"mine"' in (results / "explorer.html").read_text()


def test_information_of_recorded_runs_is_that_of_their_files(study, results):
    table = storage.read_table(results / "tables/information.parquet")
    mine = table[table["run"] == "mine"]
    assert sorted(mine["seed"].unique()) == [5, 6, 12]
    assert mine["status"].eq("ok").all()
    for row in mine[mine["estimator"] == "ebab"].itertuples():
        with h5py.File(study.folder / f"nets/seed_{row.seed}.h5") as file:
            of = slice(200, None) if row.part == "test" else slice(None)
            activity = file[f"layer{row.layer}/activity"][0, EPOCHS.index(row.epoch), of]
            known = estimators.ebab(activity, file["labels"][of], bins=12, lower_bound=0.0)
        assert (row.i_tx, row.i_ty) == tuple(map(float, known)), row
    sparse = mine[mine["estimator"] == "sparse"]
    assert sorted(sparse["epoch"].unique()) == [0, 9, 20]
    assert sparse["assumption"].str.endswith("at 3 of 4 recorded epochs").all()
    assert set(table["part"]) == {"all", "test"}


def test_a_scan_has_the_values_that_the_estimator_has_by_itself(results):
    scans = storage.read_table(results / "tables/scans.parquet")
    assert scans[["varied", "value"]].drop_duplicates().to_numpy().tolist() == [
        ["noise_variance", "0.001"],
        ["noise_variance", "0.01"],
    ]
    assert set(scans.columns) - set(estimators.OPTIONAL_COLUMNS) == set(
        described_columns("scans", DESCRIPTIONS["scans"].columns)
    )
    information = storage.read_table(results / "tables/information.parquet")
    keys = ["run", "part", "seed", "epoch", "layer", "bound"]
    same = scans[scans["value"] == "0.001"].merge(information[information["estimator"] == "sparse"], on=keys)
    assert len(same) == (information["estimator"] == "sparse").sum()
    for name in ("i_tx", "i_ty"):
        assert same[f"{name}_x"].tolist() == same[f"{name}_y"].tolist()


def test_statistics_say_what_a_recording_lacks(results):
    compression = storage.read_table(results / "tables/compression.csv")
    assert set(compression["part"]) == {"all", "test"}
    assert compression.loc[compression["run"] == "mine", "drop"].notna().all()
    correlation = storage.read_table(results / "tables/correlation.csv")
    mine = correlation[correlation["run"] == "mine"]
    assert set(mine.loc[mine["generalisation"] == "test_loss", "status"]) == {"not recorded: test_loss"}
    assert not mine.loc[mine["generalisation"] == "test_accuracy", "status"].str.startswith("not recorded").any()
    # Nothing is pooled over runs whose data are not known to be the same.
    assert set(correlation.loc[correlation["scope"] == "pooled", "dataset"]) <= {"szt"}
    training = storage.read_table(results / "tables/training.parquet")
    assert training.loc[training["run"] == "mine", "test_accuracy"].tolist() == pytest.approx(
        [value for seed in (12, 5, 6) for value in (0.3, 0.5, 0.6, 0.7 + 0.01 * seed)]
    )


def test_statistics_and_figures_are_of_the_part_that_is_asked_for(study, results):
    changed = copy.deepcopy(CONFIG)
    changed["statistics"]["part"] = "test"
    changes = planned(study, changed)
    assert "information" not in changes
    assert {"compression_summary", "correlation", "phases", "figure", "explorer"} <= set(changes)
    assert "compression" not in changes
    from infoplane.stages.statistics import table

    for part in ("all", "test"):
        output = study.folder / f"summary-{part}.csv"
        table("compression_summary", [results / "tables/compression.csv"], output, {"confidence": 0.95}, part)
        summary = storage.read_table(output)
        measured = storage.read_table(results / "tables/compression.csv")
        of_part = measured[measured["part"] == part].groupby(["run", "layer", "estimator", "bound"])["drop"].mean()
        drops = summary[summary["measure"] == "drop"].set_index(["run", "layer", "estimator", "bound"])["mean"]
        pd.testing.assert_series_equal(drops.sort_index(), of_part.sort_index(), check_names=False)


def test_one_more_value_reruns_its_scan_alone(study):
    changed = copy.deepcopy(CONFIG)
    changed["estimators"]["noises"]["noise_variance"].append(1.0e-4)
    assert planned(study, changed) == {"scan": 4, "scans_table": 1, "figure": 1, "configuration": 1}


def test_a_changed_file_reruns_its_run_alone(study, tmp_path):
    path = study.folder / "nets/seed_6.h5"
    before, stamp = path.read_bytes(), path.stat()
    try:
        record(path, 6, scale=0.5)
        changes = planned(study, CONFIG)
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert (changes["recorded"], changes["information"], changes["scan"]) == (1, 2, 1)
    assert not {"train", "activations"} & set(changes)


def broken(change):
    def write_broken(path: Path) -> None:
        record(path, 7)
        with h5py.File(path, "r+") as file:
            change(file)

    return write_broken


@pytest.mark.parametrize(
    ("write_file", "sentence"),
    [
        (broken(lambda file: file.pop("labels")), "nets/seed_7.h5: there is no labels"),
        (broken(lambda file: file["seeds"].write_direct(np.array([6]))), "seeds holds 6, which nets/seed_6.h5"),
        (broken(lambda file: file["layer2"].attrs.__setitem__("name", "dense")), "the names of the layers are conv 1"),
        (broken(lambda file: file.pop("part")), "nets/seed_7.h5: there is no part"),
        (lambda path: path.write_text("something else"), "nets/seed_7.h5: this is not a whole HDF5 file"),
    ],
)
def test_a_fault_is_said_before_any_job(study, write_file, sentence):
    path = study.folder / "nets/seed_7.h5"
    try:
        write_file(path)
        done = study.snakemake("--dry-run", "--configfile", write(study, CONFIG))
    finally:
        path.unlink()
    assert done.returncode == 1
    assert (
        f"infoplane: mixed.yaml: {'' if sentence.startswith('nets') else 'nets/seed_7.h5: '}{sentence}" in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_nan_in_one_epoch_stops_the_run_before_its_estimates(study):
    path = study.folder / "nets/seed_7.h5"
    try:
        record(path, 7)
        with h5py.File(path, "r+") as file:
            file["layer2/activity"][0, 2, 17, 1] = np.nan
        target = "results/mixed/information/mine/seed_7/ebab.parquet"
        done = study.snakemake("--configfile", write(study, CONFIG), "--", target)
        log = (study.folder / "results/mixed/logs/recorded/mine/seed_7.log").read_text()
    finally:
        path.unlink()
    assert done.returncode == 1
    assert log.startswith("infoplane: nets/seed_7.h5: layer2/activity of seed 7 holds NaN or infinity at epoch 9; ")
    assert log.count("\n") == 1
    assert not (study.folder / target).exists()


def test_provenance_says_where_everything_is_from(results):
    made_with = storage.read_table_provenance(results / "tables/information.parquet")
    of_mine = {name: source for name, source in made_with["sources"].items() if name.startswith("mine/")}
    assert set(of_mine) == {f"mine/seed_{seed}/{name}" for seed in (5, 6, 12) for name in ("ebab", "sparse")}
    assert all(source["settings"] is None for source in of_mine.values())
    assert json.loads(made_with["sources"]["tanh/seeds_0-2/ebab"]["settings"])["activations"] == ["tanh"]
