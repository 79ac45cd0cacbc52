"""Calls of the inner loop along rows, whose sums stay in scratch or become results.

What makes these of sums, ``made``, are two places: in scratch, of 16 bits each, of numbers of what
is there, and among the taps of the numbers that scale, as many as results ask for.  Where sums are
divided by those the number of all taps follows.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numba import types

from ...codegen.emitted import Items, Value, call_once, emitted, instruction
from ...codegen.rules import Stored
from ...codegen.simd import I64
from ..finishing import SCALED, is_narrow, nearest, scaled_by
from .bounded import MOST, Bounded, Once
from .dividing import Dividing
from .means import NUMBER, Means
from .neighbours import Adding

SCALES = 2  # of ``made``, where nothing is divided
DIVIDING = 3  # numbers behind those that scale, where integers are divided


def _call(
    builder: Any, name: str, kinds: Any, *arguments: Value, emits: Callable[..., Adding] = Adding
) -> None:
    def body(inner: Any, *values: Value) -> None:
        emits(inner, kinds, *values).emit()

    call_once(builder, f"windows.{name}", body, arguments, kinds or ())


def _call_results(
    scratch: Items, name: str, made: Sequence[Value], taps: Items, kinds: Any,
    places: Sequence[Value], more: Sequence[Value], emits: Callable[..., Adding] = Adding,
) -> None:  # fmt: skip
    """The same of results; ``kinds``: of what is stored, and of what is asked for."""
    (there_at, scale, *total), (out, asked) = made, kinds
    numbers = scaled_by(taps, scale, asked)
    there = [scratch.at(there_at, NUMBER), *total] if total else []
    _call(
        scratch.builder, f"means.{name}" if total else name, (taps.dtype, out, len(numbers)),
        *places, *numbers, *more, *there, emits=Means if total else emits,
    )  # fmt: skip


@emitted()
def add_up(
    builder: Any, scratch: Items, source: Sequence[Value], more: Sequence[Value],
    target: Sequence[Value], size: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call that leaves rows of sums in scratch.

    ``source``: where the first neighbours lie, elements from row to row and to the next ones of a
    sum, and their number; ``more``: where others begin, perhaps none, which come after, and the
    last two of them.  ``target``: where to, and elements from row to row; ``size``: rows and
    vectors.
    """
    (at, *numbers), (more_at, *others), (to, down) = source, more, target
    places = scratch.at(at), *numbers, scratch.at(more_at), *others, scratch.at(to), down
    _call(builder, "sums", None, *places, *size)


@emitted()
def add_to(
    builder: Any, scratch: Items, source: Sequence[Value], more: Sequence[Value], taps: Items,
    made: Sequence[Value], out: Items, target: Sequence[Value], size: Sequence[Value], flags: Value,
    asked: Items,
) -> None:  # fmt: skip
    """The same of results in ``out``, scaled as those that are ``asked`` need.

    Emits nothing where it cannot store them.
    """
    if not _stores(taps.dtype, out.dtype):
        return
    places = _places(scratch, source, more, out, target, size)

    kinds = out.dtype, asked.dtype

    def scaled(name: str = "results", emits: Callable[..., Adding] = Adding) -> None:
        _call_results(scratch, name, made, taps, kinds, places, [flags], emits)

    if _may_be_bounded(scratch.dtype, out.dtype):
        with builder.if_else(_are_bounded(taps, made, asked)) as (bounded, others):
            with bounded, builder.if_else(_is_one(taps, made[1])) as (once, twice):
                with once:
                    scaled("once", Once)
                with twice:
                    scaled("bounded", Bounded)
            with others:
                scaled()
        return
    if not _divides(scratch.dtype, out.dtype):
        scaled()
        return
    [count] = taps.each("shape")
    with builder.if_else(builder.icmp_signed(">", count, I64(SCALED))) as (divided, others):
        with divided:
            numbers = [builder.load(taps.at(SCALED + n)) for n in range(DIVIDING)]
            whole = [builder.fptoui(number, scratch.element) for number in numbers]
            _call(builder, "divided", (out.dtype,), *places, *whole, emits=Dividing)
        with others:
            scaled()


@emitted()
def add_some(
    builder: Any, scratch: Items, source: Sequence[Value], more: Sequence[Value], taps: Items,
    made: Sequence[Value], out: Items, target: Sequence[Value], rows: Value, count: Value,
) -> None:  # fmt: skip
    """The first ``count`` results of a vector, of so many rows, and no others.

    A line that is stored past the caches must not be stored through them as well: processors wait
    for the memory between the two.
    """
    if taps.dtype == out.dtype:
        places = _places(scratch, source, more, out, target, (rows, I64(1)))
        kinds = out.dtype, out.dtype
        _call_results(scratch, "some", made, taps, kinds, places, [I64(0), count])


def _divides(sums: Any, result: Any) -> bool:
    """Whether integers become means of half their bits by a multiplication."""
    pairs = (types.uint16, types.uint8), (types.uint32, types.uint16), (types.uint32, types.int16)
    return (sums, result) in pairs


def _may_be_bounded(sums: Any, result: Any) -> bool:
    """Whether bytes are stored that are nearest to 16-bit sums, scaled and shifted."""
    whole = nearest(result) if isinstance(result, Stored) else None
    return sums == types.uint16 and whole in (types.uint8, types.int8)


def _are_bounded(taps: Items, made: Sequence[Value], asked: Items) -> Value:
    """Whether an int32 holds whatever becomes of 16-bit sums."""
    builder = taps.builder
    tap, _, scale, bias = (
        instruction(builder, f"llvm.fabs.f{8 * taps.itemsize}", taps.element, number)
        for number in scaled_by(taps, made[1], asked.dtype)
    )
    most = builder.fmul(builder.fmul(tap, taps.element(0xFFFF)), scale)
    return builder.fcmp_ordered("<", builder.fadd(most, bias), taps.element(MOST))


def _is_one(taps: Items, at: Value) -> Value:
    """Whether the second number that scales sums is 0."""
    rest = taps.builder.load(taps.builder.gep(taps.at(at), [I64(1)]))
    return taps.builder.fcmp_ordered("==", rest, taps.element(0))


def _stores(scaled: Any, result: Any) -> bool:
    """Whether results of one type are stored by what scales sums in the other."""
    same = scaled == result or (scaled, result) == (types.float64, types.float32)
    return same or is_narrow(result)


def _places(
    scratch: Items, source: Sequence[Value], more: Sequence[Value], out: Items,
    target: Sequence[Value], size: Sequence[Value],
) -> list[Value]:  # fmt: skip
    """Arguments that tell where sums come from and where results go to."""
    (at, *numbers), (more_at, *others), (to, down) = source, more, target
    places = scratch.at(at), *numbers, scratch.at(more_at), *others, out.at(to), down
    return [*places, *size]
