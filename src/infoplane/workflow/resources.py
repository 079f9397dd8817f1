"""What the job of each rule asks for: memory in MB and time in minutes, from the size of its work.

A rule's need is the peak memory of its command and its time on one core. The constants are fits to commands run one
by one on one core of an AMD EPYC (Zen 4), Python 3.11, torch 2.13, in November 2026, with peak memory from the
kernel: the smoke and the default study, blocks of 2, 10 and 50 seeds with 11, 40 and 243 recorded epochs, wide
networks on digits and on 10,000 samples of 784 features, and tables of the paper's size (5.4 million rows of
information). tests/test_resources.py holds them against what studies took. What is asked for is more than the need:
see `memory` and `minutes`.

Nothing of this is an input of a result, so a change here runs nothing again. Nothing here imports torch, pandas or
matplotlib: Snakemake reads it each time it parses the workflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from infoplane import datasets
from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS
from infoplane.settings import Scan
from infoplane.workflow import recordings
from infoplane.workflow.recordings import Recorded

if TYPE_CHECKING:
    from infoplane.configuration import Study
    from infoplane.settings import EstimatorSettings, RunSettings

# On a cluster two processes of Snakemake stand beside each command, the one of the job and the one of its step, of
# 180 MB each with what they share.
SNAKEMAKE_MB = 330
# Main memory of a process that has opened a CUDA device, in which the libraries of CUDA are loaded. An assumption.
CUDA_MB = 1500
# More is asked for than the need, by these factors: memory, and time (other machines are slower, or shared).
MEMORY_MARGIN, TIME_MARGIN = 1.25, 4
# Minutes that every job gets for starting on a cold file system and compiling inner loops, measured as up to 1.
STARTING_MINUTES = 10

_MB = 2**20
_FLOAT = 4  # bytes
# Seeds that are computed at once by each thread, and samples at once where nothing is trained, on the CPU.
_SEEDS_AT_ONCE, _SAMPLES_AT_ONCE = 17, 512
# Activity that is held at once while information is estimated.
_SLAB_MB = 64
# What one more value of a setting costs in a pass over several, as a share of the first.
_FURTHER_VALUE = 0.3


@dataclass(frozen=True, slots=True)
class Need:
    """Peak memory of a command in MB, and its time in seconds on one core."""

    megabytes: float
    seconds: float


def memory(need: Need, attempt: int, gpus: int = 0) -> int:
    """MB to ask for: the need and a quarter, and what stands beside it; twice that in the second attempt, and so on."""
    asked = MEMORY_MARGIN * need.megabytes + SNAKEMAKE_MB + (CUDA_MB if gpus else 0)
    return attempt * 10 * math.ceil(asked / 10)


def minutes(need: Need, attempt: int) -> int:
    """Minutes to ask for: ten, and four times the need; twice that in the second attempt, and so on."""
    return attempt * math.ceil(STARTING_MINUTES + TIME_MARGIN * need.seconds / 60)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """The sizes of a run that its jobs depend on; MB per seed, but for the data."""

    samples: int
    features: int
    recorded: int  # epochs
    layers: int
    units: int  # of all layers
    widest: int
    parameters: int
    data_mb: float
    parameters_mb: float
    epoch_mb: float  # the activity of all layers at one epoch

    @property
    def dump_mb(self) -> float:
        return self.recorded * self.epoch_mb

    @property
    def widest_mb(self) -> float:
        """The activity of the widest layer at one epoch."""
        return self.epoch_mb * self.widest / self.units


@lru_cache
def _sizes(run: RunSettings | Recorded) -> _Sizes:
    if isinstance(run, Recorded):
        samples, features, units, recorded = run.samples, 0, run.units, run.epochs
    else:
        try:
            samples, features, classes = datasets.shape(run.dataset, **dict(run.dataset_options))
        except InfoplaneError:  # the job itself will say what is wrong
            samples, features, classes = 4096, 12, 2
        units, recorded = (*run.hidden_layers, classes), len(run.recorded_epochs.resolve(run.epochs))
    parameters = sum(n * (below + 1) for n, below in zip(units, (features, *units), strict=False))
    return _Sizes(
        samples=samples,
        features=features,
        recorded=recorded,
        layers=len(units),
        units=sum(units),
        widest=max(units),
        parameters=parameters,
        data_mb=_FLOAT * samples * features / _MB,
        parameters_mb=_FLOAT * parameters / _MB,
        epoch_mb=_FLOAT * samples * sum(units) / _MB,
    )


def training(settings: RunSettings, seeds: int, *, threads: int = 1, gpus: int = 0) -> Need:
    """Of the rule train, for a block of so many seeds.

    The time is that of the slowest activation functions. That of a GPU is not measured: we assume that it is no slower
    than one core, but for a millisecond per mini-batch.
    """
    size = _sizes(settings)
    batches = settings.batches(size.samples)
    batch = max(batches)
    at_once = min(seeds, _SEEDS_AT_ONCE * threads)
    # Per sample: the inputs, each layer's activity and its gradient, and three buffers that layers share.
    buffers_mb = (
        _FLOAT * at_once * batch * (size.features + 2 * (size.units + 16 * size.layers) + 3 * size.widest) / _MB
    )
    kept_mb = seeds * size.parameters_mb * (8 + 1.5 * size.recorded)
    seconds_per_sample = 5e-9 * size.units + 1.5e-10 * size.parameters
    seconds = 10 + seeds * (settings.epochs + 0.5 * size.recorded) * size.samples * seconds_per_sample
    if gpus:
        seconds = max(seconds, 10 + 1e-3 * settings.epochs * len(batches))
    return Need(460 + 4 * size.data_mb + kept_mb + buffers_mb, seconds)


def activations(settings: RunSettings, seeds: int, *, threads: int = 1) -> Need:
    """Of the rule activations, for a block of so many seeds; its time is that of a dump at 75 MB/s."""
    size = _sizes(settings)
    at_once = min(seeds, _SEEDS_AT_ONCE * threads)
    buffers_mb = _FLOAT * at_once * min(size.samples, _SAMPLES_AT_ONCE) * 2 * (size.units + size.widest) / _MB
    kept_mb = seeds * size.parameters_mb * (size.recorded + 3)
    return Need(
        500 + 2.5 * size.data_mb + kept_mb + 1.2 * seeds * size.epoch_mb + buffers_mb,
        10 + 0.0133 * seeds * size.dump_mb,
    )


def checking(recorded: Recorded) -> Need:
    """Of the rule recorded, which reads the whole of a recording in pieces."""
    size, seeds = _sizes(recorded), len(recorded.seeds)
    rows = seeds * size.recorded * size.layers
    return Need(200 + 3 * _slab_mb(size) + rows * 1e-3, 10 + 0.01 * seeds * size.dump_mb)


def _slab_mb(size: _Sizes) -> float:
    return max(min(_SLAB_MB, size.recorded * size.widest_mb), size.widest_mb)


def information(run: RunSettings | Recorded, seeds: int, estimator: EstimatorSettings | Scan, device: str) -> Need:
    """Of the rules information and scan, for a block of so many seeds; `device` is cpu if the method uses no GPU.

    The method's own file says what it costs; times are those of the slowest layers seen.
    """
    size = _sizes(run)
    values = len(estimator.values) if isinstance(estimator, Scan) else 1
    epochs = min(size.recorded, estimator.at_epochs or size.recorded)
    rows = seeds * epochs * size.layers * bounds(estimator)
    of_data_mb = 4.5 * size.data_mb + 3 * size.widest_mb
    cost = METHODS[estimator.method].cost
    base_mb = cost.megabytes if device == "cpu" else cost.megabytes_on_gpu
    seconds = cost.seconds(size.samples, size.units / size.layers)
    settings = estimator.settings[0].settings if isinstance(estimator, Scan) else estimator.settings
    # A pass over several values shares most of the work.
    seconds *= (1 + int(settings.get("shuffles") or 0)) * (1 + _FURTHER_VALUE * (values - 1))
    return Need(
        base_mb + _slab_mb(size) + of_data_mb + rows * 1e-3,
        10 + 0.01 * seeds * size.dump_mb + seeds * epochs * size.layers * seconds,
    )


def distributions(run: RunSettings | Recorded) -> Need:
    """Of the rule distributions: one epoch of one seed, layer by layer, in several copies."""
    return Need(150 + 8 * _sizes(run).widest_mb, 10)


def bounds(estimator: EstimatorSettings | Scan) -> int:
    """The number of rows that the estimator gives for a layer and an epoch."""
    values = len(estimator.values) if isinstance(estimator, Scan) else 1
    return values * len(METHODS[estimator.method].bounds)


def _runs(study: Study) -> list[tuple[_Sizes, int]]:
    """Of every run its sizes and the number of its seeds."""
    trained = [(_sizes(settings), study.seeds) for settings in study.runs.values()]
    of_files = [list(files.values()) for files in recordings.of_study(study).values()]
    return trained + [(_sizes(files[0]), sum(len(file.seeds) for file in files)) for files in of_files]


def rows(study: Study) -> dict[str, int]:
    """The number of rows of every table that others are made of."""
    of_runs = _runs(study)
    all_bounds = len(study.parts) * sum(map(bounds, study.estimators.values()))
    layers = sum(size.layers for size, _ in of_runs)
    at_epochs = sum(seeds * size.recorded * size.layers for size, seeds in of_runs)
    return {
        "training": sum(seeds * size.recorded for size, seeds in of_runs),
        "layers": at_epochs,
        "information": at_epochs * all_bounds,
        "scans": at_epochs * len(study.parts) * sum(map(bounds, study.scans.values())),
        # Of one seed: 200 bins of the histogram, and those of the estimators, few of which have more than 100.
        "distributions": 400 * layers,
        "compression": sum(seeds * size.layers for size, seeds in of_runs) * all_bounds,
        # Of three measures, and three of generalisation.
        "compression_summary": 3 * layers * all_bounds,
        "correlation": 9 * layers * all_bounds,
    }


# kB of memory per row of each table; that of a row of text columns, which tables made of a few numbers have as well.
_KB_PER_ROW: Mapping[str, float] = {"training": 0.5, "layers": 0.4, "information": 0.5, "scans": 0.5}
_KB_PER_OTHER_ROW = 2.0


def _in_memory(tables: Iterable[str], of: Mapping[str, int]) -> float:
    return sum(1e-3 * of[name] * _KB_PER_ROW.get(name, _KB_PER_OTHER_ROW) for name in tables if name in of)


def collecting(study: Study, table: str) -> Need:
    """Of the rules that join the files of all runs and blocks to one table."""
    of = rows(study)
    files = len(study.runs) * -(-study.seeds // study.seeds_per_job) + sum(
        map(len, recordings.of_study(study).values())
    )
    files *= {"information": len(study.estimators), "scans": len(study.scans)}.get(table, 1)
    return Need(130 + _in_memory([table], of), 10 + 5e-6 * of[table] + 0.05 * files)


def by_run(study: Study) -> Need:
    """Of the statistics that read the table of information run by run."""
    of = rows(study)
    of_runs = [seeds * size.recorded * size.layers for size, seeds in _runs(study)]
    at_once = of["information"] * max(of_runs) / sum(of_runs)
    return Need(205 + 1e-3 * at_once + _in_memory(["training"], of), 15 + 1e-5 * of["information"])


def of_claims(study: Study) -> Need:
    """Of the claims, which read compression, and some columns of layers and of their estimator's information."""
    of = rows(study)
    assert study.claims is not None
    share = bounds(study.estimators[study.claims["estimator"]]) / sum(map(bounds, study.estimators.values()))
    read = of["layers"] + of["information"] * share
    return Need(265 + 1.2e-4 * read + _in_memory(["compression"], of), 15 + 3e-6 * of["information"])


def of_sensitivity(study: Study, estimator: str) -> Need:
    """Of the claims under every setting of an estimator and its variants, which read information by run."""
    variants = 1 + sum(variant.base == estimator for variant in study.sensitivity.variants.values())
    of = rows(study)
    of_runs = [size.recorded * size.layers * seeds for size, seeds in _runs(study)]
    per_row = bounds(study.estimators[estimator])
    read = (per_row + 1) * sum(of_runs)
    # What is kept of all runs are trajectories, of which a number takes 8 bytes, and compression.
    kept = 8e-6 * read * len(study.sensitivity.stopping)
    megabytes = 215 + 1.5e-3 * per_row * max(of_runs) + kept + _in_memory(["training", "layers"], of)
    return Need(megabytes, 15 + 1e-5 * read * variants)


def summarising(study: Study) -> Need:
    """Of the means of compression, for which scipy is not needed."""
    return Need(150 + _in_memory(["compression"], rows(study)), 15)


def of_compression(study: Study) -> Need:
    """Of the others that read the table of compression alone; the time is that of correlation, the longest."""
    of = rows(study)
    seeds = [of_run for _, of_run in _runs(study)]
    groups = (len(seeds) + 1) * of["compression"] / sum(seeds)
    per_group = study.resamples * (4e-5 + 1e-6 * max(seeds))
    return Need(205 + _in_memory(["compression"], of), 15 + groups * per_group)


def writing(study: Study, tables: Iterable[str]) -> Need:
    """Of a page of words that reads these tables."""
    return Need(170 + 1.3 * _in_memory(tables, rows(study)), 20)


def drawing(study: Study, tables: Iterable[str]) -> Need:
    """Of a figure, or a page of pictures, that reads these tables."""
    of, tables = rows(study), list(tables)
    read = sum(of.get(name, 0) for name in tables)
    return Need(290 + 1.3 * _in_memory(tables, of), 20 + 1e-5 * read)
