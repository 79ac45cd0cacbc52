"""What ``g`` is inside: one value that knows its taps, what they allow and its prepared forms.

Filters of the latest calls are known, so a call with the same taps finds all that was made of them:
traits, forms that kernels read, and plans.  They are recognised by every byte, never by the array
that held them: who changes an array in place gets the convolution with what it holds.
"""

from collections.abc import Callable, Hashable
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np

from .brief import is_brief, lengthened
from .door import as_array
from .dtypes import Array, DType
from .lazily import lazily
from .products import products
from .traits import Found, traits_of

# Bytes of all filters that are known, with what was made of them; one that takes more than half is
# not kept, nor copied.
MOST_BYTES = 1 << 27
MOST_FILTERS, MOST_PLANS = 256, 64  # and of each so many plans
OVERHEAD = 1 << 12  # bytes of a plan beside the arrays in it
# Taps up to so many bytes are found by a table, for which they are copied and hashed; larger ones
# are compared with the known ones of their shape, at the speed of memory.
SMALL_BYTES = 1 << 9

Form = TypeVar("Form")
Made = TypeVar("Made", bound="Filter")


class Filter:
    """A filter that an array holds; `parconv.Outer` is one that its factors give.

    Parameters
    ----------
    taps : ndarray
        Nobody changes them.
    key : hashable, optional
        Where filters that are known may be found again.
    """

    def __init__(self, taps: Array, key: Hashable = None, content: bytearray | None = None) -> None:
        self.shape, self.dtype = taps.shape, taps.dtype
        self._taps, self._key = taps, key
        self._content, self._given = content or bytearray(), taps
        self._order = _order_of(taps)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Of what gives the filter."""
        return int(self._taps.nbytes)

    @property
    def key(self) -> Hashable:
        """Under which it is known: of its shape and content, of its description, or itself."""
        return self if self._key is None else self._key

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The taps, read-only."""
        return self._taps if dtype is None else self._taps.astype(dtype)

    def __getitem__(self, index: tuple[slice, slice]) -> "Filter":
        """Some of its rows and columns."""
        return Filter(np.ascontiguousarray(self._taps[index]))

    def __reduce__(self) -> Any:
        return Filter, (self._taps,)

    def is_of(self, g: Array) -> bool:
        """Whether these are its taps, of its shape and dtype, bit for bit.

        An array that nobody can change is known by being the same; others by ``memcmp``, which
        Python offers for no other type: 4 MB in 0.11 ms from the cache, 9 in 0.8, which is the
        speed of memory.  A compiled hash, which reads half as much, saved a tenth of a call of 3 ms
        at best, and lost as often (Zen 3 VM, 2026-11).
        """
        if not self._content or _is_constant(g):
            return g is self._given and g.flags.c_contiguous
        return bytearray.__eq__(self._content, np.ascontiguousarray(g.transpose(self._order)).data)

    def content_of(self, g: Array) -> Array | None:
        """What an array that gives it must hold, as it lies in memory, to be it again.

        Empty of one that nobody can change, None of one with gaps.
        """
        if g.shape != self.shape or g.dtype != self.dtype:  # as of bfloat16
            return None
        if not g.transpose(self._order).flags.c_contiguous:
            return None
        if self._content:
            return np.frombuffer(self._content, np.uint8)
        return np.empty(0, np.uint8) if g is self._given else None

    @lazily
    def found(self) -> Found:
        """The part that matters, and its traits."""
        return traits_of(self._taps)

    @lazily
    def has_zeros(self) -> bool:
        """Whether a tap is 0."""
        return not self._taps.all()

    def digest(self) -> str:
        """What tells it from others of its shape and dtype, in other processes too."""
        return sha256(self._taps.tobytes()).hexdigest()

    def __dask_tokenize__(self) -> Any:
        """By what dask names what is made with it, in all processes alike."""
        return type(self).__name__, self.shape, str(self.dtype), self.digest()

    def factors(self, count: int, kind: DType) -> tuple[Array, Array] | None:
        """Columns and rows of so many products that sum to the filter; None where none do."""
        return products(self._taps, count, kind)

    # --- what was made of it ---

    latest: Any = None  # the last call with it, and its plan: for `planner.answers` alone

    @lazily
    def plans(self) -> dict[Any, Any]:
        """What answers calls, by image and options: plans know filters, and nobody here plans."""
        return {}

    @lazily
    def _forms(self) -> dict[Any, Any]:
        return {}

    def form(self, question: Hashable, make: Callable[[], Form]) -> Form:
        """The filter as a method's kernel reads it, made for the first who asks that question."""
        found: Form | None = self._forms.get(question)
        return self._forms.setdefault(question, make()) if found is None else found

    def forget(self) -> None:
        """All that was made of it, when that is much."""
        self.latest = None
        calls.clear()
        self.plans.clear()
        self._forms.clear()

    @property
    def held(self) -> int:
        """Bytes of it and of what was made of it."""
        forms: int = sum(form.nbytes for form in [*self._forms.values()])
        return self.nbytes + forms + OVERHEAD * (1 + len(self.plans))


# --- those of the latest calls -------------------------------------------------------------------

# Threads add to these dictionaries at any time.  Who goes through one takes a list of it first,
# which is made at one stroke in free-threaded builds too; a tuple is not.
_known: dict[Any, tuple[Filter, ...]] = {}
# Calls with them, which refer to all that was made of them: for `planner.looking` alone.
calls: dict[Any, tuple[Any, ...]] = {}


def filter_of(g: Any, lasting: bool = False) -> Filter:
    """The filter a caller passed, the known one where it is; or TypeError.

    ``lasting``: it outlives the call.
    """
    if type(g) is not np.ndarray:
        if isinstance(g, Filter):
            return g
        g = as_array("g", g)
    small = g.nbytes <= SMALL_BYTES
    key = g.tobytes() if small else (g.shape, g.dtype)
    for each in _known.get(key, ()):
        if each.shape == g.shape and each.dtype == g.dtype and (small or each.is_of(g)):
            return each
    return _new(g, key, lasting)


def _new(g: Array, key: Hashable, lasting: bool) -> Filter:
    """Of a copy of the taps; of the taps themselves where the call is all it is for."""
    if is_brief(g.dtype):
        return filter_of(lengthened(g), lasting)
    if g.dtype.kind not in "biufc" or (2 * g.nbytes > MOST_BYTES and not lasting):
        return Filter(g)
    if g.nbytes > SMALL_BYTES and _is_constant(g):
        found = Filter(g.view(), key)  # whose shape nobody changes
        found._given = g
        return found
    # as it lies, so that it is compared so: torch keeps weights with their channels last, too
    order = _order_of(g)
    lying = np.ascontiguousarray(g.transpose(order))
    content = bytearray(lying.data)
    sizes = [g.shape[axis] for axis in order]
    taps = np.frombuffer(content, g.dtype).reshape(sizes).transpose(np.argsort(order))
    taps.flags.writeable = False
    return Filter(taps, key, content)


def _order_of(g: Array) -> tuple[int, ...]:
    """Axes from the farthest steps to the nearest."""
    steps = g.strides
    return tuple(sorted(range(g.ndim), key=lambda axis: -steps[axis]))


def _is_constant(g: Array) -> bool:
    """Whether the array lies in a ``bytes``, which nothing makes writable, unlike arrays."""
    base: Any = g.base
    while isinstance(base, np.ndarray):
        base = base.base
    return type(base) is bytes and g.flags.c_contiguous


def keep(g: Filter) -> None:
    """Know it in calls to come, with all that was made of it by now."""
    if len(g.plans) > MOST_PLANS or 2 * g.held > MOST_BYTES:
        g.forget()
    if 2 * g.held <= MOST_BYTES:
        others = _known.get(g.key, ())
        if g not in others:
            _known[g.key] = (*others, g)
        trim()


def trim() -> None:
    """Forget the filters that came first where all are too much or too many."""
    filters = [(key, each) for key, several in [*_known.items()] for each in several]
    held, count = sum(each.held for _, each in filters), len(filters)
    for key, each in filters:
        if held <= MOST_BYTES and count <= MOST_FILTERS:
            return
        calls.clear()
        held, count = held - each.held, count - 1
        rest = tuple(other for other in _known.get(key, ()) if other is not each)
        if rest:
            _known[key] = rest
        else:
            _known.pop(key, None)


def recalled(key: Hashable, make: Callable[[], Made]) -> Made:
    """The filter of a description, as it was made before if it is known."""
    known: Any = _known.get(key)
    if known is not None:
        return known[0]  # type: ignore[no-any-return]
    made = make()
    made._key = key
    keep(made)
    return made


def forget_all() -> None:
    """Know no filter any more."""
    for several in [*_known.values()]:
        for each in several:
            each.forget()
    _known.clear()
    calls.clear()
