"""The study's claims C1 to C6 put to the test, by rules that are part of the configuration.

A claim has one or more parts, each a statistic with its interval, a threshold and a p value against the threshold. A
part is supported where its interval lies on the claimed side of the threshold, contradicted where it lies on the
other, both only if its p value, with Holm's correction over all parts of all claims, is below the significance level;
otherwise it is inconclusive. A claim is contradicted if one of its parts is, supported if all are.

Seeds are the sample, the runs are fixed: a statistic that combines runs is computed for each seed number and
averaged over seeds, since seeds of the same number share their random draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy

from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.errors import InfoplaneError
from infoplane.statistics.compression import RESOLUTION
from infoplane.statistics.correlation import POOLED, correlation
from infoplane.statistics.effects import PENALTIES, baseline_of, informative_layers, t_interval
from infoplane.statistics.frames import SERIES, require_columns, settings_of_runs
from infoplane.statistics.phases import of_mean_trajectories
from infoplane.statistics.resampling import Floats, bca_interval, bca_p, holm, resamples
from infoplane.statistics.seeds import components, variation

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE = "supported", "contradicted", "inconclusive", "not estimable"

CLAIMS: Mapping[str, str] = {
    "C1": "Saturation is not required for compression: non-saturating activation functions compress too",
    "C2": "The amount of compression differs between activation functions",
    "C3": "Compression varies strongly between initialisations; ReLU, averaged over them, has no distinct phases",
    "C4": "L2 regularisation increases compression, clusters the layers and reduces overfitting",
    "C5": "Only compression of the last layer goes with generalisation; no hidden layer's does",
    "C6": "A single global bin range under-estimates compression of unbounded activation functions",
}

FEWEST_SEEDS = 3
# Of C5, whose p values are corrected twice, over layers and over parts, and must be able to stay small.
FEWEST_PERMUTATIONS = 10_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides the verdicts; the section `claims` of the configuration, beside the primary measure."""

    estimator: str
    bound: str
    measure: str
    generalisation: str
    significance: float
    negligible: Mapping[str, float]
    negligible_share: float
    strong_variation: float
    flat: float
    negligible_correlation: float


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a claim; numbers are NaN where `reason` says "not estimable: ...".

    `leaning` is the verdict of the interval alone, `tested` whether a small p value is needed for it.
    """

    claim: str
    part: str
    statistic: str
    rule: str
    estimate: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    threshold: float = 0.0
    p: float = np.nan
    n: int = 0
    runs: str = ""
    layers: str = ""
    leaning: str = NOT_ESTIMABLE
    tested: bool = True
    reason: str = ""


def claims(
    compression: pd.DataFrame,
    information: pd.DataFrame,
    rules: Rules,
    *,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
    end_share: float = 0.1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdict on every claim, and the parts that it rests on.

    The first table has one row per claim: claim, statement, verdict (supported, contradicted, inconclusive or not
    estimable), reason (which parts decided, or why nothing could), then of the claim's first part statistic,
    estimate, lower, upper, threshold, n (seeds), p and p_corrected (Holm, over all parts of all claims), then
    estimator, bound, assumption, measure, generalisation, confidence and rule. The second has one row per part, with
    runs and layers (by name and number) that entered. Raises InfoplaneError if the estimator is not in the tables.
    """
    require_columns(compression, ["run", "seed", "layer", *SERIES, rules.measure, *PENALTIES], "compression")
    require_columns(information, ["run", "seed", "epoch", "layer", *SERIES, "i_tx"], "information")
    chosen = compression[compression["estimator"] == rules.estimator]
    if chosen.empty:
        known = ", ".join(map(str, compression["estimator"].unique()))
        raise InfoplaneError(f"claims.estimator is {rules.estimator!r}; the tables have {known}.")
    bounds = chosen["bound"].unique().tolist()
    bound = rules.bound if rules.bound in bounds else bounds[0]
    study = _Study(chosen[chosen["bound"] == bound], compression, rules, confidence, number, seed)
    of_series = (information["estimator"] == rules.estimator) & (information["bound"] == bound)
    parts = [
        *_c1(study),
        *_c2(study),
        *_c3(study, information[of_series & (information["run"].isin(study.family))], end_share),
        *_c4(study),
        *_c5(study),
        *_c6(study),
    ]
    table = pd.DataFrame([asdict(part) for part in parts])
    table.insert(list(table.columns).index("p") + 1, "p_corrected", holm(table["p"].to_numpy(np.float64)))
    undecided = table["tested"] & ~(table["p_corrected"] < rules.significance) & (table["leaning"] != NOT_ESTIMABLE)
    table["verdict"] = table["leaning"].mask(undecided, INCONCLUSIVE)
    table = table.drop(columns=["leaning", "tested"])
    described = {
        "estimator": rules.estimator,
        "bound": bound,
        "assumption": str(chosen["assumption"].iloc[0]),
        "measure": rules.measure,
        "generalisation": rules.generalisation,
        "confidence": confidence,
    }
    numbers = ["statistic", "estimate", "lower", "upper", "threshold", "n", "p", "p_corrected"]
    rows = []
    for claim, statement in CLAIMS.items():
        own = table[table["claim"] == claim]
        verdict, reason = _combined(own)
        first = {name: own.iloc[0][name] for name in numbers}
        rows.append(
            {"claim": claim, "statement": statement, "verdict": verdict, "reason": reason, **first, **described}
            | {"rule": "; ".join(own["rule"])}
        )
    return pd.DataFrame(rows), table


def _combined(parts: pd.DataFrame) -> tuple[str, str]:
    verdicts = parts["verdict"].tolist()
    named = [f"{part}: {verdict}" for part, verdict in zip(parts["part"], verdicts, strict=True)]
    reasons = [reason for reason in parts["reason"] if reason]
    if all(verdict == NOT_ESTIMABLE for verdict in verdicts):
        return NOT_ESTIMABLE, "; ".join(dict.fromkeys(reasons))
    text = "; ".join([*named, *dict.fromkeys(reasons)])
    if CONTRADICTED in verdicts:
        return CONTRADICTED, text
    return (SUPPORTED if set(verdicts) == {SUPPORTED} else INCONCLUSIVE), text


class _Study:
    """The compression of one series, and the runs that the claims speak of."""

    def __init__(
        self, series: pd.DataFrame, everything: pd.DataFrame, rules: Rules, confidence: float, number: int, seed: int
    ) -> None:
        self.series = series
        self.everything = everything
        self.rules, self.confidence, self.number, self.seed = rules, confidence, number, seed
        self.runs = settings_of_runs(series)
        self.hidden = hidden_rows(series)
        self.activation = dict(zip(self.runs["run"], self.runs["activation"], strict=True))
        plain = self.runs[(self.runs[list(PENALTIES)] == 0).all(axis=1)]
        others = [name for name in self.runs.columns if name not in ("run", "activation")]
        families = [group["run"].tolist() for _, group in plain.groupby(others, sort=False, dropna=False)]
        # The runs without a penalty that differ in their activation function alone: the largest set, if several.
        self.family: list[str] = max(families, key=len, default=[])

    def saturating(self, run: str) -> bool:
        """Whether an activation function of the run's hidden layers is bounded on both sides."""
        names = self.activation[run].split("-")
        return any(name in ACTIVATION_FUNCTIONS and ACTIVATION_FUNCTIONS[name].function_range for name in names)

    def scores(
        self, runs: Sequence[str], column: str, *, common: bool, table: pd.DataFrame | None = None
    ) -> tuple[pd.DataFrame, str]:
        """Mean of `column` over the informative hidden layers, as (seed, run), and the names of these layers.

        With `common` they are those that are below the ceiling in all runs, else each run has its own. Runs without
        such a layer or without seeds that did not diverge have no column, seeds that one of the runs lacks no row.
        """
        hidden = self.hidden if table is None else table
        hidden = hidden[hidden["run"].isin(runs) & ~hidden["diverged"].astype(bool)]
        found, layers = {}, {}
        for run in runs:
            own = hidden[hidden["run"] == run]
            usable = informative_layers(hidden if common else own) if len(own) else []
            values = own[own["layer"].isin(usable)].groupby("seed")[column].mean().dropna()
            if len(values):
                found[run] = values
                layers[run] = " ".join(map(str, usable))
        table = pd.DataFrame(found).dropna()
        named = dict.fromkeys(layers.values())
        return table, next(iter(named)) if len(named) == 1 else "; ".join(f"{run} {at}" for run, at in layers.items())


def hidden_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of hidden layers: all but the last."""
    return table[table["layer"] < table["n_layers"]]


def _mean_part(part: Part, values: Floats, confidence: float) -> Part:
    """A part about the mean over seeds of one value per seed, claimed to be above the threshold."""
    if len(values) < FEWEST_SEEDS:
        return _missing(part, f"{len(values)} seeds in all runs, {FEWEST_SEEDS} are needed")
    mean = float(values.mean())
    lower, upper = t_interval(values, confidence)
    p = float(mean == part.threshold)
    if np.ptp(values) > RESOLUTION:
        p = float(scipy.stats.ttest_1samp(values, part.threshold).pvalue)
    return _judged(replace(part, estimate=mean, lower=lower, upper=upper, p=p, n=len(values)))


def _judged(part: Part) -> Part:
    """The verdict of the interval for a statistic that is claimed to be above the threshold."""
    leaning = INCONCLUSIVE
    if part.lower > part.threshold:
        leaning = SUPPORTED
    elif part.upper < part.threshold:
        leaning = CONTRADICTED
    return replace(part, leaning=leaning)


def _missing(part: Part, reason: str) -> Part:
    return replace(part, leaning=NOT_ESTIMABLE, reason=f"not estimable: {reason}")


def _c1(study: _Study) -> list[Part]:
    threshold = study.rules.negligible[study.rules.measure]
    part = Part(
        "C1",
        "non-saturating functions compress",
        f"mean {study.rules.measure} of hidden layers below the ceiling, over non-saturating activation functions",
        f"supported above {threshold:g}, contradicted below",
        threshold=threshold,
    )
    runs = [run for run in study.family if not study.saturating(run)]
    if not runs:
        return [_missing(part, "no run without a penalty has a non-saturating activation function")]
    scores, layers = study.scores(runs, study.rules.measure, common=False)
    if scores.columns.empty:
        return [_missing(part, "every hidden layer is at the ceiling, or every seed diverged")]
    part = replace(part, runs=" ".join(scores.columns), layers=layers)
    return [_mean_part(part, scores.mean(axis=1).to_numpy(), study.confidence)]


def _c2(study: _Study) -> list[Part]:
    measure, confidence = study.rules.measure, study.confidence
    small = study.rules.negligible_share
    differs = Part(
        "C2",
        "activation functions differ",
        f"share of the variance of {measure} that lies between activation functions (p: Welch's test)",
        f"supported if Welch's test rejects equal means, contradicted if the share is below {small:g}",
        threshold=small,
    )
    most = Part(
        "C2",
        "tanh compresses most",
        f"smallest difference of mean {measure} between tanh and another activation function",
        "supported above 0, contradicted below",
    )
    twins = Part(
        "C2",
        "softplus and centered softplus differ",
        f"difference of mean {measure}, centered softplus - softplus",
        "supported if the interval leaves out 0, contradicted if it lies within what is negligible",
    )
    scores, layers = study.scores(study.family, measure, common=True)
    runs = " ".join(scores.columns)
    differs, most, twins = (replace(part, runs=runs, layers=layers, n=len(scores)) for part in (differs, most, twins))
    if scores.shape[1] < 2 or len(scores) < FEWEST_SEEDS:
        reason = f"{scores.shape[1]} runs with layers below the ceiling in all of them and {len(scores)} seeds"
        return [_missing(part, reason) for part in (differs, most, twins)]
    groups = [scores[run].to_numpy() for run in scores.columns]
    if any(np.ptp(group) <= RESOLUTION for group in groups):
        differs = _missing(differs, "a run does not vary over seeds")
    else:
        found = components(groups, confidence=confidence)
        p = float(scipy.stats.f_oneway(*groups, equal_var=False).pvalue)
        differs = replace(differs, estimate=found.share, lower=found.share_lower, upper=found.share_upper, p=p)
        if found.share_upper < small and p >= study.rules.significance:
            differs = replace(differs, leaning=CONTRADICTED, tested=False)
        else:
            differs = replace(differs, leaning=SUPPORTED)

    by_activation = {study.activation[run]: run for run in scores.columns}
    if "tanh" in by_activation:
        tanh = scores[by_activation["tanh"]]
        others = [run for run in scores.columns if study.activation[run] != "tanh"]
        results = [_mean_part(most, (tanh - scores[run]).to_numpy(), confidence) for run in others]
        smallest = min(results, key=lambda part: part.estimate)
        # tanh is the largest only if it is above every other, so the largest p counts; below one is enough.
        p_values = np.array([part.p for part in results])
        above = all(part.leaning == SUPPORTED for part in results)
        p = float(p_values.max()) if above else float(holm(p_values)[results.index(smallest)])
        leaning = INCONCLUSIVE if smallest.leaning == SUPPORTED and not above else smallest.leaning
        most = replace(smallest, p=p, leaning=leaning)
    else:
        most = _missing(most, "no run without a penalty is tanh, or its layers are at the ceiling")

    if {"softplus", "centered_softplus"} <= set(by_activation):
        difference = scores[by_activation["centered_softplus"]] - scores[by_activation["softplus"]]
        twins = _mean_part(twins, difference.to_numpy(), confidence)
        margin = study.rules.negligible[measure]
        if -margin < twins.lower <= 0 <= twins.upper < margin:
            twins = replace(twins, leaning=CONTRADICTED, tested=False)
        elif twins.leaning == CONTRADICTED:
            twins = replace(twins, leaning=SUPPORTED)
    else:
        twins = _missing(twins, "softplus and centered_softplus are not both among the runs")
    return [differs, most, twins]


def _bootstrap_part(part: Part, estimate: float, bootstrap: Floats, jackknife: Floats, study: _Study) -> Part:
    lower, upper, status = bca_interval(estimate, bootstrap, jackknife, n=len(jackknife), confidence=study.confidence)
    part = replace(part, n=len(jackknife))
    if status != "ok":
        return _missing(replace(part, estimate=estimate), status.removeprefix("not estimable: "))
    p = bca_p(estimate, bootstrap, jackknife, part.threshold)
    return _judged(replace(part, estimate=estimate, lower=lower, upper=upper, p=p))


def _c3(study: _Study, information: pd.DataFrame, end_share: float) -> list[Part]:
    rules = study.rules
    varies = Part(
        "C3",
        "compression varies between initialisations",
        f"standard deviation of {rules.measure} over seeds as a share of its mean, averaged over activation functions",
        f"supported above {rules.strong_variation:g}, contradicted below",
        threshold=rules.strong_variation,
    )
    flat = Part(
        "C3",
        "ReLU is flat on average",
        "extent of the mean I(T;X) of ReLU, (largest - smallest) / largest, averaged over hidden layers below the "
        "ceiling",
        f"supported below {rules.flat:g}, contradicted above",
        threshold=rules.flat,
    )
    scores, layers = study.scores(study.family, rules.measure, common=False)
    varies = replace(varies, runs=" ".join(scores.columns), layers=layers)
    if scores.columns.empty or len(scores) < FEWEST_SEEDS:
        varies = _missing(varies, f"{scores.shape[1]} runs with layers below the ceiling and {len(scores)} seeds")
    elif (scores.mean().abs() <= RESOLUTION).any():
        varies = _missing(varies, "the mean of a run is 0")
    else:
        drawn = resamples(len(scores), study.number, study.seed)

        def mean_variation(weights: Floats) -> Floats:
            return np.asarray(np.mean([variation(weights, scores[run].to_numpy()) for run in scores], axis=0))

        estimate = float(mean_variation(np.ones((1, len(scores))))[0])
        varies = _bootstrap_part(varies, estimate, mean_variation(drawn.counts), mean_variation(drawn.left_out), study)

    relu = [run for run in study.family if study.activation[run] == "relu"]
    if not relu:
        return [varies, _missing(flat, "no run without a penalty is ReLU")]
    own = study.hidden[(study.hidden["run"] == relu[0]) & ~study.hidden["diverged"].astype(bool)]
    usable = informative_layers(own) if len(own) else []
    table = information[(information["run"] == relu[0]) & information["layer"].isin(usable)]
    table = table[table["seed"].isin(own["seed"])]
    flat = replace(flat, runs=relu[0], layers=" ".join(map(str, usable)))
    if table.empty:
        return [varies, _missing(flat, "every hidden layer is at the ceiling, or every seed diverged")]
    values = table.set_index(["layer", "seed", "epoch"])["i_tx"].sort_index()
    cube = values.to_numpy(dtype=np.float64).reshape(len(usable), table["seed"].nunique(), table["epoch"].nunique())
    if cube.shape[1] < FEWEST_SEEDS:
        return [varies, _missing(flat, f"{cube.shape[1]} seeds, {FEWEST_SEEDS} are needed")]
    drawn = resamples(cube.shape[1], study.number, study.seed)

    def mean_extent(weights: Floats) -> Floats:
        return np.asarray(np.mean([of_mean_trajectories(weights, layer, end_share)[3] for layer in cube], axis=0))

    estimate = float(mean_extent(np.ones((1, cube.shape[1])))[0])
    flat = _bootstrap_part(flat, estimate, mean_extent(drawn.counts), mean_extent(drawn.left_out), study)
    turned = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}
    return [varies, replace(flat, leaning=turned.get(flat.leaning, flat.leaning))]


def _c4(study: _Study) -> list[Part]:
    measure = study.rules.measure
    rule = "supported above 0, contradicted below"
    parts = [
        Part("C4", "compression increases", f"difference of mean {measure} of hidden layers, L2 - none", rule),
        Part("C4", "layers cluster", "difference of the spread of I(T;X) between layers at the end, none - L2", rule),
        Part("C4", "overfitting falls", "difference of training minus test accuracy at the end, none - L2", rule),
    ]
    pairs = []
    for settings in study.runs.to_dict("records"):
        if settings["l2"] > 0 and settings["weight_decay"] == 0:
            baseline, _ = baseline_of(settings["run"], study.runs)
            if baseline is not None:
                pairs.append((str(settings["run"]), baseline))
    if not pairs:
        return [_missing(part, "no run with an L2 penalty has a run that is otherwise equal") for part in parts]
    values: list[list[pd.Series]] = [[], [], []]
    layers: list[list[str]] = [[], [], []]
    for penalised, baseline in pairs:
        scores, of_pair = study.scores([baseline, penalised], measure, common=True)
        if scores.shape[1] == 2:
            values[0].append(scores[penalised] - scores[baseline])
            layers[0].append(of_pair)
        both = study.series[study.series["run"].isin([penalised, baseline]) & ~study.series["diverged"].astype(bool)]
        if both["run"].nunique() < 2:
            continue
        usable = informative_layers(both)
        if len(usable) >= 2:
            spread = both[both["layer"].isin(usable)].groupby(["seed", "run"])["i_tx_end"].std(ddof=1)
            ends = spread.unstack("run")  # noqa: PD010
            layers[1].append(" ".join(map(str, usable)))
            values[1].append((ends[baseline] - ends[penalised]).dropna())
        gap = both.drop_duplicates(["seed", "run"]).set_index(["seed", "run"])["accuracy_gap"]
        gaps = gap.unstack("run")  # noqa: PD010
        values[2].append((gaps[baseline] - gaps[penalised]).dropna())
    named = " ".join(f"{penalised}-{baseline}" for penalised, baseline in pairs)
    result = []
    for part, found, used in zip(parts, values, layers, strict=True):
        part = replace(part, runs=named, layers="; ".join(dict.fromkeys(used)))
        if not found:
            result.append(_missing(part, "no layers are below the ceiling in both runs, or every seed diverged"))
            continue
        seeds = pd.concat(found, axis=1).dropna().mean(axis=1).to_numpy(dtype=np.float64)
        result.append(_mean_part(part, seeds, study.confidence))
    return result


def _c5(study: _Study) -> list[Part]:
    rules = study.rules
    margin = rules.negligible_correlation
    sign = 1.0 if rules.generalisation == "test_accuracy" else -1.0
    described = f"correlation of {rules.measure} with {rules.generalisation}" + (", sign reversed" if sign < 0 else "")
    last = Part(
        "C5",
        "last layer",
        f"{described}, last layer, the run as a factor",
        "supported above 0, contradicted below (p: permutation, corrected over layers)",
    )
    hidden = Part(
        "C5",
        "hidden layers",
        f"{described}, the most significant or else largest of the hidden layers, the run as a factor",
        f"contradicted if one is significant, supported if all intervals are within {margin:g} of 0",
    )
    table = correlation(
        study.series,
        confidence=study.confidence,
        number=max(study.number, FEWEST_PERMUTATIONS),
        seed=study.seed,
        measures=(rules.measure,),
        generalisations=(rules.generalisation,),
    )
    pooled = table[table["run"] == POOLED]
    table = pooled if len(pooled) else table
    depths = table["n_layers"].dropna().unique()
    if len(depths) > 1 or table[["run", "dataset"]].drop_duplicates().shape[0] > 1:
        reason = "runs of different depth or data are not pooled"
        return [_missing(last, reason), _missing(hidden, reason)]
    n = int(study.series["seed"].nunique())
    result = []
    for part, rows in ((last, table[table["layer"] == depths[0]]), (hidden, table[table["layer"] < depths[0]])):
        usable = rows[(rows["status"] == "ok") & (rows["interval_status"] == "ok")]
        part = replace(part, n=n, runs=str(table["run"].iloc[0]), layers=" ".join(map(str, usable["layer"])))
        if usable.empty:
            states = [*rows["status"], *rows["interval_status"]]
            reasons = [state.removeprefix("not estimable: ") for state in states if state != "ok"]
            result.append(_missing(part, reasons[0] if reasons else "no layer"))
            continue
        limits = usable[["pearson_bootstrap_lower", "pearson_bootstrap_upper"]].to_numpy(dtype=np.float64) * sign
        limits.sort(axis=1)
        # The layer that is most significant, if one is, else the one with the largest correlation.
        p_values = usable["pearson_holm_p"].to_numpy(dtype=np.float64)
        significant = p_values < rules.significance
        sizes = usable["pearson_r"].abs().to_numpy(dtype=np.float64)
        at = int(np.lexsort((-sizes, p_values if significant.any() else np.zeros(len(sizes))))[0])
        part = replace(
            part,
            estimate=sign * float(usable["pearson_r"].iloc[at]),
            lower=float(limits[at, 0]),
            upper=float(limits[at, 1]),
            p=float(p_values[at]),
        )
        if part.part == last.part:
            result.append(_judged(part))
            continue
        if significant.any():
            part = replace(part, leaning=CONTRADICTED)
        elif np.abs(limits).max() < margin:
            part = replace(part, leaning=SUPPORTED, tested=False)
        else:
            part = replace(part, leaning=INCONCLUSIVE)
        result.append(part)
    return result


def _c6(study: _Study) -> list[Part]:
    measure = study.rules.measure
    rule = "supported above 0, contradicted below"
    adaptive = Part(
        "C6",
        "compression is under-estimated",
        f"difference of mean {measure} of hidden layers, {study.rules.estimator} - fixed range, unbounded functions",
        rule,
    )
    resolution = Part(
        "C6",
        "layers are under-resolved",
        f"difference of the largest I(T;X) of hidden layers (bits), {study.rules.estimator} - fixed range",
        rule,
    )
    parts = [adaptive, resolution]
    if study.series["method"].iloc[0] not in ("ebab", "adaptive_kde"):
        return [_missing(part, f"{study.rules.estimator} is not adaptive") for part in parts]
    fixed = study.everything[study.everything["method"] == "fixed_binning"]
    if fixed.empty:
        return [_missing(part, "the study has no estimator with the method fixed_binning") for part in parts]
    fixed = hidden_rows(fixed[fixed["estimator"] == fixed["estimator"].iloc[0]])
    runs = [run for run in study.family if not study.saturating(run)]
    # A layer says nothing where either estimator has it at the ceiling.
    keys = ["run", "seed", "layer"]
    both = study.hidden.merge(fixed[[*keys, measure, "i_tx_maximum", "at_ceiling"]], on=keys, suffixes=("", "_fixed"))
    both["at_ceiling"] = both["at_ceiling"] | both["at_ceiling_fixed"]
    both["more"] = both[measure] - both[f"{measure}_fixed"]
    both["finer"] = both["i_tx_maximum"] - both["i_tx_maximum_fixed"]
    result = []
    for part, column in ((adaptive, "more"), (resolution, "finer")):
        if column == "finer":
            both["at_ceiling"] = False
        scores, layers = study.scores(runs, column, common=False, table=both)
        if scores.columns.empty:
            result.append(_missing(part, "no unbounded function has a layer below the ceiling for both estimators"))
            continue
        part = replace(part, runs=" ".join(scores.columns), layers=layers)
        result.append(_mean_part(part, scores.mean(axis=1).to_numpy(), study.confidence))
    return result


def as_markdown(table: pd.DataFrame, parts: pd.DataFrame, rules: Mapping[str, Any]) -> str:
    """The claims as text: every verdict with its number, interval, p value, assumption and rule."""
    first = table.iloc[0]
    bound = "" if first["bound"] == "none" else f", {first['bound']} bound"
    lines = [
        "# Claims",
        "",
        f"Estimator {first['estimator']}{bound} ({first['assumption']}); measure {first['measure']}; generalisation "
        f"{first['generalisation']}; {100 * first['confidence']:g} % intervals over seeds; p values two-sided, with "
        "Holm's correction over all parts of all claims. The rules stand in the section `claims` of the configuration: "
        + ", ".join(f"{name} {value}" for name, value in rules.items() if isinstance(value, float))
        + ".",
    ]
    for _, row in table.iterrows():
        lines += ["", f"## {row['claim']}: {row['verdict']}", "", f"{row['statement']}.", ""]
        lines += [f"- {_sentence(part)}" for _, part in parts[parts["claim"] == row["claim"]].iterrows()]
    return "\n".join(lines) + "\n"


def _sentence(part: pd.Series) -> str:
    start = f"**{part['part']}: {part['verdict']}.** "
    text = f"{part['statistic'][0].upper()}{part['statistic'][1:]}"
    if part["verdict"] == NOT_ESTIMABLE:
        return f"{start}{text}: {part['reason']}."
    p = f"p = {part['p_corrected']:.2g}" if part["p_corrected"] >= 0.001 else "p < 0.001"
    of = f"runs {part['runs']}" + (f", layers {part['layers']}" if part["layers"] else "")
    return (
        f"{start}{text}: {part['estimate']:.3g} [{part['lower']:.3g}, {part['upper']:.3g}], n = {part['n']} seeds, "
        f"{p} ({of}). Rule: {part['rule']}."
    )
