"""A checkout on whose PATH is the SLURM of client.py, which runs no job but hands out what jobs leave behind."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..conftest import ROOT, Checkout

HERE = Path(__file__).parent
CLIENTS = ("sbatch", "squeue", "sacct", "scontrol", "scancel", "sinfo", "sacctmgr", "sshare", "srun")
CONFIG = "of_cluster.yaml"


def planned_jobs(said: str) -> list[dict[str, str]]:
    """What a dry run says of each job: rule, output, log, benchmark, wildcards, resources and more, as text."""
    jobs = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", said, re.M)
    return [{"rule": rule, **dict(re.findall(r"^    (\w+): (.*)$", text, re.M))} for rule, text in jobs]


def files_of_jobs(checkout: Checkout, config: str) -> dict[str, list[str]]:
    """What the jobs of a study leave behind, finished or not, by what the plugin tells SLURM of each job."""
    done = checkout.snakemake("--dry-run", "--forceall", "--configfile", config)
    assert done.returncode == 0, done.stderr
    found = {}
    for job in planned_jobs(done.stdout + done.stderr):
        wildcards = [wildcard.partition("=")[2] for wildcard in job.get("wildcards", "").split(", ")]
        name = f"rule_{job['rule']}" + (f"_wildcards_{'_'.join(wildcards)}" if job.get("wildcards") else "")
        files = ", ".join(job.get(key, "") for key in ("output", "log", "benchmark"))
        found[name] = [file for file in files.split(", ") if file]
    return found


class FakeCluster:
    """A study on it, through the profile; `files` are those of the jobs and where they are copied from.

    The jobs of `run` run what they were given; `failures` says how often jobs fail before they succeed.
    """

    def __init__(
        self,
        checkout: Checkout,
        config: Mapping[str, Any],
        files: Mapping[str, Iterable[tuple[Path, str]]],
        run: Iterable[str] = (),
        failures: Mapping[str, int] | None = None,
    ) -> None:
        self.checkout, self.folder = checkout, checkout.folder / "slurm"
        (checkout.folder / CONFIG).write_text(yaml.safe_dump(dict(config), sort_keys=False))
        clients = self.folder / "bin"
        clients.mkdir(parents=True)
        for name in CLIENTS:
            client = clients / name
            client.write_text(f'#!/bin/sh\nexec {sys.executable} -S {HERE}/client.py {name} "$@"\n')
            client.chmod(0o755)
        copies = {job: [(str(a), str(checkout.folder / b)) for a, b in pairs] for job, pairs in files.items()}
        plan = {"failures": {"default": 0, **(failures or {})}, "files": copies, "run": list(run)}
        (self.folder / "plan.json").write_text(json.dumps(plan))
        path = f"{clients}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "FAKE_SLURM": str(self.folder)}

    def snakemake(self, *arguments: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Snakemake as on a login node, but that it looks five times a second whether jobs have ended."""
        launch = [sys.executable, str(ROOT / "tests/slurm/launch.py"), "0.2"]
        profile = ["--profile", "workflow/profiles/slurm", "--configfile", CONFIG, "--latency-wait", "5"]
        command = [*launch, *arguments, *profile, "--slurm-init-seconds-before-status-checks", "1"]
        return subprocess.run(
            command, cwd=self.checkout.folder, env=self.environment, capture_output=True, text=True, timeout=seconds
        )

    def submitted(self) -> dict[str, list[str]]:
        """What every job asked for, by the comment that says which it is, in the order of its attempts."""
        found = defaultdict(list)
        for path in sorted(self.folder.glob("submitted/*.json"), key=lambda path: int(path.stem)):
            arguments = json.loads(path.read_text())
            job = arguments[arguments.index("--comment") + 1]
            found[job].append(_asked(arguments))
        return found


def _asked(arguments: list[str]) -> str:
    """The options of sbatch but for those that only name things."""
    kept, skip = [], False
    for argument in arguments:
        if skip or argument.startswith("--wrap="):
            skip = False
        elif argument in ("--job-name", "--output", "--comment", "-D"):
            skip = True
        else:
            kept.append(argument)
    return " ".join(kept)
