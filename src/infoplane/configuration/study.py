"""From a configuration to a study: the keys of the whole, and their expansion into runs, estimators and scans.

Nothing here imports torch, pandas or matplotlib: Snakemake reads it each time it parses the workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field

from infoplane import activation_functions, figures
from infoplane.claims import CLAIMS
from infoplane.configuration.checking import completed, validated
from infoplane.configuration.estimator import EstimatorKeys, estimator_or_scan, fixed_counterpart, variants_of
from infoplane.configuration.keys import DISTINCT, Name, Section, schema_of, section
from infoplane.configuration.messages import allowed, listed, shown
from infoplane.configuration.run import NamedRunKeys, RunKeys, recorded_settings, run_settings
from infoplane.configuration.sections import ClaimsKeys, Part, SensitivityKeys, StatisticsKeys
from infoplane.errors import InfoplaneError
from infoplane.estimators import METHODS
from infoplane.settings import EstimatorSettings, RecordedSettings, RunSettings, Scan, Sensitivity

# The method of a study that names none.
_PREFERRED = next(name for name, method in METHODS.items() if method.preferred)


class StudyKeys(Section):
    """Everything that a study needs.

    A key that is left out takes its default. The settings of an estimator depend on its method and are described
    beside it, in src/infoplane/estimators.
    """

    model_config = ConfigDict(title="A study")

    study: Name = Field(description="Name of the study, and of its folder in results/.")
    seeds: int = Field(10, ge=1, le=100000, description="Number of seeds per run; the seeds are 0, 1, ..., seeds - 1.")
    seeds_per_job: int = Field(
        10, ge=1, le=10000, description="Number of seeds that one job trains, as one batched model."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where networks are trained and estimators computed; auto takes a CUDA device where there is one.",
    )
    keep_activations: bool = Field(
        True, description="Whether the dumps of activations stay on disk after their last use."
    )
    defaults: RunKeys = section("Settings of every run that does not say otherwise.")
    runs: dict[Name, NamedRunKeys] = Field(
        min_length=1,
        description=(
            "The runs by name, each with the settings in which it differs from the defaults, or with the files in "
            "which it is recorded."
        ),
    )
    parts: list[Part] = Field(
        ["all"],
        min_length=1,
        description="The samples that information is estimated on: all of them, or one of the parts of the split.",
        json_schema_extra=DISTINCT,
    )
    estimators: dict[Name, EstimatorKeys] = Field(
        {_PREFERRED: {"method": _PREFERRED}},
        validate_default=True,
        min_length=1,
        description=(
            "The estimators by name, each with its method and the settings of that method. A list of values for one "
            "setting makes a scan: the method is computed with each of them in one pass."
        ),
    )
    statistics: StatisticsKeys = section("How compression and generalisation are measured.")
    claims: ClaimsKeys | Literal["none"] = section(
        "The rules by which the claims of the study get their verdicts; none is a study without claims."
    )
    sensitivity: SensitivityKeys = section("Under which other settings of the analysis the claims are tested again.")
    figures: Literal["all"] | Annotated[list[str], Field(min_length=1, json_schema_extra=DISTINCT)] = Field(
        "all", description="Names of the figures to draw, as in src/infoplane/figures; all draws every one."
    )


@dataclass(frozen=True, slots=True)
class Study:
    """A checked configuration, expanded.

    `runs` are those that are trained, `recorded` the others. `estimators` are those with one value for each setting,
    `scans` the others. `parts` are the samples that information is estimated on, `part` the ones that are spoken of.
    """

    name: str
    seeds: int
    seeds_per_job: int
    device: str
    keep_activations: bool
    runs: Mapping[str, RunSettings]
    recorded: Mapping[str, RecordedSettings]
    parts: tuple[str, ...]
    estimators: Mapping[str, EstimatorSettings]
    scans: Mapping[str, Scan]
    part: str
    primary_measure: str
    confidence: float
    resamples: int
    resampling_seed: int
    interval_width: float
    claims: Mapping[str, Any] | None  # None is a study without claims
    sensitivity: Sensitivity
    figures: tuple[str, ...]


@cache
def study_schema() -> dict[str, Any]:
    """The JSON schema of a configuration, of which workflow/schemas/config.schema.yaml is a copy."""
    return schema_of(StudyKeys)


def load(config: Mapping[str, Any], *, source: str = "config.yaml") -> Study:
    """Check a configuration and expand it into a study.

    `source` is the name under which messages speak of the configuration. Raises InfoplaneError, with one sentence
    that names the key, what was found and what is allowed, for the first mistake in reading order.
    """
    try:
        return _expanded(_checked(config))
    except InfoplaneError as error:
        raise InfoplaneError(f"{source}: {error}") from None


def resolved(config: Mapping[str, Any]) -> str:
    """A checked configuration as YAML with every default filled in: all that decides a number of the study.

    It is a configuration itself, of the same runs and estimators; each run has the settings in which it differs from
    the defaults. What only decides how a study is run, or which figures are drawn, is left out.
    """
    checked = _checked(config)
    study = _expanded(checked)
    runs = {
        name: run if name in study.recorded else _differences(run, checked["defaults"])
        for name, run in checked["runs"].items()
    }
    claims = {**checked["claims"], "estimator": study.claims["estimator"]} if study.claims else checked["claims"]
    estimators = {name: _entry(name, study) for name in checked["estimators"]}
    complete = {**checked, "runs": runs, "estimators": estimators, "claims": claims}
    ordered = {key: complete[key] for key in StudyKeys.model_fields if key not in _HOW_IT_IS_RUN}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)


# Keys that change no number.
_HOW_IT_IS_RUN = ("seeds_per_job", "device", "keep_activations", "figures")


def _entry(name: str, study: Study) -> dict[str, Any]:
    """An entry of `estimators` with every setting of its method."""
    scan = study.scans.get(name)
    own = scan.settings[0] if scan else study.estimators[name]
    at = {} if own.at_epochs is None else {"at_epochs": own.at_epochs}
    return {"method": own.method, **at, **own.settings, **({scan.key: list(scan.values)} if scan else {})}


def _differences(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `values` that are not as in `base`; of the sections `split` and `initialisation` key by key."""
    changes = {key: value for key, value in values.items() if value != base[key]}
    for key in {"split", "initialisation"} & changes.keys():
        changes[key] = {part: value for part, value in changes[key].items() if value != base[key][part]}
    return changes


def _checked(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it is given, with the defaults that are left out. Raises InfoplaneError as `load` does."""
    schema = study_schema()
    checked: dict[str, Any] = completed(_with_text_keys(validated(config, schema, "")), schema, schema)
    # Overrides are partial, so they take their defaults from the section `defaults` instead of the schema.
    checked["runs"] = {
        name: run if "recorded" in run else _merged(checked["defaults"], run) for name, run in checked["runs"].items()
    }
    return checked


def _with_text_keys(values: Any) -> Any:
    """The values with texts for keys that YAML reads as numbers or the like, wherever the schema leaves names open."""
    if not isinstance(values, Mapping):
        return values
    return {key if isinstance(key, str) else shown(key): _with_text_keys(value) for key, value in values.items()}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it; of the sections only `split` and `initialisation` are merged by key."""
    merged = {**base, **changes}
    for key in ("split", "initialisation"):
        merged[key] = {**base[key], **changes.get(key, {})}
    return merged


def _expanded(checked: Mapping[str, Any]) -> Study:
    if checked["claims"] == "none":
        checked["sensitivity"]["enabled"] = False
    # What the schema takes, the types take, which follow from the same fields.
    keys = StudyKeys.model_validate(checked)
    runs, recorded = {}, {}
    for name, run in keys.runs.items():
        if run.is_recorded:
            recorded[name] = recorded_settings(run, f"runs.{name}")
        else:
            runs[name] = run_settings(run, f"runs.{name}")
    if keys.statistics.part not in keys.parts:
        raise InfoplaneError(
            f"statistics.part is {shown(keys.statistics.part)}; it must be one of parts: "
            f"{listed(map(shown, keys.parts), 'or')}"
        )
    estimators, scans = {}, {}
    for name, entry in keys.estimators.items():
        found = estimator_or_scan(entry, f"estimators.{name}")
        if isinstance(found, Scan):
            scans[name] = found
        else:
            estimators[name] = found
    if not estimators:
        raise InfoplaneError("estimators has scans alone; it must have an entry with one value for each setting, too")
    sensitivity = _sensitivity(keys, estimators)
    return Study(
        name=keys.study,
        seeds=keys.seeds,
        seeds_per_job=keys.seeds_per_job,
        device=keys.device,
        keep_activations=keys.keep_activations,
        runs=runs,
        recorded=recorded,
        parts=tuple(keys.parts),
        estimators=estimators,
        scans=scans,
        part=keys.statistics.part,
        primary_measure=keys.statistics.primary_measure,
        confidence=keys.statistics.confidence,
        resamples=keys.statistics.resamples,
        resampling_seed=keys.statistics.resampling_seed,
        interval_width=keys.statistics.interval_width,
        claims=_claims(keys.claims, keys.statistics.primary_measure, estimators),
        sensitivity=sensitivity,
        figures=_figures(keys.figures, sensitivity.enabled, scans=bool(scans)),
    )


def _claims(
    keys: ClaimsKeys | str, measure: str, of_study: Mapping[str, EstimatorSettings]
) -> Mapping[str, Any] | None:
    """The rules of the verdicts, with the primary measure, and the estimator and its fixed counterpart by name."""
    if isinstance(keys, str):
        return None
    hypotheses = list(CLAIMS) if isinstance(keys.hypotheses, str) else keys.hypotheses
    functions = activation_functions.ACTIVATION_FUNCTIONS
    for where, names, known in (
        ("hypotheses has", hypotheses, CLAIMS),
        ("most_compressing is", [keys.most_compressing], functions),
        ("different has", keys.different, functions),
        ("without_phases is", [keys.without_phases], functions),
    ):
        for name in names:
            if name not in known:
                raise InfoplaneError(f"claims.{where} {shown(name)}; {allowed(name, known)}")
    estimator = keys.estimator
    if estimator is None:
        adaptive = [name for name, settings in of_study.items() if METHODS[settings.method].preferred]
        estimator = [*adaptive, *of_study][0]
    elif estimator not in of_study:
        raise InfoplaneError(f"claims.estimator is {shown(estimator)}; {allowed(estimator, of_study)}")
    fixed = fixed_counterpart(of_study[estimator], of_study)
    chosen = {"hypotheses": hypotheses, "estimator": estimator, "fixed": fixed, "measure": measure}
    return {**keys.model_dump(), **chosen}


def _sensitivity(keys: StudyKeys, of_study: Mapping[str, EstimatorSettings]) -> Sensitivity:
    """What the section `sensitivity` asks for, which is checked even where it is not enabled."""
    values = keys.sensitivity
    variants = variants_of(values.vary, keys.estimators, of_study)
    if not values.enabled:
        variants = {}
    known = {**of_study, **{name: variant.settings for name, variant in variants.items()}}
    fixed = {name: fixed_counterpart(own, of_study if name in of_study else known) for name, own in known.items()}
    return Sensitivity(
        enabled=values.enabled,
        variants=variants,
        bounds=tuple(values.bounds),
        measures=tuple(values.measures),
        stopping=tuple(sorted(values.stopping)),
        fixed={name: other for name, other in fixed.items() if other is not None},
    )


_SENSITIVITY = "sensitivity.enabled; it must be true"
_A_SCAN = "a scan; estimators must have an entry with a list of values for one setting"


def _figures(chosen: str | list[str], sensitivity: bool, scans: bool) -> tuple[str, ...]:
    known = figures.FIGURES.items()
    without = {} if sensitivity else {name: _SENSITIVITY for name, figure in known if figure.of_sensitivity}
    without |= {} if scans else {name: _A_SCAN for name, figure in known if figure.of_scans}
    if isinstance(chosen, str):  # all
        return tuple(name for name in figures.FIGURES if name not in without)
    for name in chosen:
        if name not in figures.FIGURES:
            raise InfoplaneError(f"figures has {shown(name)}; {allowed(name, figures.FIGURES)}")
        if name in without:
            raise InfoplaneError(f"figures has {shown(name)}, which needs {without[name]}")
    return tuple(chosen)
