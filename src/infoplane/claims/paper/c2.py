"""Activation functions differ in how much they compress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy

from infoplane.claims.parts import (
    CONTRADICTED,
    FEWEST_SEEDS,
    INCONCLUSIVE,
    SUPPORTED,
    Evidence,
    Part,
    above,
    mean_part,
    missing,
)
from infoplane.statistics.frames import RESOLUTION
from infoplane.statistics.inference.resampling import holm
from infoplane.statistics.inference.variance import components

STATEMENT = (
    "The amount of compression differs between activation functions: {most_compressing} compresses most, and {one} and "
    "{other} differ"
)
PARTS = 3


def parts(evidence: Evidence) -> list[Part]:
    series, rules, confidence = evidence.series, evidence.rules, evidence.confidence
    measure, small = rules.measure, rules.negligible_share
    largest, one, other = (rules.words[name] for name in ("most_compressing", "one", "other"))
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
        f"{largest} compresses most",
        f"smallest difference of mean {measure} between {largest} and another activation function",
        above(0),
    )
    margin = rules.negligible[measure]
    twins = Part(
        "C2",
        f"{one} and {other} differ",
        f"difference of mean {measure} between {other} and {one}",
        f"an interval without 0 supports it, one within {margin:g} of 0 contradicts it",
    )
    scores, layers = series.scores(series.family, measure, common=True)
    runs = " ".join(scores.columns)
    differs, most, twins = (replace(part, runs=runs, layers=layers, n=len(scores)) for part in (differs, most, twins))
    if scores.shape[1] < 2 or len(scores) < FEWEST_SEEDS:
        reason = f"{scores.shape[1]} runs with layers below the ceiling in all of them and {len(scores)} seeds"
        return [missing(part, reason) for part in (differs, most, twins)]
    groups = [scores[run].to_numpy() for run in scores.columns]
    if any(np.ptp(group) <= RESOLUTION for group in groups):
        differs = missing(differs, "a run does not vary over seeds")
    else:
        found = components(groups, confidence=confidence)
        p = float(scipy.stats.f_oneway(*groups, equal_var=False).pvalue)
        differs = replace(differs, estimate=found.share, lower=found.share_lower, upper=found.share_upper, p=p)
        if found.share_upper < small and p >= rules.significance:
            differs = replace(differs, leaning=CONTRADICTED, tested=False)
        else:
            differs = replace(differs, leaning=SUPPORTED)

    by_activation = {series.activation[run]: run for run in scores.columns}
    if rules.most_compressing in by_activation:
        own = scores[by_activation[rules.most_compressing]]
        others = [run for run in scores.columns if series.activation[run] != rules.most_compressing]
        results = [mean_part(most, (own - scores[run]).to_numpy(), confidence) for run in others]
        smallest = min(results, key=lambda part: part.estimate)
        # It is the largest only if it is above every other, so the largest p counts; below one is enough.
        p_values = np.array([part.p for part in results])
        is_largest = all(part.leaning == SUPPORTED for part in results)
        p = float(p_values.max()) if is_largest else float(holm(p_values)[results.index(smallest)])
        leaning = INCONCLUSIVE if smallest.leaning == SUPPORTED and not is_largest else smallest.leaning
        most = replace(smallest, p=p, leaning=leaning)
    else:
        most = missing(most, f"no run without a penalty is {largest}, or its layers are at the ceiling")

    if set(rules.different) <= set(by_activation):
        pair = [by_activation[name] for name in rules.different]
        twins = replace(twins, runs=" ".join(pair))
        twins = mean_part(twins, (scores[pair[1]] - scores[pair[0]]).to_numpy(), confidence)
        if -margin < twins.lower <= 0 <= twins.upper < margin:
            twins = replace(twins, leaning=CONTRADICTED, tested=False)
        elif twins.leaning == CONTRADICTED:
            twins = replace(twins, leaning=SUPPORTED)
    else:
        twins = missing(twins, f"{rules.different[0]} and {rules.different[1]} are not both among the runs")
    return [differs, most, twins]
