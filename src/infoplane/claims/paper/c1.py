"""Non-saturating activation functions compress."""

from __future__ import annotations

from dataclasses import replace

from infoplane.claims.parts import (
    NO_SEED,
    Evidence,
    Part,
    above,
    mean_part,
    missing,
)

STATEMENT = "Saturation is not required for compression: non-saturating activation functions compress too"
PARTS = 1


def parts(evidence: Evidence) -> list[Part]:
    series, measure = evidence.series, evidence.rules.measure
    threshold = evidence.rules.negligible[measure]
    part = Part(
        "C1",
        "non-saturating functions compress",
        f"mean {measure} of the hidden layers below the ceiling, over the non-saturating activation functions",
        above(threshold),
        threshold=threshold,
    )
    runs = [run for run in series.family if not series.saturating(run)]
    if not runs:
        return [missing(part, "no run without a penalty has a non-saturating activation function")]
    scores, layers = series.scores(runs, measure, common=False)
    if scores.columns.empty:
        return [missing(part, f"every hidden layer is at the ceiling, or {NO_SEED}")]
    part = replace(part, runs=" ".join(scores.columns), layers=layers)
    return [mean_part(part, scores.mean(axis=1).to_numpy(), evidence.confidence)]
