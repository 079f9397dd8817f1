"""Checking values against a schema, and filling in its defaults."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator, validators

from infoplane.configuration.messages import Schema, resolved, sentence
from infoplane.errors import InfoplaneError


def part_of(schema: Schema, root: Schema, key: str | None) -> Schema:
    """The schema of a key, or with None that of a list's entries; empty, which takes all, where there is none."""
    schema = resolved(schema, root)
    for alternative in schema.get("anyOf", schema.get("oneOf", [schema])):
        names = resolved(alternative, root)
        properties = names.get("properties", {})
        part = names.get("items") if key is None else properties.get(key, names.get("additionalProperties"))
        if isinstance(part, Mapping):
            return resolved(part, root)
    return {}


def completed(values: Any, schema: Schema, root: Schema) -> Any:
    """A copy in which keys that are left out have the defaults of the schema, outside the runs."""
    schema = resolved(schema, root)
    if not isinstance(values, Mapping):
        return deepcopy(values)
    complete = {key: deepcopy(value) for key, value in values.items()}
    for key, part in schema.get("properties", {}).items():
        part = resolved(part, root)
        if key not in complete and "default" in part:
            complete[key] = deepcopy(part["default"])
        if key in complete:
            complete[key] = completed(complete[key], part, root)
    return complete


def _is_representable(kind: str) -> Callable[[Any, Any], bool]:
    """Whether a value is of a numeric type of the schema, and of 64 bits: neither NaN nor infinite."""
    largest = 2**63 - 1 if kind == "integer" else sys.float_info.max
    return lambda _, value: Draft202012Validator.TYPE_CHECKER.is_type(value, kind) and -largest <= value <= largest


Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {kind: _is_representable(kind) for kind in ("integer", "number")}
    ),
)


def validated(values: Any, schema: Schema, where: str) -> Any:
    """The values as they are. Raises InfoplaneError, in one sentence, for the first mistake in them."""
    errors = list(Validator(schema).iter_errors(values))
    if errors:
        raise InfoplaneError(sentence(errors, schema, where))
    return values


def is_valid(value: Any, schema: Schema) -> bool:
    """Whether a schema takes a value."""
    return bool(Validator(schema).is_valid(value))
