"""Killing the pipeline at any time loses nothing that was finished."""

import base64
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from infoplane.files import storage

pytestmark = pytest.mark.slow

KILLS = 20
CONFIG = {
    "study": "killed",
    "seeds": 4,
    "seeds_per_job": 2,
    "device": "cpu",
    "defaults": {"epochs": 150, "recorded_epochs": 8},
    "runs": {"tanh": {}, "relu": {"activation": "relu"}},
    "estimators": {"fixed": {"method": "fixed_binning"}, "ebab": {"method": "ebab"}},
    "figures": ["learning_curves"],
}


def finished(checkout, study: str) -> dict[Path, int]:
    """The results of jobs that Snakemake does not hold for unfinished, with the time of each."""
    markers = (checkout.folder / ".snakemake/incomplete").glob("*")
    unfinished = {base64.b64decode(marker.name).decode() for marker in markers}
    return {
        path: path.stat().st_mtime_ns
        for path in (checkout.folder / "results" / study).rglob("*")
        if path.suffix in (".h5", ".parquet")
        and not path.name.startswith(".")
        and str(path.relative_to(checkout.folder)) not in unfinished
    }


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.name: storage.read_table(path) for path in sorted(folder.glob("tables/*.[pc]*[!n]"))}


def workers(checkout) -> list[int]:
    """The processes of the pipeline that run in the checkout, but for Snakemake itself."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if (process / "cwd").readlink() == checkout.folder and "infoplane" in command:
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="finds the workers in /proc")
def test_twenty_kills_change_nothing(checkout):
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    print(f"seed {seed}")
    (checkout.folder / "kill.yaml").write_text(yaml.safe_dump(CONFIG))
    (checkout.folder / "calm.yaml").write_text(yaml.safe_dump({**CONFIG, "study": "calm"}))
    begin = time.monotonic()
    assert checkout.snakemake("--configfile", "calm.yaml").returncode == 0
    undisturbed = time.monotonic() - begin
    begin = time.monotonic()
    assert checkout.planned("--configfile", "calm.yaml") == {}
    start = time.monotonic() - begin

    made = [path.relative_to(checkout.folder) for path in checkout.folder.glob("results/calm/tables/*")]
    tables_of_killed = [str(path).replace("/calm/", "/killed/") for path in made]
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "kill.yaml", "--", *tables_of_killed]
    results = checkout.folder / "results/killed"
    reruns = most = 0
    for number in range(KILLS):
        before = finished(checkout, "killed")
        controller = subprocess.Popen(
            command, cwd=checkout.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # From before the first job to some jobs later, so that the last kills are near the end of the study.
        time.sleep(rng.uniform(start / 2, 3 * start + undisturbed / 8))
        victims = workers(checkout)
        if number % 2 and victims and controller.poll() is None:
            os.kill(rng.choice(victims), signal.SIGKILL)  # a worker; the controller goes on and reports it
            time.sleep(0.5)
        controller.kill()
        controller.wait()
        for pid in workers(checkout):  # they outlive their controller
            os.kill(pid, signal.SIGKILL)
        after = finished(checkout, "killed")
        reruns += sum(after.get(path) != when for path, when in before.items())
        most = max(most, len(after))
        assert checkout.snakemake("--configfile", "kill.yaml", "--unlock").returncode == 0
    done = checkout.snakemake("--configfile", "kill.yaml", "--", *tables_of_killed)
    assert done.returncode == 0, done.stderr[-3000:]
    assert reruns == 0
    assert most > 0
    calm = tables(checkout.folder / "results/calm")
    assert {"training.parquet", "information.parquet", "compression.csv", "correlation.csv"} <= set(calm)
    for name, table in tables(results).items():
        pd.testing.assert_frame_equal(table, calm[name])
    assert checkout.planned("--configfile", "kill.yaml", "--", *tables_of_killed) == {}
    assert not [path for path in results.rglob("*") if ".tmp" in path.name or ".checkpoint" in path.name]
