"""The profiles: what they ask SLURM for, how they share GPUs out, and that Snakemake reads all that is in them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import Checkout
from .fake_slurm.cluster import CONFIG, FakeCluster, files_of_jobs

ROOT = Path(__file__).parents[1]
SMOKE = "workflow/presets/smoke.yaml"

RULES = dict(
    re.findall(
        r"^rule (\w+):\n((?: .*\n|\n)+)", "".join(p.read_text() for p in ROOT.glob("workflow/rules/*.smk")), re.M
    )
)
PROFILES = sorted((ROOT / "workflow/profiles").glob("*/config.yaml"))

slow = pytest.mark.slow


def _cluster(checkout: Checkout, smoke: Checkout, run: tuple[str, ...] = (), **failures: int) -> FakeCluster:
    """A cluster of GPUs, and on it one run and block of the smoke study."""
    config = yaml.safe_load((ROOT / SMOKE).read_text())
    config |= {"seeds": 2, "device": "auto", "runs": {"tanh": config["runs"]["tanh"]}}
    finished = files_of_jobs(smoke, SMOKE)
    files = {job: [(smoke.folder / path, path) for path in paths] for job, paths in finished.items()}
    return FakeCluster(checkout, config, files, run, failures)


# A study on a cluster of GPUs

TRAIN, REALLY = "rule_train_wildcards_tanh_seeds_0-1", "rule_information_wildcards_tanh_seeds_0-1_ebab"
# All that a study makes but for most of what is made on the login node, which would only take its time here.
TARGETS = [
    *(f"results/smoke/tables/{name}.csv" for name in ("claims", "correlation", "phases")),
    "results/smoke/figures/compression_against_accuracy-ebab.svg",
    "results/smoke/explorer.html",
]


@pytest.fixture(scope="module")
def cluster(smoke, tmp_path_factory) -> FakeCluster:
    """The study has run through the profile, where every job failed once and one twice, and one really ran."""
    checkout = Checkout(tmp_path_factory.mktemp("cluster"))
    cluster = _cluster(checkout, smoke, (REALLY,), **{"default": 1, TRAIN: 2})
    done = cluster.snakemake(*TARGETS)
    assert done.returncode == 0, done.stderr[-5000:]
    return cluster


COMMON = "--parsable --export=ALL -p main"
# What the first attempt at a job of each rule asks for.
ASKED = {
    "train": "-t 11 --mem 2410 --cpus-per-task=1 --gpus=1",
    "activations": "-t 11 --mem 2460 --cpus-per-task=1 --gpus=1",
    "information kde": "-t 11 --mem 2460 --cpus-per-task=1 --gpus=1",
    "information adaptive_kde": "-t 11 --mem 2460 --cpus-per-task=1 --gpus=1",
    "information ebab": "-t 11 --mem 530 --ntasks=1 --cpus-per-task=1",
    "information fixed": "-t 11 --mem 530 --ntasks=1 --cpus-per-task=1",
    "information_table": "-t 11 --mem 500 --ntasks=1 --cpus-per-task=1",
    "statistics compression": "-t 12 --mem 590 --ntasks=1 --cpus-per-task=1",
    "statistics phases": "-t 12 --mem 590 --ntasks=1 --cpus-per-task=1",
    "claims": "-t 12 --mem 670 --ntasks=1 --cpus-per-task=1",
    "statistics correlation": "-t 12 --mem 590 --ntasks=1 --cpus-per-task=1",
    "explorer": "-t 12 --mem 700 --ntasks=1 --cpus-per-task=1",
    "figure": "-t 12 --mem 700 --ntasks=1 --cpus-per-task=1",
}
# Rules that run on the login node.
LOCAL = {
    "training_table",
    "layers_table",
    "distributions",
    "distributions_table",
    "compression_summary",
    "effects",
    "seeds_needed",
    "variance_components",
    "claims_page",
    "overview",
    "configuration",
}


def _kind(job: str) -> str:
    """The rule of a job, and its estimator or table where the rule asks for other things with another."""
    rule, _, wildcards = job.removeprefix("rule_").partition("_wildcards_")
    if rule == "statistics":
        return f"{rule} {wildcards}"
    estimator = re.search(r"(adaptive_kde|kde|ebab|fixed)$", wildcards) if rule == "information" else None
    return f"{rule} {estimator[1]}" if estimator else rule


@slow
def test_what_every_job_asks_for(cluster):
    first = {(_kind(job), asked[0]) for job, asked in cluster.submitted().items()}
    assert first == {(kind, f"{COMMON} {asked}") for kind, asked in ASKED.items()}


@slow
def test_every_rule_is_either_submitted_or_meant_to_run_where_snakemake_does(cluster):
    planned = cluster.checkout.planned("--configfile", CONFIG, "--forceall")
    assert set(planned) == LOCAL | {re.sub(r"^statistics |(?<=^information) .*", "", kind) for kind in ASKED}


@slow
def test_each_attempt_asks_for_more(cluster):
    for job, asked in cluster.submitted().items():
        attempts = 3 if job == TRAIN else 2
        minutes, memory = ([int(re.search(rf"{option} (\d+)", one)[1]) for one in asked] for option in ("-t", "--mem"))
        assert minutes == [minutes[0] * (1 + attempt) for attempt in range(attempts)], job
        assert memory == [memory[0] * (1 + attempt) for attempt in range(attempts)], job
        others = [re.sub(r"(-t|--mem) \d+", "", one) for one in asked]
        assert len(set(others)) == 1, job


@slow
def test_a_job_runs_what_it_was_given(cluster):
    (output,) = cluster.folder.glob("*.output")
    assert output.with_suffix(".state").read_text() == "COMPLETED"
    log = cluster.checkout.folder / "results/smoke/logs/information/tanh/seeds_0-1/ebab.log"
    assert "information tanh ebab: 12 of 12 layers" in log.read_text()


@slow
def test_the_study_is_complete(cluster):
    assert cluster.checkout.planned(*TARGETS, "--configfile", CONFIG) == {}


@slow
def test_jobs_are_looked_for_with_squeue(cluster):
    calls = (cluster.folder / "calls").read_text().splitlines()
    assert any(call.startswith("squeue") and "--states=all" in call for call in calls)
    assert not [call for call in calls if call.startswith("sacct ") and "--name" in call]


def _with_names(checkout: Checkout) -> None:
    """Takes the marks of comments away from the names of a cluster, as its user does."""
    path = checkout.folder / "workflow/profiles/slurm/config.yaml"
    text = path.read_text()
    named = re.sub(r"^# (  \w+: )", r"\1", text, flags=re.M)
    assert named != text
    path.write_text(named)


@slow
def test_names_of_a_cluster(smoke, checkout):
    cluster = _cluster(checkout, smoke)
    _with_names(cluster.checkout)
    of_block = "results/smoke/information/tanh/seeds_0-1"
    # In a study for the CPU alone no job has to do with GPUs.
    done = cluster.snakemake("results/smoke/weights/tanh/seeds_0-1.h5", "--config", "device=cpu")
    assert done.returncode == 0, done.stderr
    targets = (f"{of_block}/kde.parquet", f"{of_block}/ebab.parquet")
    done = cluster.snakemake(*targets, "--forcerun", "train", "--set-threads", "activations=4")
    assert done.returncode == 0, done.stderr
    common = "--parsable --export=ALL -A my_project"
    assert cluster.submitted() == {
        TRAIN: [
            f"{common} -p cpu -t 11 --mem 910 --ntasks=1 --cpus-per-task=1",
            f"{common} -p gpu -t 11 --mem 2410 --cpus-per-task=1 --gpus=a100:1",
        ],
        "rule_activations_wildcards_tanh_seeds_0-1": [
            f"{common} -p gpu -t 11 --mem 2460 --cpus-per-task=4 --gpus=a100:1"
        ],
        "rule_information_wildcards_tanh_seeds_0-1_kde": [
            f"{common} -p gpu -t 11 --mem 2460 --cpus-per-task=1 --gpus=a100:1"
        ],
        "rule_information_wildcards_tanh_seeds_0-1_ebab": [
            f"{common} -p cpu -t 11 --mem 530 --ntasks=1 --cpus-per-task=1"
        ],
    }


# One machine with GPUs


@slow
@pytest.mark.parametrize(
    ("visible", "arguments", "at_a_time"),
    [("0,1,2", (), 3), ("GPU-5f3a", (), 1), ("", (), 0), ("0,1,2", ("--resources", "gpu=2"), 2)],
)
def test_as_many_jobs_use_a_gpu_as_there_are(visible, arguments, at_a_time, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    given = _read("--profile", "workflow/profiles/gpu", *arguments)
    assert given.resources["gpu"].value == at_a_time
    assert given.cores > 0


@slow
def test_without_a_gpu_the_profile_limits_nothing(checkout):
    arguments = ["--profile", "workflow/profiles/gpu", "--configfile", SMOKE, "--config", "device=auto"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--until", "train", *arguments],
        cwd=checkout.folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"gpu=\d+, device=\w+", done.stdout + done.stderr)) == {"gpu=0, device=auto"}


# What Snakemake makes of a profile


def _read(*arguments: str):
    """The options that Snakemake understands."""
    from snakemake.cli import parse_args

    before = os.getcwd()
    os.chdir(ROOT)
    try:
        return parse_args(list(arguments))[1]
    finally:
        os.chdir(before)


def faults(text: str) -> list[str]:
    """What Snakemake would leave out of a profile without a word, or take for something that is not there."""
    import yte
    from snakemake.cli import parse_args

    known = {action.lstrip("-") for action in parse_args([])[0]._option_string_actions}
    rules = set(RULES)
    resources = {name for text in RULES.values() for name in re.findall(r"^ {8}(\w+)=", _resources(text), re.M)}
    resources |= {"mem_mb", "runtime", "slurm_account", "slurm_partition", "gpu_partition", "gpu_model"}
    profile = yte.process_yaml(text, require_use_yte=True) or {}
    found = [key for key in profile if key not in known]
    for key, value in profile.items():
        if key == "set-resources":
            found += [name for name in value or {} if name not in rules]
            found += [name for given in (value or {}).values() for name in given if name not in resources]
        elif key == "set-threads":
            found += [name for name in value or {} if name not in rules]
        elif key in ("resources", "default-resources"):
            found += [name for name in value or {} if name not in resources]
        elif isinstance(value, dict) and key in known:
            found.append(key)
    return found


def _resources(rule: str) -> str:
    """What a rule says under `resources`."""
    return "".join(re.findall(r"    resources:\n((?: {8}.*\n)+)", rule))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_snakemake_reads_every_key_of_a_profile(path):
    text = path.read_text()
    assert faults(text) == []
    assert faults(re.sub(r"^# (  \w+: )", r"\1", text, flags=re.M)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("default_resources: {slurm_partition: gpu}", "default_resources"),
        ("default-resources: {partition: gpu}", "partition"),
        ("set-resources: {trian: {mem_mb: 1}}", "trian"),
        ("set-resources: {train: {memory: 1}}", "memory"),
        ("set-threads: {trian: 2}", "trian"),
        ("jobs: {train: 3}", "jobs"),
        ("slurm-status: squeue", "slurm-status"),
    ],
)
def test_a_misspelled_key_is_found(text, fault):
    assert faults(text) == [fault]


def test_the_default_profile_holds_beside_that_for_slurm():
    # Where both have a key that of the default profile wins, so they have none in common.
    keys = [
        set(yaml.safe_load((ROOT / f"workflow/profiles/{name}/config.yaml").read_text()))
        for name in ("default", "slurm")
    ]
    assert not keys[0] & keys[1]
    given = _read("--profile", "workflow/profiles/slurm")
    assert given.executor == "slurm"
    assert (given.retries, given.keep_going, given.rerun_incomplete) == (2, True, True)
    assert (given.slurm_status_command, given.latency_wait) == ("squeue", 60)
