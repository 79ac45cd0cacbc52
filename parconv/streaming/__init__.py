"""Convolutions of what does not fit in memory, in chunks: read ahead, computed, written behind."""

from .. import conv2d as conv2d  # first, as an interrupt does not cut its import
from .calls import plan_stream, stream
from .plan import StreamPlan

__all__ = ["StreamPlan", "plan_stream", "stream"]
