"""What one range of bins for all layers does to the estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from infoplane.claims.parts import (
    Evidence,
    Part,
    above,
    mean_part,
    missing,
)
from infoplane.estimators import METHODS
from infoplane.statistics.inference.resampling import Floats
from infoplane.statistics.series import OfRun, mean_over_layers

STATEMENT = (
    "One range of bins for all layers under-resolves all but the layer that owns the largest activity, and so "
    "under-estimates compression of unbounded activation functions"
)
PARTS = 3


def parts(evidence: Evidence) -> list[Part]:
    series, fixed, rules = evidence.series, evidence.fixed, evidence.rules
    names = f"{rules.estimator} minus {rules.fixed or 'one range of bins'}"
    difference = f"{names}, over the unbounded activation functions"
    measured = Part(
        "C6",
        "compression is under-estimated",
        f"mean {rules.measure} of the hidden layers below the ceiling, {difference}",
        above(0),
    )
    others = Part(
        "C6",
        "the other layers are under-resolved",
        "largest I(T;X) (bits) of the hidden layers below the ceiling, but for the one that owns the network's largest "
        f"activity, {difference}",
        above(0),
    )
    owner = Part(
        "C6",
        "the layer that owns the range is less so",
        "same difference in these other layers, minus that in the layer that owns the largest activity (bits)",
        above(0),
    )
    parts = [measured, others, owner]
    if not METHODS[series.method].adapts:
        return [missing(part, f"{rules.estimator} is not adaptive") for part in parts]
    if fixed is None:
        reason = "the study has no binning with one range for all layers and as many bins"
        return [missing(part, reason) for part in parts]
    runs = [run for run in series.family if not series.saturating(run)]
    compared = {run: _against_fixed(series.of_run[run], fixed.of_run[run], rules.measure) for run in runs}
    result = []
    for at, part in enumerate(parts):
        scores, layers = mean_over_layers({run: of_parts[at] for run, of_parts in compared.items()}, common=False)
        if scores.columns.empty:
            result.append(missing(part, "no unbounded function has such a layer for both estimators"))
            continue
        part = replace(part, runs=" ".join(scores.columns), layers=layers)
        result.append(mean_part(part, scores.mean(axis=1).to_numpy(), evidence.confidence))
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
