"""The claims as Markdown that can stand in a paper: every sentence with its number, interval and assumption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from infoplane.claims.parts import NOT_ESTIMABLE
from infoplane.presentation.escaping import markdown, markdown_code

_MEASURES: Mapping[str, str] = {
    "drop": "drop: (largest I(T;X) - I(T;X) at the end) / largest I(T;X), the end being the mean of the last recorded "
    "tenth of the epochs",
    "balance": "balance: (sum of decreases - sum of increases) / (sum of both) of I(T;X) between successive recorded "
    "epochs",
    "final": "final: 1 - I(T;X) at the end / H(X), the end being the mean of the last recorded tenth of the epochs",
}


def as_markdown(table: pd.DataFrame, parts: pd.DataFrame, rules: Mapping[str, Any], compression: pd.DataFrame) -> str:
    """The tables of `claims` as text; `compression` says which runs and seeds there are."""
    first = table.iloc[0]
    bound = "" if first["bound"] == "none" else f", {first['bound']} bound"
    of_seeds = compression.drop_duplicates(["run", "seed"])
    datasets = markdown(listed(map(str, compression["dataset"].unique())))
    epochs = listed(f"{number}" for number in sorted(compression["epochs"].unique()))
    counts = of_seeds.groupby("run")["seed"].nunique()
    seeds = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    diverged = int(of_seeds["diverged"].sum())
    dead = of_seeds.groupby("run", sort=False)["dead"].agg(["sum", "size"])
    dead_of_runs = [
        f"{row['sum']} of {row['size']} seeds of {run} {'is' if row['sum'] == 1 else 'are'} dead and left out"
        for run, row in dead[dead["sum"] > 0].iterrows()
    ]
    lines = [
        "# Claims",
        "",
        f"Tested on {counts.size} runs of {seeds} seeds and {epochs} epochs on {datasets}"
        + (f", of which {diverged} networks diverged and are left out" if diverged else "")
        + f". Mutual information is that of the estimator {markdown_code(first['estimator'])}{bound}: "
        f"{markdown(first['assumption'])}. "
        f"Compression of a layer is its {_MEASURES[first['measure']]}. Generalisation is the "
        f"{first['generalisation'].replace('_', ' ')} at the end."
        + (
            " A network is dead if a layer of it has the same activity for all samples at the last recorded epoch: "
            f"{listed(dead_of_runs)}."
            if dead_of_runs
            else ""
        ),
        "",
        f"Brackets hold {100 * first['confidence']:g} % intervals over seeds, which are the sample; the runs are "
        "fixed, so that nothing is said of other networks or data. p is two-sided, against the number that the rule "
        f"names, with Holm's correction over all {len(parts)} parts of the claims; a verdict takes "
        f"p < {rules['significance']:g}. A claim is supported if all its parts are, contradicted if one is. The rules "
        "stand in the section `claims` of the configuration.",
    ]
    for _, row in table.iterrows():
        lines += ["", f"## {row['claim']}: {row['verdict']}", "", f"{row['statement']}.", ""]
        lines += [f"- {_sentences(part)}" for _, part in parts[parts["claim"] == row["claim"]].iterrows()]
    return "\n".join(lines) + "\n"


def _sentences(part: pd.Series) -> str:
    start = f"{part['part'][0].upper()}{part['part'][1:]}: **{part['verdict']}**. "
    if part["verdict"] == NOT_ESTIMABLE:
        return f"{start}The {markdown(part['statistic'])} is {markdown(part['reason'])}."
    where = f"runs {', '.join(part['runs'].split())}"
    if part["layers"]:
        where += f"; {_layers(part['layers'])}"
    where = markdown(where)
    return (
        f"{start}The {markdown(part['statistic'])} is "
        f"{part['estimate']:.3g} [{part['lower']:.3g}, {part['upper']:.3g}] "
        f"(n = {part['n']} seeds, {p_text(part['p_corrected'])}; {part['inference']}; {where}). "
        f"Rule: {markdown(part['rule'])}."
    )


def p_text(p: float) -> str:
    """A p value for text."""
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"


def _layers(text: str) -> str:
    """The layers of a part, which are one list or, where runs differ, one for each after its name."""
    if ";" not in text:
        return f"layers {_ranges(text)}"
    runs: dict[str, list[str]] = {}
    for run, _, layers in (of_run.partition(" ") for of_run in text.split("; ")):
        runs.setdefault(layers, []).append(run)
    return "layers " + "; ".join(f"{_ranges(layers)} of {listed(names)}" for layers, names in runs.items())


def _ranges(layers: str) -> str:
    """Numbers such as "1 2 3 5" as "1-3, 5"."""
    ranges: list[list[int]] = []
    for layer in map(int, layers.split()):
        if ranges and layer == ranges[-1][-1] + 1:
            ranges[-1].append(layer)
        else:
            ranges.append([layer])
    return ", ".join(f"{found[0]}-{found[-1]}" if len(found) > 1 else f"{found[0]}" for found in ranges)


def listed(words: Any) -> str:
    """Words with commas and "and"."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
