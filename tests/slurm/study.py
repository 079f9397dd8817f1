"""A study that runs on the cluster, and what must hold of its files meanwhile and afterwards."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import yaml

from infoplane.errors import InfoplaneError
from infoplane.files import storage

from ..conftest import Checkout
from .cluster import Cluster

HERE = Path(__file__).parent
# Seconds between Snakemake's looks at the scheduler.
INTERVAL = "0.5"
PROFILE = "workflow/profiles/slurm"
# What a user of this cluster writes into the profile, where its comments say so: CPU is SLURM's default here.
NAMES = {"gpu_partition": "gpu"}


class Study:
    """A study in a checkout of its own, which runs on the cluster through the project's own profile."""

    def __init__(self, checkout: Checkout, cluster: Cluster, configuration: dict[str, Any], *targets: str) -> None:
        self.checkout, self.cluster, self.folder = checkout, cluster, checkout.folder
        self.results = self.folder / "results" / configuration["study"]
        path = self.folder / PROFILE / "config.yaml"
        profile = yaml.safe_load(path.read_text())
        defaults = {**(profile["default-resources"] or {}), **NAMES}
        path.write_text(yaml.safe_dump({**profile, "default-resources": defaults}))
        (self.folder / "study.yaml").write_text(yaml.safe_dump(configuration, sort_keys=False))
        self.configuration, self.targets = configuration, targets
        self.arguments = [*targets, "--profile", PROFILE, "--configfile", "study.yaml"]
        self.process: subprocess.Popen[bytes] | None = None
        self.output = self.folder / "snakemake.log"

    def begin(self) -> None:
        """Start Snakemake, as on a login node."""
        command = [sys.executable, str(HERE / "launch.py"), INTERVAL, *self.arguments]
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.cluster.environment, stdout=output, stderr=output
            )

    def end(self, seconds: float = 600) -> int:
        """Wait for Snakemake; its exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Kill Snakemake and nothing else."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to Snakemake."""
        assert self.process is not None
        self.process.send_signal(number)

    def unlock(self) -> None:
        done = self.checkout.snakemake("--unlock", "--configfile", "study.yaml")
        assert done.returncode == 0, done.stderr

    def planned(self, **changes: Any) -> dict[str, int]:
        """The number of jobs by rule that would run for the study's targets with these changes of the configuration."""
        path = self.folder / "changed.yaml"
        path.write_text(yaml.safe_dump({**self.configuration, **changes}, sort_keys=False))
        return self.checkout.planned(*self.targets, "--configfile", path.name)

    def said(self) -> str:
        """What Snakemake has printed."""
        return self.output.read_text(errors="replace")

    def command(self, *words: str) -> list[int]:
        """The processes on this machine of commands of rules, such as `infoplane train`, with all these words."""
        return [
            process
            for process in self.cluster.job_processes("-m infoplane", *words)
            if Path(f"/proc/{process}/comm").read_text().startswith("python")
        ]


def epoch_of(checkpoint: Path) -> int:
    """The epoch that a checkpoint was written at."""
    with np.load(checkpoint) as file:
        return int(file["epoch"])


def check_whole(path: Path) -> None:
    """Read a result to its end, with its checksums. Raises InfoplaneError if it is not whole."""
    if path.suffix == ".h5":
        with storage.open_hdf5(path, "result") as file:
            file.visititems(lambda _, item: item[...].sum() if isinstance(item, h5py.Dataset) else None)
    else:
        storage.read_table(path)


class Watch(threading.Thread):
    """While a study runs: reads every result as soon as it has its name, and the epochs of checkpoints."""

    def __init__(self, results: Path) -> None:
        super().__init__(daemon=True)
        self.results, self.stopped = results, threading.Event()
        self.seen: dict[Path, int] = {}
        self.damaged: list[str] = []
        self.epochs: dict[str, list[int]] = {}

    def run(self) -> None:
        while not self.stopped.wait(0.2):
            # A folder of unfinished parts may go while it is looked into; the next look sees the rest.
            with contextlib.suppress(FileNotFoundError):
                self.look()

    def look(self) -> None:
        for path in self.results.rglob("*"):
            if path.name.startswith(".") or path.suffix not in (".h5", ".parquet", ".csv", ".checkpoint"):
                continue
            try:
                when = path.stat().st_mtime_ns
                if self.seen.get(path) == when:
                    continue
                if path.suffix == ".checkpoint":
                    self.epochs.setdefault(path.parent.name, []).append(epoch_of(path))
                else:
                    check_whole(path)
                self.seen[path] = when
            except FileNotFoundError:
                continue  # removed just now
            except InfoplaneError as error:
                if path.exists():
                    self.damaged.append(str(error))

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.join()


def assert_same_results(found: Path, expected: Path) -> None:
    """All weights and tables of a study's folder, and no others, are equal bit for bit."""
    patterns = ("weights/*/*.h5", "information/*/*/*.parquet", "tables/*.parquet", "tables/*.csv")
    names = {path.relative_to(expected) for pattern in patterns for path in expected.glob(pattern)}
    assert names
    assert names == {path.relative_to(found) for pattern in patterns for path in found.glob(pattern)}
    for name in sorted(names):
        if name.suffix == ".h5":
            assert _content(found / name) == _content(expected / name), name
        else:
            pd.testing.assert_frame_equal(
                storage.read_table(found / name), storage.read_table(expected / name), check_exact=True
            )


def _content(path: Path) -> dict[str, bytes]:
    """Every array of an HDF5 file, as its bytes."""
    content: dict[str, bytes] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: content.update({name: item[...].tobytes()}) if isinstance(item, h5py.Dataset) else None
        )
    return content
