"""astropy.convolution's functions: ``from parconv.compat.astropy import convolve``.

Arguments, defaults, types, units, warnings and errors are astropy's; kernels, NDData and quantities
are taken, and kernels can be imported from here, too: astropy makes them.  What differs: sums are
rounded otherwise in the last bits; `convolve_fft` transforms where that is faster, and does not
call ``fftn`` and ``ifftn``.
"""

from typing import Any

from .direct import convolve
from .models import convolve_models, convolve_models_fft
from .replacing import interpolate_replace_nans
from .transformed import convolve_fft, fallbacks

__all__ = [
    "convolve",
    "convolve_fft",
    "convolve_models",
    "convolve_models_fft",
    "fallbacks",
    "interpolate_replace_nans",
]


def __getattr__(name: str) -> Any:
    """Kernels and all else of astropy.convolution, which is imported for them."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import astropy.convolution

    return getattr(astropy.convolution, name)
