"""The settings of an estimator: what decides its numbers, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class EstimatorSettings:
    """A method and all its settings, as one entry of `estimators` gives them.

    `at_epochs` is the number of recorded epochs that it is computed at; None stands for all of them.
    """

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    at_epochs: int | None = None

    def to_json(self) -> str:
        """Canonical text: sorted keys, no spaces, so that equal settings are equal strings."""
        values: dict[str, Any] = {"method": self.method, "settings": self.settings}
        # A number more would be another text, so that all that is finished would run again.
        if self.at_epochs is not None:
            values["at_epochs"] = self.at_epochs
        return json.dumps(values, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> EstimatorSettings:
        """The inverse of `to_json`."""
        return cls(**json.loads(text))
