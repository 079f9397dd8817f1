"""Compression varies between initialisations, and one function has no phases on average."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from infoplane.claims.parts import (
    BOOTSTRAP,
    CONTRADICTED,
    FEWEST_SEEDS,
    NO_SEED,
    SUPPORTED,
    Evidence,
    Part,
    above,
    bootstrap_part,
    missing,
    number_of_resamples,
)
from infoplane.statistics.frames import RESOLUTION
from infoplane.statistics.inference.resampling import Floats, resamples
from infoplane.statistics.inference.variance import variation
from infoplane.statistics.series import Series
from infoplane.statistics.spread import informative
from infoplane.statistics.tables.phases import of_mean_trajectories

STATEMENT = (
    "Compression varies strongly between initialisations; {without_phases}, averaged over them, has no distinct phases"
)
PARTS = 2


def parts(evidence: Evidence) -> list[Part]:
    series, rules = evidence.series, evidence.rules
    flattest = rules.words["without_phases"]
    varies = Part(
        "C3",
        "compression varies between initialisations",
        f"standard deviation of {rules.measure} over seeds as a share of its mean, averaged over activation functions",
        above(rules.strong_variation),
        inference=BOOTSTRAP,
        threshold=rules.strong_variation,
    )
    flat = Part(
        "C3",
        f"{flattest} is flat on average",
        f"extent of the mean I(T;X) of {flattest}, (largest - smallest) / largest, averaged over hidden layers below "
        "the ceiling",
        f"less than {rules.flat:g} supports it, more contradicts it",
        inference=BOOTSTRAP,
        threshold=rules.flat,
    )
    scores, layers = series.scores(series.family, rules.measure, common=False)
    varies = replace(varies, runs=" ".join(scores.columns), layers=layers)
    if scores.columns.empty or len(scores) < FEWEST_SEEDS:
        varies = missing(varies, f"{scores.shape[1]} runs with layers below the ceiling and {len(scores)} seeds")
    elif (scores.mean().abs() <= RESOLUTION).any():
        varies = missing(varies, "the mean of a run is 0")
    else:
        drawn = resamples(len(scores), number_of_resamples(evidence, len(scores)), evidence.seed)

        def mean_variation(weights: Floats) -> Floats:
            return np.asarray(np.mean([variation(weights, scores[run].to_numpy()) for run in scores], axis=0))

        estimate = float(mean_variation(np.ones((1, len(scores))))[0])
        of_resamples = mean_variation(drawn.counts), mean_variation(drawn.left_out)
        varies = bootstrap_part(varies, estimate, *of_resamples, evidence.confidence)

    runs = [run for run in series.family if series.activation[run] == rules.without_phases]
    if not runs:
        return [varies, missing(flat, f"no run without a penalty is {flattest}")]
    own = series.of_run[runs[0]]
    usable = informative(own.of_layers["at_ceiling"][:, :-1])
    flat = replace(flat, runs=runs[0], layers=" ".join(map(str, usable + 1)))
    if not len(usable) or own.trajectories is None:
        return [varies, missing(flat, f"every hidden layer is at the ceiling, or {NO_SEED}")]
    if len(own.seeds) < FEWEST_SEEDS:
        return [varies, missing(flat, f"{len(own.seeds)} seeds, {FEWEST_SEEDS} are needed")]
    number = number_of_resamples(evidence, len(own.seeds))
    extents = _mean_extents(series, runs[0], number, evidence.seed, evidence.end_share)
    flat = bootstrap_part(flat, *extents, evidence.confidence)
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
