"""The smoke study, run by Snakemake from start to end: what comes out, and what a change makes run again."""

import ast
import copy
import dataclasses
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from infoplane import configuration, datasets
from infoplane.estimators import OPTIONAL_COLUMNS
from infoplane.figures import FIGURES
from infoplane.files import storage
from infoplane.statistics import JOINED, described_columns
from infoplane.statistics.joined import DESCRIPTIONS
from infoplane.workflow import blocks

ROOT = Path(__file__).parents[1]
SMOKE = "workflow/presets/smoke.yaml"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(smoke) -> Path:
    return smoke.folder / "results/smoke"


@pytest.fixture(scope="module")
def config() -> dict:
    return yaml.safe_load((ROOT / SMOKE).read_text())


@pytest.fixture(scope="module")
def study(config):
    return configuration.load(config)


def test_there_is_nothing_left_to_do(smoke):
    done = smoke.snakemake("--dry-run", "--configfile", SMOKE)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_weights(results, study):
    for run, settings in study.runs.items():
        for block in blocks.choose(study.seeds, study.seeds_per_job):
            with storage.open_weights(results / f"weights/{run}/{block}.h5") as file:
                assert file["seeds"][:].tolist() == list(block.seeds)
                epochs = file["epochs"][:]
                assert np.array_equal(epochs, settings.recorded_epochs.resolve(settings.epochs))
                sizes = [12, *settings.hidden_layers, 2]
                for layer in range(1, 7):
                    shape = (2, len(epochs), sizes[layer], sizes[layer - 1])
                    assert file[f"parameters/layer{layer}/weights"].shape == shape
                    assert file[f"parameters/layer{layer}/biases"].shape == shape[:3]
                assert set(file["history"]) == {"train_loss", "train_accuracy", "test_loss", "test_accuracy"}


def test_activations_are_the_forward_passes_of_the_weights(results, study):
    inputs = datasets.load("szt").inputs.astype(np.float64)
    with (
        storage.open_weights(results / "weights/tanh/seeds_2-3.h5") as weights,
        h5py.File(results / "activations/tanh/seeds_2-3.h5") as dump,
    ):
        for seed, epoch in ((0, 0), (1, -1)):
            activity = inputs
            for layer in range(1, 7):
                group = weights[f"parameters/layer{layer}"]
                activity = activity @ group["weights"][seed, epoch].T + group["biases"][seed, epoch]
                if layer < 6:
                    activity = np.tanh(activity)
                else:
                    activity = np.exp(activity) / np.exp(activity).sum(axis=1, keepdims=True)
                values = dump[f"layer{layer}/activity"]
                assert values.chunks == (1, 1, *values.shape[2:])
                assert np.allclose(values[seed, epoch], activity, atol=1e-5)


def test_the_information_table(results, study):
    table = storage.read_table(results / "tables/information.parquet")
    per_seed = table.groupby(["run", "seed", "estimator", "bound"]).size()
    assert table["run"].unique().tolist() == list(study.runs)
    assert sorted(table["seed"].unique()) == [0, 1, 2, 3]
    assert set(table["estimator"]) == set(study.estimators)
    epochs = len(next(iter(study.runs.values())).recorded_epochs.resolve(200))
    assert (per_seed == 6 * epochs).all()
    assert table["layer"].max() == 6
    binned = table[table["bound"] == "none"]
    assert (binned["i_ty"] <= binned["i_tx"] + 1e-9).all()
    assert (binned["i_tx"] <= 12 + 1e-9).all()
    assert (table["h_x"] == 12).all()
    assert np.allclose(table["h_y"], 0.999157, atol=1e-6)
    assert set(table.columns) >= {"run", "activation", "l2", "seed", "epoch", "layer", "estimator", "i_tx", "i_ty"}
    assert table.loc[table["run"] == "relu_l2", "l2"].eq(0.015).all()


def test_the_training_table(results):
    table = storage.read_table(results / "tables/training.parquet")
    assert len(table) == table.groupby(["run", "seed", "epoch"]).ngroups
    last = table[table["epoch"] == 200]
    assert len(last) == 12
    assert last["train_accuracy"].between(0, 1).all()
    first = table[table["epoch"] == 0]
    assert last["train_loss"].mean() < first["train_loss"].mean()


def test_the_statistics(results):
    compression = storage.read_table(results / "tables/compression.csv")
    assert set(compression.columns) >= {"run", "seed", "layer", "estimator", "drop", "balance", "final"}
    correlation = storage.read_table(results / "tables/correlation.csv")
    assert set(correlation["run"]) >= {"tanh", "relu", "relu_l2"}
    assert len(storage.read_table(results / "tables/compression_summary.csv"))


def test_every_figure_asked_for_is_there_in_every_format(results, study):
    files = [
        f"{name}-{estimator}" if estimator else name
        for name in study.figures
        for estimator in (study.estimators if FIGURES[name].per_estimator else [""])
    ]
    for file in files:
        for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("rst", b"**")):
            assert (results / f"figures/{file}.{ending}").read_bytes().startswith(start)


def test_every_file_says_what_it_was_made_with(results):
    digest = datasets.load("szt").digest
    found = []
    for path in sorted(results.rglob("*.h5")):
        with h5py.File(path) as file:
            found.append(json.loads(file.attrs["provenance"]))
        assert "settings" in found[-1]
    for path in [*results.rglob("*.parquet"), *results.rglob("*.csv")]:
        found.append(storage.read_table_provenance(path))
    assert len(found) > 20
    for provenance in found:
        assert {"infoplane", "torch", "numpy"} <= set(provenance)
        sources = provenance.get("sources", {"": provenance}).values()
        assert all(source["dataset_digest"] == digest for source in sources)


def test_no_temporary_files_are_left(results):
    assert not [path for path in results.rglob("*") if path.suffix in (".tmp", ".checkpoint") or ".tmp" in path.name]


@pytest.mark.parametrize("name", [name for name in JOINED if name != "scans"])
def test_joined_tables_have_the_columns_that_are_documented(results, name):
    columns = set(storage.read_table(results / f"tables/{name}.parquet").columns)
    documented = set(described_columns(name, DESCRIPTIONS[name].columns))
    assert columns - (set(OPTIONAL_COLUMNS) if name == "information" else set()) == documented


AGGREGATES = {
    "training_table",
    "layers_table",
    "information_table",
    "distributions",
    "distributions_table",
    "compression",
    "compression_summary",
    "correlation",
    "effects",
    "variance_components",
    "seeds_needed",
    "phases",
    "claims",
    "claims_page",
    "explorer",
    "overview",
}
DISTRIBUTIONS = {"distributions", "distributions_table"}
STATISTICS = AGGREGATES - {"training_table", "layers_table", *DISTRIBUTIONS} | {"figure"}
# What more seeds leave as it is: the example is of the first.
OF_SEEDS = AGGREGATES - {"distributions"} | {"figure"}


@pytest.mark.parametrize(
    ("path", "value", "jobs", "aggregates"),
    [
        # one setting: exactly the stages that depend on it
        ("estimators/ebab/bins", 20, {"information": 6}, STATISTICS | DISTRIBUTIONS),
        ("estimators/wide", {"method": "ebab", "bins": 100}, {"information": 6}, STATISTICS),
        ("runs/relu_l2/l2", 0.02, {"train": 2, "activations": 2, "information": 8}, AGGREGATES | {"figure"}),
        ("runs/elu", {"activation": "elu"}, {"train": 2, "activations": 2, "information": 8}, AGGREGATES | {"figure"}),
        (
            "defaults/learning_rate",
            0.001,
            {"train": 6, "activations": 6, "information": 24},
            AGGREGATES | {"figure"},
        ),
        ("seeds", 6, {"train": 3, "activations": 3, "information": 12}, OF_SEEDS),
        (
            "statistics/confidence",
            0.9,
            {},
            STATISTICS - {"information_table", "compression", "explorer"},
        ),
        ("statistics/primary_measure", "balance", {}, {"claims", "claims_page", "overview", "figure"}),
        ("statistics/interval_width", 0.2, {}, {"seeds_needed"}),
        ("claims/flat", 0.2, {}, {"claims", "claims_page", "overview"}),
        ("claims", "none", {}, {"overview"}),
        (
            "sensitivity",
            {"enabled": True, "vary": {"ebab": {"bins": [10]}}},
            {"scan": 6},
            {"sensitivity", "sensitivity_tables"},
        ),
        # how it is run is not what is computed
        ("device", "auto", {}, set()),
        ("keep_activations", False, {}, set()),
        ("figures", ["learning_curves"], {}, set()),
        ("seeds_per_job", 3, {}, set()),
        # a smaller study reuses everything
        ("seeds", 3, {}, OF_SEEDS),
        ("runs/relu_l2", ..., {}, OF_SEEDS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_change_reruns_exactly_what_depends_on_it(smoke, config, tmp_path, path, value, jobs, aggregates):
    changed = copy.deepcopy(config)
    section = changed
    *parents, last = path.split("/")
    for key in parents:
        section = section.setdefault(key, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump(changed, sort_keys=False))
    planned = smoke.planned("--configfile", str(file))
    heavy = {rule: count for rule, count in planned.items() if rule in ("train", "activations", "information", "scan")}
    assert heavy == jobs
    # The file configuration.yaml has what decides the numbers.
    how_it_is_run = path in ("device", "keep_activations", "figures", "seeds_per_job")
    assert set(planned) - set(heavy) == aggregates | (set() if how_it_is_run else {"configuration"})


@pytest.mark.parametrize(
    ("module", "old", "new", "jobs", "others"),
    [
        ("estimators/methods/ebab.py", "\ndef ", "\n# a comment\ndef ", {}, set()),
        (
            "estimators/methods/ebab.py",
            "\nMETHOD = ",
            "\nMETHOD = 1 and ",
            {"information": 6},
            STATISTICS | DISTRIBUTIONS,
        ),
        ("estimators/bins.py", "_BLOCK = 8192", "_BLOCK = 4096", {"information": 24}, STATISTICS | DISTRIBUTIONS),
        ("stages/distributions.py", "_FINE = 200", "_FINE = 100", {}, DISTRIBUTIONS | {"figure"}),
        (
            "stages/train.py",
            "made_with = ",
            "made_with = 1 and ",
            {"train": 6, "activations": 6, "information": 24},
            AGGREGATES | {"figure"},
        ),
        (
            "activity/forward.py",
            "def layer_activities(",
            "layer_activities = None\n\n\ndef layer_activities(",
            {"activations": 6, "information": 24},
            AGGREGATES | {"figure"},
        ),
        (
            "activity/recording.py",
            "_SLAB_BYTES = 64",
            "_SLAB_BYTES = 32",
            {"activations": 6, "information": 24},
            AGGREGATES | {"figure"},
        ),
        ("stages/information.py", "usable = recording", "usable = 1 and recording", {"information": 24}, STATISTICS),
        (
            "stages/tables.py",
            "joined = pd.concat(",
            "joined = 1 and pd.concat(",
            {},
            AGGREGATES - {"distributions"} | {"figure"},
        ),
        (
            "stages/statistics.py",
            "function = declared.function(",
            "function = 1 and declared.function(",
            {},
            STATISTICS - {"information_table", "explorer"},
        ),
        (
            "statistics/tables/correlation.py",
            "found = pooled_over_runs(",
            "found = 1 and pooled_over_runs(",
            {},
            {"correlation"},
        ),
        ("statistics/tables/correlation.py", '("runs that entered"', '("how many runs"', {}, set()),
        ("presentation/style.py", "\nGRID = ", "\nGRID = 1 and ", {}, {"figure", "explorer"}),
        ("explorer/page.css", ":root", ":root ", {}, {"figure", "explorer"}),
        ("claims/claims.html", "<h1>", "<h1> ", {}, {"figure", "claims_page"}),
        ("cli.py", "def main(", "x = 1\n\n\ndef main(", {}, set()),
    ],
)
def test_an_edit_of_the_code_reruns_exactly_what_uses_it(smoke_code, module, old, new, jobs, others):
    path = smoke_code.folder / "src/infoplane" / module
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    planned = smoke_code.planned("--configfile", SMOKE)
    assert {rule: count for rule, count in planned.items() if rule in ("train", "activations", "information")} == jobs
    # A figure that no changed table feeds is not drawn again, so that correlation may need none.
    assert set(planned) - set(jobs) | {"figure"} == others | {"figure"}


def with_statement(path: Path, function: str) -> None:
    """Put a statement before the first of a function, after its docstring."""
    text = path.read_text()
    [found] = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == function]
    first = next(node for node in found.body if not isinstance(getattr(node, "value", None), ast.Constant))
    lines = text.splitlines(keepends=True)
    lines.insert(first.lineno - 1, f"{' ' * first.col_offset}print()\n")
    path.write_text("".join(lines))


@pytest.mark.parametrize(
    ("module", "function", "reruns"),
    [
        (
            "statistics/tables/compression.py",
            "compression",
            {"compression", "correlation", "effects", "claims", "figure"},
        ),
        ("statistics/tables/correlation.py", "within_run", {"correlation", "figure"}),
        ("statistics/inference/sums.py", "correlations", {"correlation", "claims", "overview"}),
        ("statistics/inference/resampling.py", "holm", {"correlation", "effects", "claims", "overview"}),
        ("statistics/tables/effects.py", "cliffs_delta", {"effects"}),
        ("statistics/tables/phases.py", "of_mean_trajectories", {"phases", "claims"}),
        ("statistics/pooled.py", "pooled_correlations", {"claims", "overview"}),
        ("statistics/inference/variance.py", "components", {"variance_components", "claims", "overview"}),
        ("statistics/tables/seeds_needed.py", "seeds_needed", {"seeds_needed"}),
        ("statistics/tables/compression_summary.py", "compression_summary", {"compression_summary", "overview"}),
        ("claims/paper/c2.py", "parts", {"claims", "claims_page", "overview"}),
        ("claims/verdicts.py", "combined", {"claims", "overview"}),
        ("statistics/series.py", "mean_over_layers", {"claims", "overview"}),
        ("claims/page.py", "claims_page", {"claims_page"}),
        ("report/opening.py", "front_page", {"overview"}),
    ],
)
def test_an_edit_of_the_statistics_reruns_its_table_and_what_follows(smoke_code, module, function, reruns):
    with_statement(smoke_code.folder / "src/infoplane" / module, function)
    planned = set(smoke_code.planned("--configfile", SMOKE))
    assert planned >= reruns
    # The code of one table is no other's, and pages of the claims are made of nothing else.
    assert len(reruns) > 1 or planned - {"figure"} == reruns
    assert not planned & {"train", "activations", "information"}


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("src/infoplane/training/block.py", "inputs must be finite numbers", "no input may be NaN"),
        ("src/infoplane/stages/train.py", 'Progress(f"train', 'Progress(f"training of'),
        ("src/infoplane/activation_functions.py", 'label="ReLU"', 'label="Relu"'),
        ("src/infoplane/stages/train.py", "training_part", "first_part"),
        ("src/infoplane/training/optimisers.py", "moved to", "src/infoplane/training/descent.py"),
        ("src/infoplane/datasets/splitting.py", "settings: Split", "settings: object"),
        ("workflow/rules/train.smk", "--device {resources", " --device {resources"),
    ],
)
def test_an_edit_that_changes_no_number_trains_nothing(smoke_code, path, old, new):
    file = smoke_code.folder / path
    if old == "moved to":
        file.rename(smoke_code.folder / new)
        for other in (smoke_code.folder / "src").rglob("*.py"):
            other.write_text(other.read_text().replace(f"training.{file.stem}", f"training.{Path(new).stem}"))
    else:
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    assert not set(smoke_code.planned("--configfile", SMOKE)) & {"train", "activations", "information"}


def test_an_edit_that_is_undone_reruns_nothing(smoke_code):
    path = smoke_code.folder / "src/infoplane/stages/train.py"
    text = path.read_text()
    path.write_text(text.replace("made_with = ", "made_with = 1 and ", 1))
    assert smoke_code.planned("--configfile", SMOKE)["train"] == 6
    path.write_text(text)
    assert smoke_code.planned("--configfile", SMOKE) == {}


def test_a_setting_of_the_statistics_redraws_only_the_figures_that_use_it(smoke, config, tmp_path):
    counts = {}
    for key, value in (("primary_measure", "final"), ("confidence", 0.9)):
        changed = copy.deepcopy(config)
        changed["statistics"][key] = value
        (tmp_path / "changed.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
        counts[key] = smoke.planned("--configfile", str(tmp_path / "changed.yaml"))["figure"]
    # Compression against accuracy, of four estimators; its band and the learning curves have a level.
    assert counts == {"primary_measure": 4, "confidence": 5}


def test_a_figure_or_an_animation_alone(smoke_copy, study):
    # Nor need a figure be among those of the study.
    assert "l2" not in study.figures
    checkout = smoke_copy
    targets = [
        "figures/l2-ebab.svg",
        "animations/information_plane-ebab.gif",
        "animations/information_plane-kde-tanh.gif",
    ]
    done = checkout.snakemake("--configfile", SMOKE, "--", *(f"results/smoke/{target}" for target in targets))
    assert done.returncode == 0, done.stderr[-3000:]
    assert all((checkout.folder / "results/smoke" / target).stat().st_size > 1000 for target in targets)
    assert checkout.planned("--configfile", SMOKE) == {}
    listed = checkout.snakemake("check", "--configfile", SMOKE).stdout
    assert "every file is used" in listed


def test_threads_memory_and_touching_small_files_rerun_nothing(smoke_copy):
    # Snakemake compares inputs of up to a megabyte by their content; a dump, which is larger, by its time.
    for path in (smoke_copy.folder / "results/smoke/weights").rglob("*.h5"):
        path.touch()
    resources = ["--set-threads", "train=2", "--set-resources", "train:mem_mb=999", "information:runtime=5"]
    assert smoke_copy.planned("--configfile", SMOKE, *resources) == {}


def test_a_fresh_checkout_takes_copied_results_for_finished(smoke, checkout):
    shutil.copytree(smoke.folder / "results", checkout.folder / "results")
    assert checkout.planned("--configfile", SMOKE) == {}


def test_a_smaller_study_leaves_files_that_are_named_and_removed_only_when_asked(smoke_copy, config):
    checkout = smoke_copy
    smaller = copy.deepcopy(config)
    del smaller["runs"]["relu_l2"]
    smaller["figures"] = ["learning_curves"]
    smaller["seeds"] = 3  # the block seeds_2-3 is used as it is
    (checkout.folder / "smaller.yaml").write_text(yaml.safe_dump(smaller, sort_keys=False))
    study = ("--configfile", "smaller.yaml")
    names = ("training.parquet", "layers.parquet", "information.parquet", "compression.csv")
    tables = ("--", *(f"results/smoke/tables/{name}" for name in names))
    done = checkout.snakemake(*study, *tables)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in names:
        table = storage.read_table(checkout.folder / "results/smoke/tables" / name)
        assert table.groupby("run")["seed"].unique().map(sorted).to_dict() == {"tanh": [0, 1, 2], "relu": [0, 1, 2]}
    left = [path for path in (checkout.folder / "results/smoke").rglob("*") if "relu_l2" in path.parts]
    left = [path for path in left if path.suffix in (".h5", ".parquet")]
    # Per block weights, the recording and its two tables, and the estimators; and the distributions.
    assert len(left) == 2 * (1 + 3 + 4) + 1
    text = done.stdout + done.stderr
    assert "Files in results/smoke that are no longer used: 17. `snakemake --cores 1 check` lists them" in text
    listed = checkout.snakemake("check", *study).stdout
    assert "results/smoke/weights/relu_l2/seeds_0-1.h5: the study no longer uses this file" in listed
    removed = checkout.snakemake("clean", *study)
    assert "removed results/smoke/weights/relu_l2/seeds_0-1.h5" in removed.stdout
    assert not (checkout.folder / "results/smoke/weights/relu_l2").exists()
    assert checkout.planned(*study, *tables) == {}
    grown = checkout.planned(*study, "--config", "seeds=5", *tables)
    assert (grown["train"], grown["activations"], grown["information"]) == (2, 2, 8)
    assert "every file is used and was made with the installed libraries" in checkout.snakemake("check", *study).stdout


def test_a_job_of_a_cluster_finds_its_block_though_the_file_that_it_was_chosen_for_is_gone(smoke_copy):
    """Snakemake removes a job's old output before the job reads the workflow, which would now choose seeds_2-2."""
    path = smoke_copy.folder / "results/smoke/weights/tanh/seeds_2-3.h5"
    study = ("--configfile", SMOKE, "--config", "seeds=3")
    for run in ("tanh", "relu", "relu_l2"):
        path.parents[1].joinpath(run, path.name).unlink()
    assert smoke_copy.planned(*study)["train"] == 3
    job = ("--target-jobs", "train:run=tanh,block=seeds_2-3", "--allowed-rules", "train", "--mode", "remote")
    done = smoke_copy.snakemake(*study, *job, "--nolock", "--ignore-incomplete", "--force")
    assert done.returncode == 0, done.stderr[-3000:]
    with storage.open_weights(path) as file:
        assert file["seeds"][:].tolist() == [2, 3]
    assert smoke_copy.planned(*study)["train"] == 2


def test_results_made_with_another_version_are_named(smoke, checkout):
    shutil.copytree(smoke.folder / "results", checkout.folder / "results")
    path = checkout.folder / "results/smoke/weights/tanh/seeds_0-1.h5"
    with h5py.File(path, "r+") as file:
        provenance = {**json.loads(file.attrs["provenance"]), "torch": "1.0.0"}
        file.attrs["provenance"] = np.bytes_(json.dumps(provenance))
    listed = checkout.snakemake("check", "--configfile", SMOKE).stdout
    assert "results/smoke: 1 files were made with torch 1.0.0; installed is" in listed


def test_a_changed_configuration_that_is_wrong_touches_nothing(smoke, results):
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    done = smoke.snakemake("--configfile", SMOKE, "--config", "seeds=0")
    assert done.returncode == 1
    assert "infoplane: smoke.yaml: seeds is 0; it must be a whole number of at least 1" in done.stderr
    assert "Traceback" not in done.stderr
    assert before == {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("inputs", "labels", "said"),
    [
        ((40, 3), "one", "runs.own: data set npz: all 40 labels are 0; a study needs at least two classes"),
        ((40, 3), "sorted", "runs.own: data set npz: no training sample has the label 1, which test samples have"),
        ((0, 3), "sorted", "runs.own: own.npz: inputs have the shape (0, 3)"),
        ((40, 3, 2), "sorted", "runs.own: own.npz: inputs have the shape (40, 3, 2)"),
        (None, "", "runs.own: own.npz: there is no such file"),
    ],
)
def test_data_that_make_a_study_impossible_are_refused_when_it_is_planned(checkout, tmp_path, inputs, labels, said):
    if inputs:
        of_class = np.arange(inputs[0]) >= 20 if labels == "sorted" else np.zeros(inputs[0])
        np.savez(tmp_path / "own.npz", inputs=np.random.default_rng(0).normal(size=inputs), labels=of_class)
    run = {"dataset": "npz", "dataset_options": {"path": "own.npz"}, "split": {"order": "ordered", "fraction": 0.5}}
    config = {"study": "bad", "runs": {"tanh": {}, "own": run}, "estimators": {"ebab": {"method": "ebab"}}}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    done = checkout.snakemake("--dry-run", "--configfile", "bad.yaml")
    assert done.returncode == 1
    assert f"infoplane: bad.yaml: {said}" in done.stderr
    assert "Traceback" not in done.stderr
    if inputs and labels == "one":
        # A run that is trained is not looked at again: its figures can be drawn without the data.
        for run in ("tanh", "own"):
            weights = tmp_path / f"results/bad/weights/{run}/seeds_0-9.h5"
            weights.parent.mkdir(parents=True)
            weights.write_bytes(b"")
        assert checkout.snakemake("--dry-run", "--configfile", "bad.yaml").returncode == 0


def test_what_is_odd_about_a_data_set_is_said_by_check(checkout, tmp_path):
    inputs = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(tmp_path / "own.npz", inputs=inputs, labels=np.arange(40) >= 20)
    run = {"dataset": "npz", "dataset_options": {"path": "own.npz"}, "split": {"order": "ordered", "fraction": 0.8}}
    config = {"study": "odd", "runs": {"own": run}, "estimators": {"ebab": {"method": "ebab"}}}
    (tmp_path / "odd.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    listed = checkout.snakemake("check", "--configfile", "odd.yaml").stdout.splitlines()
    assert "own: data set npz: no test sample has the label 0; split.stratified: true gives both parts all" in listed[1]
    assert "own: data set npz: batch_size is 512, and the training samples are 32" in listed[2]


def test_a_seed_gives_the_same_bits_alone_as_in_its_block(smoke, study, results, infoplane, tmp_path):
    output = tmp_path / "alone.h5"
    done = infoplane(
        "train", "--run", "relu", "--seeds", "seeds_3-3", "--settings", study.runs["relu"].to_json(),
        "--device", "cpu", "--output", output,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with h5py.File(output) as alone, h5py.File(results / "weights/relu/seeds_2-3.h5") as block:
        names = []
        alone.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        for name in names:
            if name not in ("seeds", "epochs"):
                assert np.array_equal(alone[name][0], block[name][1], equal_nan=True), name


def test_killed_training_resumes_and_ends_with_the_same_bytes(study, tmp_path):
    settings = dataclasses.replace(study.runs["tanh"], epochs=3000)
    command = [sys.executable, "-m", "infoplane", "train", "--run", "tanh", "--seeds", "seeds_0-1"]
    command += ["--settings", settings.to_json(), "--device", "cpu", "--checkpoint-seconds", "0.2", "--output"]
    undisturbed, killed = tmp_path / "undisturbed.h5", tmp_path / "killed.h5"
    assert subprocess.run([*command, undisturbed], check=False).returncode == 0
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    rng = random.Random(seed)
    resumed = 0
    for _ in range(3):
        process = subprocess.Popen([*command, killed])
        checkpoint = tmp_path / "killed.checkpoint"
        while process.poll() is None and not checkpoint.exists():
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.6))
        process.kill()
        process.wait()
        resumed += checkpoint.exists()
        assert checkpoint.exists() or killed.exists()
        assert not killed.exists() or killed.read_bytes() == undisturbed.read_bytes()
    assert resumed
    assert subprocess.run([*command, killed], check=False).returncode == 0
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.h5", "undisturbed.h5"]


def test_damaged_files_are_named_and_nothing_is_written(smoke, study, results, infoplane, tmp_path):
    weights = results / "weights/tanh/seeds_0-1.h5"
    whole = weights.read_bytes()
    flipped = bytearray(whole)
    with h5py.File(weights) as file:
        at = file["parameters/layer1/weights"].id.get_chunk_info(0).byte_offset
    flipped[at + 100] ^= 1
    cases = {
        "missing": (None, "there is no such file"),
        "empty": (b"", "not a whole HDF5 file"),
        "truncated": (whole[: len(whole) // 2], "not a whole HDF5 file"),
        "foreign": (b"hello, this is text", "not a whole HDF5 file"),
        "flipped": (bytes(flipped), "this file is damaged"),
        "kind": ((results / "activations/tanh/seeds_0-1.h5").read_bytes(), "it must hold 'infoplane weights'"),
    }
    for name, (content, sentence) in cases.items():
        path = tmp_path / f"{name}.h5"
        if content is not None:
            path.write_bytes(content)
        done = infoplane(
            "activations", "--weights", path, "--settings", study.runs["tanh"].to_json(), "--device", "cpu",
            "--layers", tmp_path / "out/layers.parquet",
            "--metrics", tmp_path / "out/metrics.parquet", "--output", tmp_path / "out/activations.h5",
        )  # fmt: skip
        assert done.returncode == 1, name
        assert done.stderr.startswith(f"infoplane: {path}: "), name
        assert sentence in done.stderr, name
        assert "Traceback" not in done.stderr
        assert not list(tmp_path.glob("out/*"))


def test_weights_of_other_settings_are_refused(study, results, infoplane, tmp_path):
    done = infoplane(
        "activations", "--weights", results / "weights/tanh/seeds_0-1.h5", "--settings", study.runs["relu"].to_json(),
        "--layers", tmp_path / "layers.parquet",
        "--metrics", tmp_path / "metrics.parquet", "--output", tmp_path / "activations.h5",
    )  # fmt: skip
    assert done.returncode == 1
    assert "made with other settings" in done.stderr


def test_activity_that_is_not_finite_is_refused(study, results, infoplane, tmp_path):
    path = tmp_path / "activations.h5"
    shutil.copy(results / "activations/tanh/seeds_0-1.h5", path)
    with h5py.File(path, "r+") as file:
        file["layer2/activity"][0, 3, 17, 1] = np.nan
    done = infoplane(
        "information", "--recording", path, "--run", "tanh", "--name", "ebab",
        "--estimator", study.estimators["ebab"].to_json(), "--output", tmp_path / "information.parquet",
    )  # fmt: skip
    assert done.returncode == 1
    assert "NaN" in done.stderr
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "information.parquet").exists()


def test_a_temporary_dump_goes_when_it_is_used_up(checkout, tmp_path):
    config = {
        "study": "tiny",
        "seeds": 1,
        "keep_activations": False,
        "defaults": {"epochs": 3, "recorded_epochs": 3, "hidden_layers": [3]},
        "runs": {"tanh": {}},
        "figures": ["learning_curves"],
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    # All that use the dump, one way or another.
    tables = [f"results/tiny/tables/{name}.parquet" for name in ("information", "layers", "distributions")]
    done = checkout.snakemake("--configfile", "tiny.yaml", "--", *tables)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list((tmp_path / "results/tiny/activations").rglob("*.h5"))
    assert len(pd.read_parquet(tmp_path / "results/tiny/tables/information.parquet")) == 3 * 2
    assert checkout.planned("--configfile", "tiny.yaml", "--", *tables) == {}


def test_other_data_sets_networks_and_a_diverging_run_go_through_every_stage(checkout, tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 3, (200, 2)).astype(float)  # nine distinct inputs, each many times
    np.savez(tmp_path / "own.npz", inputs=inputs, labels=(inputs.sum(axis=1) > 2).astype(int))
    config = {
        "study": "others",
        "seeds": 2,
        "device": "cpu",
        "defaults": {"epochs": 30, "recorded_epochs": 6, "record_gradients": True},
        "runs": {
            "digits": {"dataset": "digits", "hidden_layers": [16, 8], "activation": ["relu", "tanh"]},
            "own": {"dataset": "npz", "dataset_options": {"path": "own.npz"}, "batch_size": "full"},
            "normalised": {"dataset": "parity", "batch_normalisation": True, "dropout": 0.1, "activation": "gelu"},
            "wild": {
                "dataset": "shuffled",
                "dataset_options": {"seed": 1},
                "optimiser": "sgd",
                "learning_rate": 1.0e30,
                "activation": "linear",
            },
        },
        "estimators": {
            "fixed": {"method": "fixed_binning", "range": "layer_maximum", "correction": "miller_madow"},
            "ebab": {"method": "ebab", "shuffles": 2},
            "kde": {"method": "kde"},
            "adaptive_kde": {"method": "adaptive_kde", "scaling": "standard_deviation"},
        },
        "figures": ["information_plane", "gradients", "compression_by_run"],
    }
    (tmp_path / "others.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    done = checkout.snakemake("--configfile", "others.yaml")
    assert done.returncode == 0, done.stderr[-5000:]
    information = storage.read_table(tmp_path / "results/others/tables/information.parquet")
    ceilings = information.groupby("run")["h_x"].first()
    distinct, counts = np.unique(inputs, axis=0, return_counts=True)
    assert len(distinct) == 9
    assert ceilings["own"] == pytest.approx(-(counts / 200 * np.log2(counts / 200)).sum())
    assert ceilings["digits"] == pytest.approx(np.log2(1797))
    binned = information[information["estimator"] == "ebab"]
    assert (binned["i_tx"].dropna() <= binned.loc[binned["i_tx"].notna(), "h_x"] + 1e-9).all()
    assert information.loc[information["estimator"] == "ebab", "i_ty_shuffled"].notna().any()
    assert information.loc[information["run"] == "digits", "layer"].max() == 3
    front = (tmp_path / "results/others/report/front_page.rst").read_text()
    assert "- own: data set npz\\: 9 of 200 inputs are distinct, so that H(X) is 3." in front
    # The diverged networks are there, say since when, and have no numbers from then on.
    training = storage.read_table(tmp_path / "results/others/tables/training.parquet")
    wild = training[training["run"] == "wild"]
    assert (wild["diverged_epoch"] > 0).all()
    assert (training.loc[training["run"] != "wild", "diverged_epoch"] == -1).all()
    late = information[(information["run"] == "wild") & (information["epoch"] == 30)]
    assert late["i_tx"].isna().all()
    assert information.loc[information["run"] != "wild", "i_tx"].notna().all()
    layers = storage.read_table(tmp_path / "results/others/tables/layers.parquet")
    recorded = layers[(layers["run"] == "normalised") & (layers["epoch"] == 30)]
    assert recorded[["weight_norm", "gradient_mean_norm", "gradient_sd_norm", "activity_maximum"]].notna().all().all()
    for estimator in config["estimators"]:
        assert (tmp_path / f"results/others/figures/information_plane-{estimator}.svg").is_file()
    # A changed file of the user's is an input like any other.
    np.savez(tmp_path / "own.npz", inputs=inputs + 1, labels=(inputs.sum(axis=1) > 2).astype(int))
    planned = checkout.planned("--configfile", "others.yaml")
    assert {rule: planned[rule] for rule in ("train", "activations", "information")} == {
        "train": 1, "activations": 1, "information": 4,
    }  # fmt: skip
