"""Data sets by name. A new one is a module in this folder with a function `load(**options) -> Dataset`, whose
options are annotated as `str`, `int`, `float` or `bool`.

Where it reads files, a function `files(**options) -> list[Path]` names them, so that they count as inputs of the
stages. Where loading takes long, a function `shape(**options)` gives (samples, features, classes) without it, from
which memory and time are asked for; and where labels can be had in a short time, a function `labels(**options)` gives
them, so that what makes a study impossible is said when it is planned. Importing a module must not import anything
heavier than numpy.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset
from infoplane.datasets.splitting import split
from infoplane.datasets.suitability import check, check_labels, notes
from infoplane.errors import InfoplaneError
from infoplane.settings import RunSettings

__all__ = [
    "LOADERS",
    "Dataset",
    "check",
    "check_options",
    "check_planned",
    "files",
    "load",
    "notes",
    "notes_of_runs",
    "shape",
    "split",
]


_MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]


def _functions(function: str) -> Mapping[str, Callable[..., Any]]:
    found = {module.__name__.rpartition(".")[2]: getattr(module, function, None) for module in _MODULES}
    return MappingProxyType({name: value for name, value in found.items() if value is not None})


LOADERS: Mapping[str, Callable[..., Dataset]] = _functions("load")
_FILES: Mapping[str, Callable[..., list[Path]]] = _functions("files")
_SHAPES: Mapping[str, Callable[..., tuple[int, int, int]]] = _functions("shape")
_LABELS: Mapping[str, Callable[..., NDArray[np.int64]]] = _functions("labels")
# By the annotation of an option: what it may be, and how that is called.
_OPTION_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a text"),
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
}


def check_options(name: str, options: dict[str, Any]) -> None:
    """Raise InfoplaneError if there is no such data set or it takes no such options, or of another type."""
    if name not in LOADERS:
        raise InfoplaneError(f"there is no data set {name!r}; allowed are {', '.join(sorted(LOADERS))}")
    parameters = inspect.signature(LOADERS[name]).parameters
    for option, value in options.items():
        if option not in parameters:
            raise InfoplaneError(
                f"data set {name} has no option {option!r}; allowed are {', '.join(parameters) or 'none'}"
            )
        kinds, wanted = _OPTION_TYPES[parameters[option].annotation]
        if type(value) not in kinds:
            raise InfoplaneError(f"data set {name}: the option {option} is {value!r}; it must be {wanted}")
    for key, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and key not in options:
            raise InfoplaneError(f"data set {name} needs the option {key!r}")


def files(name: str, /, **options: Any) -> list[Path]:
    """The files that the data set is read from; none for those that are generated. Raises as `load` does."""
    check_options(name, options)
    return _FILES[name](**options) if name in _FILES else []


def shape(name: str, /, **options: Any) -> tuple[int, int, int]:
    """(samples, features, classes) of the data set, loaded only if its module cannot tell. Raises as `load` does."""
    check_options(name, options)
    if name in _SHAPES:
        return _SHAPES[name](**options)
    data = load(name, **options)
    return (*data.inputs.shape, data.classes)


def load(name: str, /, **options: Any) -> Dataset:
    """The data set of that name; the same options give the same bytes.

    Raises InfoplaneError for an unknown name or option, or a data file that is missing or malformed.
    """
    check_options(name, options)
    return LOADERS[name](**options)


def check_planned(runs: Mapping[str, RunSettings]) -> None:
    """Raise InfoplaneError for the first run whose data set makes its study impossible, as far as labels tell.

    Where labels cannot be had in a short time, the stage `train` finds out.
    """
    known: dict[Any, NDArray[np.int64]] = {}
    for run, settings in runs.items():
        name, options = settings.dataset, dict(settings.dataset_options)
        try:
            if name not in _LABELS and name in _SHAPES:
                continue
            key = (name, settings.dataset_options)
            if key not in known:
                known[key] = _LABELS[name](**options) if name in _LABELS else load(name, **options).labels
            check_labels(name, known[key], settings)
        except InfoplaneError as error:
            raise InfoplaneError(f"runs.{run}: {error}") from None


def notes_of_runs(runs: Mapping[str, RunSettings]) -> list[str]:
    """What is odd about the data sets of runs, or makes a study impossible: a line for each thing, with its runs."""
    known: dict[Any, Dataset] = {}
    concerned: dict[str, list[str]] = {}
    for run, settings in runs.items():
        try:
            key = (settings.dataset, settings.dataset_options)
            if key not in known:
                known[key] = load(settings.dataset, **dict(settings.dataset_options))
            found = notes(known[key], settings)
        except InfoplaneError as error:
            found = [str(error)]
        for note in found:
            concerned.setdefault(note, []).append(run)
    return [f"{', '.join(names)}: {note}" for note, names in concerned.items()]
