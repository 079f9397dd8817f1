"""Compression per seed, its summary over seeds, and its correlation with generalisation.

Pure functions of tidy data frames: `compression` makes one row per run, seed, layer, estimator and bound out
of the trajectories; `compression_summary` and `correlation` read its result.
"""

from infoplane.statistics.compression import MEASURES, compression
from infoplane.statistics.correlation import GENERALISATION, correlation
from infoplane.statistics.intervals import mean_intervals
from infoplane.statistics.summary import compression_summary

__all__ = [
    "GENERALISATION",
    "MEASURES",
    "compression",
    "compression_summary",
    "correlation",
    "mean_intervals",
]
