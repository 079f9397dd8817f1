"""Each job has a device of its own: processes share out devices that need not exist."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from infoplane.errors import InfoplaneError
from infoplane.runtime import devices
from infoplane.stages.common import resolve_device

DEVICES = ("GPU-0a", "GPU-1b", "GPU-2c")


class Jobs:
    """Processes that claim a device and hold it until they are told to end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []

    def start(self, count: int, names: tuple[str, ...] = DEVICES) -> list[str]:
        """The devices of so many jobs that start at the same time, in the order of the jobs."""
        program = (
            "import sys, pathlib; from infoplane.runtime.devices import claim; sys.stdin.readline(); "
            f"print(claim({names!r}, pathlib.Path({str(self.folder)!r})), flush=True); sys.stdin.readline()"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        started = [subprocess.Popen([sys.executable, "-c", program], **pipes) for _ in range(count)]
        self.running += started
        for job in started:
            job.stdin.write("\n")
            job.stdin.flush()
        return [names[int(job.stdout.readline())] for job in started]

    def end(self) -> None:
        for job in self.running:
            job.communicate()


@pytest.fixture
def jobs(tmp_path):
    jobs = Jobs(tmp_path / "locks")
    yield jobs
    jobs.end()


def test_jobs_at_the_same_time_have_a_device_each(jobs):
    assert sorted(jobs.start(3)) == list(DEVICES)


def test_more_jobs_than_devices_share_them_evenly(jobs):
    assert sorted(Counter(jobs.start(7)).values()) == [2, 2, 3]


def test_the_device_of_a_job_that_ended_is_free(jobs):
    first = jobs.start(3)
    jobs.running[1].communicate()
    assert jobs.start(1) == [first[1]]


def test_the_device_of_a_killed_job_is_free(jobs):
    first = jobs.start(3)
    jobs.running[2].send_signal(signal.SIGKILL)
    jobs.running[2].wait()
    assert jobs.start(1) == [first[2]]


def test_a_stopped_job_keeps_its_device(jobs):
    first = jobs.start(2)
    os.kill(jobs.running[0].pid, signal.SIGSTOP)
    try:
        (third,) = jobs.start(1)
    finally:
        os.kill(jobs.running[0].pid, signal.SIGCONT)
    assert sorted([*first, third]) == list(DEVICES)


def test_jobs_that_see_different_devices_know_them_by_name(jobs):
    assert jobs.start(1, ("GPU-1b",)) == ["GPU-1b"]
    assert jobs.start(1, ("GPU-1b", "GPU-2c")) == ["GPU-2c"]


def test_a_process_has_one_device(tmp_path):
    folder = tmp_path / "locks"
    assert devices.claim(DEVICES, folder) == devices.claim(DEVICES, folder) == 0
    assert [path.name for path in folder.iterdir()] == ["GPU-0a.0.lock"]


def test_a_folder_that_cannot_hold_locks(tmp_path):
    (tmp_path / "locks").write_text("not a folder")
    with pytest.raises(InfoplaneError, match=r"locks: the locks .* \(File exists\); set TMPDIR to a folder of yours"):
        devices.claim(DEVICES, tmp_path / "locks")


class _Properties:
    def __init__(self, uuid: str) -> None:
        self.uuid = uuid


@pytest.mark.parametrize("count", [1, 3])
def test_the_stages_compute_on_the_device_that_is_claimed(monkeypatch, tmp_path, count):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: _Properties(f"{DEVICES[index]}-{tmp_path}"))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(devices, "claim", lambda names, folder: names.index(f"{DEVICES[2]}-{tmp_path}"))
    assert resolve_device("auto") == "cuda"
    assert chosen == ([2] if count == 3 else [])
    assert resolve_device("cpu") == "cpu"
