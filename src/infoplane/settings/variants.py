"""Estimators that differ in one setting: the values of a scan, and the variants of the section `sensitivity`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infoplane.settings.estimator import EstimatorSettings


@dataclass(frozen=True, slots=True)
class Scan:
    """An entry of `estimators` with a list of values for one setting; `settings` has an estimator for each of them."""

    method: str
    key: str
    values: tuple[Any, ...]
    settings: tuple[EstimatorSettings, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """An estimator of the study with one of its settings changed."""

    base: str  # name of the estimator
    key: str
    value: Any
    settings: EstimatorSettings


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Under which settings of the analysis the claims are tested again.

    `variants` by name come beside the study's estimators; `stopping` are shares of the epochs. `fixed` names, for every
    adaptive estimator and variant that has one, its counterpart with one range of bins for all layers.
    """

    enabled: bool
    variants: Mapping[str, Variant]
    bounds: tuple[str, ...]
    measures: tuple[str, ...]
    stopping: tuple[float, ...]
    fixed: Mapping[str, str]
