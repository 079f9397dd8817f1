"""Fixtures of several test modules: a finished smoke study, and the command line."""

import atexit
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from infoplane.stages.readme import BROWSERS

ROOT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under pytest-xdist one worker has all tests of a file, with their fixtures."""
    for item in items:
        # Those of the workflow have only the smoke study in common, which all workers share.
        if item.path.name != "test_workflow.py":
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(ROOT))))


class Checkout:
    """A copy of the project in a folder of its own, with Snakemake to run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name in ("Snakefile", "config.yaml", "workflow", "envs", "src", "profiles"):
            source = ROOT / name
            if source.is_symlink():
                (folder / name).symlink_to(source.readlink())
            elif source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy(source, folder / name)

    @classmethod
    def at(cls, folder: Path) -> Self:
        """One that is there already."""
        checkout = cls.__new__(cls)
        checkout.folder = folder
        return checkout

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        return SnakemakeServer.run(self.folder, ["--cores", str(cores), *arguments])

    def planned(self, *arguments: str) -> dict[str, int]:
        """The number of jobs by rule that a dry run announces; empty if there is nothing to do.

        One rule makes the tables of statistics, which count by the names of the tables.
        """
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stderr
        lines = iter((done.stdout + done.stderr).splitlines())
        jobs: dict[str, int] = {}
        for line in lines:
            if line.startswith("Job stats:"):
                next(lines), next(lines)
                for row in lines:
                    if not row.strip() or row.startswith("total"):
                        break
                    name, count = row.split()
                    jobs[name] = int(count)
                break
        of_statistics = sum(jobs.pop(name, 0) for name in ("statistics", "small_statistics"))
        tables = set(re.findall(r"^ +wildcards: table=(\w+)$", done.stdout + done.stderr, flags=re.M))
        assert len(tables) == of_statistics
        return {**{name: count for name, count in jobs.items() if name != "all"}, **dict.fromkeys(tables, 1)}


class SnakemakeServer:
    """The process that runs Snakemake for this one, started when it is first needed."""

    _process: subprocess.Popen[str] | None = None

    @classmethod
    def run(cls, folder: Path, arguments: list[str], timeout: float = 1800) -> subprocess.CompletedProcess[str]:
        if cls._process is None:
            command = [sys.executable, str(ROOT / "tests/snakemake_server.py")]
            cls._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
            )
            atexit.register(cls._end)
        assert cls._process.stdin
        assert cls._process.stdout
        with tempfile.TemporaryDirectory() as streams:
            output, errors = f"{streams}/output", f"{streams}/errors"
            request = {"folder": str(folder), "arguments": arguments, "output": output, "errors": errors}
            print(json.dumps(request), file=cls._process.stdin, flush=True)
            if not select.select([cls._process.stdout], [], [], timeout)[0]:
                cls._end()
                raise subprocess.TimeoutExpired(arguments, timeout, Path(output).read_text(), Path(errors).read_text())
            code = int(cls._process.stdout.readline())
            return subprocess.CompletedProcess(arguments, code, Path(output).read_text(), Path(errors).read_text())

    @classmethod
    def _end(cls) -> None:
        if cls._process is not None:
            os.killpg(cls._process.pid, signal.SIGKILL)
            cls._process.wait()
            cls._process = None


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the smoke preset has run from start to end. Tests must leave it as it is.

    All workers of pytest-xdist share one; the first that needs it makes it.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    failed = shared / "smoke.failed"
    with open(shared / "smoke.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not failed.exists(), failed.read_text()
        if (shared / "smoke").exists():
            return Checkout.at(shared / "smoke")
        checkout = Checkout(shared / "smoke")
        done = checkout.snakemake("--configfile", "workflow/presets/smoke.yaml")
        if done.returncode:
            failed.write_text(done.stderr[-5000:])
        assert done.returncode == 0, done.stderr[-5000:]
    return checkout


@pytest.fixture
def smoke_copy(smoke: Checkout, tmp_path: Path) -> Checkout:
    """A checkout with code of its own and a copy of the finished smoke study."""
    checkout = Checkout(tmp_path / "copy")
    for name in ("results", ".snakemake"):
        shutil.copytree(smoke.folder / name, checkout.folder / name)
    return checkout


@pytest.fixture
def smoke_code(smoke: Checkout, tmp_path: Path) -> Checkout:
    """A checkout with code of its own, in which nothing but dry runs of the finished smoke study may run."""
    checkout = Checkout(tmp_path / "code")
    shutil.copytree(smoke.folder / ".snakemake", checkout.folder / ".snakemake")
    (checkout.folder / "results").symlink_to(smoke.folder / "results")
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in which nothing has run."""
    return Checkout(tmp_path)


@pytest.fixture
def infoplane() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "infoplane", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium, the system's own, which playwright drives."""
    executable = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if executable is None:
        pytest.skip(f"no Chromium is installed (Debian: apt-get install chromium); looked for {', '.join(BROWSERS)}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # Its sandbox refuses the user root, as in containers.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()
