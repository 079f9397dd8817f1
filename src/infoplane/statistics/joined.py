"""The tables that join what the stages before the statistics wrote: what each has, and its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Joined:
    """What a joined table has, and its columns as a table of statistics declares them.

    `others` says which further columns there may be, by names that only the study knows.
    """

    title: str
    columns: Mapping[str, tuple[str, str] | str]
    others: str = ""


_ESTIMATED = {
    "i_tx": ("I(T;X); empty where `status` says why", "bits"),
    "i_ty": ("I(T;Y); empty where `status` says why", "bits"),
    "i_ty_shuffled": ("I(T;Y) with permuted labels, the mean over `shuffles` permutations; empty without any", "bits"),
    "part": ("the samples that it is over: all, or those of the training or the test part", ""),
    "varying_units": ("units that do not have the same activity for all samples", "units"),
}
_OF_ESTIMATES = "settings seed epoch layer n_layers estimator method bound assumption h_x h_y status"

DESCRIPTIONS: Mapping[str, Joined] = {
    "training": Joined(
        "How well every network did at each recorded epoch",
        {
            "settings seed epoch": "",
            "train_loss test_loss": ("mean cross-entropy over the part, without the penalty", "nats"),
            "train_accuracy test_accuracy": ("share of the part's samples that are classified rightly", ""),
            "diverged_epoch": ("first epoch at which the loss is not finite; -1 if there is none", "epoch"),
        },
        "any other metric of a recording, under its name",
    ),
    "layers": Joined(
        "What is known of every layer at each recorded epoch beside its information",
        {
            "settings seed epoch layer": "",
            "layer_name": ("name of the layer", ""),
            "activity_minimum activity_maximum": ("smallest and largest activity over units and samples", ""),
            "varying_units": _ESTIMATED["varying_units"],
            "weight_norm": ("Frobenius norm of the layer's weights", ""),
            "gradient_mean_norm gradient_sd_norm": (
                "Frobenius norm of the mean and of the standard deviation of the gradient over the mini-batches of an "
                "epoch; empty unless `record_gradients` is set",
                "",
            ),
        },
        "any other statistic of a recording's layers, under its name",
    ),
    "information": Joined(
        "Information of every layer at each recorded epoch, by every estimator",
        {_OF_ESTIMATES: "", **_ESTIMATED},
        "what an estimator says more of each value (README.md)",
    ),
    "scans": Joined(
        "The same with several values of one setting; only of a study that has scans",
        {
            _OF_ESTIMATES: "",
            **_ESTIMATED,
            "varied": ("the setting that has several values", ""),
            "value": ("its value, as JSON", ""),
        },
        "what an estimator says more of each value (README.md)",
    ),
    "distributions": Joined(
        "How the activity of each layer is distributed at the last epoch, and the bins imposed on it; of one seed",
        {
            "settings seed epoch layer n_layers": "",
            "state": ("number of the bin, from 0", ""),
            "estimator method assumption": ("as in other tables; empty for the histogram of 200 equal bins", ""),
            "low high": ("the bin holds values from low up to, not including, high; both, if it holds one value", ""),
            "count": ("values of single units in it", ""),
        },
    ),
}
