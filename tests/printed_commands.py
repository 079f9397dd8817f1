"""The commands that README.md and docs/ print, and how each of them is tried.

    python3 tests/printed_commands.py FOLDER

clones the project into FOLDER and runs them there one after the other as they are printed, in the environment that
README's first command makes and with nothing else installed. config.yaml of the clone is a small study, which
takes the place of the default one. Python's standard library is all that this file needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Skipped:
    """A command that is not run, and why."""

    reason: str


@dataclass(frozen=True)
class Instead:
    """What is run in place of a command, and why."""

    command: str
    reason: str


AS_PRINTED = None
PLACEHOLDER = Skipped("it has a placeholder")
OTHER_ENVIRONMENT = Skipped("it needs the environment of the tests, and takes minutes")
INSTALL = "python3 -m venv .venv && . .venv/bin/activate && pip install -c envs/constraints.txt"
PERSONAL = Skipped("it opens a window for a person")

# By the command as printed, in the order in which they run.
COMMANDS: dict[str, Skipped | Instead | None] = {
    INSTALL + " -e . && snakemake --cores 2": AS_PRINTED,
    "snakemake -n": AS_PRINTED,
    "snakemake --report report.zip": AS_PRINTED,
    "snakemake --cores 1 results/default/figures/l2-ebab.svg": AS_PRINTED,
    "snakemake --cores 1 results/default/animations/information_plane-ebab.gif": AS_PRINTED,
    "snakemake --cores 1 results/default/animations/information_plane-ebab-tanh.gif": AS_PRINTED,
    "snakemake --cores 1 check": AS_PRINTED,
    "snakemake --cores 1 clean": AS_PRINTED,
    "snakemake --cores 2 --configfile workflow/presets/smoke.yaml": AS_PRINTED,
    "snakemake --cores 1 check --configfile workflow/presets/smoke.yaml": AS_PRINTED,
    "snakemake --cores 1 --configfile workflow/presets/smoke.yaml -- check": AS_PRINTED,
    "snakemake -n --configfile config.yaml mine.yaml": AS_PRINTED,
    "snakemake -n --config 'defaults={epochs: 100, l2: 0.01}' seeds=20": AS_PRINTED,
    "snakemake --unlock": AS_PRINTED,
    "snakemake --profile workflow/profiles/gpu": AS_PRINTED,
    "snakemake --cores 1 readme": AS_PRINTED,
    "snakemake --cores all --configfile workflow/presets/paper.yaml": Instead(
        "snakemake -n --configfile workflow/presets/paper.yaml", "the paper's study takes hours"
    ),
    "export XDG_CACHE_HOME=/tmp/my_cache XDG_CONFIG_HOME=/tmp/my_cache": Instead(
        "export XDG_CACHE_HOME=$PWD/cache XDG_CONFIG_HOME=$PWD/cache && env -u HOME snakemake -n",
        "an export alone does nothing, and the clone's folder is removed afterwards",
    ),
    "export USER=me": Instead("export USER=me && snakemake -n", "an export alone does nothing"),
    """python -m infoplane information --recording my_net.h5 --name kde --estimator '{"method": "kde"}' """
    "--output my_net.parquet": Skipped("a test of recordings runs it, with the file that the page makes"),
    "python tools/document_tables.py": AS_PRINTED,
    "umask 002": Skipped("alone it does nothing that could fail"),
    "chgrp -R mygroup . && chmod -R g+w . && find . -type d -exec chmod g+s {} +": PLACEHOLDER,
    # The extra stays in the environment, so it comes last.
    INSTALL + " -e '.[slurm]'": AS_PRINTED,
    "snakemake --profile workflow/profiles/slurm --configfile workflow/presets/paper.yaml": Instead(
        "snakemake -n --profile workflow/profiles/slurm --configfile workflow/presets/paper.yaml",
        "the paper's study takes hours; tests/slurm/run submits studies",
    ),
    INSTALL + " -e '.[test]' && pytest": Skipped(".ci/run runs it in an environment of its own"),
    "tests/slurm/run": Skipped(".ci/run runs it"),
    "apt-get install chromium": Skipped(".ci/run runs it"),
    "git clone REPOSITORY infoplane && cd infoplane": PLACEHOLDER,
    "nano workflow/profiles/slurm/config.yaml": PERSONAL,
    "tmux": PERSONAL,
    "pytest -n 0 tests/benchmarks/bench_training.py --benchmark-json=training.json": OTHER_ENVIRONMENT,
    "python tests/benchmarks/bench_estimators.py": OTHER_ENVIRONMENT,
    "python tests/benchmarks/bench_statistics.py results/default": OTHER_ENVIRONMENT,
    "pytest -n 0 tests/benchmarks/bench_controller.py --benchmark-json=controller.json": OTHER_ENVIRONMENT,
}
# Programs that only some machines have; without them what needs them is left out.
NEEDED = {"snakemake --cores 1 readme": ("chromium", "chromium-browser", "google-chrome")}

# The smoke preset in the place of the default study, with what README's commands ask of it.
SMALL = {
    "study: smoke": "study: default",
    "seeds: 4": "seeds: 2",
    "  epochs: 200": "  epochs: 40",
    "figures: [information_plane, learning_curves, distributions, compression_against_accuracy]": "figures: [l2]",
    "statistics: { resamples: 200 }": "statistics: { resamples: 100 }\nsensitivity: { enabled: true }",
}
# The file of one's own that docs/ speak of.
MINE = "seeds: 3\nruns: { elu: { activation: elu } }\n"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAMS = "snakemake|python3?|pip|pytest|git|apt-get|infoplane|export|umask|chgrp|chmod"
_INLINE = re.compile(rf"`((?:(?:{_PROGRAMS}) |umask |tests/[\w/]+$|tests/slurm/run)[^`\n]*)`")


def documents(root: Path) -> list[Path]:
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def commands(text: str) -> list[str]:
    """The commands of a document: the lines of its blocks of sh, and those within its sentences."""
    lines = [line for language, block in _FENCE.findall(text) if language == "sh" for line in block.splitlines()]
    without_comments = [re.sub(r"(^|\s+)#.*", "", line).strip() for line in lines]
    return [*filter(None, without_comments), *_INLINE.findall(_FENCE.sub("", text))]


def programs(text: str) -> list[str]:
    """The blocks of Python of a document."""
    return [block for language, block in _FENCE.findall(text) if language == "python"]


def run(command: str, folder: Path, text: str | None = None) -> None:
    """Run a command of bash in `folder`, in its virtual environment if it has one. Ends the program if it fails."""
    print(f"-- {command}", flush=True)
    start = time.monotonic()
    activate = ". .venv/bin/activate; " if (folder / ".venv").exists() else ""
    shell = ["bash", "-c", f"set -euo pipefail; {activate}{command}"]
    done = subprocess.run(
        shell, cwd=folder, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    )
    if done.returncode:
        sys.exit(f"{done.stdout[-10000:]}\nThis command, which README.md or docs/ print, ended with {done.returncode}.")
    print(f"   {time.monotonic() - start:.0f} s", flush=True)


def main(folder: Path) -> None:
    # Nothing of the environment that this runs in.
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    small = (folder / "workflow/presets/smoke.yaml").read_text()
    for before, after in SMALL.items():
        if before not in small:
            sys.exit(f"tests/printed_commands.py: the smoke preset has no line {before!r} any more")
        small = small.replace(before, after)
    (folder / "config.yaml").write_text(small)
    (folder / "mine.yaml").write_text(MINE)
    texts = [path.read_text(encoding="utf-8") for path in documents(folder)]
    printed = {command for text in texts for command in commands(text)}
    unknown = sorted(printed - COMMANDS.keys())
    if unknown:
        sys.exit(f"tests/printed_commands.py does not say how to try: {'; '.join(unknown)}")
    for command, how in COMMANDS.items():
        needed = NEEDED.get(command)
        if isinstance(how, Skipped):
            print(f"-- {command}\n   is left out: {how.reason}")
        elif needed and not any(map(shutil.which, needed)):
            print(f"-- {command}\n   is left out: none of {', '.join(needed)} is installed")
        elif isinstance(how, Instead):
            print(f"-- {command}\n   is tried by another, since {how.reason}:")
            run(how.command, folder)
        else:
            run(command, folder)
    for program in [program for text in texts for program in programs(text)]:
        run("python -", folder, program)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 tests/printed_commands.py FOLDER")
    main(Path(sys.argv[1]))
