"""The smoke preset through the project's own profile, on a real SLURM: what it asks for, and what comes out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from infoplane.files import storage

from ..conftest import ROOT, Checkout
from .cluster import Cluster, megabytes, minutes
from .study import Study, Watch, assert_same_results

# The rules that ask for a GPU; binning computes on the CPU.
ON_GPU = r"rule_(train|activations|information_wildcards_.*_(kde|adaptive_kde))(_|$)"


def asked_for(said: str) -> dict[str, dict[str, str]]:
    """What each job asks for by Snakemake's own words, by the number of its job of SLURM."""
    asked: dict[str, dict[str, str]] = {}
    for block in re.split(r"\n(?=\[)", said):
        found = {key: re.search(rf"^ +{key}: (.*)$", block, re.MULTILINE) for key in ("jobid", "threads", "resources")}
        if found["jobid"] and found["resources"]:
            resources = dict(each.split("=", 1) for each in found["resources"][1].split(", ") if "=" in each)
            asked[found["jobid"][1]] = {"threads": found["threads"][1] if found["threads"] else "1", **resources}
    submitted = re.findall(r"^Job (\d+) has been submitted with SLURM jobid (\d+) ", said, re.MULTILINE)
    return {number: asked[job] for job, number in submitted}


@pytest.fixture(scope="module")
def local(request: pytest.FixtureRequest) -> Path:
    """The results of the smoke preset, run without SLURM: those in $SMOKE_RESULTS, or made here."""
    if "SMOKE_RESULTS" in os.environ:
        return Path(os.environ["SMOKE_RESULTS"])
    smoke: Checkout = request.getfixturevalue("smoke")
    return smoke.folder / "results/smoke"


def test_smoke_preset(study: Callable[..., Study], cluster: Cluster, local: Path) -> None:
    preset = yaml.safe_load((ROOT / "workflow/presets/smoke.yaml").read_text())
    running = study({**preset, "device": "auto"})
    with Watch(running.results) as watch:
        running.begin()
        assert running.end(3600) == 0, running.said()
    assert not watch.damaged
    assert_same_results(running.results, local)
    assert running.planned() == {}

    # There is no GPU behind what SLURM gave out, so that auto fell back to the CPU.
    for path in running.results.glob("weights/*/*.h5"):
        with storage.open_weights(path) as file:
            assert storage.read_provenance(file)["device"] == "cpu"

    jobs = {number: job for number, job in cluster.jobs().items() if job["WorkDir"] == str(running.folder)}
    asked = asked_for(running.said())
    assert set(jobs) == set(asked)
    assert len({job["Comment"] for job in jobs.values()}) == len(jobs), "a job was submitted twice"
    for number, job in jobs.items():
        assert cluster.record()[number]["JobState"] == job["JobState"] == "COMPLETED"
        assert job["NumCPUs"] == asked[number].get("cpus_per_task", asked[number]["threads"])
        assert megabytes(job["MinMemoryNode"]) == int(asked[number]["mem_mb"])
        assert minutes(job["TimeLimit"]) == int(asked[number]["runtime"])
        assert cluster.record()[number]["TimeLimit"] == asked[number]["runtime"]
        on_gpu = bool(re.match(ON_GPU, job["Comment"]))
        assert ("gpu:1" in job.get("JOB_GRES", "")) == on_gpu, job["Comment"]
        assert job["NodeList"] == ("n1" if on_gpu else "n2")
        assert asked[number].get("gpu", "0") == ("1" if on_gpu else "0")
    blocks = len(preset["runs"]) * preset["seeds"] // preset["seeds_per_job"]
    for rule, count in (("train", 1), ("activations", 1), ("information", len(preset["estimators"]))):
        assert blocks * count == len([job for job in jobs.values() if re.match(f"rule_{rule}_w", job["Comment"])])
