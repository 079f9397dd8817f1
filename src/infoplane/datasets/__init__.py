"""Data sets by name. A new one is a module in this folder with a function `load(**options) -> Dataset`, whose
options are annotated as `str`, `int`, `float` or `bool`.

Where it reads files, a function `files(**options) -> list[Path]` names them, so that they count as inputs of the
stages. Where loading takes long, a function `shape(**options)` gives (samples, features, classes) without it, from
which memory and time are asked for. Importing a module must not import anything heavier than numpy.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from infoplane.datasets.interface import Dataset
from infoplane.datasets.split import split
from infoplane.errors import InfoplaneError

__all__ = ["LOADERS", "Dataset", "check_options", "files", "load", "shape", "split"]


_MODULES = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]


def _functions(function: str) -> Mapping[str, Callable[..., Any]]:
    found = {module.__name__.rpartition(".")[2]: getattr(module, function, None) for module in _MODULES}
    return MappingProxyType({name: value for name, value in found.items() if value is not None})


LOADERS: Mapping[str, Callable[..., Dataset]] = _functions("load")
_FILES: Mapping[str, Callable[..., list[Path]]] = _functions("files")
_SHAPES: Mapping[str, Callable[..., tuple[int, int, int]]] = _functions("shape")
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


def files(name: str, **options: Any) -> list[Path]:
    """The files that the data set is read from; none for those that are generated. Raises as `load` does."""
    check_options(name, options)
    return _FILES[name](**options) if name in _FILES else []


def shape(name: str, **options: Any) -> tuple[int, int, int]:
    """(samples, features, classes) of the data set, loaded only if its module cannot tell. Raises as `load` does."""
    check_options(name, options)
    if name in _SHAPES:
        return _SHAPES[name](**options)
    data = load(name, **options)
    return (*data.inputs.shape, data.classes)


def load(name: str, **options: Any) -> Dataset:
    """The data set of that name; the same options give the same bytes.

    Raises InfoplaneError for an unknown name or option, or a data file that is missing or malformed.
    """
    check_options(name, options)
    return LOADERS[name](**options)
