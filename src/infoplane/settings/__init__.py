"""What decides the numbers of runs and estimators, and nothing else: the types that stages and files share.

A run is one configuration of data set, network and training; it is trained from many seeds, or recorded elsewhere.
Where the settings come from and how they are checked is in `configuration`. This package only gives them types and
imports numpy alone, since every job reads it.
"""

from infoplane.settings.estimator import EstimatorSettings
from infoplane.settings.run import (
    NOT_RECORDED,
    Block,
    Initialisation,
    RecordedEpochs,
    RecordedSettings,
    RunSettings,
    Split,
)
from infoplane.settings.variants import Scan, Sensitivity, Variant

__all__ = [
    "NOT_RECORDED",
    "Block",
    "EstimatorSettings",
    "Initialisation",
    "RecordedEpochs",
    "RecordedSettings",
    "RunSettings",
    "Scan",
    "Sensitivity",
    "Split",
    "Variant",
]
