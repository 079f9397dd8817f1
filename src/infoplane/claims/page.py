"""The claims as a page of HTML: every part with its interval against its threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from infoplane.presentation.escaping import html
from infoplane.presentation.numbers import number, p_value

# The page beside this module, without the claims.
_TEMPLATE = "claims.html"

# Width and height of an interval's drawing in pixels, and the room beside it.
_WIDTH, _HEIGHT, _ROOM = 170, 22, 8


def claims_page(study: str, claims: pd.DataFrame, parts: pd.DataFrame) -> str:
    """The tables claims and claim_parts as a self-contained page."""
    first = claims.iloc[0]
    bound = "" if first["bound"] == "none" else f", {first['bound']} bound"
    settings = (
        f"Estimator {first['estimator']}{bound} ({first['assumption']}); compression measured as {first['measure']}, "
        f"generalisation as {first['generalisation']}. {100 * first['confidence']:g} % intervals over seeds; p values "
        "are two-sided, with Holm's correction over all parts of all claims."
    )
    template = (Path(__file__).parent / _TEMPLATE).read_text(encoding="utf-8")
    return Template(template).substitute(
        title=html(f"Claims of the study {study}"),
        settings=html(settings).replace(" %", "&nbsp;%"),
        claims="\n".join(_claim(claim, parts[parts["claim"] == claim["claim"]]) for claim in claims.to_dict("records")),
    )


def _claim(claim: Mapping[Any, Any], parts: pd.DataFrame) -> str:
    rows = "\n".join(map(_part, parts.to_dict("records")))
    return f"""<section>
<h2>{html(claim["claim"])} {_verdict(claim["verdict"])}</h2>
<p>{html(claim["statement"])}.</p>
<table>
<thead><tr><th>Part and statistic</th><th>Verdict</th><th>Estimate and interval</th><th>Against the threshold</th>\
<th>p</th><th>Seeds</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</section>"""


def _part(part: Mapping[Any, Any]) -> str:
    estimable = math.isfinite(part["estimate"])
    about = [f"Rule: {part['rule']}"]
    for title, column in (("Note", "reason"), ("Runs", "runs"), ("Layers", "layers")):
        # An empty text is a missing value after a CSV file.
        if isinstance(part[column], str) and part[column]:
            about.append(f"{title}: {part[column]}")
    note = html(". ".join(about) + ".")
    interval = f"{number(part['estimate'])} [{number(part['lower'])}, {number(part['upper'])}]" if estimable else ""
    cells = [
        f"<b>{html(part['part'])}</b><br>{html(part['statistic'])}<small>{note}</small>",
        _verdict(part["verdict"]),
        interval,
        _drawing(part) if estimable else "",
        html(p_value(part["p_corrected"])) if math.isfinite(part["p_corrected"]) else "",
        str(part["n"]) if part["n"] else "",
    ]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _verdict(verdict: str) -> str:
    return f'<span class="{verdict.replace(" ", "-")}">{html(verdict)}</span>'


def _drawing(part: Mapping[Any, Any]) -> str:
    """The interval as a line with the estimate as a dot, and the threshold as a dashed line."""
    values = [part[name] for name in ("lower", "upper", "estimate", "threshold") if math.isfinite(part[name])]
    low, span = min(values), max(values) - min(values) or 1.0

    def x(name: str) -> str:
        return f"{_ROOM + (part[name] - low) / span * (_WIDTH - 2 * _ROOM):.1f}"

    middle = _HEIGHT / 2
    interval = ""
    if math.isfinite(part["lower"]) and math.isfinite(part["upper"]):
        interval = f'<line x1="{x("lower")}" x2="{x("upper")}" y1="{middle}" y2="{middle}"/>'
    text = f"interval {number(part['lower'])} to {number(part['upper'])}, threshold {number(part['threshold'])}"
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{text}">'
        f'<line class="threshold" x1="{x("threshold")}" x2="{x("threshold")}" y1="1" y2="{_HEIGHT - 1}"/>'
        f'{interval}<circle cx="{x("estimate")}" cy="{middle}" r="4.5"/></svg>'
        f"<small>threshold {number(part['threshold'])}</small>"
    )
