"""Functions of which flags choose one, so that none is asked in the loops."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Value, call_once
from ...codegen.flow import Flow
from ...codegen.simd import I64


def call_by_flags(
    builder: Any, name: str, flags: Sequence[Value], body: Callable[..., None],
    arguments: Sequence[Value], never: Sequence[tuple[bool, ...]] = (),
) -> None:  # fmt: skip
    """Call ``body(*flags, builder, *arguments)`` of the flags as they are.

    Each combination but those that there are ``never`` becomes a function of its own.
    """
    key = I64(0)
    for flag in flags:
        yes = builder.zext(builder.icmp_signed("!=", flag, I64(0)), I64)
        key = builder.add(builder.shl(key, I64(1)), yes)

    def call(kind: tuple[bool, ...]) -> list[Value]:
        call_once(builder, name, partial(body, *kind), arguments, kind)
        return []

    kinds = enumerate(itertools.product((False, True), repeat=len(flags)))
    Flow(builder).choose(key, {n: partial(call, kind) for n, kind in kinds if kind not in never})
