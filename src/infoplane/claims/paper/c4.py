"""What an L2 penalty does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infoplane.claims.parts import (
    NO_SEED,
    Evidence,
    Part,
    above,
    mean_part,
    missing,
)
from infoplane.statistics.comparability import baseline_of
from infoplane.statistics.series import OfRun
from infoplane.statistics.spread import informative, spread_of_layers

STATEMENT = "L2 regularisation increases compression, clusters the layers and reduces overfitting"
PARTS = 3


def parts(evidence: Evidence) -> list[Part]:
    series, measure = evidence.series, evidence.rules.measure
    parts = [
        Part(
            "C4",
            "compression increases",
            f"mean {measure} of the hidden layers below the ceiling, with L2 minus without",
            above(0),
        ),
        Part(
            "C4",
            "layers cluster",
            "standard deviation between layers of I(T;X) at the end (bits), without L2 minus with",
            above(0),
        ),
        Part(
            "C4",
            "overfitting falls",
            "gap between training and test accuracy at the end, without L2 minus with",
            above(0),
        ),
    ]
    pairs = []
    for run, settings in series.settings.items():
        if settings.l2 > 0 and settings.weight_decay == 0:
            baseline, _ = baseline_of(run, series.settings)
            if baseline is not None:
                pairs.append((run, baseline))
    if not pairs:
        return [missing(part, "no run with an L2 penalty has a run that is otherwise equal") for part in parts]
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
            result.append(missing(part, f"no layers are below the ceiling in both runs, or {NO_SEED}"))
            continue
        seeds = pd.concat(found, axis=1).dropna().mean(axis=1).to_numpy(dtype=np.float64)
        result.append(mean_part(part, seeds, evidence.confidence))
    return result


def _spread(of_run: OfRun, layers: NDArray[np.int64]) -> pd.Series:
    """Standard deviation of I(T;X) at the end between layers, by seed."""
    return pd.Series(spread_of_layers(of_run.of_layers["i_tx_end"], layers), index=of_run.seeds)
