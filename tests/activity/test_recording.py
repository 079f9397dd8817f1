"""Recordings made from the documented layout alone, by numpy and h5py: what they give, and what is refused."""

from __future__ import annotations

import fcntl
import re
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from infoplane import estimators
from infoplane.activity.recording import open_recording
from infoplane.errors import InfoplaneError
from infoplane.settings import EstimatorSettings
from infoplane.stages.information import information
from infoplane.stages.recorded import recorded
from infoplane.workflow import recordings

PAGE = Path(__file__).parents[2] / "docs/recording.md"
SEEDS, EPOCHS, SAMPLES, UNITS = [3, 7], [0, 2, 5], 40, (3, 2)
NAMES = ["first", "second"]


def activity_of(seed: int = 0) -> list[np.ndarray]:
    """Of each layer (seed, epoch, sample, unit)."""
    rng = np.random.default_rng(seed)
    shapes = [(len(SEEDS), len(EPOCHS), SAMPLES, units) for units in UNITS]
    return [np.maximum(rng.normal(size=shape), 0).astype(np.float32) for shape in shapes]


def write(path: Path, seeds: list[int] = SEEDS, names: list[str] = NAMES, **options: object) -> Path:
    """As docs/recording.md says, with every field that a recording may have but the extremes."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file.attrs["recording"] = 1
        file["seeds"], file["epochs"] = seeds, EPOCHS
        file["labels"] = rng.integers(0, 3, SAMPLES)
        file["input_ids"] = np.arange(SAMPLES) // 2
        file["part"] = (np.arange(SAMPLES) >= 30).astype("u1")
        file["metrics/test_accuracy"] = rng.uniform(size=(len(seeds), len(EPOCHS)))
        file["metrics/margin"] = rng.uniform(size=(len(seeds), len(EPOCHS)))
        file["layer_statistics/weight_norm"] = rng.uniform(size=(len(seeds), len(EPOCHS), 2))
        for number, (values, name) in enumerate(zip(activity_of(), names, strict=True), start=1):
            file.create_dataset(f"layer{number}/activity", data=values[: len(seeds)], **options)
            file[f"layer{number}"].attrs["name"] = name
        file["layer1"].attrs["lower_bound"] = 0
    return path


def estimated(path: Path, method: str = "ebab", **options: object) -> pd.DataFrame:
    settings = {key: entry["default"] for key, entry in estimators.METHODS[method].settings.items()}
    output = path.with_suffix(".parquet")
    information(path, "it", EstimatorSettings(method, settings), output, device="cpu", **options)
    return pd.read_parquet(output)


def test_the_page_is_true(tmp_path):
    """Its example is run, and so is its command, in a folder with nothing else in it."""
    text = PAGE.read_text()
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (command,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    words = shlex.split(command)
    subprocess.run([sys.executable, *words[1:]], cwd=tmp_path, check=True)
    table = pd.read_parquet(tmp_path / "my_net.parquet")
    with h5py.File(tmp_path / "my_net.h5") as file:
        labels = file["labels"][:]
        for row in table.itertuples():
            values = file[f"layer{row.layer}/activity"][0, [0, 1, 10, 100].index(row.epoch)]
            known = estimators.kde(values, labels, noise_variance=0.001, bound=row.bound)
            assert (row.i_tx, row.i_ty) == tuple(map(float, known))
    assert len(table) == 4 * 2 * 2
    assert set(table["run"]) == {"my_net"}


def test_information_is_that_of_the_activity_over_each_part(tmp_path):
    path = write(tmp_path / "net.h5")
    with h5py.File(path) as file:
        labels, ids = file["labels"][:], file["input_ids"][:]
    table = estimated(path, parts=["all", "training", "test"])
    samples = {"all": slice(None), "training": slice(0, 30), "test": slice(30, None)}
    assert len(table) == 3 * len(SEEDS) * len(EPOCHS) * len(UNITS)
    for row in table.itertuples():
        of = samples[row.part]
        values = activity_of()[row.layer - 1][SEEDS.index(row.seed), EPOCHS.index(row.epoch), of]
        bound = 0.0 if row.layer == 1 else None
        known = estimators.ebab(values, labels[of], input_ids=ids[of], bins=30, lower_bound=bound)
        assert (row.i_tx, row.i_ty) == tuple(map(float, known)), row
        counts = pd.Series(ids[of]).value_counts(), pd.Series(labels[of]).value_counts()
        for found, count in zip((row.h_x, row.h_y), counts, strict=True):
            share = count / count.sum()
            assert found == pytest.approx(-(share * np.log2(share)).sum())
    assert table["i_ty"].std() > 0.01


def test_tables_have_what_was_measured_and_leave_the_rest_empty(tmp_path):
    path = write(tmp_path / "net.h5")
    recorded(path, "mine", tmp_path / "layers.parquet", tmp_path / "metrics.parquet")
    metrics, layers = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("metrics", "layers"))
    with h5py.File(path) as file:
        for name in ("test_accuracy", "margin"):
            assert metrics[name].tolist() == file[f"metrics/{name}"][:].ravel().tolist()
        assert layers["weight_norm"].tolist() == file["layer_statistics/weight_norm"][:].ravel().tolist()
    assert metrics[["train_loss", "test_loss", "train_accuracy", "l2"]].isna().all(axis=None)
    assert set(metrics["run"]) == {"mine"}
    assert layers["layer_name"].tolist() == NAMES * 6
    assert layers["gradient_sd_norm"].isna().all()
    for number, values in enumerate(activity_of(), start=1):
        rows = layers[layers["layer"] == number]
        assert rows["activity_maximum"].tolist() == values.max(axis=(2, 3)).ravel().tolist()
        assert rows["activity_minimum"].tolist() == values.min(axis=(2, 3)).ravel().tolist()


def test_extremes_that_others_wrote_are_not_believed(tmp_path):
    path = write(tmp_path / "net.h5")
    known = estimated(path, "fixed_binning")
    with h5py.File(path, "r+") as file:
        for layer in ("layer1", "layer2"):
            for name, value in (("minimum", -9.0), ("maximum", 9.0), ("varying_units", 1.0)):
                file[f"{layer}/{name}"] = np.full((len(SEEDS), len(EPOCHS)), value)
    pd.testing.assert_frame_equal(estimated(path, "fixed_binning"), known)


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"chunks": (1, 1, 7, 1)}, {"dtype": ">f4"}, {"dtype": "f8"}]
)
def test_how_the_values_are_stored_makes_no_difference(tmp_path, options):
    plain = estimated(write(tmp_path / "net.h5"))
    (tmp_path / "other").mkdir()
    pd.testing.assert_frame_equal(estimated(write(tmp_path / "other/net.h5", **options)), plain)


def test_half_precision_is_widened(tmp_path):
    table = estimated(write(tmp_path / "net.h5", dtype="f2"))
    with h5py.File(tmp_path / "net.h5") as file:
        values, labels, ids = file["layer2/activity"][1, 2], file["labels"][:], file["input_ids"][:]
    known = estimators.ebab(values.astype("f4"), labels, input_ids=ids, bins=30)
    row = table.query("seed == 7 and epoch == 5 and layer == 2").iloc[0]
    assert (row["i_tx"], row["i_ty"]) == tuple(map(float, known))


def test_a_network_that_diverged_is_left_out_from_then_on(tmp_path):
    path = write(tmp_path / "net.h5")
    before = estimated(path)
    with h5py.File(path, "r+") as file:
        file["diverged_epoch"] = [2, -1]
        file["layer2/activity"][0, 1:] = np.nan
    after = estimated(path)
    gone = (after["seed"] == 3) & (after["epoch"] >= 2)
    assert after.loc[gone, ["i_tx", "i_ty"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(after[~gone], before[~gone])


def replaced(name: str, values: object):
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return change


def removed(name: str):
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def attribute(where: str, name: str, value: object):
    def change(file: h5py.File) -> None:
        file[where].attrs[name] = value

    return change


def absurd(file: h5py.File) -> None:
    del file["inputs"]
    file.create_dataset("inputs", (SAMPLES, 10**9), "f4", chunks=(1, 1000), compression="gzip")


def linked(link: object):
    def change(file: h5py.File) -> None:
        del file["labels"]
        file["labels"] = link

    return change


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((SAMPLES,), "i8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "labels", (SAMPLES,))
    del file["labels"]
    file.create_virtual_dataset("labels", layout)


def broken(file: h5py.File) -> None:
    file["layer2/activity"][1, 1, 17, 1] = np.nan


FAULTS = {
    "no version": (lambda file: file.attrs.clear(), "its attribute `recording` must be 1"),
    "a newer layout": (attribute("/", "recording", 2), "recording is 2, a newer layout; this version reads 1"),
    "no labels": (removed("labels"), "there is no labels"),
    "no seeds": (removed("seeds"), "there is no seeds"),
    "no epochs": (removed("epochs"), "there is no epochs"),
    "no layer": (lambda file: [file.pop("layer1"), file.pop("layer2")], "there is no layer1/activity"),
    "a layer left out": (lambda file: file.move("layer2", "layer3"), "there is no layer2/activity"),
    "a layer without activity": (removed("layer2/activity"), "there is no layer2/activity"),
    "labels of another length": (
        replaced("labels", np.zeros(SAMPLES - 1, int)),
        r"(labels|layer1/activity) has the shape .* its axes are .*sample",
    ),
    "labels that are no classes": (replaced("labels", np.full(SAMPLES, 0.5)), r"labels have the value 0\.5"),
    "labels as texts": (replaced("labels", [b"a"] * SAMPLES), "labels is not an array of numbers"),
    "a field with a slip of the pen": (lambda file: file.move("labels", "lables"), "lables is no part of a file"),
    "an epoch twice": (replaced("epochs", [0, 2, 2]), "epochs holds 2 twice"),
    "epochs in disorder": (replaced("epochs", [0, 5, 2]), "epochs are not in ascending order"),
    "an epoch below 0": (replaced("epochs", [-1, 2, 5]), "epochs holds -1; the least that is allowed is 0"),
    "epochs that are not whole": (replaced("epochs", [0, 0.5, 2]), r"epochs have the value 0\.5"),
    "a seed twice": (replaced("seeds", [4, 4]), "seeds holds 4 twice"),
    "another part": (replaced("part", np.full(SAMPLES, 2)), "part holds 2; allowed are 0 for the training part"),
    "too few axes": (replaced("layer2/activity", np.zeros((3, SAMPLES, 2))), "layer2/activity has the shape"),
    "no samples": (replaced("labels", np.zeros(0, int)), "labels has the shape"),
    "a metric per layer": (replaced("metrics/margin", np.zeros((2, 3, 2))), "metrics/margin has the shape"),
    "a metric of a strange name": (
        lambda file: file.move("metrics/margin", "metrics/<b>"),
        "metrics has '<b>'; a name has letters",
    ),
    "a soft link": (linked(h5py.SoftLink("/part")), "labels is a link"),
    "an external link": (linked(h5py.ExternalLink("other.h5", "labels")), "labels is a link"),
    "a virtual data set": (virtual, "labels is not an array of numbers in this file"),
    "absurd shapes": (absurd, "inputs is larger than the file"),
    "a name that is no text": (attribute("layer1", "name", 5), "the attribute name of layer1 must be a text"),
    "a name with a line break": (attribute("layer1", "name", "a\nb"), "the attribute name of layer1 must be a text"),
    "a bound that is no number": (attribute("layer1", "lower_bound", np.nan), "of layer1 must be finite numbers"),
    "two bounds": (attribute("layer1", "lower_bound", [0, 1]), "lower_bound of layer1 has 2 numbers"),
    "an empty range": (attribute("layer2", "function_range", [1, 1]), "function_range of layer2 must be two numbers"),
    "networks that all diverged": (
        lambda file: file.create_dataset("diverged_epoch", data=[0, 0]),
        "every network diverged before its first recorded epoch",
    ),
    "NaN in one epoch": (broken, r"layer2/activity of seed 7 holds NaN or infinity at epoch 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_sentence_with_file_and_field(tmp_path, fault):
    path = write(tmp_path / "net.h5")
    change, sentence = FAULTS[fault]
    with h5py.File(path, "r+") as file:
        file["inputs"] = np.zeros((SAMPLES, 2))
        change(file)
    for use in (lambda: recorded(path, "run", tmp_path / "a.parquet", tmp_path / "b.parquet"), lambda: estimated(path)):
        with pytest.raises(InfoplaneError, match=sentence) as raised:
            use()
        assert str(raised.value).startswith(f"{path}: ")
        assert "\n" not in str(raised.value)
    assert [item.name for item in tmp_path.iterdir()] == ["net.h5"]
    if fault != "NaN in one epoch":  # what does not take reading all values is known before any job
        with pytest.raises(InfoplaneError, match=sentence):
            recordings.read("run", {"net": path})


@pytest.mark.parametrize("content", [b"", b"no HDF5 file", None])
def test_a_file_that_is_no_recording_is_named(tmp_path, content):
    path = tmp_path / "net.h5"
    if content is None:
        write(path)
        path.write_bytes(path.read_bytes()[:3000])
    else:
        path.write_bytes(content)
    with pytest.raises(InfoplaneError, match=r"net.h5: this is not a whole HDF5 file .*; it must be made again$"):
        estimated(path)


def test_a_file_that_is_being_written_is_named(tmp_path):
    path = write(tmp_path / "net.h5")
    with open(path) as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        with pytest.raises(InfoplaneError, match="another process is writing this file"), open_recording(path):
            pass


def test_information_by_part_needs_to_know_the_parts(tmp_path):
    path = write(tmp_path / "net.h5")
    with h5py.File(path, "r+") as file:
        file["part"][:] = 0
    with pytest.raises(InfoplaneError, match=r"net.h5: part names no sample of the test part"):
        estimated(path, parts=["test"])
    with h5py.File(path, "r+") as file:
        del file["part"]
    for use in (lambda: estimated(path, parts=["test"]), lambda: recordings.read("run", {"net": path}, ["test"])):
        with pytest.raises(InfoplaneError, match=r"net.h5: there is no part, which says which samples are of the test"):
            use()


def test_the_files_of_a_run_are_named_by_their_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("nets/a/seed 0.h5", "nets/b/seed 0.h5", "nets/a/seed 1.h5"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, [len(list(Path("nets").rglob("*.h5")))])
    found = recordings.files("net", ["nets/**/*.h5"])
    assert {block: str(path) for block, path in found.items()} == {
        "a-seed_0": "nets/a/seed 0.h5",
        "a-seed_1": "nets/a/seed 1.h5",
        "b-seed_0": "nets/b/seed 0.h5",
    }
    planned = recordings.read("net", found)
    assert sorted(seed for file in planned.values() for seed in file.seeds) == [0, 1, 2]
    assert {(file.samples, file.epochs, file.units) for file in planned.values()} == {(SAMPLES, 3, UNITS)}


def test_files_of_a_run_that_do_not_fit_together_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("a.h5"), [0])

    def refused(sentence: str) -> None:
        with pytest.raises(InfoplaneError, match=sentence):
            recordings.read("net", recordings.files("net", ["*.h5"]))

    write(Path("b.h5"), [0])
    refused(r"b.h5: seeds holds 0, which a.h5, of the same run net, has too")
    write(Path("b.h5"), [1], ["first", "another"])
    refused(r"b.h5: the names of the layers are first, another; in a.h5, of the same run net, they are first, second")
    write(Path("b.h5"), [1])
    with h5py.File("b.h5", "r+") as file:
        file["epochs"][:] = [0, 2, 6]
    refused(r"b.h5: epochs are 0, 2, 6; in a.h5, of the same run net, they are 0, 2, 5")
    Path("b.h5").unlink()
    Path("b.h5").symlink_to("a.h5")
    refused(r"runs.net.recorded: b.h5 is a symbolic link to a.h5")
    with pytest.raises(InfoplaneError, match=r"runs.net.recorded: no file is named c\*.h5"):
        recordings.files("net", ["c*.h5"])
    Path("{x}.h5").write_bytes(Path("a.h5").read_bytes())
    Path("b.h5").unlink()
    refused(r"braces or angle brackets")
