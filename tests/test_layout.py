"""Distrusts the numbers by which kernels know their problem: each is where its name says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_array_equal

import parconv
from parconv.codegen.layout import OWN, Layout, geometry
from parconv.methods import methods_for
from parconv.methods.usual import obstacle

L = Layout("rows", "columns", "channels", tables=("steps", "masks"))
KNOWN = {"rows": 2, "columns": 3, "dilation": 4}


def test_numbers_and_tables_lie_where_their_names_say() -> None:
    layout = L.pack(KNOWN, channels=True, masks=[7, 8], steps=(n for n in (4, 5, 6)))
    assert_array_equal(layout, [2, 3, 1, 5, 8, 4, 5, 6, 7, 8])
    assert layout.dtype == np.int64
    assert not layout.flags.writeable
    assert (layout[L.rows], layout[L.columns], layout[L.channels]) == (2, 3, 1)
    assert_array_equal(layout[layout[L.masks] :], [7, 8])
    assert layout[L.steps] == L.length


def test_empty_tables_begin_where_the_next_one_does() -> None:
    layout = L.pack(KNOWN, channels=1, steps=[], masks=[9])
    assert layout[L.steps] == layout[L.masks] == L.length


def test_compiled_code_reads_the_names() -> None:
    @njit
    def read(layout):  # type: ignore[no-untyped-def]
        return layout[L.columns] * layout[layout[L.masks] + 1] + L.length

    assert read(L.pack(KNOWN, channels=1, steps=[1, 2], masks=[5, 6])) == 3 * 6 + 5


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"channels": 1, "steps": []}, "masks: missing"),
        ({"channels": 1, "steps": [], "masks": [], "span": 2}, "span: unknown"),
        ({"channels": 1, "rows": 2, "steps": [], "masks": []}, "rows: told twice"),
        ({"steps": [], "masks": [], "lead": 1}, "lead: unknown"),
    ],
)
def test_names_are_checked(numbers: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        L.pack(KNOWN, **numbers)


@pytest.mark.parametrize("number", [1.5, (1, 2), None])
def test_numbers_are_integers(number: object) -> None:
    with pytest.raises(TypeError):
        L.pack(KNOWN, channels=number, steps=[], masks=[])


@pytest.mark.parametrize("names", [("rows", "rows"), ("pack",), ("length",), ("__dict__",)])
def test_names_differ_from_each_other_and_from_what_layouts_have(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="rename it"):
        Layout(*names)


def test_geometry_is_that_of_the_problem() -> None:
    plan = parconv.plan2d(
        ((20, 30), np.float32), np.ones((3, 5)), mode="same", stride=(2, 3), dilation=(4, 1),
        boundary=("edge", "mirror"),
    )  # fmt: skip
    assert geometry(plan.problem) == {
        "rows_out": 10, "columns_out": 10, "rows_in": 20, "columns_in": 30, "lead_y": 4,
        "lead_x": 2, "stride_y": 2, "stride_x": 3, "dilation_y": 4, "dilation_x": 1, "span_y": 9,
        "span_x": 5, "taps_y": 3, "taps_x": 5, "border_y": 1, "border_x": 3, "large": 0, "far": 0,
        "reads": OWN, "writes": OWN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("image", "taps", "asked"),
    [
        ((40, 50), (5, 5), {}),
        ((3, 23, 31, 6), (12, 1, 3, 3), {"groups": 6, "axes": (1, 2), "padding": 1}),
        ((3, 24, 30, 30), (24, 1, 3, 3), {"groups": 24, "stride": 2, "dilation": 2}),
        ((2, 16, 20, 20), (8, 16, 3, 3), {"padding": 1}),
        ((2, 20, 20, 16), (24, 16, 1, 1), {"axes": (1, 2)}),
    ],
)
def test_equal_problems_are_one_to_every_method(
    image: tuple[int, ...], taps: tuple[int, ...], asked: dict[str, Any]
) -> None:
    """What is remembered of the one tells nothing of the other: numbers, units, costs.

    A method that told objects apart gave a kernel the units of another one, beyond the result.
    """
    problem = parconv.plan2d((image, "float32"), (taps, "float32"), correlate=True, **asked).problem
    answered = 0
    for method in methods_for(problem).values():
        if obstacle(method, problem) is not None:
            continue
        answered += 1
        first, twin = (_told(method, one) for one in (problem, replace(problem)))
        assert first == twin, method.__name__
    assert answered > 1


def _told(method: Any, problem: Any) -> list[object]:
    facts = (method.cost, method.units, method.workspace, method.layout)
    return [np.asarray(fact(problem)).tolist() for fact in facts]
