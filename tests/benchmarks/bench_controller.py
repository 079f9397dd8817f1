"""What Snakemake costs beside the work, for the paper's study on a cluster, by the number of seeds per job.

Run with `pytest -n 0 tests/benchmarks/bench_controller.py --benchmark-json=FILE`, alone on the machine. The rows time

- test_planning: a dry run of the whole study; extra_info has the number of jobs by rule;
- test_controller: the jobs of training, activations and information through the profile slurm, on a SLURM of scripts
  in which a job ends at once; extra_info has the seconds per job, in which planning has its share;
- test_start_of_a_job: nothing; extra_info has the seconds of a job beside those of its command, in which Snakemake
  starts twice.
"""

from __future__ import annotations

import pytest
import yaml

from ..conftest import ROOT
from ..fake_slurm.cluster import CONFIG, FakeCluster, files_of_jobs

PAPER = "workflow/presets/paper.yaml"
SMOKE = "workflow/presets/smoke.yaml"


@pytest.fixture
def config() -> dict:
    """The paper's study without the variants of its estimators."""
    return {**yaml.safe_load((ROOT / PAPER).read_text()), "sensitivity": {"enabled": False}}


@pytest.mark.parametrize("seeds_per_job", [50, 25, 10])
def test_planning(benchmark, checkout, config, seeds_per_job):
    (checkout.folder / CONFIG).write_text(yaml.safe_dump({**config, "seeds_per_job": seeds_per_job}, sort_keys=False))
    jobs = benchmark.pedantic(checkout.planned, ("--configfile", CONFIG), rounds=3, warmup_rounds=1)
    benchmark.extra_info |= {"jobs": sum(jobs.values()), **jobs}


@pytest.mark.parametrize("seeds_per_job", [50, 25, 10])
def test_controller(benchmark, checkout, config, seeds_per_job):
    config["seeds_per_job"] = seeds_per_job
    empty = checkout.folder / "empty"
    empty.touch()
    (checkout.folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))
    files = {job: [(empty, path) for path in paths] for job, paths in files_of_jobs(checkout, CONFIG).items()}
    cluster = FakeCluster(checkout, config, files)

    def run() -> int:
        done = cluster.snakemake("--until", "information", seconds=3600)
        assert done.returncode == 0, done.stderr[-3000:]
        return sum(map(len, cluster.submitted().values()))

    jobs = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info |= {"jobs": jobs, "seconds per job": benchmark.stats.stats.min / jobs}


def test_start_of_a_job(benchmark, checkout):
    config = {**yaml.safe_load((ROOT / SMOKE).read_text()), "seeds": 2, "sensitivity": {"enabled": False}}
    cluster = FakeCluster(checkout, config, {}, ["rule_train_wildcards_tanh_seeds_0-1"])

    def run() -> float:
        done = cluster.snakemake("results/smoke/weights/tanh/seeds_0-1.h5", "--force")
        assert done.returncode == 0, done.stderr[-3000:]
        row = (checkout.folder / "results/smoke/benchmarks/train/tanh/seeds_0-1.tsv").read_text().splitlines()[1]
        (last,) = sorted(cluster.folder.glob("*.seconds"), key=lambda path: int(path.stem))[-1:]
        return float(last.read_text()) - float(row.split()[0])

    beside = [run() for _ in range(4)]
    benchmark.pedantic(lambda: None)
    benchmark.extra_info["seconds beside the command"] = min(beside)
