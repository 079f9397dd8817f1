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


def _rules(text: str) -> list[tuple[str, str]]:
    """The names and texts of the rules of a file."""
    return re.findall(r"^rule (\w+):\n((?: .*\n|\n)+)", text, re.M)


RULES = {name: text for path in sorted(ROOT.glob("workflow/rules/*.smk")) for name, text in _rules(path.read_text())}


def files_of_jobs(checkout: Checkout, config: str) -> dict[str, list[str]]:
    """What the jobs of a study leave behind, finished or not, by what the plugin tells SLURM of each job."""
    done = checkout.snakemake("--summary", "--configfile", config)
    assert done.returncode == 0, done.stderr
    found = defaultdict(list)
    for line in done.stdout.splitlines()[1:]:
        path, _, rule, log, *_ = line.split("\t")
        wildcards = Path(log).with_suffix("").parts[4:]  # results/<study>/logs/<stage>/<wildcards>.log
        has_wildcards = "{{" in re.search(r"log:\n(.*)", RULES[rule])[1]
        job = f"rule_{rule}_wildcards_{'_'.join(wildcards)}" if has_wildcards else f"rule_{rule}"
        found[job] += [path, log, re.sub(r"/logs/(.*)\.log$", r"/benchmarks/\1.tsv", log)]
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
