"""What the statistics cost at the size of the paper's study, command by command, on one core.

    python tests/benchmarks/bench_statistics.py results/default    after the default study

The tables of the finished study are the start: every trajectory is drawn at the epochs that the paper's study records,
there are 50 seeds where there were 10, of which each is one of those with a little noise, and the runs with a penalty
are there three times. The commands and their settings are those of the workflow.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from infoplane import configuration
from infoplane.files import storage

ROOT = Path(__file__).parents[2]
SEEDS = 50
PENALTIES = (0.005, 0.05)  # beside the study's own
TABLES = {
    "training": ["test_accuracy", "test_loss", "train_accuracy", "train_loss"],
    "layers": ["activity_minimum", "activity_maximum", "weight_norm"],
    "information": ["i_tx", "i_ty"],
}


def paper() -> configuration.Study:
    config = yaml.safe_load((ROOT / "workflow/presets/paper.yaml").read_text())
    return configuration.load(config)


def grown(table: pd.DataFrame, values: list[str], epochs: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """The table with more epochs, seeds and runs; `values` are the columns that change over epochs."""
    recorded = np.sort(table["epoch"].unique())
    places = np.interp(
        np.log1p(epochs) / np.log1p(epochs[-1]) * np.log1p(recorded[-1]), np.log1p(recorded), np.arange(len(recorded))
    )
    below = np.minimum(places.astype(int), len(recorded) - 2)
    share = places - below
    series = [name for name in ("run", "seed", "layer", "estimator", "bound") if name in table]
    table = table.sort_values([*series, "epoch"], kind="stable")
    heads = table[:: len(recorded)].reset_index(drop=True)
    curves = {name: table[name].to_numpy(np.float64).reshape(len(heads), len(recorded)) for name in values}
    parts = []
    for copy in range(SEEDS // heads["seed"].nunique()):
        part = heads.loc[heads.index.repeat(len(epochs))].reset_index(drop=True)
        part["seed"] += copy * heads["seed"].nunique()
        part["epoch"] = np.tile(epochs, len(heads))
        part["epochs"] = epochs[-1]
        for name, curve in curves.items():
            drawn = curve[:, below] * (1 - share) + curve[:, below + 1] * share
            noise = rng.normal(1, 0.02, size=(len(heads), 1)) if copy else 1.0
            highest = {"i_tx": 12.0, "i_ty": 1.0, "test_accuracy": 1.0, "train_accuracy": 1.0}.get(name, np.inf)
            part[name] = np.minimum(drawn * noise, highest).ravel()
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    penalised = table[table["l2"] > 0]
    more = [penalised.assign(l2=l2, run=penalised["run"] + f"_{l2:g}") for l2 in PENALTIES]
    return pd.concat([table, *more], ignore_index=True)


def commands(study: configuration.Study, folder: Path) -> dict[str, list[str]]:
    confidence = ["--confidence", str(study.confidence)]
    resamples = ["--resamples", str(study.resamples), "--resampling-seed", str(study.resampling_seed)]
    information, training = (["--" + name, f"{folder}/{name}.parquet"] for name in ("information", "training"))
    compression = ["--compression", f"{folder}/compression.csv"]
    return {
        "compression": [*information, *training],
        "phases": [*information, *training, *confidence, *resamples],
        "compression-summary": [*compression, *confidence],
        "correlation": [*compression, *confidence, *resamples],
        "effects": [*compression, *confidence, *resamples],
        "variance-components": [*compression, *confidence],
        "seeds-needed": [*compression, *confidence, *resamples, "--width", str(study.interval_width)],
        "claims": [
            *[*compression, *information, "--layers", f"{folder}/layers.parquet", *confidence, *resamples],
            *["--rules", json.dumps(study.claims), "--parts", f"{folder}/parts.csv", "--text", f"{folder}/claims.md"],
        ],
    }


def main(results: Path) -> None:
    study, rng = paper(), np.random.default_rng(0)
    epochs = np.asarray(next(iter(study.runs.values())).recorded_epochs.resolve(8000))
    one_core = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for table, values in TABLES.items():
            path = results / f"tables/{table}.parquet"
            rows = grown(storage.read_table(path), values, epochs, rng)
            storage.write_table(rows, folder / path.name, storage.read_table_provenance(path))
            print(f"{table}: {len(rows):,} rows")
        print("\n| command | s | MB |\n|---|---|---|")
        total, largest = 0.0, 0
        for command, arguments in commands(study, folder).items():
            words = [sys.executable, "-m", "infoplane", command, *arguments]
            start = time.perf_counter()
            done = subprocess.run(
                [*words, "--output", str(folder / f"{command.replace('-', '_')}.csv")],
                capture_output=True,
                text=True,
                env=one_core,
            )
            seconds = time.perf_counter() - start
            if done.returncode:
                sys.exit(done.stdout + done.stderr)
            megabytes = int(re.search(r"peak memory: (\d+) MB", done.stdout + done.stderr)[1])
            print(f"| {command} | {seconds:.1f} | {megabytes} |", flush=True)
            total, largest = total + seconds, max(largest, megabytes)
        print(f"| all | {total:.1f} | {largest} |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
