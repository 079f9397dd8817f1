"""What each claim of the study says of the numbers: its parts, each a statistic with interval, threshold and p value.

Seeds are the sample, the runs are fixed: a statistic that combines runs is computed for each seed number and
averaged over seeds, since seeds of the same number share their random draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from infoplane.estimators import METHODS
from infoplane.statistics.comparability import baseline_of
from infoplane.statistics.compression import RESOLUTION
from infoplane.statistics.effects import t_interval
from infoplane.statistics.inference.resampling import Floats, bca_interval, bca_p, holm, resamples, resamples_for
from infoplane.statistics.phases import of_mean_trajectories
from infoplane.statistics.pooled import Pooled, pooled_correlations
from infoplane.statistics.seeds import components, variation
from infoplane.statistics.series import OfRun, Series, mean_over_layers
from infoplane.statistics.spread import informative, spread_of_layers

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE = "supported", "contradicted", "inconclusive", "not estimable"
VERDICTS = (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE)

FEWEST_SEEDS = 3
# Of C5, whose p values are corrected twice, over layers and over parts, and must be able to stay small.
FEWEST_PERMUTATIONS = 10_000
# How many parts all claims have together, over which p values are corrected.
NUMBER_OF_PARTS = 14

_STUDENT = "Student's t over seeds"
_BOOTSTRAP = "BCa bootstrap of seeds"
_NO_SEED = "every seed diverged or is dead"


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides the verdicts; the section `claims` of the configuration, beside the primary measure.

    `fixed` is the estimator with one range of bins for all layers that C6 compares with.
    """

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
    fixed: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a claim; numbers are NaN where `reason` says "not estimable: ...".

    `inference` is where the interval and p come from, `leaning` the verdict of the interval alone, and `tested`
    whether a small p value is needed for it.
    """

    claim: str
    part: str
    statistic: str
    rule: str
    inference: str = _STUDENT
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the parts are computed from: a series, that of the fixed range if there is one, and how to resample."""

    series: Series
    fixed: Series | None
    rules: Rules
    confidence: float
    number: int
    seed: int
    end_share: float


def parts_of(evidence: Evidence) -> list[Part]:
    """All parts of all claims, in order."""
    return [part for of_claim in (_c1, _c2, _c3, _c4, _c5, _c6) for part in of_claim(evidence)]


def _number_of_resamples(evidence: Evidence, n: int) -> int:
    """At least those asked for, and as many as p of a bootstrap of n seeds needs to be able to decide a part."""
    return max(evidence.number, resamples_for(evidence.rules.significance / (2 * NUMBER_OF_PARTS), n))


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


def _above(threshold: float) -> str:
    return f"more than {threshold:g} supports it, less contradicts it"


def _c1(evidence: Evidence) -> list[Part]:
    series, measure = evidence.series, evidence.rules.measure
    threshold = evidence.rules.negligible[measure]
    part = Part(
        "C1",
        "non-saturating functions compress",
        f"mean {measure} of the hidden layers below the ceiling, over the non-saturating activation functions",
        _above(threshold),
        threshold=threshold,
    )
    runs = [run for run in series.family if not series.saturating(run)]
    if not runs:
        return [_missing(part, "no run without a penalty has a non-saturating activation function")]
    scores, layers = series.scores(runs, measure, common=False)
    if scores.columns.empty:
        return [_missing(part, f"every hidden layer is at the ceiling, or {_NO_SEED}")]
    part = replace(part, runs=" ".join(scores.columns), layers=layers)
    return [_mean_part(part, scores.mean(axis=1).to_numpy(), evidence.confidence)]


def _c2(evidence: Evidence) -> list[Part]:
    series, rules, confidence = evidence.series, evidence.rules, evidence.confidence
    measure, small = rules.measure, rules.negligible_share
    differs = Part(
        "C2",
        "activation functions differ",
        f"share of the variance of {measure} that lies between activation functions",
        f"Welch's test of equal means supports it, a share below {small:g} contradicts it",
        inference="F interval of the analysis of variance, Welch's test",
        threshold=small,
    )
    most = Part(
        "C2",
        "tanh compresses most",
        f"smallest difference of mean {measure} between tanh and another activation function",
        _above(0),
    )
    margin = rules.negligible[measure]
    twins = Part(
        "C2",
        "softplus and centered softplus differ",
        f"difference of mean {measure} between centered softplus and softplus",
        f"an interval without 0 supports it, one within {margin:g} of 0 contradicts it",
    )
    scores, layers = series.scores(series.family, measure, common=True)
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
        if found.share_upper < small and p >= rules.significance:
            differs = replace(differs, leaning=CONTRADICTED, tested=False)
        else:
            differs = replace(differs, leaning=SUPPORTED)

    by_activation = {series.activation[run]: run for run in scores.columns}
    if "tanh" in by_activation:
        tanh = scores[by_activation["tanh"]]
        others = [run for run in scores.columns if series.activation[run] != "tanh"]
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
        pair = [by_activation["softplus"], by_activation["centered_softplus"]]
        twins = replace(twins, runs=" ".join(pair))
        twins = _mean_part(twins, (scores[pair[1]] - scores[pair[0]]).to_numpy(), confidence)
        if -margin < twins.lower <= 0 <= twins.upper < margin:
            twins = replace(twins, leaning=CONTRADICTED, tested=False)
        elif twins.leaning == CONTRADICTED:
            twins = replace(twins, leaning=SUPPORTED)
    else:
        twins = _missing(twins, "softplus and centered_softplus are not both among the runs")
    return [differs, most, twins]


def _bootstrap_part(part: Part, estimate: float, bootstrap: Floats, jackknife: Floats, confidence: float) -> Part:
    lower, upper, status = bca_interval(estimate, bootstrap, jackknife, n=len(jackknife), confidence=confidence)
    part = replace(part, n=len(jackknife))
    if status != "ok":
        return _missing(replace(part, estimate=estimate), status.removeprefix("not estimable: "))
    p = bca_p(estimate, bootstrap, jackknife, part.threshold)
    return _judged(replace(part, estimate=estimate, lower=lower, upper=upper, p=p))


def _c3(evidence: Evidence) -> list[Part]:
    series, rules = evidence.series, evidence.rules
    varies = Part(
        "C3",
        "compression varies between initialisations",
        f"standard deviation of {rules.measure} over seeds as a share of its mean, averaged over activation functions",
        _above(rules.strong_variation),
        inference=_BOOTSTRAP,
        threshold=rules.strong_variation,
    )
    flat = Part(
        "C3",
        "ReLU is flat on average",
        "extent of the mean I(T;X) of ReLU, (largest - smallest) / largest, averaged over hidden layers below the "
        "ceiling",
        f"less than {rules.flat:g} supports it, more contradicts it",
        inference=_BOOTSTRAP,
        threshold=rules.flat,
    )
    scores, layers = series.scores(series.family, rules.measure, common=False)
    varies = replace(varies, runs=" ".join(scores.columns), layers=layers)
    if scores.columns.empty or len(scores) < FEWEST_SEEDS:
        varies = _missing(varies, f"{scores.shape[1]} runs with layers below the ceiling and {len(scores)} seeds")
    elif (scores.mean().abs() <= RESOLUTION).any():
        varies = _missing(varies, "the mean of a run is 0")
    else:
        drawn = resamples(len(scores), _number_of_resamples(evidence, len(scores)), evidence.seed)

        def mean_variation(weights: Floats) -> Floats:
            return np.asarray(np.mean([variation(weights, scores[run].to_numpy()) for run in scores], axis=0))

        estimate = float(mean_variation(np.ones((1, len(scores))))[0])
        of_resamples = mean_variation(drawn.counts), mean_variation(drawn.left_out)
        varies = _bootstrap_part(varies, estimate, *of_resamples, evidence.confidence)

    relu = [run for run in series.family if series.activation[run] == "relu"]
    if not relu:
        return [varies, _missing(flat, "no run without a penalty is ReLU")]
    own = series.of_run[relu[0]]
    usable = informative(own.of_layers["at_ceiling"][:, :-1])
    flat = replace(flat, runs=relu[0], layers=" ".join(map(str, usable + 1)))
    if not len(usable) or own.trajectories is None:
        return [varies, _missing(flat, f"every hidden layer is at the ceiling, or {_NO_SEED}")]
    if len(own.seeds) < FEWEST_SEEDS:
        return [varies, _missing(flat, f"{len(own.seeds)} seeds, {FEWEST_SEEDS} are needed")]
    number = _number_of_resamples(evidence, len(own.seeds))
    extents = _mean_extents(series, relu[0], number, evidence.seed, evidence.end_share)
    flat = _bootstrap_part(flat, *extents, evidence.confidence)
    turned = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}
    return [varies, replace(flat, leaning=turned.get(flat.leaning, flat.leaning))]


@lru_cache(maxsize=1)
def _mean_extents(series: Series, run: str, number: int, seed: int, end_share: float) -> tuple[float, Floats, Floats]:
    """Extent of the mean trajectories of a run's informative hidden layers: itself, of resamples and jackknife.

    Kept, since it is the same for every measure of compression.
    """
    own = series.of_run[run]
    assert own.trajectories is not None
    of_layers = [own.trajectories[:, layer] for layer in informative(own.of_layers["at_ceiling"][:, :-1])]
    drawn = resamples(len(own.seeds), number, seed)
    estimate, *of_resamples = (
        np.asarray(np.mean([of_mean_trajectories(weights, layer, end_share)[3] for layer in of_layers], axis=0))
        for weights in (np.ones((1, len(own.seeds))), drawn.counts, drawn.left_out)
    )
    return float(estimate[0]), of_resamples[0], of_resamples[1]


def _c4(evidence: Evidence) -> list[Part]:
    series, measure = evidence.series, evidence.rules.measure
    parts = [
        Part(
            "C4",
            "compression increases",
            f"mean {measure} of the hidden layers below the ceiling, with L2 minus without",
            _above(0),
        ),
        Part(
            "C4",
            "layers cluster",
            "standard deviation between layers of I(T;X) at the end (bits), without L2 minus with",
            _above(0),
        ),
        Part(
            "C4",
            "overfitting falls",
            "gap between training and test accuracy at the end, without L2 minus with",
            _above(0),
        ),
    ]
    pairs = []
    for run, settings in series.settings.items():
        if settings.l2 > 0 and settings.weight_decay == 0:
            baseline, _ = baseline_of(run, series.settings)
            if baseline is not None:
                pairs.append((run, baseline))
    if not pairs:
        return [_missing(part, "no run with an L2 penalty has a run that is otherwise equal") for part in parts]
    values: list[list[pd.Series]] = [[], [], []]
    layers: list[list[str]] = [[], [], []]
    for names in pairs:
        scores, of_pair = series.scores(names[::-1], measure, common=True)
        if scores.shape[1] == 2:
            values[0].append(scores[names[0]] - scores[names[1]])
            layers[0].append(of_pair)
        penalised, baseline_run = (series.of_run[name] for name in names)
        if not (len(penalised.seeds) and len(baseline_run.seeds)):
            continue
        below = [informative(of_run.of_layers["at_ceiling"]) for of_run in (penalised, baseline_run)]
        usable = np.intersect1d(below[0], below[1])
        if len(usable) >= 2:
            spreads = [_spread(of_run, usable) for of_run in (baseline_run, penalised)]
            layers[1].append(" ".join(map(str, usable + 1)))
            values[1].append((spreads[0] - spreads[1]).dropna())
        values[2].append((baseline_run.by_seed("accuracy_gap") - penalised.by_seed("accuracy_gap")).dropna())
    named = " ".join(f"{penalised}-{baseline}" for penalised, baseline in pairs)
    result = []
    for part, found, used in zip(parts, values, layers, strict=True):
        part = replace(part, runs=named, layers="; ".join(dict.fromkeys(used)))
        if not found:
            result.append(_missing(part, f"no layers are below the ceiling in both runs, or {_NO_SEED}"))
            continue
        seeds = pd.concat(found, axis=1).dropna().mean(axis=1).to_numpy(dtype=np.float64)
        result.append(_mean_part(part, seeds, evidence.confidence))
    return result


def _spread(of_run: OfRun, layers: NDArray[np.int64]) -> pd.Series:
    """Standard deviation of I(T;X) at the end between layers, by seed."""
    return pd.Series(spread_of_layers(of_run.of_layers["i_tx_end"], layers), index=of_run.seeds)


def _c5(evidence: Evidence) -> list[Part]:
    series, rules = evidence.series, evidence.rules
    margin = rules.negligible_correlation
    sign = 1.0 if rules.generalisation == "test_accuracy" else -1.0
    described = f"correlation of {rules.measure} with {rules.generalisation.replace('_', ' ')}"
    described += " (sign reversed)" if sign < 0 else ""
    inference = "Pearson's r with the run as a factor, BCa bootstrap and permutation of seeds, Holm over layers too"
    last = Part("C5", "last layer", f"{described} in the last layer", _above(0), inference)
    hidden = Part(
        "C5",
        "hidden layers",
        f"{described} in the hidden layer where it is most significant, or else largest",
        f"a significant one contradicts it, all intervals within {margin:g} of 0 support it",
        inference,
    )
    if series.datasets > 1 or len(series.depths) > 1:
        reason = "runs of different depth or data are not pooled"
        return [_missing(last, reason), _missing(hidden, reason)]
    depth = int(series.depths[0])
    table = pooled_correlations(
        [
            (own.seeds, own.of_layers[rules.measure], own.of_seeds[rules.generalisation], own.of_layers["at_ceiling"])
            for own in series.of_run.values()
        ],
        series.seeds,
        confidence=evidence.confidence,
        number=max(evidence.number, FEWEST_PERMUTATIONS, int(2 * depth * NUMBER_OF_PARTS / rules.significance)),
        seed=evidence.seed,
    )
    corrected = holm(np.array([layer.p for layer in table]))
    result = []
    for part, layers in ((last, range(depth - 1, depth)), (hidden, range(depth - 1))):
        usable = [layer for layer in layers if table[layer].status == table[layer].interval_status == "ok"]
        part = replace(
            part,
            n=len(series.seeds),
            runs=" ".join(series.of_run),
            layers=" ".join(str(layer + 1) for layer in usable),
        )
        if not usable:
            states = [state for layer in layers for state in (table[layer].status, table[layer].interval_status)]
            reasons = [state.removeprefix("not estimable: ") for state in states if state != "ok"]
            result.append(_missing(part, reasons[0] if reasons else "no layer"))
            continue
        found = [_turned(table[layer], sign) for layer in usable]
        p_values = corrected[usable]
        # The layer that is most significant, if one is, else the one with the largest correlation.
        significant = p_values < rules.significance
        sizes = np.abs([layer.r for layer in found])
        at = int(np.lexsort((-sizes, p_values if significant.any() else np.zeros(len(sizes))))[0])
        part = replace(part, estimate=found[at].r, lower=found[at].lower, upper=found[at].upper, p=float(p_values[at]))
        if part.part == last.part:
            result.append(_judged(part))
        elif significant.any():
            result.append(replace(part, leaning=CONTRADICTED))
        elif all(-margin < layer.lower and layer.upper < margin for layer in found):
            result.append(replace(part, leaning=SUPPORTED, tested=False))
        else:
            result.append(replace(part, leaning=INCONCLUSIVE))
    return result


def _turned(found: Pooled, sign: float) -> Pooled:
    lower, upper = sorted((sign * found.lower, sign * found.upper))
    return replace(found, r=sign * found.r, lower=lower, upper=upper)


def _c6(evidence: Evidence) -> list[Part]:
    series, fixed, rules = evidence.series, evidence.fixed, evidence.rules
    names = f"{rules.estimator} minus {rules.fixed or 'one range of bins'}"
    difference = f"{names}, over the unbounded activation functions"
    measured = Part(
        "C6",
        "compression is under-estimated",
        f"mean {rules.measure} of the hidden layers below the ceiling, {difference}",
        _above(0),
    )
    others = Part(
        "C6",
        "the other layers are under-resolved",
        "largest I(T;X) (bits) of the hidden layers below the ceiling, but for the one that owns the network's largest "
        f"activity, {difference}",
        _above(0),
    )
    owner = Part(
        "C6",
        "the layer that owns the range is less so",
        "same difference in these other layers, minus that in the layer that owns the largest activity (bits)",
        _above(0),
    )
    parts = [measured, others, owner]
    if not METHODS[series.method].adapts:
        return [_missing(part, f"{rules.estimator} is not adaptive") for part in parts]
    if fixed is None:
        reason = "the study has no binning with one range for all layers and as many bins"
        return [_missing(part, reason) for part in parts]
    runs = [run for run in series.family if not series.saturating(run)]
    compared = {run: _against_fixed(series.of_run[run], fixed.of_run[run], rules.measure) for run in runs}
    result = []
    for at, part in enumerate(parts):
        scores, layers = mean_over_layers({run: of_parts[at] for run, of_parts in compared.items()}, common=False)
        if scores.columns.empty:
            result.append(_missing(part, "no unbounded function has such a layer for both estimators"))
            continue
        part = replace(part, runs=" ".join(scores.columns), layers=layers)
        result.append(_mean_part(part, scores.mean(axis=1).to_numpy(), evidence.confidence))
    return result


def _against_fixed(adaptive: OfRun, fixed: OfRun, measure: str) -> tuple[tuple[NDArray[np.int64], Floats, Floats], ...]:
    """For each part of C6: seeds (seeds,), differences and at_ceiling (seeds, layers), NaN for what it leaves out.

    A layer says nothing of compression where either estimator has it at the ceiling, and nothing of resolution where
    both have.
    """
    seeds, mine, theirs = np.intersect1d(adaptive.seeds, fixed.seeds, return_indices=True)

    def difference(column: str) -> Floats:
        return adaptive.of_layers[column][mine] - fixed.of_layers[column][theirs]

    ceilings = np.stack([adaptive.of_layers["at_ceiling"][mine], fixed.of_layers["at_ceiling"][theirs]])
    finer = difference("i_tx_maximum")
    owner = adaptive.owner[mine][:, None]
    of_owner = np.take_along_axis(finer, np.maximum(owner - 1, 0), axis=1)
    # Seeds without a known owner say nothing of it.
    is_other = (np.arange(1, finer.shape[1]) != owner) & (owner > 0)
    others = np.where(is_other, finer[:, :-1], np.nan)
    ceiling_of_others = np.where(is_other, ceilings.min(axis=0)[:, :-1], np.nan)
    return (
        (seeds, difference(measure)[:, :-1], ceilings.max(axis=0)[:, :-1]),
        (seeds, others, ceiling_of_others),
        (seeds, others - of_owner, ceiling_of_others),
    )
