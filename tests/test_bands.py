"""Distrusts the cutting of rows: every row in exactly one band, sizes as tabled."""

import itertools

import pytest

from parconv.problem.bands import split_rows

TABLE = {
    (10, 1, 1): [(0, 10)],
    (10, 3, 1): [(0, 3), (3, 6), (6, 10)],
    (20, 2, 8): [(0, 8), (8, 20)],
    (5, 4, 8): [(0, 5)],
    (1, 8, 6): [(0, 1)],
    (6, 8, 6): [(0, 6)],
    (12, 8, 6): [(0, 6), (6, 12)],
    (13, 2, 6): [(0, 6), (6, 13)],
    (48, 4, 6): [(0, 12), (12, 24), (24, 36), (36, 48)],
    (7, 0, 1): [(0, 7)],
}


@pytest.mark.parametrize("question", TABLE, ids=str)
def test_table(question: tuple[int, int, int]) -> None:
    assert split_rows(*question) == tuple(TABLE[question])


def test_every_row_once_and_sizes_alike() -> None:
    heights = [*range(1, 40), 97, 1000, 4096]
    for rows, parts, tile in itertools.product(heights, [1, 2, 3, 7, 16, 64], [1, 4, 6, 8]):
        bands = split_rows(rows, parts, tile)
        covered = [row for start, stop in bands for row in range(start, stop)]
        assert covered == list(range(rows)), (rows, parts, tile)
        assert 1 <= len(bands) <= parts
        assert all(start % tile == 0 for start, _ in bands)
        sizes = [stop - start for start, stop in bands]
        assert max(sizes) - min(sizes) < 2 * tile
