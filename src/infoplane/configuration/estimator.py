"""The keys of an estimator, and the settings, scans and variants that follow from them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from infoplane import estimators
from infoplane.configuration.checking import completed, is_valid, validated
from infoplane.configuration.keys import Section
from infoplane.configuration.messages import Schema, allowed, listed, shown, wanted
from infoplane.errors import InfoplaneError
from infoplane.settings import ADAPTIVE_METHODS, EstimatorSettings, Scan, Variant


class EstimatorKeys(Section):
    """A method and its settings, which the method itself describes; one of them may be a list of values to scan."""

    model_config = ConfigDict(extra="allow")

    method: str = Field(description="Name of the method, one of those in src/infoplane/estimators/methods.")
    at_epochs: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description=(
            "Number of recorded epochs that the estimator is computed at, the first and the last among them; null is "
            "all of them."
        ),
    )

    @property
    def given(self) -> Mapping[str, Any]:
        """The settings of the method, as they are given."""
        return self.model_extra or {}


def schema_of_method(name: str) -> Schema:
    """The schema of the settings that a method has."""
    return {"type": "object", "additionalProperties": False, "properties": dict(estimators.METHODS[name].settings)}


def estimator_or_scan(keys: EstimatorKeys, where: str) -> EstimatorSettings | Scan:
    """The settings of an entry of `estimators`, or its scan if one of them is a list of values.

    Raises InfoplaneError for a method that is not there, and for settings that it does not take.
    """
    if keys.method not in estimators.METHODS:
        raise InfoplaneError(f"{where}.method is {shown(keys.method)}; {allowed(keys.method, estimators.METHODS)}")
    known = estimators.METHODS[keys.method].settings
    # A list that is a value by itself, such as a range of two numbers, is no scan.
    scanned = [
        key
        for key, value in keys.given.items()
        if isinstance(value, list) and key in known and not is_valid(value, known[key])
    ]
    if not scanned:
        return estimator_settings(keys, keys.given, where)
    key, *others = scanned
    if others:
        raise InfoplaneError(f"{where} has lists for {listed(scanned, 'and')}; only one may be a list")
    values, at = keys.given[key], f"{where}.{key}"
    if not values:
        raise InfoplaneError(f"{at} is []; it must be {wanted(known[key], {})}, or for a scan a list of such values")
    settings: list[EstimatorSettings] = []
    for place, value in enumerate(values):
        validated(value, known[key], f"{at}.{place}")
        settings.append(estimator_settings(keys, {**keys.given, key: value}, where))
        if settings[-1] in settings[:-1]:
            raise InfoplaneError(f"{at} has {shown(value)} twice; the values of a scan must be distinct")
    return Scan(keys.method, key, tuple(values), tuple(settings))


def estimator_settings(keys: EstimatorKeys, given: Mapping[str, Any], where: str) -> EstimatorSettings:
    """The settings of an estimator with `given` in place of the settings that its entry has."""
    method, schema = estimators.METHODS[keys.method], schema_of_method(keys.method)
    # What any method takes is known beside it, and so may be meant.
    beside: dict[str, Schema] = {key: {} for key in EstimatorKeys.model_fields if key != "method"}
    validated(given, {**schema, "properties": {**schema["properties"], **beside}}, where)
    settings = completed(given, schema, schema)
    if method.check is not None:
        try:
            method.check(settings)
        except InfoplaneError as error:
            raise InfoplaneError(f"{where}: {error}") from None
    return EstimatorSettings(keys.method, settings, keys.at_epochs)


def fixed_counterpart(own: EstimatorSettings, known: Mapping[str, EstimatorSettings]) -> str | None:
    """For an adaptive estimator, the one with a single range of bins for all layers and as many bins, if it has any."""
    if own.method not in ADAPTIVE_METHODS:
        return None
    for name, other in known.items():
        one_range = other.settings.get("range") in ("activation_function", "network_maximum")
        if one_range and own.settings.get("bins", other.settings["bins"]) == other.settings["bins"]:
            return name
    return None


def variants_of(
    vary: Mapping[str, Mapping[str, list[Any]]],
    keys: Mapping[str, EstimatorKeys],
    of_study: Mapping[str, EstimatorSettings],
) -> dict[str, Variant]:
    """By name, the variants that `sensitivity.vary` asks for; those that the study has are left out.

    Raises InfoplaneError for an estimator or a setting that is not there, or a name that is taken.
    """
    variants: dict[str, Variant] = {}
    for base, changes in vary.items():
        if base not in of_study:
            raise InfoplaneError(f"sensitivity.vary has {shown(base)}; {allowed(base, of_study)}")
        where = f"sensitivity.vary.{base}"
        for key, others in changes.items():
            for value in others:
                validated({key: value}, schema_of_method(keys[base].method), where)
                settings = estimator_settings(keys[base], {**keys[base].given, key: value}, where)
                if settings in of_study.values() or settings in (known.settings for known in variants.values()):
                    continue
                name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{base}_{key}_{json.dumps(value)}").rstrip("_")
                if name in keys or name in variants:
                    raise InfoplaneError(
                        f"{where}.{key} has {shown(value)}, whose name {name} is that of another estimator; "
                        "it must be another value, or the other estimator have another name"
                    )
                variants[name] = Variant(base, key, value, settings)
    return variants
