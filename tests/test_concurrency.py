"""Several runs of Snakemake in one checkout at the same time."""

import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml

from infoplane.files import storage

from .conftest import ROOT

pytestmark = pytest.mark.slow

TABLES = ("training", "layers", "information")


def test_two_studies_run_beside_each_other_and_one_not_twice(smoke, checkout):
    """What two studies that start together give is what the smoke study gave, of whose runs they have one each."""
    preset = yaml.safe_load((ROOT / "workflow/presets/smoke.yaml").read_text())
    estimators = {name: preset["estimators"][name] for name in ("ebab", "kde")}
    running = []
    for run in ("tanh", "relu"):
        config = {**preset, "study": f"of_{run}", "seeds": 2, "runs": {run: preset["runs"][run]}}
        config |= {"estimators": estimators, "figures": ["learning_curves"]}
        (checkout.folder / f"{run}.yaml").write_text(yaml.safe_dump(config))
        targets = [f"results/of_{run}/{file}" for file in ("figures/learning_curves.svg", *_tables())]
        command = [sys.executable, "-m", "snakemake", *targets, "--cores", "1", "--configfile", f"{run}.yaml"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running.append(subprocess.Popen(command, cwd=checkout.folder, **pipes))
    # The tables of all runs are the first thing that a second run of the same study would make as well.
    while len(list((checkout.folder / ".snakemake/locks").glob("*.output.lock"))) < 2:
        time.sleep(0.1)
        assert [process.poll() for process in running] == [None, None]
    running[0].send_signal(signal.SIGSTOP)  # so that it is there still, however slow the next one starts
    again = checkout.snakemake("--configfile", "tanh.yaml", cores=1)
    running[0].send_signal(signal.SIGCONT)
    for process in running:
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said[-3000:]
    assert again.returncode == 1
    assert "no other Snakemake process is trying to create the same files" in again.stdout + again.stderr
    for run in ("tanh", "relu"):
        for file in _tables():
            alone = storage.read_table(smoke.folder / "results/smoke" / file)
            alone = alone[(alone["run"] == run) & (alone["seed"] < 2)]
            if "estimator" in alone:
                alone = alone[alone["estimator"].isin(list(estimators))]
            beside = storage.read_table(checkout.folder / f"results/of_{run}" / file)
            assert len(beside) > 20
            pd.testing.assert_frame_equal(beside, alone.reset_index(drop=True), check_exact=True)


def _tables() -> list[str]:
    return [f"tables/{name}.parquet" for name in TABLES]
