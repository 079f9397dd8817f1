"""What clusters do to a study while it runs: it ends complete, with the results of a study that nothing happened to.

The studies have three runs and the cluster two GPUs, so one job waits. Their training writes a checkpoint every second
instead of every minute, so that there is one to go on from.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ..conftest import Checkout
from .cluster import Cluster, megabytes, minutes, program, wait_until
from .study import Study, Watch, assert_same_results, epoch_of

RUNS = ("tanh", "relu", "softplus")
EPOCHS = 6000
CONFIGURATION = {
    "study": "faults",
    "seeds": 2,
    "seeds_per_job": 2,
    "device": "auto",
    "defaults": {"epochs": EPOCHS, "recorded_epochs": 5},
    "runs": {run: {"activation": run} for run in RUNS},
    "estimators": {"fixed": {"method": "fixed_binning"}},
}
# Training, activity and information are all before it.
TARGET = "results/faults/tables/information.parquet"


def checkpoints_every_second(checkout: Checkout) -> Checkout:
    rule = checkout.folder / "workflow/rules/train.smk"
    text = rule.read_text()
    assert text.count("infoplane train ") == 1
    rule.write_text(text.replace("infoplane train ", "infoplane train --checkpoint-seconds 1 "))
    return checkout


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the same study, run locally."""
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"))
    (checkout.folder / "study.yaml").write_text(yaml.safe_dump(CONFIGURATION, sort_keys=False))
    done = checkout.snakemake(TARGET, "--configfile", "study.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    return checkout.folder / "results/faults"


@pytest.fixture
def disturbed(study: Callable[..., Study], checkout: Checkout) -> Study:
    checkpoints_every_second(checkout)
    return study(CONFIGURATION, TARGET)


def weights(study: Study, run: str) -> Path:
    return study.results / f"weights/{run}/seeds_0-1.h5"


def checkpoint(study: Study, run: str) -> Path:
    return weights(study, run).with_suffix(".checkpoint")


def trains(study: Study, run: str, least: float = 0.0) -> bool:
    """Whether the run is being trained, and has a checkpoint of at least this share of its epochs."""
    try:
        done = epoch_of(checkpoint(study, run))
    except FileNotFoundError:
        return False
    return done >= least * EPOCHS and bool(study.command("train", f"--run {run} "))


def process_of(study: Study, run: str) -> int:
    (process,) = study.command("train", f"--run {run} ")
    return process


def job_of(cluster: Cluster, study: Study, run: str, *states: str) -> str:
    """The number of the only job of the study, or the only one in these states, that trains the run."""
    (number,) = cluster.of_rule("train", run, folder=study.folder, states=states)
    return number


def assert_resumed(watch: Watch, run: str, killed_at: int) -> None:
    """After it was killed, training wrote more checkpoints and none of an epoch that was passed before."""
    epochs = watch.epochs[run]
    assert epochs == sorted(epochs), epochs
    assert epochs[-1] > killed_at, (epochs, killed_at)


def freeze(study: Study, run: str) -> None:
    """Stop the training where it is, so that its job runs for as long as a test needs."""
    os.kill(process_of(study, run), signal.SIGSTOP)


def finished(study: Study) -> dict[Path, int]:
    """The results that are there, with their times."""
    return {
        path: path.stat().st_mtime_ns for path in study.results.rglob("[!.]*.*") if path.suffix in (".h5", ".parquet")
    }


def assert_kept(before: dict[Path, int]) -> None:
    assert {path: path.stat().st_mtime_ns for path in before} == before


def thaw(study: Study, run: str) -> None:
    os.kill(process_of(study, run), signal.SIGCONT)


def submissions(cluster: Cluster, study: Study, run: str) -> list[str]:
    """The numbers of all jobs that were to train a run."""
    return cluster.of_rule("train", run, folder=study.folder)


def first_two(cluster: Cluster, study: Study) -> tuple[str, str, str]:
    """The runs whose training runs, both with a checkpoint, and the one whose job waits for a GPU."""
    wait_until(lambda: sum(trains(study, run, 0.2) for run in RUNS) == 2, 120, "two trainings with checkpoints")
    first, second = (run for run in RUNS if trains(study, run))
    (third,) = {*RUNS} - {first, second}
    return first, second, third


def test_jobs_that_are_killed_or_cancelled(disturbed: Study, cluster: Cluster, undisturbed: Path) -> None:
    """Snakemake submits them again, and training goes on from its checkpoints."""
    with Watch(disturbed.results) as watch:
        disturbed.begin()
        killed, cancelled, waiting = first_two(cluster, disturbed)
        at = {run: epoch_of(checkpoint(disturbed, run)) for run in (killed, cancelled)}
        cluster.client("scancel", job_of(cluster, disturbed, waiting, "PENDING"))
        cluster.client("scancel", job_of(cluster, disturbed, cancelled, "RUNNING"))
        os.kill(process_of(disturbed, killed), signal.SIGKILL)
        assert disturbed.end() == 0, disturbed.said()
    assert not watch.damaged
    assert_same_results(disturbed.results, undisturbed)
    for run in (killed, cancelled):
        assert_resumed(watch, run, at[run])
    assert {run: len(submissions(cluster, disturbed, run)) for run in at} == {killed: 2, cancelled: 2}
    assert len(submissions(cluster, disturbed, waiting)) == 2


def test_limits_of_time_and_memory(disturbed: Study, cluster: Cluster, undisturbed: Path) -> None:
    """The next try asks for more of what the job was short of."""
    with Watch(disturbed.results) as watch:
        disturbed.begin()
        late, orphan, large = first_two(cluster, disturbed)
        jobs = {run: job_of(cluster, disturbed, run) for run in (late, orphan, large)}
        asked = {run: cluster.jobs()[job] for run, job in jobs.items()}
        cluster.client("scontrol", "update", f"JobId={jobs[large]}", "MinMemoryNode=100")
        for run in (late, orphan):
            cluster.client("scontrol", "update", f"JobId={jobs[run]}", "TimeLimit=1")
        freeze(disturbed, late)
        at = epoch_of(checkpoint(disturbed, late))
        # Without the daemon of its step, the command goes on and nobody sees it end.
        (daemon,) = cluster.job_processes(f"slurmstepd: [{jobs[orphan]}.0]")
        os.kill(daemon, signal.SIGKILL)
        assert disturbed.end() == 0, disturbed.said()
    assert not watch.damaged
    assert_same_results(disturbed.results, undisturbed)
    assert_resumed(watch, late, at)
    ended = {run: cluster.jobs()[job]["JobState"] for run, job in jobs.items()}
    assert ended[late] == ended[orphan] == "TIMEOUT"
    assert ended[large] in ("OUT_OF_MEMORY", "CANCELLED", "FAILED")
    for run in jobs:
        again = cluster.jobs()[job_of(cluster, disturbed, run, "COMPLETED")]
        assert minutes(again["TimeLimit"]) > minutes(asked[run]["TimeLimit"])
        assert megabytes(again["MinMemoryNode"]) > megabytes(asked[run]["MinMemoryNode"])


def test_snakemake_is_killed(disturbed: Study, cluster: Cluster, undisturbed: Path) -> None:
    """Started again, it cancels what is left of its jobs, accepts what has ended and knows what that was made from."""
    with Watch(disturbed.results) as watch:
        disturbed.begin()
        left, ends, waiting = first_two(cluster, disturbed)
        freeze(disturbed, left)
        at = epoch_of(checkpoint(disturbed, left))
        disturbed.kill()
        jobs = {run: job_of(cluster, disturbed, run) for run in (left, ends, waiting)}
        wait_until(lambda: cluster.jobs()[jobs[ends]]["JobState"] == "COMPLETED", 120, "the end of a job")
        wait_until(lambda: trains(disturbed, waiting), 120, "the start of the next job")
        freeze(disturbed, waiting)
        before = finished(disturbed)
        disturbed.unlock()
        disturbed.begin()
        assert disturbed.end() == 0, disturbed.said()
    assert not watch.damaged
    assert_same_results(disturbed.results, undisturbed)
    assert_resumed(watch, left, at)
    assert_kept(before)
    assert {run: cluster.jobs()[job]["JobState"] for run, job in jobs.items()} == {
        left: "CANCELLED",
        ends: "COMPLETED",
        waiting: "CANCELLED",
    }
    assert {run: len(submissions(cluster, disturbed, run)) for run in jobs} == {left: 2, ends: 1, waiting: 2}
    # A later change of what a result was made from is noticed, whoever saw its job end.
    assert disturbed.planned(defaults={"epochs": 100})["train"] == 3
    assert disturbed.planned() == {}


def test_a_node_goes_down_and_up(disturbed: Study, cluster: Cluster, undisturbed: Path) -> None:
    """SLURM itself runs the jobs of a node again that is lost; a daemon that is only restarted disturbs nothing."""
    with Watch(disturbed.results) as watch:
        disturbed.begin()
        first, second, _ = first_two(cluster, disturbed)
        cluster.end("n1", signal.SIGKILL)
        cluster.start_node("n1")
        assert trains(disturbed, first)
        at = {run: epoch_of(checkpoint(disturbed, run)) for run in (first, second)}
        cluster.end("n1", signal.SIGKILL)
        cluster.kill_jobs()
        wait_until(lambda: "down" in "".join(cluster.states()), 120, "a node that is down")
        cluster.start_node("n1")
        assert disturbed.end() == 0, disturbed.said()
    assert not watch.damaged
    assert_same_results(disturbed.results, undisturbed)
    for run in (first, second):
        assert_resumed(watch, run, at[run])
        assert len(submissions(cluster, disturbed, run)) == 1


def test_the_scheduler_does_not_answer(disturbed: Study, cluster: Cluster, undisturbed: Path) -> None:
    """Snakemake waits for it; no job is lost, and none runs twice."""
    # The first job will be submitted, but the answer is lost.
    once = f"mkdir {disturbed.folder}/answered 2> /dev/null && exit 1"
    cluster.wrap("sbatch", f'{program("sbatch")} "$@"; status=$?; {once}; exit $status')
    cluster.end("slurmctld", signal.SIGKILL)
    with Watch(disturbed.results) as watch:
        disturbed.begin()
        wait_until(lambda: "waiting until it can" in disturbed.said(), 120, "Snakemake waits")
        cluster.start_controller()
        ends, goes_on, waits = first_two(cluster, disturbed)
        freeze(disturbed, goes_on)
        cluster.end("slurmctld", signal.SIGKILL)
        wait_until(weights(disturbed, ends).exists, 120, "a job that ends meanwhile")
        wait_until(lambda: "asking again" in disturbed.said(), 120, "a question that is not answered")
        cluster.start_controller()
        thaw(disturbed, goes_on)
        # Snakemake sleeps for so long that SLURM forgets a job that has ended.
        wait_until(lambda: trains(disturbed, waits), 120, "the start of the third job")
        disturbed.signal(signal.SIGSTOP)
        number = job_of(cluster, disturbed, waits, "RUNNING")
        wait_until(lambda: cluster.jobs()[number]["JobState"] == "COMPLETED", 120, "the end of the third job")
        cluster.wrap("squeue", f'{program("squeue")} "$@" | sed -E "/^{number}([|]|$)/d"')
        disturbed.signal(signal.SIGCONT)
        assert disturbed.end() == 0, disturbed.said()
    assert f"has forgotten job {number}" in disturbed.said()
    assert not watch.damaged
    assert_same_results(disturbed.results, undisturbed)
    # Only the job whose answer was lost was submitted twice, and its first copy is gone.
    tries = {run: [cluster.jobs()[n]["JobState"] for n in submissions(cluster, disturbed, run)] for run in RUNS}
    assert sorted(tries.values()) == [["CANCELLED", "COMPLETED"], ["COMPLETED"], ["COMPLETED"]]
