"""scipy.signal's convolutions: ``from parconv.compat import signal``.

Arguments, shapes, types and errors are SciPy's: the sum has the type that both operands promote to,
and integers wrap.  What differs: NaN and infinity reach no further than the other operand, whatever
the method; a complex ``correlate2d`` whose operands change places is not conjugated twice; long
doubles and arrays of objects are refused.  ``convolve`` and its kin take as many axes as SciPy's.
"""

from .axes import convolve, correlate, fftconvolve, oaconvolve
from .planes import convolve2d, correlate2d, sepfir2d

__all__ = [
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "fftconvolve",
    "oaconvolve",
    "sepfir2d",
]
