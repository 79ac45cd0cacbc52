"""Distrusts chains: every bit is that of the plans one after another, however parts are cut."""

import pickle
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings, strategies as st

import parconv
from parconv.filters import LAPLACE, box_factors, gaussian_factors
from parconv.planner import links

RNG = np.random.default_rng(0)
SLOPE = np.array([[1, 0, -1]], np.float32)
Plans = list[parconv.Plan]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows each: images here are cut as large ones are."""
    monkeypatch.setattr(links, "PART_BYTES", 1 << 12)
    monkeypatch.setattr(links, "THREAD_BYTES", 1)
    monkeypatch.setattr(links, "STEP", 1)


def planned(f: np.ndarray, steps: Sequence[tuple[Any, dict[str, Any]]]) -> Plans:
    plans: Plans = []
    for g, options in steps:
        plans.append(parconv.plan2d(plans[-1] if plans else f, g, **{"threads": 1, **options}))
    return plans


def one_by_one(plans: Plans, f: np.ndarray) -> np.ndarray:
    for plan in plans:
        f = plan(f)
    return f


def check(f: np.ndarray, steps: Sequence[tuple[Any, dict[str, Any]]]) -> parconv.Chain:
    plans = planned(f, steps)
    expected, both = one_by_one(plans, f), parconv.chain(*plans)
    out = np.zeros_like(expected)
    if out.dtype.kind in "fc":
        out.fill(np.nan)
    for _ in range(2):  # the second time with what the first left between steps
        assert both(f, out) is out
        assert out.tobytes() == expected.tobytes()
    assert both(f).tobytes() == expected.tobytes()
    return both


def image(shape: tuple[int, ...], dtype: str = "f4") -> np.ndarray:
    return (RNG.standard_normal(shape) * 50 + 100).astype(dtype)


SAME = {"mode": "same", "boundary": "mirror"}
CHAINS: dict[str, Callable[[], tuple[np.ndarray, list[tuple[Any, dict[str, Any]]]]]] = {
    "gaussian, slope": lambda: (image((97, 64)), [(gaussian_factors(1.5), SAME), (SLOPE, SAME)]),
    "four": lambda: (image((61, 70)), [(RNG.standard_normal((3, 3)), SAME)] * 4),
    "even, moved": lambda: (
        image((83, 40)),
        [
            (RNG.standard_normal((4, 2)), {"mode": "same", "origin": (1, 0), "boundary": "edge"}),
            (RNG.standard_normal((2, 5)), {"mode": "full", "cval": 3.0}),
            (RNG.standard_normal((3, 3)), {"mode": "valid"}),
        ],
    ),
    "stride and dilation": lambda: (
        image((120, 50)),
        [
            (RNG.standard_normal((3, 3)), {**SAME, "stride": 2}),
            (RNG.standard_normal((3, 3)), {**SAME, "dilation": 3}),
            (RNG.standard_normal((2, 2)), {"stride": (3, 1)}),
        ],
    ),
    "rows nobody needs": lambda: (
        image((90, 30)),
        [(RNG.standard_normal((3, 3)), {}), (np.ones((1, 1)), {"stride": 5})],
    ),
    "bytes": lambda: (
        image((80, 64), "u1"),
        [(box_factors(5), {**SAME, "dtype": "u1"}), (LAPLACE, {**SAME, "dtype": "i2"})],
    ),
    "float64 boxes": lambda: (
        image((80, 33), "f8"),
        [(box_factors((9, 3)), SAME), (box_factors(4), {**SAME, "boundary": "symmetric"})],
    ),
    "colour": lambda: (
        image((60, 40, 3)),
        [(gaussian_factors(1), {**SAME, "axes": (0, 1)}), (SLOPE.T, {**SAME, "axes": (0, 1)})],
    ),
    "stack": lambda: (image((7, 16, 20)), [(gaussian_factors(1), SAME), (LAPLACE, SAME)]),
    "stack of large": lambda: (image((3, 70, 64)), [(gaussian_factors(1), SAME), (SLOPE, SAME)]),
    "complex": lambda: (
        image((60, 32), "c8"), [(RNG.standard_normal((3, 3)) * (1 + 1j), SAME), (LAPLACE, SAME)]
    ),
    "half precision": lambda: (image((50, 64), "f2"), [(gaussian_factors(1), SAME), (SLOPE, SAME)]),
    "bank, then planes": lambda: (
        image((50, 64)), [(RNG.standard_normal((3, 3, 3)), SAME), (gaussian_factors(1), SAME)]
    ),
    "maps, then planes": lambda: (
        image((4, 50, 64)),
        [(RNG.standard_normal((3, 4, 3, 3)), {"padding": 1}), (gaussian_factors(1), SAME)],
    ),
    "depthwise, then 1x1": lambda: (
        image((3, 8, 40, 20)),
        [
            (image((8, 1, 3, 3)), {"padding": 1, "groups": 8, "correlate": True}),
            (image((5, 8, 1, 1)), {"correlate": True}),
        ],
    ),
    "the same, channels last": lambda: (
        image((3, 40, 20, 8)),
        [
            (image((8, 1, 3, 3)), {"padding": 1, "groups": 8, "axes": (1, 2)}),
            (image((5, 8, 1, 1)), {"axes": (1, 2)}),
        ],
    ),
    "filter larger than a part": lambda: (
        image((90, 64)), [(RNG.standard_normal((31, 1)), SAME), (gaussian_factors(8), SAME)]
    ),
    "the same by two passes": lambda: (
        image((90, 64)), [(gaussian_factors(8), {"mode": "same", "method": "passes"})] * 2
    ),
    "pages apart": lambda: (
        image((40, 1024)), [(RNG.standard_normal((3, 3)), SAME), (gaussian_factors(1), SAME)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHAINS)
def test_bits_are_those_of_the_steps(name: str) -> None:
    f, steps = CHAINS[name]()
    told = check(f, steps).explain()
    assert f"{len(steps)} steps" in told
    assert "at a time" in told


@pytest.mark.parametrize("part", [1, 1000, 5000, 20_000, 1 << 30])
def test_parts_of_any_size(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "PART_BYTES", part)
    for name in ("even, moved", "stack", "stack of large", "the same, channels last"):
        check(*CHAINS[name]())


BORDERS = st.sampled_from(["constant", "edge", "symmetric", "mirror", "wrap"])
STEPS = st.lists(
    st.tuples(
        st.tuples(st.integers(1, 7), st.integers(1, 4)),
        st.fixed_dictionaries(
            {
                "mode": st.sampled_from(["valid", "same", "full"]),
                "boundary": BORDERS,
                "stride": st.tuples(st.integers(1, 3), st.integers(1, 2)),
                "dilation": st.integers(1, 2),
            }
        ),
    ),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(STEPS, st.integers(30, 60), st.integers(200, 9000))
def test_whatever_is_asked(steps: Any, rows: int, part: int) -> None:
    f = image((rows, 24))
    asked = [(image(size), {**options, "method": "direct"}) for size, options in steps]
    try:
        planned(f, asked)
    except ValueError:  # a filter larger than what the step before leaves
        reject()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links, "PART_BYTES", part)
        check(f, asked)


def test_what_needs_the_whole_gets_it() -> None:
    """Transforms, rows that wrap around, sums that may overflow."""
    f = image((64, 64))
    whole = {**SAME, "method": "fft"}
    told = check(f, [(SLOPE, SAME), (image((9, 9)), whole), (SLOPE, SAME), (SLOPE, SAME)]).explain()
    assert "part 3" in told
    wraps = {"mode": "same", "boundary": "wrap"}
    told = check(f, [(SLOPE, SAME), (SLOPE, wraps), (SLOPE, SAME)]).explain()
    assert "part 2     2 steps" in told
    large = np.full((40, 40), 1 << 50, np.int64)
    plans = planned(large, [(np.ones((3, 3), int), SAME), (np.full((3, 3), 1 << 15), SAME)])
    out = np.full((40, 40), 7, np.int64)
    with pytest.raises(ValueError, match="may exceed int64"):
        parconv.chain(*plans)(large, out)
    assert (out == 7).all()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    for name in ("gaussian, slope", "stack", "depthwise, then 1x1"):
        f, steps = CHAINS[name]()
        expected = parconv.chain(*planned(f, steps))(f)
        several = planned(
            f, [(g, {**o, "threads": threads, "strategy": "threads"}) for g, o in steps]
        )
        assert parconv.chain(*several)(f).tobytes() == expected.tobytes()


def test_calls_at_the_same_time() -> None:
    f, steps = CHAINS["gaussian, slope"]()
    both = parconv.chain(*planned(f, steps))
    images = [f + n for n in range(8)]
    expected = [both(one) for one in images]
    wrong = []

    def work(n: int) -> None:
        for _ in range(20):
            if both(images[n]).tobytes() != expected[n].tobytes():
                wrong.append(n)

    crew = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for member in crew:
        member.start()
    for member in crew:
        member.join()
    assert not wrong


def test_result_in_the_image() -> None:
    f, steps = CHAINS["gaussian, slope"]()
    both = parconv.chain(*planned(f, steps))
    expected, given = both(f), f.copy()
    assert both(given, given).tobytes() == expected.tobytes()


def test_images_of_any_layout() -> None:
    f, steps = CHAINS["gaussian, slope"]()
    both = parconv.chain(*planned(f, steps))
    expected = both(f)
    out = np.zeros(expected.shape[::-1], np.float32).T
    for view in (np.asfortranarray(f), f[::-1].copy()[::-1], f.astype(">f4")):
        assert both(view, out).tobytes() == expected.tobytes()
    assert both(f.tolist() if f.dtype == np.float64 else f).tobytes() == expected.tobytes()


def test_a_chain_survives_pickling() -> None:
    f, steps = CHAINS["gaussian, slope"]()
    both = parconv.chain(*planned(f, steps))
    again = pickle.loads(pickle.dumps(both))
    assert again == both
    assert again(f).tobytes() == both(f).tobytes()
    assert repr(again) == f"<Chain: {both}>"
    assert "<table>" in again._repr_html_()


def test_nothing_to_do() -> None:
    f = np.zeros((0, 5), np.float32)
    check(f, [(np.ones((3, 1)), {"mode": "same"}), (SLOPE, {"mode": "same"})])


def test_what_is_wrong_is_told() -> None:
    f = image((20, 20))
    first = parconv.plan2d(f, SLOPE)
    with pytest.raises(ValueError, match="no steps"):
        parconv.chain()
    with pytest.raises(TypeError, match=r"step 2 of the chain is array.*pass a plan"):
        parconv.chain(first, SLOPE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="step 1 of the chain was made from a filter's shape"):
        parconv.chain(parconv.plan2d(f, ((3, 3), "f4")))
    with pytest.raises(ValueError, match=r"step 2 .* \(20, 20\).* leaves shape \(20, 18\)"):
        parconv.chain(first, first)
    both = parconv.chain(first, parconv.plan2d(first, SLOPE))
    with pytest.raises(ValueError, match=r"f has shape \(9, 9\)"):
        both(np.zeros((9, 9), np.float32))
    with pytest.raises(ValueError, match=r"f has dtype float64"):
        both(np.zeros((20, 20)))
    with pytest.raises(ValueError, match=r"out has shape \(20, 18\)"):
        both(f, np.zeros((20, 18), np.float32))
    with pytest.raises(TypeError, match="out has dtype float64"):
        both(f, np.zeros((20, 16)))
    with pytest.raises(TypeError, match="masked array"):
        both(np.ma.masked_array(f))


def test_what_lies_between_is_told_in_bytes() -> None:
    f = image((200, 64))
    plans = planned(f, [(SLOPE.T, SAME), (SLOPE.T, SAME)])
    both, scratch = parconv.chain(*plans), max(plan.workspace for plan in plans)
    assert 0 < both.workspace - scratch < f.nbytes // 4
