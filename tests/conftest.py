"""Fixtures of several test modules: a finished smoke study, and the command line."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infoplane.stages.readme import BROWSERS

ROOT = Path(__file__).parents[1]


class Checkout:
    """A copy of the project in a folder of its own, with Snakemake to run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Snakefile", "config.yaml", "workflow", "envs", "src", "profiles"):
            source = ROOT / name
            if source.is_symlink():
                (folder / name).symlink_to(source.readlink())
            elif source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            else:
                shutil.copy(source, folder / name)

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=600)

    def planned(self, *arguments: str) -> dict[str, int]:
        """The number of jobs by rule that a dry run announces; empty if there is nothing to do."""
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
        return {name: count for name, count in jobs.items() if name != "all"}


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the smoke preset has run from start to end. Tests must leave it as it is."""
    checkout = Checkout(tmp_path_factory.mktemp("smoke"))
    done = checkout.snakemake("--configfile", "workflow/presets/smoke.yaml")
    assert done.returncode == 0, done.stderr[-5000:]
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
