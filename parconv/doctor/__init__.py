"""``parconv doctor``: what this process runs on, which limits bind it, and what would go wrong.

`facts` are looked up one by one, and one that cannot be found says why; `hazards` judge them.  In a
program of one's own, beside its other libraries, ``examine`` tells more than the command.
"""

from .report import Report, examine

__all__ = ["Report", "examine"]
