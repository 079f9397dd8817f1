"""The smoke study's tables, recomputed from what lies before them by lines that share nothing with the package.

Information from the dumps, by tests/twins.py; statistics from the tables of information and training, with pandas,
scipy and statsmodels. Which numbers are drawn is random: the seed is in the message of every failure.
"""

from __future__ import annotations

import hashlib
import importlib.util
import random
import time
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import stats

pytestmark = pytest.mark.slow

FUNCTIONS = {"tanh": ("tanh",) * 5, "relu": ("relu",) * 5, "relu_l2": ("relu",) * 5}
ESTIMATORS = {
    "fixed": ("fixed_binning", {"bins": 30, "range": "activation_function"}, ("none",)),
    "ebab": ("ebab", {"bins": 30}, ("none",)),
    "kde": ("kde", {"noise_variance": 1e-3}, ("upper", "lower")),
    "adaptive_kde": ("adaptive_kde", {"noise_scale": 1e-3, "scaling": "variance"}, ("upper", "lower")),
}
BLOCKS = {seed: f"seeds_{seed // 2 * 2}-{seed // 2 * 2 + 1}" for seed in range(4)}
KEYS = ["run", "layer", "estimator", "bound"]
MEASURES = ["drop", "balance", "final"]


@pytest.fixture(scope="module")
def results(smoke) -> Path:
    return smoke.folder / "results/smoke"


@pytest.fixture(scope="module")
def twins() -> ModuleType:
    spec = importlib.util.spec_from_file_location("twins", Path(__file__).with_name("twins.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def szt() -> tuple[np.ndarray, np.ndarray]:
    """Inputs and labels from the neighbours on the icosahedron, written down one by one."""
    neighbours = [
        *([1, 3, 5, 10, 11], [0, 2, 3, 4, 11], [1, 3, 4, 8, 9], [0, 1, 2, 8, 10], [1, 2, 6, 9, 11], [0, 6, 7, 10, 11]),
        *([4, 5, 7, 9, 11], [5, 6, 8, 9, 10], [2, 3, 7, 9, 10], [2, 4, 6, 7, 8], [0, 3, 5, 7, 8], [0, 1, 4, 5, 6]),
    ]
    opposite = [9, 7, 5, 6, 10, 2, 3, 1, 11, 0, 4, 8]
    inputs, labels = [], []
    for number in range(4096):
        bits = [int(digit) for digit in f"{number:012b}"]
        on = {vertex for vertex, bit in enumerate(bits) if bit}
        k = len(on)
        a = sum(len(on & set(neighbours[vertex])) for vertex in on) // 2
        o = sum(opposite[vertex] in on for vertex in on) // 2
        inputs.append(bits)
        labels.append(int(114 * k - 11 * k**2 + 24 * a - 12 * o >= 430))
    # The published benchmark's.
    digest = "77732f16f85e91b49d3997196b56163b3bd362d8cf631468a8de3f986e88359f"
    assert hashlib.sha256(bytes(labels)).hexdigest() == digest
    return np.array(inputs), np.array(labels)


def table(results: Path, name: str) -> pd.DataFrame:
    path = next((results / "tables").glob(f"{name}.[pc]*[tv]"))
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=True)


@pytest.fixture(scope="module")
def information(results) -> pd.DataFrame:
    return table(results, "information")


@pytest.fixture(scope="module")
def by_seed(results, information) -> pd.DataFrame:
    """Compression, accuracy and loss of every seed, layer, estimator and bound, one trajectory at a time."""
    training = table(results, "training")
    assert (training["diverged_epoch"] == -1).all()
    rows = []
    for key, rows_of in information.groupby([*KEYS, "seed"], sort=False):
        i_tx = rows_of.sort_values("epoch")["i_tx"].to_numpy()
        end = i_tx[-max(1, len(i_tx) // 10) :].mean()
        steps = [step for step in np.diff(i_tx).tolist() if abs(step) >= 1e-9]
        moved = sum(map(abs, steps))
        last = training[(training["run"] == key[0]) & (training["seed"] == key[-1])].nlargest(1, "epoch").iloc[0]
        rows.append(
            {
                **dict(zip([*KEYS, "seed"], key, strict=True)),
                "drop": (i_tx.max() - end) / i_tx.max() if i_tx.max() > 1e-9 else np.nan,
                "balance": -sum(steps) / moved if moved else np.nan,
                "final": 1 - end / 12,
                "i_tx_end": end,
                "i_tx_maximum": i_tx.max(),
                "at_ceiling": bool((i_tx >= 12 - 0.01).all()),
                "accuracy_gap": last["train_accuracy"] - last["test_accuracy"],
                **last[["train_accuracy", "test_accuracy", "test_loss"]],
            }
        )
    return pd.DataFrame(rows)


def test_information_is_that_of_the_dump(results, information, twins, szt):
    """Of each estimator, run and bound some; every layer and kind of epoch comes up."""
    inputs, labels = szt
    seed = time.time_ns() % 2**32
    draw = random.Random(seed)
    epochs = sorted(information["epoch"].unique())
    assert set(zip(information["run"], information["estimator"], information["bound"], strict=True)) == {
        (run, name, bound) for run in FUNCTIONS for name, (_, _, bounds) in ESTIMATORS.items() for bound in bounds
    }
    values = information.set_index(["run", "estimator", "bound", "seed", "epoch", "layer"])[["i_tx", "i_ty"]]
    assert values.index.is_unique
    for run, functions in FUNCTIONS.items():
        for number in range(2):
            of_seed = draw.randrange(4)
            with h5py.File(results / f"activations/{run}/{BLOCKS[of_seed]}.h5") as file:
                row = file["seeds"][:].tolist().index(of_seed)
                assert file["epochs"][:].tolist() == epochs
                dump = {layer: file[f"layer{layer}/activity"][row] for layer in range(1, 7)}
            for name, (method, settings, bounds) in ESTIMATORS.items():
                place = draw.randrange(len(epochs))
                # Half of them where the choice of bound and range matters most.
                layer = draw.randrange(1, 7) if number else draw.choice([2, 5, 6])
                for bound in bounds:
                    cell = (run, name, bound, of_seed, epochs[place], layer)
                    expected = twins.estimate(method, settings, bound, dump, functions, place, layer, labels, inputs)
                    found = tuple(values.loc[cell])
                    tolerance = 1e-9 if bound == "none" else 1e-5
                    assert found == pytest.approx(expected, abs=tolerance), f"{cell}, seed of the draw {seed}"
    p = labels.mean()
    assert information["h_x"].to_numpy() == pytest.approx(12)
    assert information["h_y"].to_numpy() == pytest.approx(-p * np.log2(p) - (1 - p) * np.log2(1 - p))


def test_extremes_are_those_of_the_dump(results):
    layers = table(results, "layers").set_index(["run", "seed", "epoch", "layer"])
    for run in FUNCTIONS:
        for block in set(BLOCKS.values()):
            with h5py.File(results / f"activations/{run}/{block}.h5") as file:
                for layer in range(1, 7):
                    group = file[f"layer{layer}"]
                    for row, seed in enumerate(file["seeds"][:]):
                        for place, epoch in enumerate(file["epochs"][:]):
                            activity = group["activity"][row, place]
                            smallest, largest = activity.min(), activity.max()
                            assert (group["minimum"][row, place], group["maximum"][row, place]) == (smallest, largest)
                            stored = layers.loc[(run, seed, epoch, layer)]
                            found = stored[["activity_minimum", "activity_maximum"]].tolist()
                            assert found == [smallest, largest]


def test_compression(results, by_seed):
    found = table(results, "compression").merge(by_seed, on=[*KEYS, "seed"], suffixes=("", "_expected"))
    assert len(found) == len(by_seed) == 3 * 4 * 6 * 6
    names = [*MEASURES, "i_tx_end", "i_tx_maximum", "at_ceiling", "accuracy_gap", "test_accuracy", "test_loss"]
    for name in names:
        expected = found[f"{name}_expected"].to_numpy(dtype=float)
        np.testing.assert_allclose(found[name].to_numpy(dtype=float), expected, atol=1e-9, err_msg=name)
    assert found["drop"].std() > 0.01


def test_summary_and_seeds_needed(results, by_seed):
    summary, needed = table(results, "compression_summary"), table(results, "seeds_needed")
    grouped = dict(list(by_seed.groupby(KEYS)))
    checked = 0
    for _, row in summary[summary["measure"].isin([*MEASURES, "i_tx_end", "i_tx_maximum"])].iterrows():
        values = grouped[tuple(row[KEYS])][row["measure"]].dropna()
        assert row["n"] == len(values)
        if row["status"] == "ok" and np.ptp(values) > 1e-9:
            interval = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
            expected = [values.mean(), np.sqrt(np.var(values, ddof=1)), *interval]
            assert row[["mean", "sd", "lower", "upper"]].tolist() == pytest.approx(expected, abs=1e-9), row
            checked += 1
    assert checked > 100
    checked = 0
    for _, row in needed[needed["status"] == "ok"].iterrows():
        values = grouped[tuple(row[KEYS])][row["measure"]].dropna()
        sd, n = float(np.std(values, ddof=1)), int(row["seeds_needed"])
        assert row["sd"] == pytest.approx(sd, abs=1e-9)

        def width(count: int, sd: float = sd) -> float:
            return 2 * stats.t.ppf(0.975, count - 1) * sd / np.sqrt(count)

        assert width(n) <= row["target_width"] * (1 + 1e-9)
        assert n == 2 or width(n - 1) > row["target_width"] * (1 - 1e-9)
        assert row["width_expected"] == pytest.approx(width(int(row["seeds"])), abs=1e-9)
        checked += n > 2
    assert checked > 100


def test_correlation(results, by_seed):
    found = table(results, "correlation")
    within, pooled = 0, 0
    for _, row in found[found["status"] == "ok"].iterrows():
        chosen = by_seed
        for name in KEYS[row["scope"] == "pooled" :]:
            chosen = chosen[chosen[name] == row[name]]
        x, y = row["measure"], row["generalisation"]
        if row["scope"] == "run":
            rows = chosen[[x, y]].dropna()
            pearson, spearman = stats.pearsonr(rows[x], rows[y]), stats.spearmanr(rows[x], rows[y])
            expected = [pearson.statistic, pearson.pvalue, spearman.statistic]
            assert row[["pearson_r", "pearson_p", "spearman_rho"]].tolist() == pytest.approx(expected, abs=1e-6), row
            within += 1
        else:
            # The partial correlation given the run, from the residuals of two regressions on it.
            kept = [rows for _, rows in chosen.groupby("run") if not rows["at_ceiling"].all()]
            rows = pd.concat(kept)[["run", x, y]].dropna()
            rows = pd.concat([of for _, of in rows.groupby("run") if np.ptp(of[x]) > 1e-9 and np.ptp(of[y]) > 1e-9])
            if rows["run"].nunique() != row["n_runs"]:
                continue
            smf = pytest.importorskip("statsmodels.formula.api")
            left, right = (smf.ols(f"Q('{name}') ~ C(run)", rows).fit().resid for name in (x, y))
            if row["n_runs"] == 1:
                left, right = (rows[name] - rows[name].mean() for name in (x, y))
            assert row["pearson_r"] == pytest.approx(stats.pearsonr(left, right).statistic, abs=1e-6), row
            pooled += 1
    assert min(within, pooled) > 30


def test_effects(results, by_seed):
    found = table(results, "effects")
    assert set(found["run"]) == {"relu_l2"}
    assert set(found["baseline"]) == {"relu"}
    checked = 0
    for _, row in found[found["status"] == "ok"].iterrows():
        chosen = by_seed if pd.isna(row["estimator"]) else by_seed[by_seed["estimator"] == row["estimator"]]
        chosen = chosen if pd.isna(row["bound"]) else chosen[chosen["bound"] == row["bound"]]
        if row["measure"] == "spread":
            kept = chosen[chosen["layer"].isin([int(layer) for layer in row["layers"].split()])]
            kept = kept.pivot_table(index=["seed", "layer"], columns="run", values="i_tx_end")
            wide = kept.groupby("seed").agg(lambda values: np.std(values, ddof=1))
        else:
            kept = chosen[chosen["layer"] == row["layer"]] if row["layer"] else chosen
            wide = kept.pivot_table(index="seed", columns="run", values=row["measure"], aggfunc="first")
        wide = wide[["relu_l2", "relu"]].dropna()
        difference = wide["relu_l2"] - wide["relu"]
        expected = [wide["relu_l2"].mean(), wide["relu"].mean(), difference.mean()]
        assert row[["mean", "mean_baseline", "difference"]].tolist() == pytest.approx(expected, abs=1e-9), row
        if np.ptp(difference) > 1e-9:
            test = stats.ttest_rel(wide["relu_l2"], wide["relu"]).confidence_interval()
            limits = row[["difference_lower", "difference_upper"]].tolist()
            assert limits == pytest.approx([test.low, test.high], abs=1e-9), row
        u = stats.mannwhitneyu(wide["relu_l2"], wide["relu"]).statistic
        assert row["cliffs_delta"] == pytest.approx(2 * u / len(wide) ** 2 - 1, abs=1e-9), row
        checked += 1
    assert checked > 60


def test_variance_components(results, by_seed):
    oneway = pytest.importorskip("statsmodels.stats.oneway")
    found = table(results, "variance_components")
    checked = 0
    for _, row in found[(found["status"] == "ok") & (found["n_runs"] == 2)].iterrows():
        chosen = by_seed[by_seed["run"].isin(row["runs"].split())]
        for name in KEYS[1:]:
            chosen = chosen[chosen[name] == row[name]]
        groups = [values.dropna() for _, values in chosen.groupby("run")[row["measure"]]]
        if len({*map(len, groups)}) > 1:
            continue
        # Of equally many seeds: the mean squares of the analysis of variance.
        n = len(groups[0])
        within = np.mean([np.var(values, ddof=1) for values in groups])
        between = max(0.0, np.var([values.mean() for values in groups], ddof=1) - within / n)
        assert row["n"] == 2 * n
        assert row[["within", "between"]].tolist() == pytest.approx([within, between], abs=1e-12, rel=1e-6), row
        if row["welch_status"] == "ok":
            welch = oneway.anova_oneway(groups, use_var="unequal")
            expected = [welch.statistic, welch.pvalue]
            assert row[["welch_f", "welch_p"]].tolist() == pytest.approx(expected, rel=1e-5), row
        checked += 1
    assert checked > 20


def test_phases(results, information):
    found = table(results, "phases")
    assert len(found) == 3 * 6 * 6
    for _, row in found.iterrows():
        chosen = information
        for name in KEYS:
            chosen = chosen[chosen[name] == row[name]]
        mean = chosen.groupby("epoch")["i_tx"].mean()
        assert row["rise"] == pytest.approx(mean.max() - mean.iloc[0], abs=1e-9), row
        assert row["fall"] == pytest.approx(mean.max() - mean.iloc[-1], abs=1e-9), row
        assert row["extent"] == pytest.approx((mean.max() - mean.min()) / mean.max(), abs=1e-9), row
        assert mean.loc[row["epoch_of_maximum"]] == pytest.approx(mean.max(), abs=1e-9), row


def test_the_parts_of_claims(results, by_seed, information):
    """All but those that need more seeds or other runs than the smoke study has, which say so."""
    parts = table(results, "claim_parts").set_index("part")
    assert set(table(results, "claims")["estimator"]) == {"ebab"}
    of_ebab, of_fixed = (by_seed[by_seed["estimator"] == name] for name in ("ebab", "fixed"))

    def below(*runs: str, rows: pd.DataFrame = of_ebab, last: int = 5) -> list[int]:
        """The layers that at least half of the seeds of each run have below the ceiling."""
        shares = rows[rows["run"].isin(runs)].groupby(["layer", "run"])["at_ceiling"].mean().unstack()  # noqa: PD010
        return [layer for layer in shares.index[(shares <= 0.5).all(axis=1)] if layer <= last]

    def mean(run: str, layers: list[int], column: str = "drop", rows: pd.DataFrame = of_ebab) -> pd.Series:
        kept = rows[(rows["run"] == run) & rows["layer"].isin(layers)]
        return kept.groupby("seed")[column].mean()

    both = below("tanh", "relu")
    tanh, relu = mean("tanh", both), mean("relu", both)
    of_pair = below("relu", "relu_l2")
    clustered = below("relu", "relu_l2", last=6)
    spread, gap = {}, {}
    for run in ("relu", "relu_l2"):
        rows = of_ebab[of_ebab["run"] == run]
        spread[run] = rows[rows["layer"].isin(clustered)].groupby("seed")["i_tx_end"].agg(np.std, ddof=1)
        gap[run] = rows.groupby("seed")["accuracy_gap"].first()
    # Both estimators side by side, and which layer has the largest activity of all recorded epochs.
    largest = table(results, "layers").groupby(["run", "seed", "layer"])["activity_maximum"].max().loc["relu"]
    owner = {seed: of_seed.droplevel("seed").idxmax() for seed, of_seed in largest.groupby("seed")}
    columns = ["drop", "i_tx_maximum", "at_ceiling"]
    adaptive, fixed = (
        rows[rows["run"] == "relu"].set_index(["seed", "layer"])[columns].astype(float) for rows in (of_ebab, of_fixed)
    )
    finer = adaptive["i_tx_maximum"] - fixed["i_tx_maximum"]
    layer_of, seed_of = finer.index.get_level_values("layer"), finer.index.get_level_values("seed")
    is_owner = np.array([owner[seed] == layer for seed, layer in zip(seed_of, layer_of, strict=True)])
    ceilings = pd.concat([adaptive["at_ceiling"], fixed["at_ceiling"]], axis=1)
    compressing = ceilings.max(axis=1).groupby("layer").mean() <= 0.5
    resolving = ceilings.min(axis=1)[~is_owner].groupby("layer").mean() <= 0.5
    others = finer[~is_owner & (layer_of < 6) & layer_of.map(resolving.reindex(range(1, 7), fill_value=False))]
    others = others.groupby("seed").mean()
    less = (adaptive["drop"] - fixed["drop"])[(layer_of < 6) & layer_of.map(compressing)].groupby("seed").mean()

    expected = {
        "non-saturating functions compress": mean("relu", below("relu")),
        "tanh compresses most": tanh - relu,
        "compression increases": mean("relu_l2", of_pair) - mean("relu", of_pair),
        "layers cluster": spread["relu"] - spread["relu_l2"],
        "overfitting falls": gap["relu"] - gap["relu_l2"],
        "compression is under-estimated": less,
        "the other layers are under-resolved": others,
        "the layer that owns the range is less so": others - finer[is_owner].droplevel("layer"),
    }
    for part, values in expected.items():
        row = parts.loc[part]
        test = stats.ttest_1samp(values, row["threshold"])
        interval = test.confidence_interval()
        numbers = [values.mean(), interval.low, interval.high, test.pvalue, 4]
        assert row[["estimate", "lower", "upper", "p", "n"]].tolist() == pytest.approx(numbers, abs=1e-9), part

    row = parts.loc["activation functions differ"]
    f = stats.f_oneway(tanh, relu).statistic
    shares = [max(0.0, (at - 1) / (at + 3)) for at in (f, f / stats.f.isf(0.025, 1, 6), f / stats.f.isf(0.975, 1, 6))]
    assert row[["estimate", "lower", "upper"]].tolist() == pytest.approx(shares, abs=1e-9)
    assert row["p"] == pytest.approx(stats.ttest_ind(tanh, relu, equal_var=False).pvalue, abs=1e-9)
    variations = [
        of_run.std(ddof=1) / abs(of_run.mean()) for of_run in (mean(run, below(run)) for run in ("tanh", "relu"))
    ]
    assert parts.loc["compression varies between initialisations", "estimate"] == pytest.approx(np.mean(variations))
    rows = information[(information["run"] == "relu") & (information["estimator"] == "ebab")]
    means = rows[rows["layer"].isin(below("relu"))].groupby(["layer", "epoch"])["i_tx"].mean().unstack()  # noqa: PD010
    extent = ((means.max(axis=1) - means.min(axis=1)) / means.max(axis=1)).mean()
    assert parts.loc["ReLU is flat on average", "estimate"] == pytest.approx(extent)
    reasons = parts["reason"].dropna()
    assert reasons.index.tolist() == [
        "softplus and centered softplus differ",
        "compression varies between initialisations",
        "ReLU is flat on average",
        "last layer",
        "hidden layers",
    ]
