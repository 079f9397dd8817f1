"""Estimators that differ in one setting: the values of a scan, and the variants of the section `sensitivity`."""

from __future__ import annotations

import json
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

    @property
    def at_epochs(self) -> int | None:
        """The number of recorded epochs that it is computed at; None stands for all of them."""
        return self.settings[0].at_epochs

    def to_json(self) -> str:
        """Canonical text: sorted keys, no spaces."""
        values = {"method": self.method, "key": self.key, "values": self.values, "at_epochs": self.at_epochs}
        settings = [each.settings for each in self.settings]
        return json.dumps({**values, "settings": settings}, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Variant:
    """An estimator of the study with one of its settings changed."""

    base: str  # name of the estimator
    key: str
    value: Any
    settings: EstimatorSettings

    @property
    def scan(self) -> str:
        """The name of the scan that it is computed in; no estimator of a study has a name with a plus sign."""
        return f"{self.base}+{self.key}"


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

    @property
    def scans(self) -> dict[str, Scan]:
        """The variants as scans by name: of an estimator all that vary the same key, which one pass computes."""
        found: dict[str, list[Variant]] = {}
        for variant in self.variants.values():
            found.setdefault(variant.scan, []).append(variant)
        return {
            name: Scan(
                variants[0].settings.method,
                variants[0].key,
                tuple(variant.value for variant in variants),
                tuple(variant.settings for variant in variants),
            )
            for name, variants in found.items()
        }
