"""Distrusts the border rules: each index map against numpy.pad, and against itself moved on."""

import numpy as np
import oracle
import pytest
from numba import njit
from oracle import BORDERS

from parconv.codegen import borders
from parconv.problem.borders import BOUNDARIES, source_index

RULES = {"edge": "edge", "symmetric": "symmetric", "mirror": "reflect", "wrap": "wrap"}


def source(index: int, size: int, name: str) -> int:
    return source_index(index, size, BOUNDARIES.index(name))


@njit
def compiled(index, size, border):  # type: ignore[no-untyped-def]
    return borders.source_index(index, size, border)


def test_names() -> None:
    assert set(BOUNDARIES) == set(BORDERS)


TABLE = {
    # pixels a b c d and what stands left and right of them
    "constant": ("......", "abcd", "......"),
    "edge": ("aaaaaa", "abcd", "dddddd"),
    "symmetric": ("cddcba", "abcd", "dcbaab"),
    "mirror": ("abcdcb", "abcd", "cbabcd"),
    "wrap": ("cdabcd", "abcd", "abcdab"),
}


@pytest.mark.parametrize("name", BORDERS)
def test_as_drawn(name: str) -> None:
    drawn = "".join("abcd."[source(index, 4, name)] for index in range(-6, 10))
    assert drawn == "".join(TABLE[name])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("size", range(1, 9))
def test_against_numpy_pad(size: int, name: str) -> None:
    """Extensions up to several times the axis, on either side."""
    for before in range(5 * size + 3):
        after = (7 * before) % (4 * size + 1)
        padded = np.pad(np.arange(size), (before, after), RULES[name])
        ours = [source(index, size, name) for index in range(-before, size + after)]
        assert ours == padded.tolist(), (before, after)


@pytest.mark.parametrize("name", BORDERS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_against_the_oracle_and_compiled(size: int, name: str) -> None:
    for index in range(-60, 60):
        right = oracle.source(index, size, name)
        assert source(index, size, name) == right
        assert compiled(index, size, BOUNDARIES.index(name)) == right


@pytest.mark.parametrize("name", RULES)
def test_far_away(name: str) -> None:
    period = {"wrap": 5, "symmetric": 10, "mirror": 8}.get(name)
    if period is None:
        assert [source(index, 5, name) for index in (-(10**15), 10**15)] == [0, 4]
        return
    for index in range(-20, 20):
        moved = index + 10**12 * period
        assert (
            source(moved, 5, name) == source(index, 5, name) == source(-moved + 2 * index, 5, name)
        )
