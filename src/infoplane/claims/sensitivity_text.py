"""The sensitivity of the claims as Markdown: under how many settings each holds, under which, and what it turns on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from infoplane.claims.parts import CONTRADICTED, INCONCLUSIVE, NOT_ESTIMABLE, SUPPORTED
from infoplane.claims.sensitivity import WHOLE
from infoplane.claims.text import listed
from infoplane.presentation.escaping import markdown, markdown_code

_NAMES: Mapping[str, str] = {"stopping": "stopping epoch"}


def as_markdown(table: pd.DataFrame, summary: pd.DataFrame, factors: pd.DataFrame) -> str:
    """The tables of `sensitivity_summary`, and the joined one that they come from, as text."""
    settings = table.drop_duplicates(["estimator", "bound", "measure", "stopping"])
    estimators = table.drop_duplicates("estimator")
    stops = [
        f"{epoch} ({100 * share:g} %)"
        for share, epoch in sorted(set(zip(settings["stopping"], settings["stopping_epoch"], strict=True)))
    ]
    lines = [
        "# Sensitivity of the claims",
        "",
        f"Each claim was tested again under {len(settings)} settings of the analysis: {len(estimators)} estimators, "
        f"both bounds where there are two, the measures {listed(settings['measure'].unique())}, and training taken to "
        f"stop at the epochs {listed(stops)}. Under each setting everything is done anew with the rules of the "
        "section `claims`: compression and generalisation up to that epoch, intervals over seeds, and Holm's "
        "correction over the parts of the claims. Settings share their networks and so are not independent: the shares "
        "below count analyses that one might have made, and are no probabilities. A claim turns on what changes its "
        "verdict most often when it alone is changed.",
        "",
        "The estimators:",
        "",
        *(f"- {markdown_code(row['estimator'])}: {markdown(row['assumption'])}" for _, row in estimators.iterrows()),
        "",
        "| claim | part | own setting | supported | contradicted | inconclusive | not estimable | turns on |",
        "|---|---|---|---|---|---|---|---|",
        *(_table_row(row) for _, row in summary.iterrows()),
    ]
    for claim in summary["claim"].unique():
        own = summary[summary["claim"] == claim]
        whole = own[own["part"] == WHOLE].iloc[0]
        lines += ["", f"## {claim}", "", f"{whole['statement']}.", ""]
        # Of a claim with one part, the part says it all.
        for _, row in (own if len(own) > 2 else own[own["part"] != WHOLE]).iterrows():
            chosen = table[(table["claim"] == claim) & (table["part"] == row["part"])]
            of_part = factors[(factors["claim"] == claim) & (factors["part"] == row["part"])]
            name = "The claim as a whole" if row["part"] == WHOLE else f"{row['part'][0].upper()}{row['part'][1:]}"
            lines.append(f"- {name}: {_sentences(row, chosen, of_part)}")
    return "\n".join(lines) + "\n"


def _table_row(row: pd.Series) -> str:
    name = "**as a whole**" if row["part"] == WHOLE else row["part"]
    shares = [_percent(row[f"share_{verdict}"]) for verdict in (SUPPORTED, CONTRADICTED, INCONCLUSIVE)]
    cells = [row["claim"], name, row["primary_verdict"], *shares, f"{row['n_not_estimable']} of {row['n_settings']}"]
    return f"| {' | '.join([*cells, factor_name(row['turns_on'])])} |"


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{100 * share:.0f} %"


def factor_name(factor: str) -> str:
    """What a factor is called."""
    return _NAMES.get(factor, factor.replace("_", " "))


def _sentences(row: pd.Series, table: pd.DataFrame, factors: pd.DataFrame) -> str:
    estimable = table[table["verdict"] != NOT_ESTIMABLE]
    if estimable.empty:
        return f"not estimable under any of the {len(table)} settings ({markdown(table['reason'].iloc[0])})."
    text = f"supported under {row['n_supported']} of {len(estimable)} settings"
    text += f", contradicted under {row['n_contradicted']}"
    if len(estimable) < len(table):
        text += f"; not estimable under {len(table) - len(estimable)} more"
    text += "."
    varying = [
        f"{factor_name(factor)} ({_by_level(estimable, column)})"
        for factor, column in (("estimator", "estimator"), ("measure", "measure"), ("stopping", "stopping_epoch"))
        if len(estimable[column].unique()) > 1
    ]
    if varying and 0 < row["n_supported"] < len(estimable):
        text += f" Supported by {'; by '.join(varying)}."
    turning = factors[factors["n_differing"] > 0].sort_values("share_differing", ascending=False, kind="stable")
    if turning.empty:
        return f"{text} No two settings that differ in one thing have different verdicts."
    parts = [
        f"{factor_name(row['factor'])} {100 * row['share_differing']:.0f} % of {row['pairs']} pairs"
        + (f" ({row['n_reversed']} from supported to contradicted)" if row["n_reversed"] else "")
        for _, row in turning.iterrows()
    ]
    return f"{text} Changing one thing changes the verdict: {listed(parts)}."


def _by_level(table: pd.DataFrame, column: str) -> str:
    grouped = (table["verdict"] == SUPPORTED).groupby(table[column], sort=column == "stopping_epoch")
    return ", ".join(
        f"{markdown(str(level))} {row['sum']}/{row['size']}" for level, row in grouped.agg(["sum", "size"]).iterrows()
    )
