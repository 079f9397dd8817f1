"""Intervals, resampling and sums: numpy and scipy, without tables."""
