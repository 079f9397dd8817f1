"""One sentence for every mistake: the key, what was found, what is allowed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from jsonschema.exceptions import ValidationError

Schema = Mapping[str, Any]


def resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a `$ref` into `$defs` points to, under what stands beside the reference."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def sentence(errors: Iterable[ValidationError], root: Schema, where: str) -> str:
    """One sentence for the first mistake: the key, what was found, what is allowed."""
    # Of a section, a key that is misspelled comes before the same key that is missing.
    error = min(errors, key=lambda error: ([str(part) for part in error.path], error.validator == "required"))
    key = ".".join([part for part in [where] if part] + [str(part) for part in error.absolute_path])
    found: Any = error.instance
    broken: Any = error.schema
    limit: Any = error.validator_value
    if error.validator == "anyOf" and isinstance(found, Mapping):
        # Where only one of the alternatives is a section, that is the one that is meant.
        sections = [place for place, part in enumerate(limit) if resolved(part, root).get("type") == "object"]
        if len(sections) == 1:
            inner = [each for each in error.context or [] if each.schema_path[0] == sections[0]]
            return sentence(inner, root, where)
    if error.validator == "additionalProperties":
        keys = resolved(broken, root)["properties"]
        unknown = next(name for name in found if name not in keys)
        # A key that is empty or has a line break or the like is shown as text, so that the message stays one line.
        name = str(unknown) if unknown != "" and str(unknown).isprintable() else shown(str(unknown))
        full = f"{key}.{name}" if key else name
        return f"{full} is not a key; {allowed(str(unknown), keys)}"
    if error.validator == "required":
        missing = next(name for name in limit if name not in found)
        return f"{f'{key}.{missing}' if key else missing} is missing; it is required"
    if error.validator == "minProperties":
        return f"{key} is empty; it must have at least one entry"
    if "propertyNames" in error.absolute_schema_path:
        return f"{key} has the name {shown(found)}; it must be {wanted(broken, root)}"
    hint = ""
    if isinstance(found, str) and _is_number(found) and "number" in wanted(broken, root):
        hint = (
            f" (in quotes it is text: write {found})"
            if _is_number_in_yaml(found)
            else f" (YAML reads {found} as text: write {float(found)!r} or {_with_point(found)})"
        )
    return f"{key or 'the configuration'} is {shown(found)}; it must be {wanted(broken, root)}{hint}"


def wanted(schema: Any, root: Schema) -> str:
    """What a schema allows, in words."""
    schema = resolved(schema, root)
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema:
            return ", or ".join(wanted(part, root) for part in schema[alternatives])
    if "const" in schema:
        return shown(schema["const"])
    if "enum" in schema:
        return listed([shown(value) for value in schema["enum"]], "or")
    if "pattern" in schema:
        return "1 to 64 letters, digits, '.', '_' or '-', of which the first is a letter or digit"
    kind = schema.get("type")
    if isinstance(kind, list):
        return listed([_NOUNS[part] for part in kind], "or")
    limits = [word.format(schema[limit]) for limit, word in _LIMITS.items() if limit in schema]
    if kind == "array":
        size = f"{schema['minItems']} or more" if "minItems" in schema else "any number of"
        if schema.get("minItems") and schema.get("minItems") == schema.get("maxItems"):
            size = str(schema["minItems"])
        distinct = "distinct " if schema.get("uniqueItems") else ""
        each = f", each {wanted(schema['items'], root)}" if schema.get("items") else ""
        return f"a list of {size} {distinct}entries{each}"
    if kind == "object" and schema.get("required"):
        return f"a section with the keys {listed(schema['required'], 'and')}"
    return " ".join([_NOUNS[kind], " and ".join(limits)]).strip() if kind else "something else"


_NOUNS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section with keys",
    "null": "null",
}
_LIMITS = {
    "minimum": "of at least {}",
    "exclusiveMinimum": "greater than {}",
    "maximum": "of at most {}",
    "exclusiveMaximum": "less than {}",
}


def listed(words: Iterable[str], last: str) -> str:
    """Words in a row, the last after `last`: a, b or c."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def allowed(name: str, known: Iterable[str]) -> str:
    """The names that are known, and the one that was meant if it is close."""
    known = sorted(known)
    if not known:
        return "no key is allowed here"
    close = difflib.get_close_matches(name, known, n=1)
    allowed = "allowed are" if len(known) > 1 else "allowed is"
    return f"{allowed} {listed(known, 'and')}" + (f" (did you mean {close[0]}?)" if close else "")


def shown(value: Any) -> str:
    """A value as YAML writes it, shortened."""
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_number_in_yaml(text: str) -> bool:
    """Whether a file has a number there, unless it puts it in quotes."""
    tag = yaml.resolver.Resolver().resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def _with_point(text: str) -> str:
    mantissa, e, exponent = text.partition("e")
    return text if "." in mantissa else f"{mantissa}.0{e}{exponent}"
