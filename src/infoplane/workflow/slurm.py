"""What a study needs of Snakemake's executor for SLURM, beyond what the plugin does, to survive what clusters do.

Seen on a real SLURM with version 2.8 of the plugin:

- If the scheduler cannot be reached when the plugin asks for the state of its jobs, it forgets them and waits for ever.
  So does it if SLURM has forgotten a job that ended.
- After Snakemake was killed and is started again, jobs of the earlier run that still wait or run are not known to it,
  and a second copy of each is submitted, which writes the same files and removes those of the first.
- What a result was made from is recorded when Snakemake sees its job end. Results of jobs that end while it is dead
  would have no record, and later changes of settings and code would go unnoticed for them.

And partition and model of GPUs are properties of a rule for the plugin, while the same rule may need a GPU for one
estimator and none for another.

The class here overrides methods of the interface for executors, so it holds for other versions of the plugin too.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import AsyncGenerator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

# Seconds between two questions to a scheduler that does not answer, or until a cancelled job is gone.
PAUSE = 2.0
# Seconds after which a job that does not end, since its node does not answer, is waited for no longer.
PATIENCE = 300.0


def install(study: str) -> None:
    """Use `Executor` for the study's jobs wherever Snakemake is told to use the executor slurm."""
    Executor.study = study
    ExecutorPluginRegistry().plugins["slurm"].executor = Executor


class Executor(snakemake_executor_plugin_slurm.Executor):  # type: ignore[misc]
    """The plugin's executor, which neither loses jobs nor doubles them."""

    study = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # The thread that waits for jobs starts before __post_init__.
        self._settled: set[int] = set()
        self._absent: set[str] = set()
        super().__init__(*arguments, **options)

    def __post_init__(self, *arguments: Any, **options: Any) -> None:
        # The name of a job begins with one for the study; the plugin adds an identifier of the run.
        settings = self.workflow.executor_settings
        label = re.sub("[^A-Za-z0-9]", "-", self.study)[:20]
        digest = sha256(self.study.encode()).hexdigest()[:8]
        self.prefix = settings.jobname_prefix = f"{settings.jobname_prefix or 'infoplane'}-{label}-{digest}"
        super().__post_init__(*arguments, **options)
        self._earlier = self._copies()

    # Submission

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Record what the jobs' results will be made from, and submit them."""
        for job in jobs:
            # Where a result is there already, its record must stay until it is replaced.
            if not job.is_group() and not any(Path(path).exists() for path in job.output):
                self.workflow.async_run(self.workflow.persistence.finished(job))
        super().run_jobs(jobs)

    def run_job(self, job: Any) -> None:
        """Submit a job, when the scheduler can be reached and no other copy of the job is left."""
        self._wait_for_controller()
        # A failed submission may have reached the scheduler all the same.
        copies = self._earlier if job.attempt == 1 else self._copies()
        numbers = copies.pop(_comment(job), [])
        if numbers:
            self._cancel(numbers)
        if not job.resources.get("gpu"):
            vars(job.resources).pop("gpu_model", None)  # the plugin would ask for 0 GPUs of the model
        super().run_job(job)

    def get_partition_arg(self, job: Any) -> str:
        """The partition of the job as an option of sbatch: gpu_partition, if given, for jobs that use a GPU."""
        partition = job.resources.get("gpu_partition") if job.resources.get("gpu") else None
        return f" -p {shlex.quote(str(partition))}" if partition else str(super().get_partition_arg(job))

    def _copies(self) -> dict[str, list[str]]:
        """The jobs of this study and working directory, of earlier runs too, that have not ended, by what they do."""
        self._wait_for_controller()
        found: dict[str, list[str]] = {}
        for line in (_squeue("%i|%j|%k|%Z") or "").splitlines():
            number, name, comment, folder = (*line.split("|", 3), "", "", "")[:4]
            ours = re.fullmatch(rf"{re.escape(self.prefix)}_[0-9a-f-]{{36}}", name)
            if ours and folder == str(self.workflow.workdir_init):
                found.setdefault(comment.strip(), []).append(number)
        return found

    def _cancel(self, numbers: Sequence[str]) -> None:
        """Cancel jobs, and wait until none of their processes is left."""
        self.logger.info(f"Cancelling an earlier copy of the next job: SLURM job {' '.join(numbers)}.")
        _call("scancel", *numbers)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            left = _squeue("%i")
            if left is not None and not set(numbers) & set(left.split()):
                return
            time.sleep(PAUSE)
        self.logger.warning(f"SLURM job {' '.join(numbers)} is cancelled but does not end; going on without waiting.")

    def _wait_for_controller(self) -> None:
        told = False
        while (answer := _call("scontrol", "ping", fails=True)) and "DOWN" in answer and "UP" not in answer:
            if not told:
                self.logger.warning("SLURM's controller cannot be reached; waiting until it can.")
                told = True
            time.sleep(PAUSE)

    # Waiting

    async def check_active_jobs(self, active_jobs: list[Any]) -> AsyncGenerator[Any, None]:
        """As the plugin does, but no job is lost, and none is waited for that SLURM has forgotten."""
        self._settled.clear()
        watched = [info async for info in super().check_active_jobs(active_jobs)]
        lost = [info for info in active_jobs if id(info) not in self._settled.union(map(id, watched))]
        if lost:
            self.logger.warning(f"SLURM does not say how {len(lost)} jobs are; asking again.")
        listed = _squeue("%i", "--states=all")
        if listed is not None:
            absent = {info.external_jobid for info in watched if not _elsewhere(info.job)} - set(listed.split())
            # A job that ends just now is seen by the plugin's next look: only the second look without it counts.
            forgotten, self._absent = absent & self._absent, absent
        else:
            forgotten = set()
        for info in [*watched, *lost]:
            if info.external_jobid in forgotten:
                self.logger.warning(
                    f"SLURM has forgotten job {info.external_jobid}: its results say whether it ended well."
                )
                self.report_job_success(info)
            else:
                yield info

    def report_job_success(self, job_info: Any) -> None:
        self._settled.add(id(job_info))
        super().report_job_success(job_info)

    def report_job_error(self, job_info: Any, *arguments: Any, **options: Any) -> None:
        self._settled.add(id(job_info))
        super().report_job_error(job_info, *arguments, **options)


def _elsewhere(job: Any) -> bool:
    """Whether a job may be on another cluster, where squeue does not look."""
    return any(job.resources.get(name) for name in ("cluster", "clusters", "slurm_cluster"))


def _comment(job: Any) -> str:
    """What the plugin writes beside a job, which says what the job does."""
    wildcards = "" if job.is_group() else "_".join(job.wildcards).replace("/", "_")
    return f"rule_{job.name}_wildcards_{wildcards}" if wildcards else f"rule_{job.name}"


def _squeue(form: str, *options: str) -> str | None:
    """A line for each of the user's jobs that have not ended, unless options say otherwise."""
    return _call("squeue", f"--user={os.getuid()}", "--noheader", f"--format={form}", *options)


def _call(*command: str, fails: bool = False) -> str | None:
    """What a client of SLURM prints; None if it fails, unless its words are wanted even then."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 or fails else None
