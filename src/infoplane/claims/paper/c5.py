"""Which layers' compression goes with generalisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infoplane.claims.parts import (
    CONTRADICTED,
    FEWEST_PERMUTATIONS,
    INCONCLUSIVE,
    SUPPORTED,
    Evidence,
    Part,
    above,
    judged,
    missing,
)
from infoplane.statistics.inference.resampling import holm
from infoplane.statistics.pooled import Pooled, pooled_correlations

STATEMENT = "Only compression of the last layer goes with generalisation; no hidden layer's does"
PARTS = 2


def parts(evidence: Evidence) -> list[Part]:
    series, rules = evidence.series, evidence.rules
    margin = rules.negligible_correlation
    sign = 1.0 if rules.generalisation == "test_accuracy" else -1.0
    described = f"correlation of {rules.measure} with {rules.generalisation.replace('_', ' ')}"
    described += " (sign reversed)" if sign < 0 else ""
    inference = "Pearson's r with the run as a factor, BCa bootstrap and permutation of seeds, Holm over layers too"
    last = Part("C5", "last layer", f"{described} in the last layer", above(0), inference)
    hidden = Part(
        "C5",
        "hidden layers",
        f"{described} in the hidden layer where it is most significant, or else largest",
        f"a significant one contradicts it, all intervals within {margin:g} of 0 support it",
        inference,
    )
    if series.datasets > 1 or len(series.depths) > 1:
        reason = "runs of different depth or data are not pooled"
        return [missing(last, reason), missing(hidden, reason)]
    depth = int(series.depths[0])
    table = pooled_correlations(
        [
            (own.seeds, own.of_layers[rules.measure], own.of_seeds[rules.generalisation], own.of_layers["at_ceiling"])
            for own in series.of_run.values()
        ],
        series.seeds,
        confidence=evidence.confidence,
        number=max(evidence.number, FEWEST_PERMUTATIONS, int(2 * depth * rules.number_of_parts / rules.significance)),
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
            result.append(missing(part, reasons[0] if reasons else "no layer"))
            continue
        found = [_turned(table[layer], sign) for layer in usable]
        p_values = corrected[usable]
        # The layer that is most significant, if one is, else the one with the largest correlation.
        significant = p_values < rules.significance
        sizes = np.abs([layer.r for layer in found])
        at = int(np.lexsort((-sizes, p_values if significant.any() else np.zeros(len(sizes))))[0])
        part = replace(part, estimate=found[at].r, lower=found[at].lower, upper=found[at].upper, p=float(p_values[at]))
        if part.part == last.part:
            result.append(judged(part))
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
