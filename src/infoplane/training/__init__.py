"""Training: many seeds of one run in one batched model, and the activity of the recorded networks."""

from infoplane.training.activities import layer_activities
from infoplane.training.block import train_block
from infoplane.training.record import TrainingRecord

__all__ = ["TrainingRecord", "layer_activities", "train_block"]
