"""astropy's models convolved by our functions; a model is astropy's, so here it is imported."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .direct import convolve
from .transformed import convolve_fft

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"convolve_fft": convolve_fft, "convolve": convolve}


def convolve_models(model: Any, kernel: Any, mode: str = "convolve_fft", **kwargs: Any) -> Any:
    """A model convolved with another, as `astropy.convolution.convolve_models`."""
    from astropy.modeling.core import CompoundModel

    return CompoundModel(_operator(mode, kwargs), model, kernel)


def convolve_models_fft(
    model: Any, kernel: Any, bounding_box: Any, resolution: Any, cache: bool = True, **kwargs: Any
) -> Any:
    """The same over a grid that is kept, as `astropy.convolution.convolve_models_fft`."""
    from astropy.modeling.convolution import Convolution

    operator = _operator("convolve_fft", kwargs)
    return Convolution(operator, model, kernel, bounding_box, resolution, cache)


def _operator(mode: str, keywords: dict[str, Any]) -> Any:
    from astropy.modeling.core import SPECIAL_OPERATORS

    if mode not in FUNCTIONS:
        raise ValueError(f"Mode {mode} is not supported.")
    return SPECIAL_OPERATORS.add(mode, partial(FUNCTIONS[mode], **keywords))
