"""Every stage, traced: what ran is among what the digest of its code has, so that no edit of it can be missed."""

from __future__ import annotations

import ast
import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from infoplane import stages
from infoplane.figures import FIGURES
from infoplane.statistics import TABLES
from infoplane.workflow.code import MESSAGES, reached

pytestmark = pytest.mark.slow

# Python runs a module of this name at its start, so also in the jobs of Snakemake. It writes down every function of the
# package that runs, but for those that only run while modules are imported.
TRACER = """
import atexit, json, os, sys, threading, types

folder, package = os.environ["TRACE_FOLDER"], os.environ["TRACE_PACKAGE"]
ran, importing = {}, threading.local()


def trace(frame, event, _):
    code, depth = frame.f_code, getattr(importing, "depth", 0)
    if event in ("call", "return") and code.co_name == "<module>":
        importing.depth = depth + (1 if event == "call" else -1)
        if code.co_filename == os.path.join(package, "__main__.py"):
            importing.depth = 1  # this module runs while all the others are imported
    elif event == "call" and depth <= 1 and code.co_filename.startswith(package):
        ran[code] = frame.f_globals


def compiled():
    # Compiled loops make no calls that Python sees: those count that a function names which ran.
    waiting = list(ran.items())
    while waiting:
        code, names = waiting.pop()
        waiting += [(inner, names) for inner in code.co_consts if isinstance(inner, types.CodeType)]
        found = [names[name] for name in code.co_names if name in names]
        modules = [item for item in found if isinstance(item, types.ModuleType)]
        found += [getattr(item, name) for item in modules for name in code.co_names if hasattr(item, name)]
        for item in found:
            function = getattr(item, "py_func", None) or getattr(item, "_defn", None)
            if isinstance(function, types.FunctionType) and function.__code__ not in ran:
                ran[function.__code__] = function.__globals__
                waiting.append((function.__code__, function.__globals__))


def write():
    sys.setprofile(None)
    compiled()
    places = {(code.co_filename, code.co_firstlineno) for code in ran if code.co_filename.startswith(package)}
    with open(os.path.join(folder, f"{os.getpid()}.json"), "w") as file:
        json.dump([sys.argv[1:], sorted(places)], file)


if "-m" in sys.orig_argv and "infoplane" in sys.orig_argv:
    sys.setprofile(trace)
    threading.setprofile(trace)
    atexit.register(write)
"""
# Runs Snakemake, and writes down which roots each digest is of.
SNAKEMAKE = """
import json, sys
import infoplane.workflow.code

original = infoplane.workflow.code.digest

def digest(roots, *, source, entries=()):
    found = original(roots, source=source, entries=entries)
    with open("roots.jsonl", "a") as file:
        print(json.dumps([found, sorted(roots), sorted(entries)]), file=file)
    return found

infoplane.workflow.code.digest = digest
from snakemake.cli import main
main(sys.argv[1:])
"""
# Two data sets, activation functions and methods of each kind; everything that a study may ask for.
CONFIG = {
    "study": "traced",
    "seeds": 2,
    "seeds_per_job": 2,
    "device": "cpu",
    "defaults": {
        "dataset": "npz",
        "dataset_options": {"path": "own.npz"},
        "hidden_layers": [3, 2],
        "epochs": 12,
        "recorded_epochs": 6,
        "batch_size": 16,
    },
    "runs": {
        "tanh": {},
        "relu": {"activation": "relu"},
        "l2": {"activation": "relu", "l2": 0.01},
        "mine": {"recorded": "mine.h5"},
        "mixed": {"activation": ["swish", "prelu"], "optimiser": "sgd", "momentum": 0.5, "dropout": 0.1},
    },
    "estimators": {
        "fixed": {"method": "fixed_binning", "correction": "miller_madow"},
        "ebab": {"method": "ebab", "shuffles": 2},
        "kde": {"method": "kde"},
        "adaptive_kde": {"method": "adaptive_kde"},
        "counted": {"method": "ebab", "bins": [5, 10]},
    },
    "parts": ["all", "test"],
    "statistics": {"resamples": 100},
    "sensitivity": {"enabled": True, "vary": {"ebab": {"bins": [10]}}},
    "figures": "all",
}


def definitions_at(source: Path, path: Path, line: int) -> tuple[str, list[str]]:
    """A module, and what the statement at the top of it defines that holds a line."""
    module = ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
    for statement in ast.parse(path.read_text()).body:
        first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", []))])
        if first <= line <= (statement.end_lineno or first):
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                return module, [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
            return module, [getattr(statement, "name", "")]
    raise AssertionError(f"{path} has no line {line}")


def recorded_digests(folder: Path) -> dict[str, list[str]]:
    """By the path of each output the digests that Snakemake keeps among the parameters of its job."""
    found = {}
    for path in (folder / ".snakemake/metadata").iterdir():
        texts = [text.strip("'") for text in json.loads(path.read_text())["params"]]
        found[base64.b64decode(path.name).decode()] = [text for text in texts if re.fullmatch("[0-9a-f]{64}", text)]
    return found


def test_what_ran_is_among_what_was_digested(checkout, tmp_path):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(60, 4)).round(1)
    np.savez(checkout.folder / "own.npz", inputs=inputs, labels=(inputs.sum(axis=1) > 0).astype(int))
    with h5py.File(checkout.folder / "mine.h5", "w") as file:
        file.attrs["recording"] = 1
        file["seeds"], file["epochs"], file["labels"] = [0, 1], [0, 4, 12], np.arange(60) % 2
        file["part"], file["layer1/activity"] = np.arange(60) % 3 // 2, rng.normal(size=(2, 3, 60, 2))
    (checkout.folder / "traced.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    source, traces = checkout.folder / "src", tmp_path / "traces"
    traces.mkdir()
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(TRACER)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{source}",
        "TRACE_FOLDER": str(traces),
        "TRACE_PACKAGE": str(source / "infoplane"),
    }
    # Of the figures of which each estimator has its own, one estimator's.
    figures = [f"{name}-ebab" if figure.per_estimator else name for name, figure in FIGURES.items() if name != "scan"]
    figures.append("scan-counted")
    results = "results/traced"
    targets = [f"{results}/figures/{name}.svg" for name in figures]
    targets += [f"{results}/tables/{name}.csv" for name in TABLES]
    targets += [f"{results}/{name}" for name in ("report/claims.html", "report/front_page.rst", "explorer.html")]
    targets += [f"{results}/animations/information_plane-ebab.gif"]
    done = subprocess.run(
        [sys.executable, "-c", SNAKEMAKE, "--cores", "2", "--configfile", "traced.yaml", "--", *targets],
        cwd=checkout.folder, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]

    roots = {digest: (of, entries) for digest, of, entries in map(json.loads, (checkout.folder / "roots.jsonl").open())}
    recorded = recorded_digests(checkout.folder)
    missed, commands = set(), set()
    for path in traces.iterdir():
        (command, *options), ran = json.loads(path.read_text())
        commands.add(command)
        output = options[options.index("--layers" if command == "recorded" else "--output") + 1]
        [(of, entries)] = [roots[found] for found in recorded[output] if found in roots]
        digested = set(reached(of, source=source, entries=entries))
        for file, line in ran:
            module, names = definitions_at(source, Path(file), line)
            if module not in MESSAGES and not {(module, name) for name in names} & digested:
                missed.add(f"{command} runs {', '.join(names)} of {module}")
    assert not missed, "\n".join(sorted(missed))
    assert commands == set(stages.commands()) - {"readme"}
