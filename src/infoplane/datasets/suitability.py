"""Whether a study of a data set is possible, and what is odd about it: said before networks are trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infoplane.datasets.interface import Dataset
from infoplane.datasets.splitting import split_labels
from infoplane.errors import InfoplaneError
from infoplane.settings import RunSettings


def check_labels(name: str, labels: NDArray[np.int64], settings: RunSettings) -> None:
    """Raise InfoplaneError if no study is possible with these labels, whatever the inputs.

    That is so with one class alone, with a part of the split that is empty, where a class has samples only in the test
    part, and with batch normalisation where a mini-batch has one sample.
    """
    if (labels == labels[0]).all():
        raise InfoplaneError(
            f"data set {name}: all {len(labels)} labels are {labels[0]}; a study needs at least two classes"
        )
    training, _ = split_labels(name, labels, settings.split)
    unseen = np.setdiff1d(labels, labels[training])
    if unseen.size:
        raise InfoplaneError(
            f"data set {name}: no training sample has the label {_list(unseen)}, which test samples have; "
            f"{_advice(settings)}"
        )
    check_batches(settings, len(training))


def check_batches(settings: RunSettings, training: int) -> None:
    """Raise InfoplaneError for batch normalisation with mini-batches of one of so many training samples."""
    if settings.batch_normalisation and max(settings.batches(training)) == 1:
        raise InfoplaneError(
            "batch_normalisation needs mini-batches of at least two samples, as one sample has no variance; found are "
            f"batch_size {settings.batch_size or 'full'} and {training} training samples"
        )


def check(dataset: Dataset, settings: RunSettings) -> None:
    """Raise InfoplaneError if no study of the data set is possible, as `check_labels` or where all inputs are equal."""
    check_labels(dataset.name, dataset.labels, settings)
    if (dataset.inputs == dataset.inputs[0]).all():
        given = "; those given differ, but are equal in float32" if dataset.merged_inputs else ""
        raise InfoplaneError(
            f"data set {dataset.name}: all {len(dataset.inputs)} inputs are equal{given}, so that there is nothing to "
            "know about them; a study needs at least two inputs"
        )


def notes(dataset: Dataset, settings: RunSettings) -> list[str]:
    """What is odd about the data set of a run, a sentence for each thing; none for most. Raises as `check` does."""
    check(dataset, settings)
    name, labels = f"data set {dataset.name}", dataset.labels
    training, test = split_labels(dataset.name, labels, settings.split)
    found = []
    without = np.setdiff1d(np.arange(dataset.classes), labels)
    if without.size:
        found.append(
            f"{name}: no sample has the label {_list(without)}, for which the network has an output all the same"
        )
    untested = np.setdiff1d(labels, labels[test])
    if untested.size:
        found.append(f"{name}: no test sample has the label {_list(untested)}; {_advice(settings)}")
    if settings.batch_size is not None and settings.batch_size > len(training):
        found.append(
            f"{name}: batch_size is {settings.batch_size}, and the training samples are {len(training)}, so that every "
            "epoch is one step with all of them"
        )
    ids = dataset.input_ids
    if ids is not None:
        samples, distinct = len(ids), len(np.unique(ids))
        text = (
            f"{name}: {distinct} of {samples} inputs are distinct, so that H(X) is {dataset.input_entropy:.3f} bits "
            f"and not {np.log2(samples):.3f}"
        )
        shared = int(np.isin(ids[test], ids[training]).sum())
        found.append(text + (f"; of {len(test)} test inputs {shared} are training inputs, too" if shared else ""))
        labelled = len(np.unique(np.stack([ids, labels]), axis=1).T)
        if labelled > distinct:
            found.append(f"{name}: equal inputs have different labels, so that no network can get all of them right")
    if dataset.merged_inputs:
        found.append(
            f"{name}: in float32, in which networks are trained, there are {dataset.merged_inputs} fewer distinct "
            "inputs than in the data given"
        )
    return found


def _advice(settings: RunSettings) -> str:
    return (
        "split.stratified: true gives both parts all classes that have samples enough"
        if not settings.split.stratified
        else "the class has too few samples for this split.fraction"
    )


def _list(classes: NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, classes[:10]))
    return shown if len(classes) <= 10 else f"{shown} and {len(classes) - 10} more"
