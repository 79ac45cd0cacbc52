"""What a caller asks by keywords, before anybody has looked at it: names, types and defaults.

`Options` tells type checkers what every call takes as ``**options``, `Question` holds the keywords
of one call.  Both are the only lists of them; `spelled` shows them to who asks for help.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from inspect import Parameter, Signature, signature
from typing import Any, Literal, TypedDict, TypeVar, get_args, get_type_hints

from numpy.typing import ArrayLike, DTypeLike

from .arguments import border_meant
from .lazily import lazily
from .shown import shown
from .store import check_fixed

Mode = Literal["valid", "same", "full"]
Boundary = Literal["constant", "edge", "symmetric", "mirror", "wrap"]
Strategy = Literal["auto", "serial", "prange", "threads", "joblib"]
Method = Literal[
    "auto", "box", "windows", "dot", "short", "rows", "strided", "separable", "passes", "cosines",
    "fft", "direct", "depthwise", "planes", "channels", "winograd", "gemm",
]  # fmt: skip
ZeroTaps = Literal["skip", "keep"]
Rounding = Literal["even", "trunc"]
Overflow = Literal["saturate", "wrap", "raise"]
NanPolicy = Literal["propagate", "omit", "raise"]
Rules = Boundary | tuple[Boundary, Boundary]  # of an axis, or before and behind it
Both = int | tuple[int, ...]  # of rows and columns, or all axes: one for all, or one each

Door = TypeVar("Door", bound=Callable[..., Any])


class SharedOptions(TypedDict, total=False):
    """Keywords of convolutions and of named filters, explained at `parconv.conv2d`."""

    boundary: Rules | tuple[Rules, ...]
    cval: complex
    axes: int | tuple[int, ...]
    dtype: DTypeLike | None
    accumulate: DTypeLike | None
    bias: ArrayLike | None
    scale: ArrayLike | None
    overflow: Overflow
    rounding: Rounding
    where: ArrayLike | None
    weights: ArrayLike | None
    nan_policy: NanPolicy
    min_weight: float
    threads: int | None
    strategy: Strategy
    method: Method


class FilterOptions(SharedOptions, total=False):
    """Keywords of the named filters (`parconv.gaussian`)."""

    channel_axis: int | None


class Options(SharedOptions, total=False):
    """Keywords of every convolution, explained at `parconv.conv2d`."""

    mode: Mode
    padding: Both | tuple[tuple[int, int], ...] | None
    origin: Both
    stride: Both
    dilation: Both
    groups: int | Literal["planes"]
    real: Both | tuple[tuple[int, int], ...] | None
    tolerance: float | None
    zero_taps: ZeroTaps


class PlanOptions(Options, total=False):
    """Keywords of what may plan either operation."""

    correlate: bool


@dataclass(frozen=True, eq=False)
class Question:
    """The keywords of one call, as they came, with the defaults of those that did not.

    Two questions are equal where all values and their types are: ``True`` is not 1.
    """

    mode: Any = "valid"
    boundary: Any = "constant"
    cval: Any = 0
    padding: Any = None
    origin: Any = 0
    axes: Any = (-2, -1)
    stride: Any = 1
    dilation: Any = 1
    groups: Any = 1
    real: Any = None
    dtype: Any = None
    accumulate: Any = None
    tolerance: Any = None
    zero_taps: Any = "skip"
    bias: Any = None
    scale: Any = None
    overflow: Any = "saturate"
    rounding: Any = "even"
    where: Any = None
    weights: Any = None  # of a question that is planned no array, see `missing`
    nan_policy: Any = "propagate"
    min_weight: Any = 0
    threads: Any = None
    strategy: Any = "auto"
    method: Any = "auto"
    correlate: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any], correlate: bool) -> "Question":
        """The question of a call; TypeError where calls know no such keyword.

        Examples
        --------
        >>> Question.of({"mode": "same"}, correlate=False).mode
        'same'
        >>> Question.of({"mod": "same"}, correlate=False)
        Traceback (most recent call last):
            ...
        TypeError: mod='same' is unknown: did you mean mode?
        """
        check_keywords(options, CALLS)
        return cls(**options, correlate=correlate)

    @lazily
    def _told(self) -> tuple[Any, ...]:
        return told({name: getattr(self, name) for name in DEFAULTS})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Question) and self._told == other._told

    def __hash__(self) -> int:
        check_fixed(getattr(self, name) for name in DEFAULTS)
        return hash(self._told)


DEFAULTS = {each.name: each.default for each in fields(Question)}
PLANS = tuple(DEFAULTS)
CALLS = tuple(name for name in PLANS if name != "correlate")
LATE = "out", "correlate"  # those of one call that stand among the others
CHANNELS = "channel_axis"  # of named filters alone, which say by it what their axes are
FILTERS = *(name for name in PLANS if name in FilterOptions.__annotations__), CHANNELS
OF_FILTERS = frozenset(FILTERS)
_AXES, _THREADS = PLANS.index("axes") + 1, PLANS.index("threads")
ORDER = *PLANS[:_AXES], CHANNELS, *PLANS[_AXES:_THREADS], "out", *PLANS[_THREADS:]


# Other libraries' words for ours, where the letters do not tell: SciPy's, OpenCV's, torch's,
# skimage's, astropy's, ONNX's, joblib's.
_ELSEWHERE = {
    "boundary": ("border", "borderType", "padding_mode", "pad_mode", "mode"),
    "cval": ("borderValue", "fill_value", "fillvalue", "constant_values", "value"),
    "dtype": ("ddepth", "output_dtype", "out_dtype"),
    "padding": ("pads", "pad_width"),
    "dilation": ("rate", "atrous"),
    "out": ("output", "dst"),
    "bias": ("delta", "offset"),
    "where": ("mask", "valid"),
    "nan_policy": ("nan", "nan_treatment", "nodata", "ignore_nan", "skipna"),
    "threads": ("n_jobs", "workers", "num_threads", "nthreads", "num_workers"),
    "axes": ("dim", "dims"),
}  # fmt: skip
_OURS = {word: ours for ours, words in _ELSEWHERE.items() for word in words}


def told(options: Mapping[str, Any]) -> tuple[Any, ...]:
    """Options as a key, which tells types apart as well: hashable where all values are.

    Examples
    --------
    >>> told({"stride": 1}) == told({"stride": True})
    False
    >>> told({"stride": (1, 2)}) == told({"stride": (True, 2)})
    False
    """
    values = options.values()
    kinds: tuple[Any, ...] = (*map(type, values),)
    if tuple in kinds:
        for value in values:
            if type(value) is tuple:
                members = (*map(type, value),)
                kinds += (repr(value),) if tuple in members else members
    return *options, *values, *kinds  # flat: a third faster than as pairs


def check_keywords(options: Mapping[str, Any], known: Iterable[str]) -> None:
    """TypeError for one that no call knows, with what it may have been meant for."""
    for name, value in options.items():
        if name not in known:
            near = _meant(name, [*known, "out"])
            border = border_meant(value) if near == "boundary" else None
            near += f"={border}" if border else ""
            mend = f"did you mean {near}?" if near else f"pass one of {', '.join(known)}"
            raise TypeError(f"{name}={shown(value)} is unknown: {mend}")


def _meant(name: str, known: Sequence[str]) -> str:
    """The keyword that another library, or a slip of the hand, calls so; empty where none is."""
    ours = _OURS.get(name, "")
    return ours if ours in known else next(iter(get_close_matches(name, known)), "")


def spelled(**defaults: Any) -> Callable[[Door], Door]:
    """Show every keyword of ``**options`` with its default, in `help` and to `inspect.signature`.

    Without types, which in NumPy's words fill a page.  ``defaults``: those of this call that are
    not everybody's.
    """
    usual = {**DEFAULTS, CHANNELS: None, **defaults}

    def decorate(door: Door) -> Door:
        own = dict(signature(door).parameters)
        (options,) = get_args(own.pop("options").annotation)
        keywords = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=usual[name])
            for name in get_type_hints(options)
        ]
        shown = [each.replace(annotation=Parameter.empty) for each in own.values()]
        late = [each for each in shown if each.name in LATE and each.kind is each.KEYWORD_ONLY]
        listed = sorted([*keywords, *late], key=lambda each: ORDER.index(each.name))
        early = [each for each in shown if each not in late]
        door.__signature__ = Signature([*early, *listed])  # type: ignore[attr-defined]
        return door

    return decorate
