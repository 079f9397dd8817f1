"""The memory and time that jobs ask for: against what they took, and where more is asked for."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from infoplane import configuration, datasets
from infoplane.estimators import METHODS
from infoplane.figures import FIGURES
from infoplane.settings import RecordedEpochs
from infoplane.workflow import resources

from .fake_slurm.cluster import planned_jobs

ROOT = Path(__file__).parents[1]
SMOKE = "workflow/presets/smoke.yaml"
slow = pytest.mark.slow


def _study(path: str) -> configuration.Study:
    config = yaml.safe_load((ROOT / path).read_text())
    return configuration.load(config)


DEFAULT, PAPER = _study("config.yaml"), _study("workflow/presets/paper.yaml")


# Against what jobs took


def _asked(said: str) -> dict[str, tuple[int, int]]:
    """Memory in MB and time in minutes that each job of a dry run asks for, by its log."""
    found = {}
    for job in planned_jobs(said):
        if "benchmark" in job:
            asked = dict(resource.split("=") for resource in job["resources"].split(", "))
            found[job["log"]] = int(asked["mem_mb"]), int(asked["runtime"])
    return found


@slow
def test_what_the_smoke_study_asked_for_is_enough_and_not_much_more(smoke):
    done = smoke.snakemake("--configfile", SMOKE, "--forceall", "--dry-run")
    asked = _asked(done.stdout + done.stderr)
    ratios = {}
    for log, (memory, minutes) in asked.items():
        took = re.search(r"peak memory: (\d+) MB", (smoke.folder / log).read_text())
        ratios[log] = memory / int(took[1])
        seconds = float((smoke.folder / _benchmark(log)).read_text().splitlines()[1].split()[0])
        assert seconds < 0.5 * 60 * minutes, log
    assert len(ratios) == len(list((smoke.folder / "results/smoke/benchmarks").rglob("*.tsv"))) > 40
    assert {log: ratio for log, ratio in ratios.items() if not 1.2 < ratio < 4} == {}


def _benchmark(log: str) -> str:
    return log.replace("/logs/", "/benchmarks/").replace(".log", ".tsv")


# What jobs of the default study took, with its sensitivity, on two cores of a shared AMD EPYC (Zen 4) without a GPU, on
# 23 November 2026 with Python 3.11 and torch 2.13: peak memory in MB and seconds of one core, each the most of all jobs
# of the rule. Some of them compiled.
TOOK = {
    "train": (463, 20.8),
    "activations": (511, 4.1),
    "information fixed": (160, 2.6),
    "information ebab": (158, 3.7),
    "information kde": (541, 20.6),
    "information adaptive_kde": (463, 14.1),
    "distributions": (142, 0.9),
    "training_table": (143, 0.5),
    "layers_table": (160, 0.4),
    "information_table": (248, 0.7),
    "distributions_table": (150, 0.5),
    "compression": (332, 1.5),
    "compression_summary": (149, 1.3),
    "correlation": (230, 13.7),
    "effects": (194, 1.4),
    "variance_components": (197, 2.0),
    "seeds_needed": (220, 2.5),
    "phases": (336, 2.5),
    "claims": (275, 1.7),
    "sensitivity ebab": (289, 6.5),
    "explorer": (454, 3.7),
    "figure activity_maxima": (279, 2.9),
    "figure compression_by_run": (260, 5.0),
    "figure information_plane": (349, 4.3),
    "figure l2": (247, 3.1),
    "figure learning_curves": (277, 4.0),
    "figure single_seeds": (357, 5.8),
}


def _need(job: str) -> resources.Need:
    """The largest need of the jobs of a rule in the default study, where torch looks for a GPU and finds none."""
    rule, _, name = job.partition(" ")
    seeds, runs = DEFAULT.seeds, DEFAULT.runs.values()
    match rule:
        case "train":
            needs = [resources.training(settings, seeds) for settings in runs]
        case "activations":
            needs = [resources.activations(settings, seeds) for settings in runs]
        case "information":
            chosen = DEFAULT.estimators[name]
            device = DEFAULT.device if METHODS[chosen.method].uses_gpu else "cpu"
            needs = [resources.information(settings, seeds, chosen, device) for settings in runs]
        case "distributions":
            needs = [resources.distributions(settings) for settings in runs]
        case "training_table" | "layers_table" | "information_table" | "distributions_table":
            needs = [resources.collecting(DEFAULT, rule.removesuffix("_table"))]
        case "compression" | "phases":
            needs = [resources.by_run(DEFAULT)]
        case "compression_summary":
            needs = [resources.summarising(DEFAULT)]
        case "claims":
            needs = [resources.of_claims(DEFAULT)]
        case "sensitivity":
            needs = [resources.of_sensitivity(DEFAULT, name)]
        case "explorer":
            needs = [resources.drawing(DEFAULT, ["information", "training"])]
        case "figure":
            needs = [resources.drawing(DEFAULT, FIGURES[name].tables)]
        case _:
            needs = [resources.of_compression(DEFAULT)]
    return resources.Need(max(need.megabytes for need in needs), max(need.seconds for need in needs))


@pytest.mark.parametrize(("job", "took"), TOOK.items())
def test_what_the_default_study_asks_for_is_enough_and_not_much_more(job, took):
    megabytes, seconds = took
    need = _need(job)
    assert 1.2 < resources.memory(need, 1) / megabytes < 4
    assert seconds < min(need.seconds, 0.1 * 60 * resources.minutes(need, 1))


# Where more is asked for


def _needs(settings, seeds: int) -> list[resources.Need]:
    """Of all that is done with a block."""
    return [
        resources.training(settings, seeds),
        resources.activations(settings, seeds),
        *(resources.information(settings, seeds, estimator, "cpu") for estimator in DEFAULT.estimators.values()),
    ]


@pytest.mark.parametrize(
    ("larger", "seeds"),
    [
        ({}, 60),
        ({"recorded_epochs": RecordedEpochs("linear", 2000)}, 10),
        ({"hidden_layers": (512, 256, 4, 3, 2)}, 10),
        ({"dataset": "mnist", "dataset_options": (("folder", "there"),)}, 10),
        ({"dataset": "mnist", "dataset_options": (("folder", "there"),), "batch_size": None}, 10),
    ],
)
def test_larger_work_asks_for_more(larger, seeds):
    settings = DEFAULT.runs["tanh"]
    for less, more in zip(_needs(settings, 10), _needs(replace(settings, **larger), seeds), strict=True):
        assert more.megabytes > less.megabytes
        assert more.seconds > less.seconds


def test_more_epochs_ask_for_more_time():
    settings = DEFAULT.runs["tanh"]
    longer = replace(settings, epochs=10 * settings.epochs, recorded_epochs=RecordedEpochs("list", epochs=(1, 2)))
    assert resources.training(longer, 10).seconds > 5 * resources.training(settings, 10).seconds
    # On a GPU a mini-batch has its price however few seeds there are.
    small = replace(settings, batch_size=16)
    assert resources.training(small, 1, gpus=1).seconds > 5 * resources.training(small, 1).seconds


def test_attempts_and_gpus_ask_for_more():
    need = resources.Need(1000, 600)
    assert [resources.memory(need, attempt) for attempt in (1, 2, 3)] == [1580, 3160, 4740]
    assert [resources.minutes(need, attempt) for attempt in (1, 2, 3)] == [50, 100, 150]
    assert resources.memory(need, 1, gpus=1) == resources.memory(need, 1) + resources.CUDA_MB


def test_jobs_of_the_papers_study_are_neither_small_nor_large():
    """Of the rules that do its work, on the CPU."""
    assert PAPER.seeds_per_job == PAPER.seeds
    for settings in PAPER.runs.values():
        for need in _needs(settings, PAPER.seeds):
            assert 45 < need.seconds < 1000
            assert resources.minutes(need, 1) <= 60
            assert resources.memory(need, 1) < 1500


def test_a_data_set_that_is_missing_stops_no_one(tmp_path):
    settings = replace(DEFAULT.runs["tanh"], dataset="npz", dataset_options=(("path", str(tmp_path / "none.npz")),))
    assert resources.training(settings, 10) == resources.training(DEFAULT.runs["tanh"], 10)


# What is read for it


def test_shapes_of_data_sets(tmp_path):
    np.savez(tmp_path / "own.npz", inputs=np.zeros((30, 4)), labels=np.arange(30) % 3)
    for name, options in (("szt", {}), ("digits", {}), ("npz", {"path": str(tmp_path / "own.npz")})):
        data = datasets.load(name, **options)
        assert datasets.shape(name, **options) == (*data.inputs.shape, data.classes)
    assert datasets.shape("mnist", folder="there") == (70_000, 784, 10)
    assert datasets.shape("fashion_mnist", folder="there", samples=500) == (500, 784, 10)


def test_reading_the_workflow_imports_nothing_heavy():
    heavy = ("torch", "pandas", "matplotlib", "scipy", "sklearn", "numba", "h5py")
    program = (
        "import sys; from infoplane import datasets; from infoplane.workflow import resources; "
        "datasets.shape('digits'); "
        f"print(*(name for name in {heavy} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@slow
def test_a_change_of_what_is_asked_for_runs_nothing_again(smoke):
    path = smoke.folder / "src/infoplane/workflow/resources.py"
    text = path.read_text()
    try:
        path.write_text(text.replace("\nSNAKEMAKE_MB = ", "\nSNAKEMAKE_MB = 1000 + "))
        done = smoke.snakemake("--configfile", SMOKE, "--dry-run", "--forceall")
        assert min(memory for memory, _ in _asked(done.stdout + done.stderr).values()) > 1000
        assert smoke.planned("--configfile", SMOKE) == {}
    finally:
        path.write_text(text)
