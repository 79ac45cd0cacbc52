"""Other libraries' functions with their names, defaults, dtypes and errors, computed by parconv.

Who has ``from scipy import signal`` or ``import cv2`` changes that line to ``from parconv.compat
import signal`` or ``from parconv.compat import opencv as cv2``; `parconv.compat.install` does it
for code that nobody can edit.  No module here imports the library whose names it has, and none lets
it compute.
"""

from .patching import Installed, install

__all__ = ["Installed", "install"]
