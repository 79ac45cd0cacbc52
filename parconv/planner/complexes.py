"""Complex banks as real ones: real and imaginary parts are channels and filters of their own.

Within each group the channels are all real parts, then all imaginary parts; so are the filters.  A
bank costs the four real products of a complex one, or the two where image or filter is real.
"""

from dataclasses import replace

import numpy as np

from ..problem.dtypes import Array, real
from ..problem.problem import Problem


def as_reals(problem: Problem) -> Problem:
    """The real bank that computes a complex one; any other problem is its own."""
    bank, image = problem.bank, problem.image_dtype
    if bank is None or problem.compute.kind != "c":
        return problem
    parts = 2 if image.kind == "c" else 1
    return replace(
        problem,
        bank=bank._replace(outputs=2 * bank.outputs, inputs=parts * bank.inputs, parts=parts),
        image_dtype=real(image),
        filter_dtype=real(problem.filter_dtype),
        compute=real(problem.compute),
        dtype=real(problem.dtype),
        traits=problem.traits._replace(bank=()),
    )


def weights(problem: Problem, g: Array) -> Array:
    """The real bank's filters for those of the complex one, ``(O, C/groups, KH, KW)``."""
    bank = problem.bank
    assert bank
    grouped = g.reshape(bank.groups, -1, *g.shape[1:])
    rows = [[grouped.real, -grouped.imag], [grouped.imag, grouped.real]]
    if problem.image_dtype.kind != "c":
        rows = [row[:1] for row in rows]
    joined = np.concatenate([np.concatenate(row, 2) for row in rows], 1)
    return joined.reshape(-1, *joined.shape[2:])


def split(problem: Problem, f: Array) -> Array:
    """The real bank's maps for those of the complex one."""
    bank = problem.bank
    assert bank
    if f.dtype.kind != "c":
        return f
    grouped = f.reshape(len(f), bank.groups, -1, *f.shape[2:])
    parts = np.concatenate([grouped.real, grouped.imag], 2)
    return parts.reshape(len(f), -1, *f.shape[2:])


def join(problem: Problem, result: Array) -> Array:
    """The complex maps for those of the real bank."""
    bank = problem.bank
    assert bank
    parts = result.reshape(len(result), bank.groups, 2, -1, *result.shape[2:])
    joined = np.empty((len(result), bank.outputs, *result.shape[2:]), problem.dtype)
    grouped = joined.reshape(len(result), bank.groups, -1, *result.shape[2:])
    grouped.real, grouped.imag = parts[:, :, 0], parts[:, :, 1]
    return joined
