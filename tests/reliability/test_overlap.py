"""Distrusts shared memory: an output anywhere over the image, over the filter, over itself."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from conftest import soak
from hypothesis import strategies as st
from oracle import BORDERS, assert_same_bits
from test_drawn import searched

import parconv

ROOM = 3000  # elements of the memory that all three lie in
KINDS = ("float32", "float64", "int32", "uint8")


class Place(NamedTuple):
    """Where an array begins in memory, and its steps, in elements."""

    start: int
    steps: tuple[int, int]

    def view(self, memory: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        size = memory.itemsize
        strides = tuple(step * size for step in self.steps)
        return np.ndarray(shape, memory.dtype, memory, self.start * size, strides)


@st.composite
def places(draw: Any, shape: tuple[int, int]) -> Place:
    """Rows or columns in order, apart, backwards, or through one another."""
    inner = draw(st.sampled_from([1, 1, 1, 2, -1]))
    span = abs(inner) * shape[1]
    outer = draw(st.sampled_from([span, span + 1, span + 7, -span, -(span + 3), 1, span - 1]))
    steps = (outer, inner) if draw(st.booleans()) else (inner, abs(inner) * shape[0])
    reach = [(n - 1) * step for n, step in zip(shape, steps, strict=True)]
    first = -sum(min(0, r) for r in reach)
    last = ROOM - 1 - sum(max(0, r) for r in reach)
    return Place(draw(st.integers(first, max(first, min(last, first + 400)))), steps)


class Shared(NamedTuple):
    """An image, a filter and an output of the same memory."""

    kind: str
    shape: tuple[int, int]
    taps: tuple[int, int]
    image: Place
    filter: Place | None
    out: Place
    boundary: str
    threads: int


@st.composite
def shared(draw: Any) -> Shared:
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 40)))
    taps = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    filter_ = draw(places(taps)) if draw(st.integers(0, 3)) == 0 else None
    return Shared(
        draw(st.sampled_from(KINDS)), shape, taps, draw(places(shape)), filter_,
        draw(places(shape)), draw(st.sampled_from(BORDERS)), draw(st.integers(1, 3)),
    )  # fmt: skip


def crosses_itself(out: np.ndarray) -> bool:
    """Whether two elements lie at the same place."""
    down, across = (np.arange(n) * step for n, step in zip(out.shape, out.strides, strict=True))
    return np.unique(down[:, None] + across).size < out.size


@pytest.mark.parametrize("amount", [200, *soak(5_200)])
def test_an_output_anywhere(amount: int, ledger: Any) -> None:
    """What copies give, and nothing else in that memory changes; or refused, and nothing does."""
    refused = 0

    def check(asked: Shared) -> None:
        nonlocal refused
        rng = np.random.default_rng(7)
        memory = rng.integers(0, 100, ROOM).astype(asked.kind)
        f = asked.image.view(memory, asked.shape)
        given = rng.integers(0, 9, asked.taps).astype(asked.kind)
        g = asked.filter.view(memory, asked.taps) if asked.filter else given
        out, words = asked.out.view(memory, asked.shape), {"boundary": asked.boundary}
        words |= {"mode": "same", "dtype": asked.kind, "threads": asked.threads}
        right, before = parconv.conv2d(f.copy(), g.copy(), **words), memory.copy()
        if crosses_itself(out):
            refused += 1
            with pytest.raises(ValueError, match="out"):
                parconv.conv2d(f, g, out=out, **words)
        else:
            parconv.conv2d(f, g, out=out, **words)
            assert_same_bits(out.copy(), right, repr(asked))
            asked.out.view(before, asked.shape)[...] = right
        assert_same_bits(memory, before, repr(asked))

    seen = searched(check, amount, shared())
    ledger("overlap", f"{seen:,} calls, {refused:,} refused, 0 wrong")
