"""Reading a configuration: YAML, keys that are given twice, and texts from the command line that mean numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from infoplane.configuration.checking import Validator, part_of
from infoplane.configuration.messages import Schema, shown
from infoplane.configuration.study import study_schema
from infoplane.errors import InfoplaneError

# The safe loader, ten times faster where PyYAML comes with libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. Raises InfoplaneError if it is not there, not YAML, or has a key twice."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            node = loader.get_single_node()
            _refuse_repeated_keys(node, path.name)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except OSError as error:
        raise InfoplaneError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1}, column {place.column + 1})" if place else ""
        raise InfoplaneError(f"{path}: this is not YAML{where}") from error


def refuse_repeated_keys(path: Path) -> None:
    """Raise InfoplaneError, with both lines, if a section of a YAML or JSON file has the same key twice.

    Its readers keep the last of them without a word, so that a run would vanish. What else may be wrong with the file
    is for them to say.
    """
    with contextlib.suppress(OSError, yaml.YAMLError, ValueError, RecursionError):
        _refuse_repeated_keys(yaml.compose(path.read_text(encoding="utf-8"), _Loader), path.name)


def _refuse_repeated_keys(document: yaml.Node | None, source: str) -> None:
    waiting: list[tuple[str, yaml.Node | None]] = [("", document)]
    met = set()
    while waiting:
        where, node = waiting.pop()
        # An alias leads to a node that was met at its anchor.
        if id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += reversed([(f"{where}{place}.", entry) for place, entry in enumerate(node.value)])
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            waiting += reversed([(f"{where}{key.value}.", value) for key, value in node.value])
            for key, _ in node.value:
                # The merge key << is no key of the section, and may stand there more than once.
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                line, name = key.start_mark.line + 1, (key.tag, key.value)
                if name in lines:
                    full = f"{where}{key.value}"
                    raise InfoplaneError(
                        f"{source}: {full if full.isprintable() else shown(full)} is given twice, in lines "
                        f"{lines[name]} and {line}; one of them must go or have another name"
                    )
                lines[name] = line


def with_texts_read(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with numbers, true, false and null where the command line gave texts that mean them.

    `given` is what came from the command line, and stands in `config` already. Snakemake hands nested values over as
    text: the epochs of `--config 'defaults={epochs: 10}'` are "10". A text stays one where the schema takes texts
    alone, and what came from files stays as YAML read it.
    """
    schema = study_schema()
    merged: dict[str, Any] = _laid_over(config, _texts_read(given, schema, schema))
    return merged


def _laid_over(base: Any, changes: Any) -> Any:
    if not isinstance(changes, Mapping) or not isinstance(base, Mapping):
        return changes
    return {**base, **{key: _laid_over(base.get(key), value) for key, value in changes.items()}}


def _texts_read(value: Any, schema: Schema, root: Schema) -> Any:
    if isinstance(value, Mapping):
        return {key: _texts_read(part, part_of(schema, root, key), root) for key, part in value.items()}
    if isinstance(value, list):
        return [_texts_read(part, part_of(schema, root, None), root) for part in value]
    if not isinstance(value, str):
        return value
    meant = _meant(value)
    checker = Validator({**schema, "$defs": root["$defs"]})
    return value if checker.is_valid(value) and not checker.is_valid(meant) else meant


def _meant(text: str) -> Any:
    """What a text means as a value that is not nested, for which Snakemake reads numbers itself."""
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for read in (int, float):
        with contextlib.suppress(ValueError):
            return read(text)
    return text
