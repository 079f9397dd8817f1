"""The estimators: one file each, which defines the functions to call and the `METHOD` that the pipeline uses."""
