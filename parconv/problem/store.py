"""How a sum becomes a result: scaled, shifted, rounded, and held by the result's type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from .arguments import check_choice
from .dtypes import INT64, DType, check_dtype, is_whole
from .shown import shown

ROUNDINGS = ("even", "trunc")
OVERFLOWS = ("saturate", "wrap", "raise")

Numbers = complex | tuple[complex, ...] | None  # one, one for each filter, or none


@dataclass(frozen=True)
class Store:
    """``round(scale * sum + bias)``, as an integer type holds it.

    Attributes
    ----------
    rounding : {"even", "trunc"}
        To the nearest integer, of two the even one; or toward zero.
    overflow : {"saturate", "wrap", "raise"}
        What becomes of integers that the result's type does not hold.
    scale, bias : number, tuple of numbers, or None
        For all filters, or for each of them.
    """

    rounding: str = "even"
    overflow: str = "saturate"
    scale: Numbers = None
    bias: Numbers = None

    @property
    def largest(self) -> float:
        """The largest |scale| or |bias|; 0 where there is neither."""
        return max(map(abs, (*each(self.scale), *each(self.bias))), default=0)

    @property
    def is_whole(self) -> bool:
        """Whether sums of integers stay such."""
        return self.scale is None and all(map(is_whole, each(self.bias)))

    def left(self, exact: bool) -> "Store":
        """What a method must know that leaves sums, ``exact`` or not: whether they may wrap."""
        overflow = "wrap" if exact and self.overflow == "wrap" else "saturate"
        return Store(overflow=overflow, bias=self.largest if exact else None)

    def of(self, result: DType, exact: bool) -> "Store":
        """The same without what makes no difference to such results; ``exact`` sums of integers."""
        known = self if result.kind in "iu" else replace(self, overflow="saturate", rounding="even")
        if not exact:
            return known
        safe = result == INT64 and self.bias is None and self.overflow == "raise"
        overflow = "saturate" if safe else known.overflow  # sums beyond int64 are refused anyway
        whole = None if self.bias is None else _mapped(lambda n: int(n.real), self.bias)
        return replace(known, rounding="even", overflow=overflow, bias=whole)

    def __str__(self) -> str:
        names = {"scaled by": self.scale, "plus": self.bias}
        told = [f"{name} {_told(value)}" for name, value in names.items() if value is not None]
        words = {"trunc": "toward zero", "wrap": "wrapping", "raise": "raising"}
        return ", ".join([*told, *(words[w] for w in (self.rounding, self.overflow) if w in words)])


PLAINLY = Store()
WRAPPED = Store(overflow="wrap")


def each(numbers: Numbers) -> tuple[complex, ...]:
    """All of them.

    Examples
    --------
    >>> each(None), each(2.5), each((1, 2))
    ((), (2.5,), (1, 2))
    """
    if numbers is None:
        return ()
    return numbers if isinstance(numbers, tuple) else (numbers,)


def numbers_of(store: Store) -> tuple[float, float]:
    """Scale and bias that are the same for all results."""
    (scale,), (bias,) = each(store.scale) or (1.0,), each(store.bias) or (-0.0,)
    return scale.real, bias.real


def check_store(question: Any, filters: int | None) -> Store:
    """The rule that a question's keywords ask for; ``filters`` of a bank, None for a single one."""
    check_choice("rounding", question.rounding, ROUNDINGS)
    check_choice("overflow", question.overflow, OVERFLOWS)
    if question.scale is None and question.bias is None:  # as nearly always
        return _RULES[question.rounding, question.overflow]
    scale = _numbers("scale", question.scale, filters, idle=1)
    bias = _numbers("bias", question.bias, filters, idle=0)
    return Store(question.rounding, question.overflow, scale, bias)


_RULES = {(rounding, overflow): Store(rounding, overflow) for rounding in ROUNDINGS
          for overflow in OVERFLOWS}  # fmt: skip


def check_kinds(store: Store, compute: DType) -> None:
    """TypeError where complex numbers would go into real sums, ValueError for too large ones."""
    for name in ("scale", "bias"):
        for number in each(getattr(store, name)):
            if compute.kind != "c" and isinstance(number, complex):
                raise TypeError(
                    f"{name}={shown(number)} is complex, the sums are {compute}: pass a real number"
                )
            if compute == INT64 and not -(2**63) <= number.real < 2**63:
                raise ValueError(
                    f"{name}={shown(number)} does not fit in int64: pass a smaller one, or a "
                    "floating filter"
                )


class Alike(tuple[Any, ...]):
    """Numbers of one type, of which `question.told` need not tell each one's."""

    __slots__ = ()


# Values of these types nobody changes; of others, as of a tensor, a hash tells no content.
_FIXED = frozenset({type(None), bool, int, float, complex, str, bytes, object, Alike})
_FIXED_KINDS = np.generic, np.dtype, type, Enum


def check_fixed(values: Iterable[Any]) -> None:
    """TypeError for a value that may be changed, so that it is no word to know a call by.

    Examples
    --------
    >>> from parconv.problem.store import check_fixed
    >>> check_fixed(["same", 1.5, (1, (2, 3))])
    >>> check_fixed([(1, [2, 3])])
    Traceback (most recent call last):
        ...
    TypeError: what a list holds may change
    """
    for value in values:
        kind = type(value)
        if kind is tuple:
            check_fixed(value)
        elif kind not in _FIXED and not issubclass(kind, _FIXED_KINDS):
            raise TypeError(f"what a {kind.__name__} holds may change")


def hashable(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Options whose ``bias`` and ``scale`` may be a key: arrays and lists as tuples; None: none is.

    A call with an array of 512 takes 20 microseconds more so, and 80 with a key of plain tuples
    (Zen 3 VM, 2026-11).
    """
    found = {
        name: Alike(np.asarray(value).tolist())
        for name in ("bias", "scale")
        if getattr(value := options.get(name), "ndim", 0) == 1
        or (type(value) is list and np.ndim(value) == 1)
    }
    return {**options, **found} if found else None


def _numbers(name: str, value: Any, filters: int | None, idle: int) -> Numbers:
    """One number, or one for each filter; None for one that changes nothing."""
    if value is None:
        return None
    wanted = "a number" if filters is None else f"a number, or {filters}, one for each filter"
    try:
        found = np.asarray(value)
        check_dtype(name, found.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}={shown(value)}: pass {wanted}") from error
    if found.shape not in ((), (filters,)):
        raise ValueError(f"{name} has shape {found.shape}: pass {wanted}")
    numbers = found.tolist()
    if isinstance(numbers, list):
        return tuple(map(_plain, numbers))
    return None if numbers == idle else _plain(numbers)


def _plain(number: Any) -> complex:
    """Of bools integers: so a key tells them apart from nothing."""
    return int(number) if isinstance(number, bool) else number


def _mapped(function: Any, numbers: Numbers) -> Numbers:
    return tuple(map(function, numbers)) if isinstance(numbers, tuple) else function(numbers)


def _told(numbers: Numbers) -> str:
    if isinstance(numbers, tuple):
        return f"{len(numbers)} numbers"
    return f"{numbers:.6g}"
