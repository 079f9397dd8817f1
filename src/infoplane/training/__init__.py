"""Training: many seeds of one run in one batched model."""

from infoplane.training.block import train_block
from infoplane.training.record import TrainingRecord

__all__ = ["TrainingRecord", "train_block"]
