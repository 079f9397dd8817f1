"""Compiled and device code of the estimators: imported at the first call, never when the package is read."""
