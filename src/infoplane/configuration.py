"""From a configuration to a study: the one place that checks it and expands it into runs.

Nothing here imports torch, pandas or matplotlib: Snakemake reads it each time it parses the workflow.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError

from infoplane import activation_functions, datasets, estimators, figures
from infoplane.errors import InfoplaneError
from infoplane.settings import (
    EstimatorSettings,
    Initialisation,
    RecordedEpochs,
    RunSettings,
    Sensitivity,
    Split,
    Variant,
)

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Study:
    """A checked configuration, expanded."""

    name: str
    seeds: int
    seeds_per_job: int
    device: str
    keep_activations: bool
    runs: Mapping[str, RunSettings]
    estimators: Mapping[str, EstimatorSettings]
    primary_measure: str
    confidence: float
    resamples: int
    resampling_seed: int
    interval_width: float
    claims: Mapping[str, Any]
    sensitivity: Sensitivity
    figures: tuple[str, ...]


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
                        f"{source}: {full if full.isprintable() else _shown(full)} is given twice, in lines "
                        f"{lines[name]} and {line}; one of them must go or have another name"
                    )
                lines[name] = line


def with_texts_read(config: Mapping[str, Any], given: Mapping[str, Any], schema_path: Path) -> dict[str, Any]:
    """The configuration with numbers, true, false and null where the command line gave texts that mean them.

    `given` is what came from the command line, and stands in `config` already. Snakemake hands nested values over as
    text: the epochs of `--config 'defaults={epochs: 10}'` are "10". A text stays one where the schema takes texts
    alone, and what came from files stays as YAML read it.
    """
    schema = read_yaml(schema_path)
    merged: dict[str, Any] = _laid_over(config, _texts_read(given, schema, schema))
    return merged


def _laid_over(base: Any, changes: Any) -> Any:
    if not isinstance(changes, Mapping) or not isinstance(base, Mapping):
        return changes
    return {**base, **{key: _laid_over(base.get(key), value) for key, value in changes.items()}}


def _texts_read(value: Any, schema: Schema, root: Schema) -> Any:
    if isinstance(value, Mapping):
        return {key: _texts_read(part, _part(schema, root, key), root) for key, part in value.items()}
    if isinstance(value, list):
        return [_texts_read(part, _part(schema, root, None), root) for part in value]
    if not isinstance(value, str):
        return value
    meant = _meant(value)
    checker = _Validator({**schema, "$defs": root["$defs"]})
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


def _part(schema: Schema, root: Schema, key: str | None) -> Schema:
    """The schema of a key, or with None that of a list's entries; empty, which takes all, where there is none."""
    schema = _resolved(schema, root)
    for alternative in schema.get("anyOf", schema.get("oneOf", [schema])):
        names = _resolved(alternative, root)
        properties = names.get("properties", {})
        part = names.get("items") if key is None else properties.get(key, names.get("additionalProperties"))
        if isinstance(part, Mapping):
            return _resolved(part, root)
    return {}


def load(config: Mapping[str, Any], schema_path: Path, source: str = "config.yaml") -> Study:
    """Check a configuration and expand it into a study.

    `source` is the name under which messages speak of the configuration. Raises InfoplaneError, with one sentence
    that names the key, what was found and what is allowed, for the first mistake in reading order.
    """
    try:
        return _expand(_check(config, read_yaml(schema_path)))
    except InfoplaneError as error:
        raise InfoplaneError(f"{source}: {error}") from None


def resolved(config: Mapping[str, Any], schema_path: Path) -> str:
    """A checked configuration as YAML with every default filled in: all that decides a number of the study.

    It is a configuration itself, of the same runs and estimators; each run has the settings in which it differs from
    the defaults. What only decides how a study is run, or which figures are drawn, is left out.
    """
    schema = read_yaml(schema_path)
    checked = _check(config, schema)
    study = _expand(checked)
    runs = {name: _differences(run, checked["defaults"]) for name, run in checked["runs"].items()}
    estimators = {name: {"method": entry.method, **entry.settings} for name, entry in study.estimators.items()}
    claims = {**checked["claims"], "estimator": study.claims["estimator"]}
    complete = {**checked, "runs": runs, "estimators": estimators, "claims": claims}
    ordered = {key: complete[key] for key in schema["properties"] if key not in _HOW_IT_IS_RUN}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)


# Keys that change no number.
_HOW_IT_IS_RUN = ("seeds_per_job", "device", "keep_activations", "figures")


def _differences(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `values` that are not as in `base`; of the sections `split` and `initialisation` key by key."""
    changes = {key: value for key, value in values.items() if value != base[key]}
    for key in {"split", "initialisation"} & changes.keys():
        changes[key] = {part: value for part, value in changes[key].items() if value != base[key][part]}
    return changes


def _check(config: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    checked: dict[str, Any] = _complete(_validated(config, schema, ""), schema, schema)
    # Overrides are partial, so they take their defaults from the section `defaults` instead of the schema.
    checked["runs"] = {name: _merged(checked["defaults"], run) for name, run in checked["runs"].items()}
    return checked


def _expand(config: Mapping[str, Any]) -> Study:
    runs = {name: _run(values, f"runs.{name}") for name, values in config["runs"].items()}
    of_study = {name: _estimator(values, f"estimators.{name}") for name, values in config["estimators"].items()}
    claims = _claims(config["claims"], config["statistics"]["primary_measure"], of_study)
    sensitivity = _sensitivity(config["sensitivity"], config["estimators"], of_study)
    return Study(
        name=config["study"],
        seeds=int(config["seeds"]),
        seeds_per_job=int(config["seeds_per_job"]),
        device=config["device"],
        keep_activations=config["keep_activations"],
        runs=runs,
        estimators=of_study,
        primary_measure=config["statistics"]["primary_measure"],
        confidence=float(config["statistics"]["confidence"]),
        resamples=int(config["statistics"]["resamples"]),
        resampling_seed=int(config["statistics"]["resampling_seed"]),
        interval_width=float(config["statistics"]["interval_width"]),
        claims=claims,
        sensitivity=sensitivity,
        figures=_figures(config["figures"], sensitivity.enabled),
    )


def _run(values: Mapping[str, Any], where: str) -> RunSettings:
    try:
        for path in datasets.files(values["dataset"], **values["dataset_options"]):
            if re.search("[{}<>]", str(path)):
                raise InfoplaneError(
                    f"the path {path} has braces or angle brackets, which Snakemake takes for wildcards; rename the "
                    "file, or make a link to it under another name"
                )
    except InfoplaneError as error:
        raise InfoplaneError(f"{where}.dataset: {error}") from None
    hidden = tuple(int(units) for units in values["hidden_layers"])
    activation = values["activation"]
    if isinstance(activation, list) and len(activation) != len(hidden):
        raise InfoplaneError(
            f"{where}.activation has {len(activation)} entries; it must be one name or {len(hidden)}, one for each "
            "of hidden_layers"
        )
    names = tuple(activation) if isinstance(activation, list) else (activation,) * len(hidden)
    for name in names:
        if name not in activation_functions.ACTIVATION_FUNCTIONS:
            raise InfoplaneError(
                f"{where}.activation is {_shown(name)}; " + _allowed(name, activation_functions.ACTIVATION_FUNCTIONS)
            )
    if values["batch_normalisation"] and values["batch_size"] == 1:
        raise InfoplaneError(
            f"{where}.batch_size is 1, and one sample has no variance; with batch_normalisation it must be at least 2"
        )
    penalised = values["penalised_layers"]
    if penalised == "hidden":
        penalised = range(1, len(hidden) + 1)
    elif penalised == "all":
        penalised = range(1, len(hidden) + 2)
    elif max(penalised) > len(hidden) + 1:
        raise InfoplaneError(
            f"{where}.penalised_layers has {max(penalised)}; the network has the layers 1 to {len(hidden) + 1}"
        )
    initialisation = values["initialisation"]
    split = values["split"]
    return RunSettings(
        dataset=values["dataset"],
        dataset_options=tuple(sorted(values["dataset_options"].items())),
        split=Split(float(split["fraction"]), int(split["seed"]), split["order"], split["stratified"]),
        hidden_layers=hidden,
        activations=names,
        batch_normalisation=values["batch_normalisation"],
        dropout=float(values["dropout"]),
        initialisation=Initialisation(
            initialisation["scheme"], None if initialisation["scale"] is None else float(initialisation["scale"])
        ),
        optimiser=values["optimiser"],
        learning_rate=float(values["learning_rate"]),
        momentum=float(values["momentum"]),
        batch_size=None if values["batch_size"] == "full" else int(values["batch_size"]),
        l2=float(values["l2"]),
        weight_decay=float(values["weight_decay"]),
        penalised_layers=tuple(sorted(int(layer) for layer in penalised)),
        epochs=int(values["epochs"]),
        recorded_epochs=_recorded_epochs(values["recorded_epochs"], int(values["epochs"]), where),
        record_gradients=values["record_gradients"],
        study_seed=int(values["study_seed"]),
    )


def _recorded_epochs(value: Any, epochs: int, where: str) -> RecordedEpochs:
    if isinstance(value, Mapping):
        return RecordedEpochs(value["spacing"], int(value["count"]))
    if isinstance(value, list):
        if max(value) > epochs:
            raise InfoplaneError(f"{where}.recorded_epochs has {max(value)}; the run ends at epoch {epochs}")
        return RecordedEpochs("list", epochs=tuple(sorted({int(epoch) for epoch in value})))
    return RecordedEpochs("log", int(value))


def _settings_schema(method: str) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": estimators.METHODS[method].settings}


def _estimator(values: Mapping[str, Any], where: str) -> EstimatorSettings:
    given = dict(values)
    name = given.pop("method")
    if name not in estimators.METHODS:
        raise InfoplaneError(f"{where}.method is {_shown(name)}; {_allowed(name, estimators.METHODS)}")
    method, schema = estimators.METHODS[name], _settings_schema(name)
    settings = _complete(_validated(given, schema, where), schema, schema)
    if method.check is not None:
        try:
            method.check(settings)
        except InfoplaneError as error:
            raise InfoplaneError(f"{where}: {error}") from None
    return EstimatorSettings(name, settings)


def _claims(values: Mapping[str, Any], measure: str, of_study: Mapping[str, EstimatorSettings]) -> Mapping[str, Any]:
    """The rules of the verdicts, with the primary measure, and the estimator and its fixed counterpart by name."""
    estimator = values["estimator"]
    if estimator is None:
        adaptive = [name for name, settings in of_study.items() if estimators.METHODS[settings.method].preferred]
        estimator = [*adaptive, *of_study][0]
    elif estimator not in of_study:
        raise InfoplaneError(f"claims.estimator is {_shown(estimator)}; {_allowed(estimator, of_study)}")
    numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
    negligible = {name: float(value) for name, value in values["negligible"].items()}
    fixed = _fixed_counterpart(of_study[estimator], of_study)
    return {**values, **numbers, "negligible": negligible, "estimator": estimator, "fixed": fixed, "measure": measure}


def _fixed_counterpart(own: EstimatorSettings, known: Mapping[str, EstimatorSettings]) -> str | None:
    """For an adaptive estimator, the one with a single range of bins for all layers and as many bins, if it has any."""
    if not estimators.METHODS[own.method].adapts:
        return None
    for name, other in known.items():
        one_range, bins = estimators.METHODS[other.method].one_range, other.settings.get("bins")
        if one_range and one_range(other.settings) and own.settings.get("bins", bins) == bins:
            return name
    return None


def _sensitivity(
    values: Mapping[str, Any], given: Mapping[str, Any], of_study: Mapping[str, EstimatorSettings]
) -> Sensitivity:
    """The variants of the estimators that the section `sensitivity` asks for; those that the study has are left out."""
    variants: dict[str, Variant] = {}
    for base, changes in values["vary"].items():
        if base not in of_study:
            raise InfoplaneError(f"sensitivity.vary has {_shown(base)}; {_allowed(base, of_study)}")
        for key, others in changes.items():
            for value in others:
                where = f"sensitivity.vary.{base}"
                _validated({key: value}, _settings_schema(of_study[base].method), where)
                settings = _estimator({**given[base], key: value}, where)
                if settings in of_study.values() or settings in (known.settings for known in variants.values()):
                    continue
                name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{base}_{key}_{json.dumps(value)}").rstrip("_")
                if name in of_study or name in variants:
                    raise InfoplaneError(
                        f"{where}.{key} has {_shown(value)}, whose name {name} is that of another estimator; "
                        "it must be another value, or the other estimator have another name"
                    )
                variants[name] = Variant(base, key, value, settings)
    if not values["enabled"]:
        variants = {}
    known = {**of_study, **{name: variant.settings for name, variant in variants.items()}}
    fixed = {name: _fixed_counterpart(own, of_study if name in of_study else known) for name, own in known.items()}
    return Sensitivity(
        enabled=values["enabled"],
        variants=variants,
        bounds=tuple(values["bounds"]),
        measures=tuple(values["measures"]),
        stopping=tuple(sorted(float(share) for share in values["stopping"])),
        fixed={name: other for name, other in fixed.items() if other is not None},
    )


def _figures(chosen: Any, sensitivity: bool) -> tuple[str, ...]:
    without = [] if sensitivity else [name for name in figures.FIGURES if figures.FIGURES[name].of_sensitivity]
    if chosen == "all":
        return tuple(name for name in figures.FIGURES if name not in without)
    for name in chosen:
        if name not in figures.FIGURES:
            raise InfoplaneError(f"figures has {_shown(name)}; {_allowed(name, figures.FIGURES)}")
        if name in without:
            raise InfoplaneError(f"figures has {_shown(name)}, which needs sensitivity.enabled; it must be true")
    return tuple(chosen)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it; of the sections only `split` and `initialisation` are merged by key."""
    merged = {**base, **changes}
    for key in ("split", "initialisation"):
        merged[key] = {**base[key], **changes.get(key, {})}
    return merged


# Checking against a schema, with messages for people


def _resolved(schema: Schema, root: Schema) -> Schema:
    """The schema that a `$ref` into `$defs` points to, under what stands beside the reference."""
    if "$ref" not in schema:
        return schema
    target = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def _complete(values: Any, schema: Schema, root: Schema) -> Any:
    """A copy in which keys that are left out have the defaults of the schema, outside the runs."""
    schema = _resolved(schema, root)
    if not isinstance(values, Mapping):
        return deepcopy(values)
    completed = {key: deepcopy(value) for key, value in values.items()}
    for key, part in schema.get("properties", {}).items():
        part = _resolved(part, root)
        if key not in completed and "default" in part:
            completed[key] = deepcopy(part["default"])
        if key in completed:
            completed[key] = _complete(completed[key], part, root)
    return completed


def _is_representable(kind: str) -> Callable[[Any, Any], bool]:
    """Whether a value is of a numeric type of the schema, and of 64 bits: neither NaN nor infinite."""
    largest = 2**63 - 1 if kind == "integer" else sys.float_info.max
    return lambda _, value: Draft202012Validator.TYPE_CHECKER.is_type(value, kind) and -largest <= value <= largest


_Validator = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {kind: _is_representable(kind) for kind in ("integer", "number")}
    ),
)


def _validated(values: Any, schema: Schema, where: str) -> Any:
    errors = sorted(_Validator(schema).iter_errors(values), key=lambda error: [str(p) for p in error.path])
    if errors:
        raise InfoplaneError(_sentence(errors[0], schema, where))
    return values


def _sentence(error: ValidationError, root: Schema, where: str) -> str:
    """One sentence: the key, what was found, what is allowed."""
    key = ".".join([part for part in [where] if part] + [str(part) for part in error.absolute_path])
    found: Any = error.instance
    broken: Any = error.schema
    limit: Any = error.validator_value
    if error.validator == "additionalProperties":
        allowed = _resolved(broken, root)["properties"]
        unknown = next(name for name in found if name not in allowed)
        # A key with a line break or the like is shown as text, so that the message stays one line.
        name = str(unknown) if str(unknown).isprintable() else _shown(str(unknown))
        full = f"{key}.{name}" if key else name
        return f"{full} is not a key; {_allowed(str(unknown), allowed)}"
    if error.validator == "required":
        missing = next(name for name in limit if name not in found)
        return f"{f'{key}.{missing}' if key else missing} is missing; it is required"
    if error.validator == "minProperties":
        return f"{key} is empty; it must have at least one entry"
    if "propertyNames" in error.absolute_schema_path:
        return f"{key} has the name {_shown(found)}; it must be {_wanted(broken, root)}"
    hint = ""
    if isinstance(found, str) and _is_number(found) and "number" in _wanted(broken, root):
        hint = (
            f" (in quotes it is text: write {found})"
            if _is_number_in_yaml(found)
            else f" (YAML reads {found} as text: write {float(found)!r} or {_with_point(found)})"
        )
    return f"{key or 'the configuration'} is {_shown(found)}; it must be {_wanted(broken, root)}{hint}"


def _wanted(schema: Any, root: Schema) -> str:
    """What a schema allows, in words."""
    schema = _resolved(schema, root)
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema:
            return ", or ".join(_wanted(part, root) for part in schema[alternatives])
    if "const" in schema:
        return _shown(schema["const"])
    if "enum" in schema:
        return _list([_shown(value) for value in schema["enum"]], "or")
    if "pattern" in schema:
        return "1 to 64 letters, digits, '.', '_' or '-', of which the first is a letter or digit"
    kind = schema.get("type")
    if isinstance(kind, list):
        return _list([_NOUNS[part] for part in kind], "or")
    limits = [word.format(schema[limit]) for limit, word in _LIMITS.items() if limit in schema]
    if kind == "array":
        size = f"{schema['minItems']} or more" if "minItems" in schema else "any number of"
        if schema.get("minItems") and schema.get("minItems") == schema.get("maxItems"):
            size = str(schema["minItems"])
        distinct = "distinct " if schema.get("uniqueItems") else ""
        each = f", each {_wanted(schema['items'], root)}" if "items" in schema else ""
        return f"a list of {size} {distinct}entries{each}"
    if kind == "object" and schema.get("required"):
        return f"a section with the keys {_list(schema['required'], 'and')}"
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


def _list(words: Iterable[str], last: str) -> str:
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _allowed(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    if not known:
        return "no key is allowed here"
    close = difflib.get_close_matches(name, known, n=1)
    allowed = "allowed are" if len(known) > 1 else "allowed is"
    return f"{allowed} {_list(known, 'and')}" + (f" (did you mean {close[0]}?)" if close else "")


def _shown(value: Any) -> str:
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
