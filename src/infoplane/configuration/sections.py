"""The keys of the sections that say what is made of the information: statistics, claims and sensitivity."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from infoplane.configuration.keys import DISTINCT, Section, section

Measure = Literal["drop", "balance", "final"]
Bound = Literal["upper", "lower"]
Part = Literal["all", "training", "test"]


class StatisticsKeys(Section):
    """How compression and generalisation are measured."""

    primary_measure: Measure = Field(
        "drop",
        description="The measure of compression that figures show and the claims are tested with; the tables have all.",
    )
    part: Part = Field(
        "all", description="The part of the samples that statistics, figures and explorer speak of, one of `parts`."
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="Confidence level of all intervals, in tables and figures.")
    resamples: int = Field(
        2000, ge=100, le=1000000, description="Number of bootstrap resamples and of permutations of seeds."
    )
    resampling_seed: int = Field(0, ge=0, description="Random seed of the resamples.")
    interval_width: float = Field(
        0.1,
        gt=0,
        description="Width of the interval of mean compression for which the number of seeds needed is given.",
    )


class NegligibleKeys(Section):
    """Compression up to this is none."""

    drop: float = Field(0.05, description="Of the measure drop.")
    balance: float = Field(0.0, description="Of the measure balance.")
    final: float = Field(0.05, description="Of the measure final.")


class ClaimsKeys(Section):
    """The rules by which the claims of the study get their verdicts."""

    hypotheses: Literal["all"] | Annotated[list[str], Field(min_length=1, json_schema_extra=DISTINCT)] = Field(
        "all", description="Names of the claims that are tested, as in src/infoplane/claims/paper; all is every one."
    )
    most_compressing: str = Field("tanh", description="The activation function that is said to compress most (C2).")
    different: list[str] = Field(
        ["softplus", "centered_softplus"],
        min_length=2,
        max_length=2,
        description="Two activation functions that are said to differ in how much they compress (C2).",
        json_schema_extra=DISTINCT,
    )
    without_phases: str = Field(
        "relu", description="The activation function that is said to have no distinct phases, averaged over seeds (C3)."
    )
    estimator: str | None = Field(
        None,
        description=(
            "Name of the estimator that the claims are tested with; null is the first whose method is preferred, or "
            "else the first."
        ),
    )
    bound: Bound = Field("upper", description="Which bound of it, where it has two.")
    generalisation: Literal["test_accuracy", "test_loss", "accuracy_gap"] = Field(
        "test_accuracy", description="The measure of generalisation of C5."
    )
    significance: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="A verdict other than inconclusive needs a corrected p value below this.",
    )
    negligible: NegligibleKeys = section("Compression up to this is none, for each measure (C1, C2).")
    negligible_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Activation functions with a smaller share of the variance of compression do not differ (C2).",
    )
    strong_variation: float = Field(
        0.5,
        gt=0,
        description="Seeds vary strongly if their standard deviation is more than this share of the mean (C3).",
    )
    flat: float = Field(
        0.1,
        gt=0,
        description="A mean trajectory is flat if I(T;X) varies by less than this share of its largest value (C3).",
    )
    negligible_correlation: float = Field(
        0.3, gt=0, le=1, description="A correlation whose interval is within this distance of 0 is none (C5)."
    )


_Values = Annotated[
    list[Any], Field(min_length=1, description="The values of one setting.", json_schema_extra=DISTINCT)
]
_Changes = Annotated[
    dict[str, _Values], Field(min_length=1, description="Settings of the estimator, each with its other values.")
]


class SensitivityKeys(Section):
    """Under which other settings of the analysis the claims are tested again."""

    enabled: bool = Field(False, description="Whether they are; without it the rest of this section has no effect.")
    vary: dict[str, _Changes] = Field(
        {},
        description=(
            "For estimators by name, the settings that are changed, one at a time, and the values they take beside "
            "their own."
        ),
    )
    bounds: list[Bound] = Field(
        ["upper", "lower"],
        min_length=1,
        description="Which bounds, of the estimators that have two.",
        json_schema_extra=DISTINCT,
    )
    measures: list[Measure] = Field(
        ["drop", "balance", "final"],
        min_length=1,
        description="Which measures of compression.",
        json_schema_extra=DISTINCT,
    )
    stopping: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.25, 0.5, 1.0],
        min_length=1,
        description="Shares of the epochs at which training is taken to end, at the nearest recorded epoch.",
        json_schema_extra=DISTINCT,
    )
