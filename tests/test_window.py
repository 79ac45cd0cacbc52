"""Distrusts windows: what outputs read by definition, and the bits of blocks computed alone."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st
from oracle import BORDERS, assert_same_bits, outputs, source

import parconv
from parconv.planner.choice import make_plan
from parconv.problem.problem import Problem, describe
from parconv.problem.question import Question
from parconv.problem.window import Window, narrowed, window_of

F4 = "float32"


@st.composite
def asked(draw: st.DrawFn) -> tuple[Problem, dict[str, Any]]:
    """A problem and its keywords: all that says which pixels an output meets."""
    sizes, taps = ([draw(st.integers(1, most)) for _ in range(2)] for most in (12, 5))
    mode = draw(st.sampled_from(["valid", "same", "full", None]))
    pairs = st.tuples(*[st.integers(1, 3)] * 2)
    keywords: dict[str, Any] = {
        "stride": draw(pairs),
        "dilation": draw(pairs),
        "boundary": tuple(draw(st.sampled_from(BORDERS)) for _ in range(2)),
    }
    spans = [d * (k - 1) + 1 for d, k in zip(keywords["dilation"], taps, strict=True)]
    if mode == "same":
        keywords["origin"] = tuple(draw(st.integers(-((n - 1) // 2), (n - 1) // 2)) for n in spans)
    if mode is None:
        sides = st.tuples(*[st.integers(0, 30)] * 2)
        keywords["padding"] = draw(sides), draw(sides)
    else:
        keywords["mode"] = mode
    colour = draw(st.booleans())
    shape = (*sizes, 3) if colour else (2, *sizes)
    axes = (0, 1) if colour else (-2, -1)
    question = Question(**keywords, axes=axes, correlate=draw(st.booleans()))
    try:
        problem = describe((shape, F4), (tuple(taps), F4), question)
    except ValueError:
        assume(False)
    return problem, {**keywords, "reflect": problem.reflect, "spans": spans, "sizes": sizes}


def first_of(keywords: dict[str, Any], axis: int, at: int) -> int:
    """The first pixel under an output's taps, which the image need not have; by definition."""
    pairs = zip(keywords["spans"], keywords["sizes"], strict=True)
    lead, _ = outputs(
        keywords["sizes"][axis], keywords["spans"][axis], keywords.get("mode", "valid"),
        keywords["reflect"], keywords.get("origin", (0, 0))[axis],
        keywords.get("padding", (None, None))[axis], all(span >= size for span, size in pairs),
    )  # fmt: skip
    return int(at * keywords["stride"][axis] - lead)


def met(keywords: dict[str, Any], axis: int, at: int, step: int, border: str) -> list[int]:
    """Every ``step``-th pixel of the image from there on, -1 for the constant."""
    first, span = first_of(keywords, axis, at), keywords["spans"][axis]
    return [source(first + n, keywords["sizes"][axis], border) for n in range(0, span, step)]


def pixels(window: Window) -> list[int]:
    return [at for run in window.runs for at in range(*run)]


@given(asked(), st.data())
def test_what_outputs_read(given: tuple[Problem, dict[str, Any]], data: st.DataObject) -> None:
    problem, keywords = given
    for axis in (0, 1):
        each = problem.channels if axis else 1
        count, dilation = problem.plane[axis] // each, keywords["dilation"][axis]
        start = data.draw(st.integers(0, count - 1))
        stop = data.draw(st.integers(start + 1, count))
        border = problem.boundary[axis]
        window = window_of(problem, axis, (start, stop))
        part, taken = narrowed(problem, window), pixels(window)
        assert part.image[problem.axes[axis]] == len(taken) == window.length
        assert part.plane[axis] == each * (stop - start)
        assert part.lead[axis] == each * window.lead
        reached: list[int] = []
        for at in range(start, stop):
            first = (at - start) * problem.stride[axis] - window.lead
            found = [
                taken[n] if 0 <= n < len(taken) else -1
                for n in range(first, first + keywords["spans"][axis], dilation)
            ]
            assert found == met(keywords, axis, at, dilation, border)
            reached += met(keywords, axis, at, 1, border)
        inside = set(reached) - {-1}
        between = range(*window.reach) if stop - start > 1 else ()  # strides leave pixels out
        unneeded = set(taken) - inside - {source(n, window.size, border) for n in between}
        assert not unneeded or (not inside and len(taken) == 1)
        last = first_of(keywords, axis, stop - 1) + keywords["spans"][axis]
        assert window.real == (first_of(keywords, axis, start) >= 0, last <= window.size)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(
    ("shape", "keywords"),
    [
        ((23, 19), {"mode": "same"}),
        ((2, 23, 19), {"mode": "full", "dilation": (1, 2)}),
        ((23, 19), {"mode": "valid", "stride": (2, 3)}),
        ((23, 19, 3), {"mode": "same", "axes": (0, 1), "origin": (1, -1)}),
        ((23, 19), {"padding": ((40, 3), (0, 29))}),
    ],
)
def test_blocks_have_the_bits_of_the_whole(
    shape: tuple[int, ...], keywords: dict[str, Any], border: str
) -> None:
    """Cut on both axes, each block from its pixels alone."""
    rng = np.random.default_rng(5)
    f, g = rng.random(shape, np.float32), rng.random((5, 4))
    whole = parconv.plan2d(f, g, boundary=border, cval=3, method="direct", threads=1, **keywords)
    right, (rows, columns) = whole(f), whole.problem.axes
    found = np.full_like(right, np.nan)
    cuts = [
        itertools.pairwise([*range(0, right.shape[axis], step), right.shape[axis]])
        for axis, step in ((rows, 7), (columns, 6))
    ]
    for down, along in itertools.product(*cuts):
        windows = window_of(whole.problem, 0, down), window_of(whole.problem, 1, along)
        block = f.take(pixels(windows[0]), rows).take(pixels(windows[1]), columns)
        plan = make_plan(narrowed(whole.problem, *windows), 1, 1, "serial", "direct")
        index = [slice(None)] * right.ndim
        index[rows], index[columns] = slice(*down), slice(*along)
        found[tuple(index)] = plan.with_filter(g)(block)
    assert_same_bits(found, right)


def test_an_image_without_rows_has_nothing_to_give() -> None:
    problem = parconv.plan2d(((0, 5), F4), ((3, 3), F4), mode="full").problem
    window = window_of(problem, 0, (0, problem.plane[0]))
    assert (window.length, window.lead) == (0, 2)
