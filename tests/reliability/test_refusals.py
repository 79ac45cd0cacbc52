"""Distrusts good will: one wrong argument among right ones is refused by its name, and first."""

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import soak
from hypothesis import strategies as st
from oracle import BORDERS
from test_drawn import searched

import parconv

NAN, HUGE = float("nan"), 10**30
STRANGE = (object(), "", "x", b"same", 1j, NAN, [], {}, ..., np.datetime64("2026"), lambda: 1)
WHOLE = (0, -1, -HUGE, 1.5, (1, 0), (1, 2, 3), (1, "x"), [[1, 2], [3, 4]], np.float32(2), None)
ITSELF: list[Any] = []
ITSELF.append(ITSELF)
ARRAYS = (
    object(), "image", b"image", None, {1, 2}, {"a": 1}, 1.0, np.float32(1), ITSELF, [[1, 2], [3]],
    np.zeros((4, 4), object), np.zeros((4, 4), "M8[s]"), np.zeros((4, 4), "S3"),
    np.zeros((4, 4), [("a", "f4")]), np.ones((3,)), np.array(1.0), lambda: 1,
)  # fmt: skip
# By argument: what it never may be.
WRONG: dict[str, tuple[Any, ...]] = {
    "f": ARRAYS,
    "g": (*ARRAYS, np.ones((0, 3)), np.ones((3, 0)), np.ones((1, 1, 1, 3, 3))),
    "mode": (*STRANGE, 0, 1, None, True, "SAME", "same ", ("same",)),
    "boundary": (*STRANGE, 0, None, True, "reflect", "Edge", ("edge",), ("edge", "x"),
                 ("edge", 1), ("edge", "edge", "edge")),
    "cval": ("x", "1", b"1", None, [], [1], {}, object(), ..., np.ones(2), np.datetime64("2026")),
    "stride": (*STRANGE, *WHOLE),
    "dilation": (*STRANGE, *WHOLE),
    "origin": ("x", 1j, NAN, [], {}, ..., 99, -99, 1.5, (1, 2, 3), (0, "x"), None, HUGE),
    "padding": ("x", 1j, NAN, {}, ..., -1, 1.5, (1, 2, 3), (0, "x"), ((1, 2), (3, -4)), object()),
    "axes": (*STRANGE, 0, (0,), (0, 0), (0, 2), (-3, -1), (0.5, 1), (0, 1, 2), ("x", "y"), None),
    "threads": (*STRANGE, 0, -1, 2.5, -HUGE, np.float32(2), [2], (1, 2)),
    "strategy": (*STRANGE, 1, None, "Serial", "fast", ("serial",)),
    "method": (*STRANGE, 1, None, "Direct", "gemm2", ("direct",)),
    "dtype": ("x", "S3", "M8", object, 1j, 7, [], {}, ..., "float128x", "longdouble"),
    "accumulate": ("x", "S3", "M8", object, 1j, 7, [], ..., "int8"),
    "tolerance": ("x", -1, -1e-9, 1j, [], {}, ..., object(), (1,), float("inf"), NAN),
    "zero_taps": (*STRANGE, 0, None, True, "Skip"),
    "out": ("x", 1, 1.0, [], [[0.0]], {}, object(), bytearray(99), np.ones((1, 1)),
            np.zeros((6, 7), object), np.zeros((7, 6), "f4"), np.ones(42, "f4")),
}  # fmt: skip
RIGHT: dict[str, tuple[Any, ...]] = {
    "boundary": BORDERS, "cval": (0, 2.5, -1), "stride": (1,), "dilation": (1, (1, 2)),
    "threads": (1, 2, None), "strategy": ("auto", "serial", "threads"),
    "method": ("auto", "direct"), "zero_taps": ("skip", "keep"),
}  # fmt: skip
CALLS = (parconv.conv2d, parconv.correlate2d)


@pytest.mark.parametrize("amount", [400, *soak(3_200)])
def test_one_wrong_argument(amount: int, ledger: Any) -> None:
    cases = list(itertools.chain.from_iterable(
        itertools.product([name], range(len(values))) for name, values in WRONG.items()
    ))  # fmt: skip

    def check(case: tuple[str, int], words: dict[str, Any], call: Any) -> None:
        name, index = case
        wrong = WRONG[name][index]
        f, g = np.ones((6, 7), np.float32), np.ones((3, 3), np.float32)
        out = np.full((6, 7), np.nan, np.float32)
        given = {"f": f, "g": g, "out": out, **words, name: wrong}
        with pytest.raises((TypeError, ValueError)) as caught:
            call(given.pop("f"), given.pop("g"), **given)
        assert name in str(caught.value), f"{name}={wrong!r}: {caught.value}"
        assert len(str(caught.value)) < 600
        assert np.isnan(out).all()

    asked = st.fixed_dictionaries(
        {"mode": st.just("same")},
        optional={name: st.sampled_from(values) for name, values in RIGHT.items()},
    )
    seen = searched(check, amount, st.sampled_from(cases), asked, st.sampled_from(CALLS))
    ledger("refusals", f"{seen:,} calls, {seen:,} refused by name, nothing written")
