"""Estimators of I(T;X) and I(T;Y), the information that a layer's activity has on input and label.

`METHODS` maps the name of every estimator to its `Method`. It is made from the modules of the folder `methods`:
a new estimator is one more file there. Reading this package imports numpy and nothing heavier;
compiled kernels are in `kernels` and are imported at the first call.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from infoplane.estimators import methods
from infoplane.estimators.interface import STANDARD_ERRORS, Estimate, Information, Layer, Method
from infoplane.estimators.methods.adaptive_kde import adaptive_kde as adaptive_kde
from infoplane.estimators.methods.adaptive_kde import adaptive_kde_bounds as adaptive_kde_bounds
from infoplane.estimators.methods.ebab import ebab as ebab
from infoplane.estimators.methods.fixed_binning import fixed_binning as fixed_binning
from infoplane.estimators.methods.kde import kde as kde
from infoplane.estimators.methods.kde import kde_bounds as kde_bounds
from infoplane.estimators.pairwise import Bounds


def _discover() -> Mapping[str, Method]:
    names = [found.name for found in pkgutil.iter_modules(methods.__path__)]
    found = [importlib.import_module(f"{methods.__name__}.{name}").METHOD for name in names]
    return MappingProxyType({method.name: method for method in found})


METHODS: Mapping[str, Method] = _discover()

OPTIONAL_COLUMNS: Mapping[str, str] = MappingProxyType(
    {**STANDARD_ERRORS, **{name: words for method in METHODS.values() for name, words in method.diagnostics.items()}}
)
"""Columns that tables of information have where an estimator gives them, each with its meaning and unit."""

# The functions that are imported as themselves are public as well.
__all__ = ["METHODS", "OPTIONAL_COLUMNS", "Bounds", "Estimate", "Information", "Layer", "Method"]
