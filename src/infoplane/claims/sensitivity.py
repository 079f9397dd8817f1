"""Do the claims hold whatever the settings of the analysis? They are tested again under many, each on its own.

A setting is an estimator (with its own settings), a bound of it, a measure of compression and an epoch at which
training is taken to stop. Under each of them everything is done anew: compression and generalisation up to that
epoch, the layers that are at the ceiling, the parts of the claims and Holm's correction over these parts.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from infoplane.claims.parts import CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE, SUPPORTED, Evidence, Rules
from infoplane.claims.verdicts import combined, judged_parts
from infoplane.statistics.comparability import SettingsOfRuns
from infoplane.statistics.dead import lost_networks
from infoplane.statistics.frames import require_columns
from infoplane.statistics.series import Owners, Series, Trajectories, trajectories_of
from infoplane.statistics.tables.compression import compression

# What tells settings of one estimator apart; two estimators differ in one of their own settings or altogether.
FACTORS = ("measure", "stopping", "bound")
# The part that stands for the claim as a whole.
WHOLE = "claim"


@dataclass(frozen=True, slots=True)
class Stopped:
    """One estimator's compression up to a stopping epoch, and its trajectories until then, by bound."""

    compression: pd.DataFrame
    trajectories: Mapping[str, Trajectories]

    def series(self, bound: str, settings: SettingsOfRuns, owners: Owners) -> Series:
        """The arrays of one bound; of the only one, where there are no two."""
        bounds = list(self.trajectories)
        chosen = bound if bound in bounds else bounds[0]
        rows = self.compression[self.compression["bound"] == chosen]
        return Series(rows, settings, owners=owners, trajectories=self.trajectories[chosen])


def stopping_epochs(epochs: NDArray[np.int64], shares: Sequence[float]) -> list[int]:
    """For each share of the last epoch the nearest of the recorded ones (ascending) that is not the first."""
    later = epochs[1:] if len(epochs) > 1 else epochs
    return [int(later[np.abs(later - share * epochs[-1]).argmin()]) for share in shares]


def stopped(
    information: Iterable[pd.DataFrame], training: pd.DataFrame, shares: Sequence[float], *, end_share: float = 0.1
) -> list[Stopped]:
    """Compression of one estimator as if training had stopped, for each share of the epochs.

    `information` comes run by run, so that a large study need not be held at once; what a run has after its stopping
    epoch is left out, of `training` as well. A network that diverges or dies later has not done so.
    """
    tables: list[list[pd.DataFrame]] = [[] for _ in shares]
    trajectories: list[dict[str, dict[str, Any]]] = [{} for _ in shares]
    for rows in information:
        require_columns(rows, ["run", "seed", "epoch", "layer", "bound", "i_tx"], "information")
        # As numbers columns of text are quick to select rows of.
        text = rows.select_dtypes(exclude="number").columns
        rows = rows.astype(dict.fromkeys(text, "category"))
        of_run = training[training["run"] == rows["run"].iloc[0]]
        epochs = np.unique(rows["epoch"].to_numpy())
        whole = {str(bound): trajectories_of(part) for bound, part in rows.groupby("bound", sort=False, observed=True)}
        for at, last in enumerate(stopping_epochs(epochs, shares)):
            until = of_run[of_run["epoch"] <= last]
            until = until.assign(diverged_epoch=until["diverged_epoch"].where(until["diverged_epoch"] <= last, -1))
            measured = compression(rows[rows["epoch"] <= last], until, end_share=end_share)
            tables[at].append(measured.astype(dict.fromkeys(text.intersection(measured.columns), "str")))
            tables[at][-1]["stopping_epoch"] = last
            for bound, of_runs in whole.items():
                for run, (seeds, values) in of_runs.items():
                    trajectories[at].setdefault(bound, {})[run] = (seeds, values[..., epochs <= last])
    return [
        Stopped(pd.concat(parts, ignore_index=True), found) for parts, found in zip(tables, trajectories, strict=True)
    ]


def settings_of_estimator(
    own: Sequence[Stopped],
    fixed: Sequence[Stopped] | None,
    owners: Owners,
    rules: Rules,
    settings: SettingsOfRuns,
    *,
    shares: Sequence[float],
    bounds: Sequence[str],
    measures: Sequence[str],
    confidence: float = 0.95,
    number: int = 2000,
    seed: int = 0,
    end_share: float = 0.1,
) -> pd.DataFrame:
    """The parts of all claims, and the claims as a whole, under every setting of one estimator.

    `own` and `fixed`, the counterpart with one range for all layers, are as `stopped` returns them for the `shares`;
    `settings` has all settings of every run.
    `bounds` are those of estimators that have two. One row per setting and part, with the columns estimator, method,
    bound, assumption, stopping (share of the epochs), stopping_epoch (of the run that is trained longest), n_seeds,
    n_diverged and n_dead (networks that diverged until then, or are dead then, and are left out), measure, claim, part
    ("claim" for the whole) and those of the parts: statistic, rule, inference, estimate, lower, upper, threshold, p,
    p_corrected (over the parts of this setting), n, runs, layers, reason, verdict. Shares that come to the same epochs
    in all runs are one setting, named after the last of them.
    """
    tables = []
    epochs = [stop.compression.drop_duplicates("run")["stopping_epoch"].tolist() for stop in own]
    for at, share in enumerate(shares):
        if epochs[at] in epochs[at + 1 :]:
            continue
        known = own[at].compression["bound"].unique().tolist()
        for bound in [bound for bound in bounds if bound in known] or known[:1]:
            series = own[at].series(bound, settings, owners)
            other = None if fixed is None else fixed[at].series(bound, settings, {})
            described = {"estimator": series.estimator, "method": series.method, "bound": bound}
            described |= {"assumption": series.assumption, "stopping": share, "stopping_epoch": max(epochs[at])}
            described |= {"n_seeds": len(series.seeds), **lost_networks(own[at].compression)}
            for measure in measures:
                of_measure = replace(rules, estimator=series.estimator, bound=bound, measure=measure)
                parts = judged_parts(Evidence(series, other, of_measure, confidence, number, seed, end_share))
                tables.append(_with_wholes(parts, rules.statements()).assign(**described, measure=measure))
    table = pd.concat(tables, ignore_index=True)
    first = [*described, "measure", "claim", "part"]
    return table[[*first, *(name for name in table.columns if name not in first)]]


def _with_wholes(parts: pd.DataFrame, statements: Mapping[str, str]) -> pd.DataFrame:
    """The parts with a row before those of each claim that has the verdict on the claim as a whole."""
    tables = []
    for claim, statement in statements.items():
        own = parts[parts["claim"] == claim]
        verdict, reason = combined(own)
        whole = own.iloc[:1].assign(
            **dict.fromkeys(["estimate", "lower", "upper", "threshold", "p", "p_corrected"], np.nan),
            **dict.fromkeys(["rule", "inference", "runs", "layers"], ""),
        )
        tables += [whole.assign(part=WHOLE, statistic=statement, verdict=verdict, reason=reason), own]
    return pd.concat(tables, ignore_index=True)


def sensitivity_summary(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How many settings each claim holds under, and what its verdict turns on.

    `table` joins those of `settings_of_estimator`, with `settings` (the estimator's own, as JSON), `varied` (the
    setting in which it differs from an estimator of the study, else empty) and `primary` (whether it is the setting
    that the claims of the study are tested with).

    The first table has one row per claim and part: claim, part, statement, primary_verdict (empty if the primary
    setting is not among them), n_settings, n_supported, n_contradicted, n_inconclusive, n_not_estimable,
    share_supported, share_contradicted and share_inconclusive (of the settings where it is estimable), turns_on (the
    factor with the largest share_differing, if any differ) and status ("ok", or "not estimable: ..." where the shares
    are NaN).

    The second has one row per claim, part and factor: pairs (of settings that differ in this factor alone, with both
    verdicts estimable), n_differing, share_differing (of these), n_reversed (supported under one, contradicted under
    the other), share_reversed and status. Factors are measure, stopping, bound, each setting of the estimators that
    is varied, and estimator: two estimators of the study with different methods, each with its own settings.
    """
    keys = ["estimator", "bound", "measure", "stopping"]
    verdicts = table.set_index([*keys, "claim", "part"])["verdict"].unstack(["claim", "part"])  # noqa: PD010
    described = table.drop_duplicates(keys).set_index(keys).loc[verdicts.index].reset_index()
    pairs = _pairs(described)
    primary = described["primary"].to_numpy(np.bool_)
    parts = table.drop_duplicates(["claim", "part"])
    summary, factors = [], []
    for claim, part, statistic in parts[["claim", "part", "statistic"]].itertuples(index=False):
        own = verdicts[claim, part].to_numpy()
        of_factors = [
            {"claim": claim, "part": part, "factor": factor, **_turns(own[first], own[second])}
            for factor, (first, second) in pairs.items()
        ]
        factors += of_factors
        differing = [row for row in of_factors if row["n_differing"]]
        most = max(differing, key=lambda row: row["share_differing"], default={"factor": ""})
        row = {"claim": claim, "part": part, "statement": statistic}
        row["primary_verdict"] = own[primary][0] if primary.any() else ""
        summary.append({**row, **_shares(own), "turns_on": most["factor"]})
    counted = pd.DataFrame(summary)
    status = counted.pop("status")
    return counted.assign(status=status), pd.DataFrame(factors)


def _shares(verdicts: NDArray[np.object_]) -> dict[str, object]:
    counts = {name: int((verdicts == name).sum()) for name in (SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE)}
    estimable = len(verdicts) - counts[NOT_ESTIMABLE]
    row: dict[str, object] = {"n_settings": len(verdicts)}
    row |= {f"n_{name.replace(' ', '_')}": count for name, count in counts.items()}
    for name in (SUPPORTED, CONTRADICTED, INCONCLUSIVE):
        row[f"share_{name}"] = counts[name] / estimable if estimable else np.nan
    return {**row, "status": "ok" if estimable else "not estimable: under no setting"}


def _turns(first: NDArray[np.object_], second: NDArray[np.object_]) -> dict[str, Any]:
    """How often two verdicts differ, and how often they contradict each other."""
    estimable = (first != NOT_ESTIMABLE) & (second != NOT_ESTIMABLE)
    differing = estimable & (first != second)
    decided = np.isin(first, [SUPPORTED, CONTRADICTED]) & np.isin(second, [SUPPORTED, CONTRADICTED])
    pairs = int(estimable.sum())
    counts = {"differing": int(differing.sum()), "reversed": int((differing & decided).sum())}
    row: dict[str, Any] = {"pairs": pairs}
    for name, count in counts.items():
        row |= {f"n_{name}": count, f"share_{name}": count / pairs if pairs else np.nan}
    reason = "not estimable: no two settings that differ in this alone have verdicts"
    return {**row, "status": "ok" if pairs else reason}


def _pairs(described: pd.DataFrame) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For every factor the places of the settings that differ in it alone."""
    rows = [{str(name): value for name, value in row.items()} for row in described.to_dict("records")]
    for row in rows:
        row["settings"] = json.loads(row["settings"])
    found: dict[str, list[tuple[int, int]]] = {}
    for (i, one), (j, other) in itertools.combinations(enumerate(rows), 2):
        factor = _factor(one, other)
        if factor:
            found.setdefault(factor, []).append((i, j))
    own = [factor for factor in found if factor != "estimator" and factor not in FACTORS]
    ordered = [factor for factor in ("estimator", *own, *FACTORS) if factor in found]
    places = {factor: np.array(found[factor], dtype=np.int64) for factor in ordered}
    return {factor: (both[:, 0], both[:, 1]) for factor, both in places.items()}


def _factor(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The only factor in which two settings differ, or nothing."""
    differing = [factor for factor in FACTORS if one[factor] != other[factor]]
    if one["estimator"] == other["estimator"]:
        return differing[0] if len(differing) == 1 else ""
    if one["method"] != other["method"]:
        # Bins have no bounds, and the two bounds of other methods are compared with each other only.
        same = not [factor for factor in differing if factor != "bound" or "none" not in (one[factor], other[factor])]
        return "estimator" if same and not one["varied"] and not other["varied"] else ""
    if differing:
        return ""
    keys = [key for key in one["settings"] if one["settings"][key] != other["settings"].get(key)]
    return keys[0] if len(keys) == 1 else ""
