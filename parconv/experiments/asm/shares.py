"""Kernels compiled for whatever Numba compiles for, loaded nowhere, and what their hot loops cost.

The share of the peak is predicted: the cycles that the arithmetic of a loop would take by itself,
by llvm-mca's model of the processor, in those that the model takes for the whole loop.
"""

from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from parconv.codegen import jit, machine, parts

from . import hot, mca
from .abroad import Order, Row
from .listing import Loop


class _Listed(parts.Parts):
    """Optimised as a whole, with all its parts, and never made executable."""

    code = parts.Code


def rows(order: Order) -> Iterator[Row]:
    """Those of `hot.HOT`, one after another."""
    for name in order.names:
        one = hot.HOT[name]
        if not one.exists:
            yield Row(name, order.core, machine.ISA.name, "it has no such tiles here")
        elif one.types == hot.EXACT and not machine.HAS_DOT:
            yield Row(name, order.core, machine.ISA.name, "it has no dot products of bytes")
        else:
            yield _row(name, order, one.find(listing(one.method, one.types)))


def _row(name: str, order: Order, loop: Loop) -> Row:
    text = tuple(instruction.text for instruction in loop.instructions)
    return Row(
        name, order.core, machine.ISA.name, None, len(text), loop.fused, hot.work(loop),
        len(loop.spills), *predicted(order.tool, order.core, loop), text,
    )  # fmt: skip


def predicted(tool: str | None, core: str, loop: Loop) -> tuple[float | None, float | None]:
    """Cycles of a pass, and of those the share that the arithmetic takes alone."""
    found = tool and mca.forecast(tool, core, loop)
    if not (tool and found and found.cycles):
        return None, None
    alone = mca.arithmetic(tool, core, loop)
    return found.cycles, alone and alone / found.cycles


@cache
def listing(method: ModuleType, types: hot.Types) -> str:
    """The kernel in assembly language."""
    kernels = method.kernels(*map(np.dtype, types))
    rules: Any = {**parts.RULES, "pipeline_class": _Listed}
    dispatcher = jit.jit(called=True, **rules)(kernels.kernel)
    dispatcher.compile(kernels.signature)
    library = dispatcher.overloads[kernels.signature].library
    with global_compiler_lock:
        library._ensure_finalized()
    return str(library.get_asm_str())
