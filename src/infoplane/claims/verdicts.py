"""The claims put to the test, by rules that are part of the configuration.

A claim has one or more parts, each a statistic with its interval, a threshold and a p value against the threshold. A
part is supported where its interval lies on the claimed side of the threshold, contradicted where it lies on the
other, both only if its p value, with Holm's correction over all parts of all claims, is below the significance level;
otherwise it is inconclusive. A claim is contradicted if one of its parts is, supported if all are.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from infoplane.claims.parts import (
    CONTRADICTED,
    INCONCLUSIVE,
    NOT_ESTIMABLE,
    SUPPORTED,
    Evidence,
    Rules,
    parts_of,
)
from infoplane.errors import InfoplaneError
from infoplane.statistics.comparability import SettingsOfRuns
from infoplane.statistics.dead import lost_networks
from infoplane.statistics.frames import SERIES, require_columns
from infoplane.statistics.inference.resampling import holm
from infoplane.statistics.series import Series, owners_of, trajectories_of

# The columns of the tables information and layers that are used.
OF_INFORMATION = ["run", "seed", "epoch", "layer", *SERIES, "i_tx"]
OF_LAYERS = ["run", "seed", "epoch", "layer", "activity_maximum"]


def claims(
    compression: pd.DataFrame,
    information: pd.DataFrame,
    layers: pd.DataFrame,
    rules: Rules,
    settings: SettingsOfRuns,
    *,
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
    end_share: float = 0.1,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The verdict on every claim, and the parts that it rests on.

    `settings` has all settings of every run: what is compared must be otherwise equal.
    The first table has one row per claim: claim, statement, verdict (supported, contradicted, inconclusive or not
    estimable), reason (which parts decided, or why nothing could), then of the claim's first part statistic, estimate,
    lower, upper, threshold, n (seeds), p and p_corrected (Holm, over all parts of all claims), then estimator, bound,
    assumption, measure, generalisation, confidence, n_diverged and n_dead (networks that are left out) and rule. The
    second has one row per part, with inference (where interval and p come from), runs and layers (by name and number)
    that entered. Raises InfoplaneError if an estimator of the rules is not in the tables.
    """
    require_columns(compression, ["run", "seed", "layer", *SERIES, rules.measure, "dead"], "compression")
    require_columns(information, OF_INFORMATION, "information")
    require_columns(layers, OF_LAYERS, "layers")
    owners = owners_of(layers)
    chosen = _of_estimator(compression, rules.estimator, rules.bound, "estimator")
    bound = chosen["bound"].iloc[0]
    of_series = information[(information["estimator"] == rules.estimator) & (information["bound"] == bound)]
    fixed = None
    if rules.fixed is not None:
        fixed = Series(_of_estimator(compression, rules.fixed, rules.bound, "fixed"), settings)
    series = Series(chosen, settings, owners=owners, trajectories=trajectories_of(of_series))
    parts = judged_parts(Evidence(series, fixed, rules, confidence, number, seed, end_share))
    described = {
        "estimator": rules.estimator,
        "bound": bound,
        "assumption": series.assumption,
        "measure": rules.measure,
        "generalisation": rules.generalisation,
        "confidence": confidence,
        **lost_networks(chosen),
    }
    numbers = ["statistic", "estimate", "lower", "upper", "threshold", "n", "p", "p_corrected"]
    rows = []
    for claim, statement in rules.statements().items():
        own = parts[parts["claim"] == claim]
        verdict, reason = combined(own)
        first = {name: own.iloc[0][name] for name in numbers}
        rows.append(
            {"claim": claim, "statement": statement, "verdict": verdict, "reason": reason, **first, **described}
            | {"rule": "; ".join(own["rule"])}
        )
    return pd.DataFrame(rows), parts


def _of_estimator(compression: pd.DataFrame, estimator: str, bound: str, key: str) -> pd.DataFrame:
    """The rows of an estimator, and of the bound where it has two."""
    chosen = compression[compression["estimator"] == estimator]
    if chosen.empty:
        known = ", ".join(map(str, compression["estimator"].unique()))
        raise InfoplaneError(f"claims.{key} is {estimator!r}; the tables have {known}.")
    bounds = chosen["bound"].unique().tolist()
    return chosen[chosen["bound"] == (bound if bound in bounds else bounds[0])]


def judged_parts(evidence: Evidence) -> pd.DataFrame:
    """One row per part with p_corrected, over all of them, and verdict."""
    table = pd.DataFrame([asdict(part) for part in parts_of(evidence)])
    table.insert(list(table.columns).index("p") + 1, "p_corrected", holm(table["p"].to_numpy(np.float64)))
    significant = table["p_corrected"] < evidence.rules.significance
    undecided = table["tested"] & ~significant & (table["leaning"] != NOT_ESTIMABLE)
    table["verdict"] = table["leaning"].mask(undecided, INCONCLUSIVE)
    return table.drop(columns=["leaning", "tested"])


def combined(parts: pd.DataFrame) -> tuple[str, str]:
    """The verdict on a claim, from those on its parts, and the reason."""
    verdicts = parts["verdict"].tolist()
    named = [f"{part}: {verdict}" for part, verdict in zip(parts["part"], verdicts, strict=True)]
    reasons = [reason for reason in parts["reason"] if reason]
    if all(verdict == NOT_ESTIMABLE for verdict in verdicts):
        return NOT_ESTIMABLE, "; ".join(dict.fromkeys(reasons))
    text = "; ".join([*named, *dict.fromkeys(reasons)])
    if CONTRADICTED in verdicts:
        return CONTRADICTED, text
    return (SUPPORTED if set(verdicts) == {SUPPORTED} else INCONCLUSIVE), text
