"""This machine's ceilings: the flops and the bytes per second its cores reach at best.

`measure` takes a fraction of a second, for a race; `survey` all there is to know, for a record.
Knows nothing of convolution.
"""

from .rates import measure, thread_counts

__all__ = ["measure", "thread_counts"]
