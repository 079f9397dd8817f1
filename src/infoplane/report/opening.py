"""The report's front page, in reStructuredText."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from infoplane.figures.parts import selection
from infoplane.presentation import style
from infoplane.presentation.escaping import restructured_text as escaped
from infoplane.presentation.numbers import count, number
from infoplane.statistics.frames import settings_of_runs
from infoplane.statistics.inference.intervals import mean_intervals


def front_page(
    study: str,
    training: pd.DataFrame,
    summary: pd.DataFrame,
    claims: pd.DataFrame | None,
    parts: pd.DataFrame | None,
    made_with: Mapping[str, Any],
) -> str:
    """What was run and what came out, as reStructuredText.

    `training`, `summary`, `claims` and `parts` are the tables training, compression_summary, claims and claim_parts,
    the last two None in a study without claims; `made_with` is the provenance of the summary.
    """
    blocks = [
        _heading(f"Study {study}", "="),
        _scope(training, summary, made_with),
        *([] if claims is None or parts is None else [_heading("What came out", "-"), *_claims(claims, parts)]),
        _heading("What was run", "-"),
        *_runs(training, summary),
        *_notes(made_with),
        _heading("Estimators", "-"),
        "\n".join(_estimators(summary)),
        _heading("Made with", "-"),
        _versions(made_with),
    ]
    return "\n\n".join(blocks) + "\n"


def _heading(text: str, line: str) -> str:
    text = escaped(text)
    return f"{text}\n{line * len(text)}"


def _scope(training: pd.DataFrame, summary: pd.DataFrame, made_with: Mapping[str, Any]) -> str:
    seeds = selection.seeds(training)
    runs = training["run"].nunique()
    per_run = sorted(set(seeds.groupby("run").size()))
    diverged = int(seeds["diverged"].sum())
    dead = int(_dead(summary).sum())
    epochs = sorted(training["epochs"].unique())
    recorded = sorted(set(training.groupby("run")["epoch"].nunique()))
    settings = [json.loads(source["settings"]) for source in made_with["sources"].values() if source["settings"]]
    split = sorted({f"{100 * entry['split']['fraction']:g} %" for entry in settings})
    of_training = f" ({_among(split)} of the samples for training)" if split else ""
    sentences = [
        f"{count(runs, 'run')} of {_among(per_run)} {'seed' if per_run == [1] else 'seeds'} each: "
        f"{count(len(seeds), 'network')}, of which {diverged or 'none'} diverged"
        + (f" and {dead} {'is' if dead == 1 else 'are'} dead" if dead else ""),
        f"trained for {_among(epochs)} epochs and measured at {_among(recorded)} of them",
        f"on {_among(sorted(training['dataset'].unique()))}{of_training}; "
        f"hidden layers {_among(training['hidden_layers'].unique())}",
    ]
    return escaped("; ".join(sentences) + ".")


def _claims(claims: pd.DataFrame, parts: pd.DataFrame) -> Iterable[str]:
    first = claims.iloc[0]
    bound = "" if first["bound"] == "none" else f", {first['bound']} bound"
    tally = claims["verdict"].value_counts()
    if len(tally) == 1:
        verdicts = f"All {len(claims)} claims are {tally.index[0]}"
    else:
        verdicts = f"Of {len(claims)} claims " + ", ".join(f"{n} {verdict}" for verdict, n in tally.items())
    yield escaped(
        f"{verdicts}; by the estimator {first['estimator']}{bound}, compression measured as "
        f"{first['measure']}, {100 * first['confidence']:g} % intervals over seeds."
    )
    rows = []
    for claim in claims.to_dict("records"):
        own = parts[parts["claim"] == claim["claim"]]
        lines = [f"{escaped(str(claim['statement']))}.", ""]
        lines += [f"- *{escaped(str(part['part']))}*: {escaped(_part(part))}" for part in own.to_dict("records")]
        rows.append([f"**{escaped(str(claim['claim']))}**", f"**{escaped(str(claim['verdict']))}**", "\n".join(lines)])
    yield _table(["", "verdict", "claim and its parts"], rows, widths=(8, 22, 70))


def _part(part: Mapping[Any, Any]) -> str:
    if part["verdict"] == "not estimable":
        return f"{part['verdict']}"
    interval = f"{number(part['estimate'])} [{number(part['lower'])}, {number(part['upper'])}]"
    return f"{part['verdict']}, {interval} against {number(part['threshold'])}"


def _dead(summary: pd.DataFrame) -> pd.Series:
    """How many networks of each run are dead."""
    return summary.groupby("run", sort=False)["n_dead"].max()


def _runs(training: pd.DataFrame, summary: pd.DataFrame) -> Iterable[str]:
    labels = style.run_labels(settings_of_runs(training))
    last = training[training["epoch"] == training.groupby("run")["epoch"].transform("max")]
    lost = selection.seeds(training).groupby("run", sort=False)["diverged"].agg(["sum", "size"])
    kept = selection.without_lost(last, training)
    accuracy = mean_intervals(kept, ["run"], "test_accuracy").set_index("run")
    dead = _dead(summary)
    rows = []
    for run, label in labels.items():
        shown = "none left"
        if run in accuracy.index:
            found = accuracy.loc[run]
            shown = f"{100 * found['mean']:.1f} %"
            if found["n"] > 1:
                shown += f" [{100 * found['lower']:.1f}, {100 * found['upper']:.1f}]"
        row = lost.loc[run]
        rows.append(
            [f"``{run}``", escaped(label), escaped(shown), f"{row['sum']} of {row['size']}", str(dead.get(run, 0))]
        )
    yield _table(["run", "network", "test accuracy at the end", "diverged", "dead"], rows, widths=(20, 28, 28, 14, 10))
    yield "Means over the seeds that did not diverge, dead ones among them, with 95 % intervals."


def _notes(made_with: Mapping[str, Any]) -> Iterable[str]:
    """What is odd about the data sets, as it was found when the networks were trained."""
    concerned: dict[str, dict[str, None]] = {}
    for source in made_with["sources"].values():
        for note in source.get("data_notes", ()):
            concerned.setdefault(note, {})[source["run"]] = None
    if concerned:
        yield _heading("Notes on the data", "-")
        yield "\n".join(f"- {escaped(', '.join(runs))}: {escaped(note)}." for note, runs in concerned.items())


def _estimators(summary: pd.DataFrame) -> Iterable[str]:
    for name, rows in summary.groupby("estimator", sort=False):
        label = style.estimator_label(str(name), str(rows["method"].iloc[0]))
        bounds = [bound for bound in selection.bounds(rows) if bound != "none"]
        bounded = f"; {' and '.join(bounds)} bound{'s' if len(bounds) > 1 else ''}" if bounds else ""
        assumption = "; ".join(dict.fromkeys(map(str, rows["assumption"])))
        yield f"- ``{name}``: {escaped(f'{label}, {assumption}{bounded}')}"


def _versions(made_with: Mapping[str, Any]) -> str:
    named = ("infoplane", "python", "torch", "numpy", "scipy", "pandas")
    devices = sorted({str(source["device"]) for source in made_with["sources"].values() if "device" in source})
    text = ", ".join(f"{name} {made_with[name]}" for name in named if name in made_with)
    return escaped(f"{text}; networks on {_among(devices)}." if devices else f"{text}.")


def _among(values: Iterable[Any]) -> str:
    """One value as it is, a range of numbers from the least to the most, other values in a list."""
    values = list(values)
    if len(values) == 1:
        return str(values[0])
    if all(isinstance(value, str) for value in values):
        return ", ".join(values)
    return f"{values[0]} to {values[-1]}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {' '.join(map(str, widths))}", ""]
    for row in [header, *rows]:
        for index, cell in enumerate(row):
            start, *rest = cell.split("\n")
            lines.append(f"   {'*' if index == 0 else ' '} - {start}".rstrip())
            lines += [f"       {line}".rstrip() for line in rest]
    return "\n".join(lines)
