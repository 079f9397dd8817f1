"""What figures say of the measures of compression; `infoplane.statistics` computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of compression: for a title or a short label, along an axis, and its definition in a caption."""

    label: str
    axis: str
    definition: str


MEASURES: Mapping[str, Measure] = {
    "drop": Measure(
        "drop of $I(T;X)$",
        "drop of $I(T;X)$, share of its largest value",
        "Compression is the drop of :math:`I(T;X)`: from its largest value to the mean of the last recorded tenth of "
        "the epochs, relative to the largest value.",
    ),
    "balance": Measure(
        "balance of $I(T;X)$",
        "balance of falls and rises of $I(T;X)$",
        "Compression is the balance of :math:`I(T;X)`: the sum of its falls minus the sum of its rises between "
        "successive recorded epochs, relative to the sum of both.",
    ),
    "final": Measure(
        "final compression",
        "1 − $I(T;X)$ at the end / $H(X)$",
        "Compression is 1 minus the mean of :math:`I(T;X)` over the last recorded tenth of the epochs, relative to "
        ":math:`H(X)`.",
    ),
}


def plain(measure: str) -> str:
    """The measure's short label without mathematics, for a sentence."""
    return MEASURES[measure].label.replace("$", "")


def percent(confidence: float) -> str:
    """A level of confidence as text, such as 95 %."""
    return f"{100 * confidence:g} %"
