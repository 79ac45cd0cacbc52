"""Where a block's results go."""

from ...codegen import jit, machine
from ...codegen.layout import OWN
from ...codegen.packing import aligned_after, rows_alike
from ...codegen.runs import has_runs


@jit.jit(inline="always")
def place_of(out, plane, y, x):
    """Elements of a result before one of them."""
    return plane * (out.strides[0] // out.itemsize) + y * (out.strides[1] // out.itemsize) + x


@jit.jit()
def ends_of(out, how, corner, columns):
    """Whether to store straight, and past the caches; how many come before vectors are aligned.

    ``how`` = what writes results, whether they are large, lanes of a vector.
    """
    (writes, large, lanes), (plane, y, x) = how, corner
    flat = writes == OWN and has_runs(out)
    skip = aligned_after(out, place_of(out, plane, y, x), machine.VECTOR_BYTES)
    streams = flat and large > 0 and machine.FILLS_LINES
    streams = streams and columns >= lanes + skip
    streams = streams and rows_alike(out, machine.VECTOR_BYTES)
    return int(flat), int(streams), skip if streams else 0
