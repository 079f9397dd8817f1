"""The activity of a network's layers: what lies between a network and all that is said of it."""

from infoplane.activity.forward import layer_activities

__all__ = ["layer_activities"]
