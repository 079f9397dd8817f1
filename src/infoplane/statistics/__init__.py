"""Compression per seed, its summary over seeds, its correlation with generalisation, and what it depends on.

Pure functions of tidy data frames: `compression` makes one row per run, seed, layer, estimator and bound out
of the trajectories; the others read its result, but for `phases`, which reads the trajectories.

`scipy.stats`, which takes longer to load than all the rest, is written so throughout: scipy loads it at its first use,
and figures, which need only means and their intervals, never do.
"""

from infoplane.statistics.compression import MEASURES, compression
from infoplane.statistics.correlation import GENERALISATION, correlation
from infoplane.statistics.effects import effects
from infoplane.statistics.inference.intervals import mean_intervals
from infoplane.statistics.phases import phases
from infoplane.statistics.seeds import seeds_needed, variance_components
from infoplane.statistics.summary import compression_summary

__all__ = [
    "GENERALISATION",
    "MEASURES",
    "compression",
    "compression_summary",
    "correlation",
    "effects",
    "mean_intervals",
    "phases",
    "seeds_needed",
    "variance_components",
]
