"""A Slurm of its own below one folder, started and stopped as any user, without systemd, cgroups or a database.

Two nodes on this machine: `n1` with two GPUs that are none (/dev/null and /dev/zero) in the partition `gpu`, and `n2`
in the partition `cpu`. The scheduler's own record of finished jobs is a text file (jobcomp/filetxt).
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "squeue", "scontrol", "scancel", "sinfo", "srun")
NODES = ("n1", "n2")

CONFIGURATION = """
ClusterName=infoplane
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/run/munge.socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmdLogFile={folder}/log/slurmd.%n.log
SlurmdSpoolDir={folder}/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
MailProg=/bin/true
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
# Memory limits hold without cgroups.
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobs
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=5,batch_sched_delay=0
# Nodes may claim more than the machine has.
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=600
KillWait=5
OverTimeLimit=0
SlurmctldTimeout=30
SlurmdTimeout=30
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1_port} CPUs=4 RealMemory=32000 Gres=gpu:2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2_port} CPUs=4 RealMemory=32000
PartitionName=gpu Nodes=n1 MaxTime=1-00:00:00
PartitionName=cpu Nodes=n2 MaxTime=1-00:00:00 Default=YES
"""
GPUS = """
AutoDetect=off
NodeName=n1 Name=gpu Count=2 File=/dev/null,/dev/zero
"""


def missing() -> list[str]:
    """The programs of Slurm and munge that this machine lacks."""
    return [name for name in (*DAEMONS, *CLIENTS) if program(name) is None]


def program(name: str) -> str | None:
    """Where a program is; daemons lie where an ordinary user does not look."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until the condition holds; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)


def minutes(text: str) -> int:
    """Of a limit such as 1-02:30:00."""
    days, _, clock = text.rpartition("-")
    hours, minute, _ = clock.split(":")
    return (int(days or 0) * 24 + int(hours)) * 60 + int(minute)


def megabytes(text: str) -> float:
    """Of an amount of memory such as 1500M or 2G."""
    return float(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


class Cluster:
    """A context manager; the cluster runs inside it, and nothing of it is left afterwards."""

    def __init__(self) -> None:
        # A socket's path may have some hundred characters at most, and munge wants a folder that all may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o755)
        self.user = pwd.getpwuid(os.getuid()).pw_name
        for name in ("etc", "run", "log", "state", "bin", *(f"spool/{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        key = self.folder / "etc/munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        ports = dict(zip(("controller_port", "n1_port", "n2_port"), _free_ports(3), strict=True))
        (self.folder / "etc/slurm.conf").write_text(
            CONFIGURATION.format(host=socket.gethostname().split(".")[0], user=self.user, folder=self.folder, **ports)
        )
        (self.folder / "etc/gres.conf").write_text(GPUS)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))},
            "SLURM_CONF": str(self.folder / "etc/slurm.conf"),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        # The step inside a job starts srun with few of Slurm's variables. On a usual cluster slurm.conf lies where srun
        # looks for it; here this wrapper says where.
        self.wrap("srun", f'SLURM_CONF={self.folder / "etc/slurm.conf"} exec {program("srun")} "$@"')

    def wrap(self, name: str, script: str) -> None:
        """Put a shell script before a program on the path of everything that runs on the cluster."""
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def unwrap(self) -> None:
        """Take back what `wrap` did, but for srun."""
        for path in (self.folder / "bin").iterdir():
            if path.name != "srun":
                path.unlink()

    def __enter__(self) -> Cluster:
        try:
            run, etc, log = (self.folder / name for name in ("run", "etc", "log"))
            munge = [f"--socket={run}/munge.socket", f"--pid-file={run}/munged.pid", f"--key-file={etc}/munge.key"]
            munge += [f"--log-file={log}/munged.log", f"--seed-file={run}/munged.seed", "--foreground", "--force"]
            self._start("munged", "munged", *munge)
            wait_until((run / "munge.socket").exists, 20, "munged")
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            self.wait_for_nodes()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_controller(self) -> None:
        self._start("slurmctld", "slurmctld", "-D", "-i")
        wait_until(self.answers, 30, "slurmctld")

    def start_node(self, node: str) -> None:
        self._start(node, "slurmd", "-D", "-N", node)

    def wait_for_nodes(self) -> None:
        """Wait until every node can take jobs."""
        wait_until(lambda: self.states() == ["idle"] * len(NODES), 60, "nodes")

    def _start(self, key: str, name: str, *arguments: str) -> None:
        path = program(name)
        assert path is not None, f"{name} is not installed"
        with open(self.folder / f"log/{key}.out", "ab") as output:
            self.processes[key] = subprocess.Popen(
                [path, *arguments], env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def end(self, key: str, by: signal.Signals = signal.SIGTERM) -> None:
        """End a daemon: slurmctld, n1, n2 or munged."""
        process = self.processes.pop(key, None)
        if process is not None:
            process.send_signal(by)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def stop(self) -> None:
        """End the daemons and every process of the cluster's jobs, and remove the folder."""
        for key in (*NODES, "slurmctld", "munged"):
            self.end(key)
        self.kill_jobs()
        shutil.rmtree(self.folder, ignore_errors=True)

    def job_processes(self, *words: str) -> list[int]:
        """The processes of jobs, and those of SLURM that watch over them, that have all the words in their command."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            ours = f"SLURM_CONF={self.folder}/".encode() in environment
            of_a_job = command.startswith("slurmstepd") or b"SLURM_JOB_ID=" in environment
            if ours and of_a_job and all(word in command for word in words):
                found.append(int(process.name))
        return found

    def kill_jobs(self) -> None:
        """Kill all processes of jobs at once, as a node does that loses its power."""
        for process in self.job_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def client(self, *command: str, seconds: float = 30) -> str:
        """What a client of Slurm prints; AssertionError with its message if it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def answers(self) -> bool:
        """Whether the controller can be reached."""
        try:
            return "UP" in self.client("scontrol", "ping", seconds=5)
        except (AssertionError, subprocess.TimeoutExpired):
            return False

    def states(self) -> list[str]:
        """The state of every node."""
        return self.client("sinfo", "--Node", "--noheader", "--format=%t").split()

    def jobs(self) -> dict[str, dict[str, str]]:
        """What the controller knows of each job, by its number: the fields of `scontrol show job --details`."""
        text = self.client("scontrol", "show", "job", "--details", "--oneliner")
        jobs = {}
        for line in text.splitlines():
            fields = {name: value.strip() for name, value in re.findall(r"(\S+?)=(.*?)(?= \S+?=|\s*$)", line)}
            if "JobId" in fields:
                jobs[fields["JobId"]] = fields
        return jobs

    def of_rule(self, rule: str, *wildcards: str, folder: Path | None = None, states: Sequence[str] = ()) -> list[str]:
        """The numbers of a rule's jobs, in the order of their submission; of the first wildcards, the working directory
        and the states only, where they are given.
        """
        beginning = f"rule_{rule}" + (f"_wildcards_{'_'.join(wildcards)}" if wildcards else "")
        return [
            number
            for number, job in sorted(self.jobs().items(), key=lambda entry: int(entry[0]))
            if re.match(rf"{re.escape(beginning)}(_|$)", job.get("Comment", ""))
            and (folder is None or job["WorkDir"] == str(folder))
            and (not states or job["JobState"] in states)
        ]

    def record(self) -> dict[str, dict[str, str]]:
        """The scheduler's record of finished jobs, by number."""
        path = self.folder / "log/jobs"
        lines = path.read_text().splitlines() if path.exists() else []
        jobs = [dict(field.split("=", 1) for field in line.split() if "=" in field) for line in lines]
        return {job["JobId"]: job for job in jobs}


def _free_ports(count: int) -> list[int]:
    """Below those that the system gives to clients, so that they stay free while a daemon is away."""
    free: list[int] = []
    while len(free) < count:
        port = random.randrange(16000, 32000)
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            free.append(port)
    return free
