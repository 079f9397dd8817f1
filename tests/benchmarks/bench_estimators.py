"""How fast the estimators are, always beside other ways to the same numbers in the same run.

    python tests/benchmarks/bench_estimators.py            a table of ratios and of growth, with the machine
    pytest tests/benchmarks/bench_estimators.py            the same calls under pytest-benchmark

Plain `pytest` does not collect this file. All is measured on one core. The other ways are
- twin: the slow, readable implementation in infoplane.estimators.reference;
- torch matrix: the pairwise distance matrix and logsumexp, as one would write it, for both bounds;
- loop over inputs: as published code has it, the entropy H(T|X) summed input by input, in numpy.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import platform
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from infoplane.estimators import METHODS, Layer, adaptive_kde_bounds, ebab, fixed_binning, kde_bounds, reference
from infoplane.estimators.interface import scan_estimates

SAMPLES = 4096
UNITS = (2, 5, 10)
LAYERS = ("tanh", "relu", "dense", "saturated")


@pytest.fixture(autouse=True)
def _one_core(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def data(layer: str, units: int, samples: int = SAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """Activity and two classes.

    "dense": so near to each other that every pair of samples counts. "saturated": a softmax layer that is sure of
    itself, whose other values are so small that their squares, or they themselves, are subnormal.
    """
    rng = np.random.default_rng(units)
    values = rng.normal(size=(samples, units))
    if layer == "saturated":
        activity = 10 ** (1.5 * values - 20)
        activity[np.arange(samples), rng.integers(0, units, samples)] = 1
        return activity.astype(np.float32), rng.integers(0, 2, samples)
    activity = {"tanh": np.tanh(1.5 * values), "relu": np.maximum(values, 0), "dense": 0.01 * values}[layer]
    return activity.astype(np.float32), rng.integers(0, 2, samples)


def twin_of_both_bounds(activity, labels):
    """The twin of kde, once for each bound."""
    return [reference.kde(activity, labels, bound=bound) for bound in ("upper", "lower")]


def torch_matrix(activity, labels, variance=1e-3):
    """Both bounds in bits from the matrix of distances of all samples, and of those of each class."""
    points, classes = torch.from_numpy(activity), torch.from_numpy(labels)

    def entropy(part, scale):
        distances = torch.cdist(part, part, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        log_density = torch.logsumexp(-distances / scale, dim=1) - np.log(len(part))
        return -log_density.mean() / np.log(2)

    values = []
    for scale in (2 * variance, 8 * variance):
        h_t = entropy(points, scale)
        given = sum((classes == y).double().mean() * entropy(points[classes == y], scale) for y in classes.unique())
        values.append((float(h_t), float(h_t - given)))
    return values


def loop_over_inputs(activity, labels, edges_of, inputs=None):
    """H(T) - sum_x p(x) H(T|x), input by input, each state a row of digitised units viewed as one item."""
    inputs = np.arange(len(activity)) if inputs is None else inputs
    rows = np.ascontiguousarray(np.digitize(activity, edges_of(activity)).astype(np.int64))
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).reshape(-1)

    def entropy(part):
        p = np.unique(part, return_counts=True)[1] / len(part)
        return -(p * np.log2(p)).sum()

    def conditional(given):
        return sum((given == z).mean() * entropy(keys[given == z]) for z in np.unique(given))

    h_t = entropy(keys)
    return h_t - conditional(inputs), h_t - conditional(labels)


def edges_of_30_distinct_parts(activity):
    """EBAB's edges for 30 bins."""
    distinct = np.unique(activity)
    return [*(distinct[int(k * (len(distinct) / 30))] for k in range(30)), distinct[-1]]


def fixed_edges(activity):
    """30 edges of [-1, 1]."""
    return np.linspace(-1, 1, 30)


# What is measured, and in what other ways the same is computed: name -> function of (activity, labels).
WAYS: dict[str, dict[str, Callable]] = {
    "kde": {"fast": kde_bounds, "torch matrix": torch_matrix, "twin": twin_of_both_bounds},
    "adaptive_kde": {"fast": adaptive_kde_bounds},
    "ebab": {
        "fast": ebab,
        "loop over inputs": partial(loop_over_inputs, edges_of=edges_of_30_distinct_parts),
        "twin": reference.ebab,
    },
    "fixed_binning": {
        "fast": fixed_binning,
        "loop over inputs": partial(loop_over_inputs, edges_of=fixed_edges),
        "twin": reference.fixed_binning,
    },
}
CASES = [
    (estimator, way, layer, units)
    for estimator, ways in WAYS.items()
    for way in ways
    for layer in (LAYERS if "kde" in estimator else ("tanh",))
    for units in UNITS
]


@pytest.mark.parametrize(("estimator", "way", "layer", "units"), CASES)
def test_ways(benchmark, estimator, way, layer, units):
    """Each estimator and the other ways to its numbers, one group per layer and number of units."""
    activity, labels = data(layer, units)
    benchmark.group = f"{estimator}, {layer}, {units} units"
    benchmark.pedantic(WAYS[estimator][way], (activity, labels), rounds=20 if way == "fast" else 1, warmup_rounds=1)


GROWTH = [(samples, 10) for samples in (1024, 2048, 4096, 8192, 16384)] + [(4096, 2**k) for k in range(1, 11)]


@pytest.mark.parametrize(("samples", "units"), GROWTH)
@pytest.mark.parametrize("estimator", ["kde", "ebab", "fixed_binning"])
def test_growth(benchmark, estimator, samples, units):
    """Cost as the samples and the units grow."""
    activity, labels = data("tanh", units, samples)
    benchmark.group = f"{estimator}, growth"
    benchmark.pedantic(WAYS[estimator]["fast"], (activity, labels), rounds=5, warmup_rounds=1)


def test_the_ways_agree():
    """All ways compute the same thing, or their ratio means nothing."""
    activity, labels = data("tanh", 5, 600)
    for estimator, ways in WAYS.items():
        expected = np.array(ways["fast"](activity, labels))
        for way, function in ways.items():
            np.testing.assert_allclose(
                np.array(function(activity, labels)), expected, atol=1e-3, err_msg=f"{estimator}, {way}"
            )


@pytest.mark.parametrize("units", [2, 10])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_hundred_times_the_torch_matrix(layer, units):
    """Both bounds and both informations at a hundredth of the straightforward cost; half that if no pair is far."""
    activity, labels = data(layer, units)
    times = 50 if layer == "dense" else 100
    assert seconds(torch_matrix, activity, labels) >= times * seconds(kde_bounds, activity, labels)


# Three values of a key, the middle one that of the paper.
SCANS = {
    "kde": ("noise_variance", (1e-4, 1e-3, 1e-2)),
    "adaptive_kde": ("noise_scale", (1e-4, 1e-3, 1e-2)),
    "ebab": ("bins", (10, 30, 100)),
    "fixed_binning": ("bins", (10, 30, 100)),
}


def scan_of(estimator: str, values: tuple) -> Callable:
    """One scan with these values, as the pipeline calls it, as a function of (activity, labels)."""
    method, key = METHODS[estimator], SCANS[estimator][0]
    defaults = {name: schema["default"] for name, schema in method.settings.items()}
    settings = [{**defaults, key: value} for value in values]
    layer = Layer(1, None, (-1.0, 1.0), -1.0, 1.0, -1.0, 1.0)
    return lambda activity, labels: scan_estimates(method, activity[None], labels, None, layer, settings, "cpu")


def scan_ratios(estimator: str, layer: str, units: int) -> tuple[float, float]:
    """The cost of three values at once: in single calls with the middle one, and with the mean of all three."""
    activity, labels = data(layer, units)
    values = SCANS[estimator][1]
    singles = [seconds(scan_of(estimator, (value,)), activity, labels) for value in values]
    together = seconds(scan_of(estimator, values), activity, labels)
    return together / singles[1], together / np.mean(singles)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_scan_costs_less_than_its_values_one_by_one(layer):
    """Values share the points and their order, and the distances of blocks in which they find the same samples near.

    Kernel values are not shared: they take as long as the distances of 10 units, and a power of one would be another
    number than the value has by itself.
    """
    _, of_mean = scan_ratios("kde", layer, 10)
    assert of_mean < (1.6 if layer == "saturated" else 3)


def seconds(function: Callable, activity: np.ndarray, labels: np.ndarray) -> float:
    """Processor time of the shortest of several calls after a first one, within about a second and a half."""
    function(activity[:100], labels[:100])
    shortest, started = np.inf, time.perf_counter()
    while time.perf_counter() - started < 1.5:
        begun = time.process_time()
        function(activity, labels)
        shortest = min(shortest, time.process_time() - begun)
    return shortest


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def print_tables() -> None:
    """Print, as Markdown, ratios to the other ways and growth with samples and units."""
    torch.set_num_threads(1)
    print(f"One core of {processor()}; Python {platform.python_version()}, torch {torch.__version__}.\n")
    print(f"{SAMPLES} samples; kde: both bounds, I(T;X) and I(T;Y). How many times longer the other ways take:\n")
    print(
        "| estimator | layer | units | time | torch matrix | loop over inputs | twin |\n|---|---|---|---|---|---|---|"
    )
    for estimator, ways in WAYS.items():
        for layer in LAYERS if "kde" in estimator else ("tanh",):
            for units in UNITS:
                activity, labels = data(layer, units)
                took = {way: seconds(function, activity, labels) for way, function in ways.items()}
                ratios = (
                    f"{took[way] / took['fast']:.0f}" if way in took else ""
                    for way in ("torch matrix", "loop over inputs", "twin")
                )
                print(
                    f"| {estimator} | {layer} | {units} | {took['fast'] * 1e3:.2f} ms | {' | '.join(ratios)} |",
                    flush=True,
                )
    print(
        "\nThree values in one scan, as multiples of one call with the middle value, and with the mean of the three:\n"
    )
    print("| estimator | layer | units | of the middle | of the mean |\n|---|---|---|---|---|")
    for estimator in SCANS:
        for layer in LAYERS if "kde" in estimator else ("tanh",):
            of_middle, of_mean = scan_ratios(estimator, layer, 10)
            print(f"| {estimator} | {layer} | 10 | {of_middle:.2f} | {of_mean:.2f} |", flush=True)
    print("\nGrowth, as multiples of the cost of 1024 samples with 10 units (tanh):\n")
    print("| samples | units | kde | ebab | fixed_binning |\n|---|---|---|---|---|")
    smallest = {}
    for samples, units in GROWTH:
        cells = []
        for estimator in ("kde", "ebab", "fixed_binning"):
            took = seconds(WAYS[estimator]["fast"], *data("tanh", units, samples))
            cells.append(f"{took / smallest.setdefault(estimator, took):.1f}")
        print(f"| {samples} | {units} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    print_tables()
