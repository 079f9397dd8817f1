"""The stages from a data set to tables, on networks of seven units, against twins that share no code with them."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest

from infoplane.activity import recording as recording_module
from infoplane.activity.recording import open_recording
from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS
from infoplane.files import storage
from infoplane.settings import Block, EstimatorSettings, Initialisation, RecordedEpochs, RunSettings, Split
from infoplane.stages.activations import activations, recorded_layers
from infoplane.stages.information import information, layer_of
from infoplane.stages.tables import collect
from infoplane.stages.train import train

HIDDEN = (4, 3)
ESTIMATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "ebab": ("ebab", {"bins": 7}),
    "function": ("fixed_binning", {"bins": 6}),
    "network": ("fixed_binning", {"bins": 6, "range": "network_maximum"}),
    "layer": ("fixed_binning", {"bins": 5, "range": "layer_maximum"}),
    "given": ("fixed_binning", {"bins": 5, "range": [-0.5, 0.75]}),
    "kde": ("kde", {"noise_variance": 0.01}),
    "adaptive_kde": ("adaptive_kde", {}),
    "adaptive_deviation": ("adaptive_kde", {"scaling": "standard_deviation", "noise_scale": 0.1}),
}


def complete(name: str) -> tuple[str, dict[str, Any]]:
    method, given = ESTIMATORS[name]
    return method, {**{key: schema["default"] for key, schema in METHODS[method].settings.items()}, **given}


@pytest.fixture(scope="module")
def twins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("twins", Path(__file__).with_name("twins.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    """50 samples of 3 features in 3 classes of unlike size; 10 of the inputs are there twice."""
    random = np.random.default_rng(5)
    inputs = random.standard_normal((40, 3)).astype(np.float32)
    inputs = np.concatenate([inputs, inputs[:10]])
    labels = np.digitize(inputs[:, 0] + inputs[:, 1] * inputs[:, 2], [-0.8, 0.4]).astype(np.int64)
    assert not np.array_equal(labels, labels[::-1])
    return inputs, labels


class Study:
    """The files of one run, made by the stages in this process."""

    def __init__(self, folder: Path, data: tuple[np.ndarray, np.ndarray], **changes: Any) -> None:
        self.folder, (self.inputs, self.labels) = folder, data
        np.savez(folder / "data.npz", inputs=self.inputs, labels=self.labels)
        values: dict[str, Any] = {
            "dataset": "npz",
            "dataset_options": (("path", str(folder / "data.npz")),),
            "split": Split(fraction=0.8, seed=0, order="shuffled", stratified=False),
            "hidden_layers": HIDDEN,
            "activations": ("tanh", "relu"),
            "batch_normalisation": False,
            "dropout": 0.0,
            "initialisation": Initialisation("he", None),
            "optimiser": "adam",
            "learning_rate": 0.05,
            "momentum": 0.0,
            "batch_size": None,
            "l2": 0.0,
            "weight_decay": 0.0,
            "penalised_layers": (1, 2),
            "epochs": 6,
            "recorded_epochs": RecordedEpochs("list", None, (1, 2, 3, 4, 5)),
            "record_gradients": False,
            "study_seed": 3,
        }
        self.settings = RunSettings(**{**values, **changes})
        self.weights, self.dump = folder / "w.h5", folder / "a.h5"
        self.layers, self.metrics = folder / "layers.parquet", folder / "metrics.parquet"
        train("run", Block(2, 4), self.settings, self.weights, "cpu")
        activations(self.weights, self.settings, self.dump, self.layers, self.metrics, "cpu")

    def table(self, name: str) -> Any:
        method, settings = complete(name)
        path = self.folder / f"{name}.parquet"
        information(self.dump, name, EstimatorSettings(method, settings), path, device="cpu")
        return storage.read_table(path)

    def activity(self, seed: int) -> dict[int, np.ndarray]:
        """Of each layer: (epochs, samples, units)."""
        with h5py.File(self.dump) as file:
            return {layer: file[f"layer{layer}/activity"][seed] for layer in (1, 2, 3)}


@pytest.fixture(scope="module")
def study(data, tmp_path_factory) -> Study:
    return Study(tmp_path_factory.mktemp("stages"), data)


@pytest.fixture(scope="module")
def diverging(data, tmp_path_factory) -> Study:
    """Every step multiplies the penalised weights by -99, so that they leave float32 on the way."""
    changes = {"optimiser": "sgd", "learning_rate": 100.0, "l2": 1.0, "penalised_layers": (1, 2, 3), "epochs": 40}
    changes |= {"activations": ("relu", "relu"), "recorded_epochs": RecordedEpochs("list", None, tuple(range(40)))}
    return Study(tmp_path_factory.mktemp("diverging"), data, **changes)


def test_the_dump_is_the_forward_pass_and_its_extremes(study):
    layers = storage.read_table(study.layers)
    described = layers[["run", "dataset", "activation", "hidden_layers", "batch_size", "epochs"]].drop_duplicates()
    # The whole of the data in one batch is -1.
    assert described.to_numpy().tolist() == [["run", "npz", "tanh-relu", "4-3", -1, 6]]
    layers = layers.set_index(["seed", "epoch", "layer"])
    with h5py.File(study.weights) as weights, h5py.File(study.dump) as dump:
        assert dump["epochs"][:].tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert dump["seeds"][:].tolist() == [2, 3, 4]
        for seed in range(3):
            for epoch in range(7):
                activity = study.inputs.astype(np.float64)
                for layer in (1, 2, 3):
                    group = weights[f"parameters/layer{layer}"]
                    activity = activity @ group["weights"][seed, epoch].T + group["biases"][seed, epoch]
                    if layer == 3:
                        activity = np.exp(activity) / np.exp(activity).sum(axis=1, keepdims=True)
                    else:
                        activity = (np.tanh, lambda x: np.maximum(x, 0))[layer - 1](activity)
                    found = dump[f"layer{layer}"]
                    np.testing.assert_allclose(found["activity"][seed, epoch], activity, atol=1e-5)
                    smallest, largest = found["activity"][seed, epoch].min(), found["activity"][seed, epoch].max()
                    assert smallest < largest
                    assert found["minimum"][seed, epoch] == smallest
                    assert found["maximum"][seed, epoch] == largest
                    row = layers.loc[(seed + 2, epoch, layer)]
                    assert row[["activity_minimum", "activity_maximum"]].tolist() == [smallest, largest]
                    norm = np.linalg.norm(group["weights"][seed, epoch].astype(np.float64))
                    assert row["weight_norm"] == pytest.approx(norm)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_number_of_the_table_is_that_of_the_twin(study, twins, name):
    method, settings = complete(name)
    table = study.table(name)
    bounds = {"upper", "lower"} if "kde" in name or name.startswith("adaptive") else {"none"}
    assert set(table["bound"]) == bounds
    assert len(table) == len(bounds) * 3 * 7 * 3
    counts = np.unique(study.labels, return_counts=True)[1] / len(study.labels)
    assert table["h_y"].to_numpy() == pytest.approx(-(counts * np.log2(counts)).sum())
    # 30 inputs are there once, 10 twice.
    assert table["h_x"].to_numpy() == pytest.approx(-30 / 50 * np.log2(1 / 50) - 20 / 50 * np.log2(2 / 50))
    activity = {seed: study.activity(seed - 2) for seed in (2, 3, 4)}
    for row in table.itertuples():
        given = (activity[row.seed], study.settings.activations, row.epoch, row.layer, study.labels, study.inputs)
        i_tx, i_ty = twins.estimate(method, settings, row.bound, *given)
        assert (row.i_tx, row.i_ty) == pytest.approx((i_tx, i_ty), abs=2e-5), row
    # What is compared is not constant.
    assert table["i_ty"].std() > 0.02


def test_what_an_estimator_knows_of_each_layer(study):
    """Of the output: the bound of the last hidden layer, the range of softmax."""
    minimum = np.array([[-3.0, -2.0, 0.25], [-4.0, -1.0, 0.125]], np.float32)
    maximum = np.array([[5.0, 9.0, 0.5], [6.0, 7.0, 0.75]], np.float32)
    with open_recording(study.dump) as recording:
        first, second, output = (layer_of(recording, index, minimum, maximum) for index in range(3))
    assert (first.lower_bound, first.function_range) == (None, (-1.0, 1.0))
    assert (second.lower_bound, second.function_range) == (0.0, None)
    assert (output.lower_bound, output.function_range) == (0.0, (0.0, 1.0))
    assert [layer.index for layer in (first, second, output)] == [1, 2, 3]
    assert (first.minimum, first.maximum, second.minimum, second.maximum) == (-4.0, 6.0, -2.0, 9.0)
    assert {(layer.network_minimum, layer.network_maximum) for layer in (first, second, output)} == {(-4.0, 9.0)}


@pytest.mark.parametrize("at_once", [1, 3, 4])
def test_slabs_are_the_whole(study, monkeypatch, at_once):
    whole = {name: study.table(name) for name in ("ebab", "kde")}
    monkeypatch.setattr(recording_module, "_SLAB_BYTES", at_once * 4 * 50 * 4)
    for name, expected in whole.items():
        found = study.table(name)
        for column in ("seed", "epoch", "layer", "bound", "i_tx", "i_ty"):
            assert found[column].tolist() == expected[column].tolist(), column


def test_a_seed_that_diverges_in_the_middle(diverging, twins):
    from infoplane.statistics.tables.compression import compression

    with h5py.File(diverging.dump) as dump, h5py.File(diverging.weights) as weights:
        epochs, since = dump["epochs"][:], dump["diverged_epoch"][:]
        assert ((since > 2) & (since < 38)).all(), since
        history = {name: values[:] for name, values in weights["history"].items()}
        for layer in (1, 2, 3):
            for name in ("activity", "minimum", "maximum"):
                values = dump[f"layer{layer}/{name}"][:].reshape(len(since), len(epochs), -1)
                assert (np.isfinite(values).all(axis=2) == (epochs < since[:, None])).all(), (layer, name)
    settings = complete("network")[1]
    table = diverging.table("network")
    after = table["epoch"].to_numpy() >= since[table["seed"].to_numpy() - 2]
    assert table.loc[after, ["i_tx", "i_ty"]].isna().all(axis=None)
    assert table.loc[~after, ["i_tx", "i_ty"]].notna().all(axis=None)
    for row in table[~after].itertuples():
        last = since[row.seed - 2]
        activity = {layer: values[:last] for layer, values in diverging.activity(row.seed - 2).items()}
        given = (activity, ("relu", "relu"), row.epoch, row.layer, diverging.labels, diverging.inputs)
        expected = twins.estimate("fixed_binning", settings, "none", *given)
        assert (row.i_tx, row.i_ty) == pytest.approx(expected, abs=1e-9), row

    keys = table[["run", "seed", "epoch"]].drop_duplicates()
    training = keys.assign(
        diverged_epoch=since[keys["seed"] - 2],
        **{name: values[keys["seed"] - 2, keys["epoch"]] for name, values in history.items()},
    )
    measured = compression(table, training)
    assert measured[["drop", "balance", "final"]].isna().all(axis=None)
    assert measured["diverged"].all()
    assert measured["status"].tolist() == [
        f"not estimable: diverged at epoch {since[seed - 2]}" for seed in measured["seed"]
    ]


def test_joined_tables_are_those_of_the_files(study, tmp_path):
    """Of two blocks, those of the seeds that the study has; blocks may go on beyond."""
    for block in ("seeds_2-4", "seeds_5-7"):
        weights, made = tmp_path / f"run/{block}.h5", tmp_path / f"run/{block}/ebab.parquet"
        train("run", Block.parse(block), study.settings, weights, "cpu")
        dump, layers, metrics = (
            tmp_path / f"{name}" for name in (f"{block}.h5", f"{block}.parquet", f"run/{block}.metrics.parquet")
        )
        activations(weights, study.settings, dump, layers, metrics, "cpu")
        method, settings = complete("ebab")
        made.parent.mkdir()
        information(dump, "ebab", EstimatorSettings(method, settings), made, device="cpu")
    blocks = [["seeds_2-4", "seeds_5-7"]]
    output = tmp_path / "training.parquet"
    collect(f"{tmp_path}/{{run}}/{{block}}.metrics.parquet", [["run"]], blocks, 6, output)
    found = storage.read_table(output)
    assert found["seed"].unique().tolist() == [2, 3, 4, 5]
    assert len(found) == 4 * 7
    with h5py.File(study.weights) as weights:
        for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            assert found.loc[found["seed"] < 5, name].tolist() == weights[f"history/{name}"][:].ravel().tolist()
    assert set(found["diverged_epoch"]) == {-1}
    assert set(storage.read_table_provenance(output)["sources"]) == {"run/seeds_2-4", "run/seeds_5-7"}

    output = tmp_path / "information.parquet"
    collect(f"{tmp_path}/{{run}}/{{block}}/{{estimator}}.parquet", [["run"]], blocks, 6, output, ["ebab"])
    found = storage.read_table(output)
    assert found["seed"].unique().tolist() == [2, 3, 4, 5]
    assert len(found) == 4 * 7 * 3
    assert found.loc[found["seed"] < 5, "i_tx"].tolist() == study.table("ebab")["i_tx"].tolist()

    # A table that does not say how it was made is not joined.
    unknown = tmp_path / "run/seeds_5-7/ebab.parquet"
    made_with = {**storage.read_table_provenance(unknown), "settings": "{}"}
    storage.write_table(storage.read_table(unknown), unknown, made_with)
    with pytest.raises(InfoplaneError, match="does not say which settings"):
        collect(f"{tmp_path}/{{run}}/{{block}}/{{estimator}}.parquet", [["run"]], blocks, 6, output, ["ebab"])


def test_weights_of_other_settings_are_refused(study, tmp_path):
    other = dataclasses.replace(study.settings, learning_rate=0.01)
    with pytest.raises(InfoplaneError, match=r"w\.h5: this file was made with other settings of the run; remove it"):
        activations(study.weights, other, tmp_path / "a.h5", tmp_path / "layers.parquet", "cpu")
    assert list(tmp_path.iterdir()) == []


def test_a_dump_is_stored_epoch_by_epoch_with_checksums(study):
    with h5py.File(study.dump) as file:
        for layer, units in ((1, 4), (2, 3), (3, 3)):
            activity = file[f"layer{layer}/activity"]
            assert activity.chunks == (1, 1, 50, units)
            assert activity.fletcher32
            assert activity.dtype == np.float32


@pytest.mark.parametrize(("last", "bound"), [("tanh", None), ("relu", 0.0)])
def test_the_output_takes_the_lower_bound_of_the_last_hidden_layer(study, last, bound):
    names = ("relu", "tanh", last) if last == "relu" else ("tanh", "relu", last)
    layers = recorded_layers(dataclasses.replace(study.settings, hidden_layers=(4, 3, 2), activations=names))
    assert [layer.name for layer in layers] == [*(f"{name}_{place}" for place, name in enumerate(names, 1)), "softmax"]
    assert (layers[-1].lower_bound, layers[-1].function_range) == (bound, (0.0, 1.0))
    assert [layer.lower_bound for layer in layers[:-1]] == [0.0 if name == "relu" else None for name in names]
