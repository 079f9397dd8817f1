"""What each claim of the study says of the numbers: its parts, each a statistic with interval, threshold and p value.

Seeds are the sample, the runs are fixed: a statistic that combines runs is computed for each seed number and
averaged over seeds, since seeds of the same number share their random draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from infoplane.activation_functions import ACTIVATION_FUNCTIONS
from infoplane.claims import CLAIMS
from infoplane.statistics.frames import RESOLUTION
from infoplane.statistics.inference.intervals import t_interval
from infoplane.statistics.inference.resampling import Floats, bca_interval, bca_p, resamples_for
from infoplane.statistics.series import Series

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE = "supported", "contradicted", "inconclusive", "not estimable"
VERDICTS = (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE)

FEWEST_SEEDS = 3
# Of C5, whose p values are corrected twice, over layers and over parts, and must be able to stay small.
FEWEST_PERMUTATIONS = 10_000

STUDENT = "Student's t over seeds"
BOOTSTRAP = "BCa bootstrap of seeds"
NO_SEED = "every seed diverged or is dead"


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides the verdicts; the section `claims` of the configuration, beside the primary measure.

    `hypotheses` are the claims that are judged, by name, `most_compressing`, `different` and `without_phases` the
    activation functions that C2 and C3 speak of; `fixed` is the estimator with one range of bins for all layers that C6
    compares with.
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
    hypotheses: Sequence[str]
    most_compressing: str
    different: Sequence[str]
    without_phases: str
    fixed: str | None = None

    @property
    def number_of_parts(self) -> int:
        """How many parts the claims have together, over which p values are corrected."""
        return sum(CLAIMS[name].parts for name in self.hypotheses)

    @property
    def words(self) -> dict[str, str]:
        """What the activation functions are called that the claims speak of."""
        one, other = self.different
        names = {"most_compressing": self.most_compressing, "one": one, "other": other}
        names["without_phases"] = self.without_phases
        return {key: ACTIVATION_FUNCTIONS[name].label for key, name in names.items()}

    def statements(self) -> dict[str, str]:
        """The claims that are judged, by name, in words."""
        return {name: CLAIMS[name].statement.format(**self.words) for name in self.hypotheses}


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
    inference: str = STUDENT
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


def number_of_resamples(evidence: Evidence, n: int) -> int:
    """At least those asked for, and as many as p of a bootstrap of n seeds needs to be able to decide a part."""
    return max(evidence.number, resamples_for(evidence.rules.significance / (2 * evidence.rules.number_of_parts), n))


def mean_part(part: Part, values: Floats, confidence: float) -> Part:
    """A part about the mean over seeds of one value per seed, claimed to be above the threshold."""
    if len(values) < FEWEST_SEEDS:
        return missing(part, f"{len(values)} seeds in all runs, {FEWEST_SEEDS} are needed")
    mean = float(values.mean())
    lower, upper = t_interval(values, confidence)
    p = float(mean == part.threshold)
    if np.ptp(values) > RESOLUTION:
        p = float(scipy.stats.ttest_1samp(values, part.threshold).pvalue)
    return judged(replace(part, estimate=mean, lower=lower, upper=upper, p=p, n=len(values)))


def judged(part: Part) -> Part:
    """The verdict of the interval for a statistic that is claimed to be above the threshold."""
    leaning = INCONCLUSIVE
    if part.lower > part.threshold:
        leaning = SUPPORTED
    elif part.upper < part.threshold:
        leaning = CONTRADICTED
    return replace(part, leaning=leaning)


def missing(part: Part, reason: str) -> Part:
    return replace(part, leaning=NOT_ESTIMABLE, reason=f"not estimable: {reason}")


def above(threshold: float) -> str:
    return f"more than {threshold:g} supports it, less contradicts it"


def bootstrap_part(part: Part, estimate: float, bootstrap: Floats, jackknife: Floats, confidence: float) -> Part:
    lower, upper, status = bca_interval(estimate, bootstrap, jackknife, n=len(jackknife), confidence=confidence)
    part = replace(part, n=len(jackknife))
    if status != "ok":
        return missing(replace(part, estimate=estimate), status.removeprefix("not estimable: "))
    p = bca_p(estimate, bootstrap, jackknife, part.threshold)
    return judged(replace(part, estimate=estimate, lower=lower, upper=upper, p=p))


def parts_of(evidence: Evidence) -> list[Part]:
    """All parts of all claims, in order."""
    return [part for name in evidence.rules.hypotheses for part in CLAIMS[name].parts_of(evidence)]
