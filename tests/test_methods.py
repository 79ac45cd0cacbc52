"""Distrusts the direct method under every strategy: each result against the answer by definition.

Sizes, modes, borders, dtypes and layouts of planes; outputs start as NaN or a pattern, and lie
between guards.
"""

import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import oracle
import pytest
from conftest import BLOCK, PANEL, ROWS, SINGLE, Poisoned, Size
from oracle import BORDERS, MODES

import parconv
from parconv.problem.bands import split_rows
from parconv.runtime.strategies import STRATEGIES

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


def image(shape: tuple[int, ...], dtype: Any, seed: int = 1) -> np.ndarray:
    """Values of both signs, small enough for exact sums; floats with full mantissas."""
    rng = np.random.default_rng([seed, *shape])
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    if kind.kind in "iu":
        low = max(np.iinfo(kind).min, -1000)
        return rng.integers(low, min(np.iinfo(kind).max, 1000), shape, kind, endpoint=True)
    if kind.kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(kind)
    return rng.standard_normal(shape).astype(kind)


def check(
    f: Any, g: Any, result_dtype: Any, *, correlate: bool = False, what: str = "", **options: Any
) -> np.ndarray:
    """Convolve into a fresh and into a poisoned output; both must be right."""
    function = parconv.correlate2d if correlate else parconv.conv2d
    engine = ("dtype", "accumulate", "threads", "strategy", "method")
    question = {name: value for name, value in options.items() if name not in engine}
    expected = oracle.expect(f, g, correlate=correlate, **question)
    compute = oracle.compute_type(f, g, options.get("dtype"), options.get("accumulate"))
    result = function(f, g, **options)
    oracle.assert_right(result, expected, result_dtype, compute, what)
    given = Poisoned(result.shape, result.dtype)
    returned = function(f, g, out=given.out, **options)
    assert returned is given.out
    oracle.assert_same_bits(given.out, result, f"{what} out=")
    given.check()
    return result


# --- the oracle itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("border", BORDERS)
def test_oracle_is_the_four_nested_loops(border: str) -> None:
    f, g = image((3, 4), "int16"), image((2, 5), "int16", 2)
    full = oracle.expect(f, g, mode="full", boundary=border).values
    assert (full == oracle.literal(f, g, border, (1, 4), (4, 8))).all()
    same = oracle.expect(f, g, mode="same", boundary=border).values
    assert (same == oracle.literal(f, g, border, (1, 2), (3, 4))).all()


# --- methods x strategies x modes x borders x dtypes ---------------------------------------------

DTYPES = {
    # image, filter: result
    ("float32", "float32"): "float32",
    ("float64", "float64"): "float64",
    ("uint8", "int8"): "int64",
    ("uint8", "float32"): "float32",
    ("complex64", "complex64"): "complex64",
}


@cache
def expected(dtypes: tuple[str, str], mode: str, border: str) -> tuple[Any, ...]:
    f = image((2 * ROWS + 3, SINGLE + 7), dtypes[0])
    g = image((3, 4), dtypes[1], 2)
    return f, g, oracle.expect(f, g, mode=mode, boundary=border)


@pytest.mark.parametrize("dtypes", DTYPES, ids="*".join)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy(strategy: str, mode: str, border: str, dtypes: tuple[str, str]) -> None:
    f, g, right = expected(dtypes, mode, border)
    plan = parconv.plan2d(
        f, g, mode=mode, boundary=border, method="direct", strategy=strategy, threads=2
    )
    rows = plan.problem.planes * plan.problem.plane[0]
    plan = replace(plan, threads=2, bands=split_rows(rows, 4))
    assert (plan.strategy, len(plan.bands)) == (strategy, 4)
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(f, out=given.out)
    compute = oracle.compute_type(f, g)
    oracle.assert_right(given.out, right, DTYPES[dtypes], compute, str(plan))
    given.check()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategies_divide_a_stack_of_planes(strategy: str) -> None:
    f, g = image((5, 2 * ROWS + 1, 33), "float32"), image((3, 3), "float32")
    check(f, g, "float32", mode="same", strategy=strategy, threads=2)
    plan = parconv.plan2d(f, g, strategy=strategy, threads=2)
    plan = replace(plan, threads=3, bands=split_rows(5 * (2 * ROWS - 1), 7))
    right = oracle.expect(f, g)
    oracle.assert_right(plan(f), right, "float32", np.float32, str(plan))


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_sizes(size: Size, dtype: str) -> None:
    f, g = image(size.image, dtype), image(size.taps, dtype, 2)
    result = "int64" if dtype == "uint8" else dtype
    for mode, border in (
        ("valid", "constant"), ("same", "mirror"), ("same", "constant"), ("full", "wrap"),
        ("full", "symmetric"),
    ):  # fmt: skip
        if mode == "valid" and not comparable(size):
            continue
        options: dict[str, Any] = {} if mode == "valid" else {"boundary": border}
        check(f, g, result, mode=mode, what=f"{size.reason} {mode} {border}", **options)


def comparable(size: Size) -> bool:
    """Whether one of image and filter covers the other."""
    pairs = list(zip(size.image, size.taps, strict=True))
    return all(n >= k for n, k in pairs) or all(n <= k for n, k in pairs)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("correlate", [False, True], ids=["conv2d", "correlate2d"])
def test_filter_larger_than_the_image(border: str, correlate: bool) -> None:
    for shape, taps in itertools.product(
        [(1, 1), (1, 4), (3, 1), (2, 3), (5, 4)], [(6, 4), (7, 9), (5, 12)]
    ):
        f, g = image(shape, "float32"), image(taps, "float32", 2)
        for mode in MODES:
            check(
                f, g, "float32", mode=mode, boundary=border, cval=2.5, correlate=correlate,
                what=f"{shape} * {taps} {mode}",
            )  # fmt: skip


@pytest.mark.parametrize("rows", range(1, 2 * ROWS + 2))
def test_every_height_up_to_two_tiles(rows: int) -> None:
    f, g = image((rows, SINGLE + 4), "float32"), image((3, 5), "float32", 2)
    check(f, g, "float32", mode="same", boundary="mirror")
    check(f, g, "float32", mode="full", boundary="edge", cval=1)


@pytest.mark.parametrize("columns", range(SINGLE - 2, SINGLE + 3))
@pytest.mark.parametrize("taps", [(1, 1), (1, 2), (3, 3), (2, 7)])
def test_every_width_about_one_and_two_tiles(columns: int, taps: tuple[int, int]) -> None:
    for width in (columns + taps[1] - 1, columns + taps[1] - 1 + SINGLE):
        f, g = image((ROWS + taps[0], width), "float32"), image(taps, "float32", 2)
        check(f, g, "float32", what=f"width {width}")
        check(f, g, "float32", mode="same", boundary="wrap", what=f"width {width}")


@pytest.mark.parametrize("taps", [(1, 1), (1, 15), (15, 1), (4, 4), (5, 9), (31, 31), (9, 2)])
def test_filters_of_every_shape(taps: tuple[int, int]) -> None:
    f, g = image((47, 2 * SINGLE + 37), "float32"), image(taps, "float32", 2)
    for mode in MODES:
        check(f, g, "float32", mode=mode, boundary="mirror")


# --- geometry ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [2, 3, (1, 2), (2, 1), (4, 3), (7, 50), (1000, 1000)], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_stride(mode: str, stride: Any) -> None:
    f = image((3 * ROWS + 2, 2 * SINGLE + 5), "float32")
    for taps in ((1, 1), (3, 3), (4, 5)):
        g = image(taps, "float32", 2)
        check(f, g, "float32", mode=mode, boundary="symmetric", stride=stride)
    check(f.astype("int16"), g.astype("int8"), "int64", mode=mode, boundary="wrap", stride=stride)


@pytest.mark.parametrize("dilation", [2, 3, (1, 2), (5, 1), (9, 11)], ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_dilation(mode: str, dilation: Any) -> None:
    f = image((41, SINGLE + 25), "float32")
    for taps in ((1, 1), (3, 3), (4, 2)):
        g = image(taps, "float32", 2)
        check(f, g, "float32", mode=mode, boundary="mirror", dilation=dilation)
        check(f, g, "float32", mode=mode, boundary="edge", dilation=dilation, correlate=True)


@pytest.mark.parametrize("stride", [(2, 3), (3, 2), (4, 4)], ids=str)
@pytest.mark.parametrize("dilation", [(2, 3), (3, 2), (6, 4)], ids=str)
def test_stride_with_dilation(stride: tuple[int, int], dilation: tuple[int, int]) -> None:
    f, g = image((50, SINGLE + 40), "float32"), image((5, 4), "float32", 2)
    for mode in MODES:
        check(f, g, "float32", mode=mode, boundary="wrap", stride=stride, dilation=dilation)


@pytest.mark.parametrize("correlate", [False, True], ids=["conv2d", "correlate2d"])
def test_origin_reaches_every_tap(correlate: bool) -> None:
    f = image((ROWS + 4, 19), "float32")
    for taps in ((3, 4), (5, 2), (1, 1)):
        g = image(taps, "float32", 2)
        for origin in itertools.product(*(range(-((n - 1) // 2), n // 2 + 1) for n in taps)):
            check(
                f, g, "float32", mode="same", boundary="symmetric", origin=origin,
                correlate=correlate, what=f"{taps} origin {origin}",
            )  # fmt: skip
    g = image((3, 3), "float32", 2)
    check(f, g, "float32", mode="same", origin=1, correlate=correlate)
    check(f, g, "float32", mode="same", origin=(2, -2), dilation=2, correlate=correlate)


@pytest.mark.parametrize(
    "padding", [0, 1, 5, (2, 0), (0, 3), ((1, 2), (3, 0)), ((0, 9), (8, 0)), ([2, 1], 4)], ids=str
)
@pytest.mark.parametrize("border", BORDERS)
def test_padding(padding: Any, border: str) -> None:
    f, g = image((ROWS + 3, SINGLE + 2), "float32"), image((3, 4), "float32", 2)
    check(f, g, "float32", padding=padding, boundary=border, cval=-1.5)
    check(f, g, "float32", padding=padding, boundary=border, stride=(2, 3), correlate=True)


def test_padding_beyond_the_filter() -> None:
    """Outputs that meet no pixel at all."""
    f, g = image((2, 3), "float32"), image((2, 2), "float32", 2)
    for border in BORDERS:
        check(f, g, "float32", padding=((13, 2), (0, 60)), boundary=border, cval=3)


@pytest.mark.parametrize("cval", [0, 1, -2.5, 1e30, np.inf, np.nan], ids=str)
def test_cval(cval: float) -> None:
    f, g = image((ROWS + 1, 20), "float32"), image((3, 5), "float32", 2)
    check(f, g, "float32", mode="same", cval=cval)
    check(f, g, "float32", mode="full", cval=cval)
    check(f.astype("complex64"), g, "complex64", mode="same", cval=1 + 2j)


def test_cval_counts_in_units_of_the_image() -> None:
    f, g = image((5, 6), "uint8"), image((3, 3), "int8", 2)
    check(f, g, "int64", mode="full", cval=-7)
    check(f, g.astype("float32"), "float32", mode="full", cval=1.5)
    check(f, g.astype("float32"), "float32", mode="same", cval=np.float64(300))


def test_cval_and_boundary_mean_nothing_in_valid() -> None:
    f, g = image((5, 6), "float32"), image((9, 8), "float32", 2)
    plain = parconv.conv2d(f, g)
    oracle.assert_right(plain, oracle.expect(f, g), "float32", np.float32)
    oracle.assert_same_bits(parconv.conv2d(f, g, cval=np.nan), plain)
    oracle.assert_same_bits(parconv.conv2d(f, g, boundary="wrap"), plain)


@pytest.mark.parametrize("pair", list(itertools.product(BORDERS, BORDERS)), ids="/".join)
def test_boundary_per_axis(pair: tuple[str, str]) -> None:
    f, g = image((ROWS, 11), "float32"), image((5, 4), "float32", 2)
    check(f, g, "float32", mode="full", boundary=pair, cval=0.5)
    check(f, g, "float32", mode="same", boundary=list(pair), cval=0.5)


# --- planes --------------------------------------------------------------------------------------

STACKS = {
    "colour": ((ROWS + 3, 21, 3), (0, 1)),
    "colour, negative axes": ((ROWS + 3, 21, 3), (-3, -2)),
    "stack": ((3, ROWS + 3, 21), (-2, -1)),
    "stack of stacks": ((2, 3, ROWS + 3, 21), (2, 3)),
    "batch of colour": ((2, ROWS + 3, 21, 3), (1, 2)),
    "planes between": ((ROWS + 3, 2, 21, 3), (0, 2)),
    "transposed": ((21, ROWS + 3), (1, 0)),
    "columns first": ((21, 4, ROWS + 3), (2, 0)),
    "one plane": ((1, 1, ROWS + 3, 21), (-2, -1)),
    "filter covers rows only": ((4, 2, 40), (1, 2)),
}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64"])
def test_axes(name: str, dtype: str) -> None:
    shape, axes = STACKS[name]
    f, g = image(shape, dtype), image((3, 2), dtype, 2)
    result = "int64" if dtype == "uint8" else dtype
    for mode in ("same", "full"):
        check(f, g, result, mode=mode, axes=axes, boundary=("mirror", "wrap"))
    check(f, g, result, axes=axes, padding=((2, 0), (1, 3)), stride=(1, 2))


@pytest.mark.parametrize("mode", ["same", "full"])
@pytest.mark.parametrize("shape", [(0, 5, 6), (2, 0, 3, 4), (5, 0), (0, 5), (0, 0)], ids=str)
def test_nothing_in_nothing_out(shape: tuple[int, ...], mode: str) -> None:
    f, g = np.ones(shape, np.float32), np.ones((3, 2), np.float32)
    right = oracle.expect(f, g, mode=mode).values.astype(np.float32)
    given = Poisoned(right.shape, np.float32)
    for result in (parconv.conv2d(f, g, mode=mode), parconv.conv2d(f, g, mode=mode, out=given.out)):
        oracle.assert_same_bits(result, right)
    given.check()


def test_empty_stack_in_valid() -> None:
    for strategy in STRATEGIES:
        result = parconv.conv2d(np.ones((0, 5, 6)), np.ones((3, 2)), strategy=strategy, threads=2)
        assert result.shape == (0, 3, 5)
        assert result.dtype == np.float64


# --- everything at once --------------------------------------------------------------------------


def relaid(array: np.ndarray, kind: int) -> np.ndarray:
    """The same values in another layout."""
    if kind == 0:
        return array
    if kind == 1:  # between other pixels
        home = np.zeros([n + 3 for n in array.shape], array.dtype)
        view = home[tuple(slice(1, 1 + n) for n in array.shape)]
    elif kind == 2:  # backwards, every second
        home = np.zeros([2 * n for n in array.shape], array.dtype)
        view = home[(slice(None, None, -2),) * array.ndim]
    elif kind == 3:  # off every boundary
        home = np.zeros(array.nbytes + 5, np.uint8)
        view = home[5:].view(array.dtype).reshape(array.shape)
    else:
        view = np.zeros(array.shape, array.dtype.newbyteorder(), order="F")
    view[...] = array
    return view


def random_question(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """An image, a filter and a call that is legal, of any kind."""

    def one(*choices: Any) -> Any:
        return choices[int(rng.integers(len(choices)))]

    plane = one(1, 2, ROWS, ROWS + 1, 23, BLOCK + 1), one(1, 7, SINGLE, SINGLE + 1, 2 * SINGLE + 9)
    others = [int(n) for n in rng.integers(1, 3, one(0, 0, 1, 2))]
    order = rng.permutation(2 + len(others)).tolist()
    shape = tuple([*plane, *others][axis] for axis in order)
    f_type, g_type = one(*DTYPES, ("float32", "float32"), ("float16", "float32"))
    taps = one(1, 2, 3, 4, 5, 9), one(1, 2, 3, 4, 7, 12)
    question: dict[str, Any] = {
        "axes": (order.index(0), order.index(1)), "boundary": (one(*BORDERS), one(*BORDERS)),
        "cval": one(0, 3), "stride": one(1, 1, 2, (1, 3)), "dilation": one(1, 1, 2, (3, 1)),
        "mode": one(*MODES),
    }  # fmt: skip
    spans = [h * (k - 1) + 1 for h, k in zip(oracle.pair(question["dilation"]), taps, strict=True)]
    if question["mode"] == "same":
        question["origin"] = [int(rng.integers(-((n - 1) // 2), n // 2 + 1)) for n in spans]
    if question["mode"] == "valid":
        question["padding"] = [(k, int(rng.integers(0, 20))) for k in spans]
    return image(shape, f_type), image(taps, g_type, 2), question


@pytest.mark.parametrize("seed", range(8))
def test_everything_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        f, g, question = random_question(rng)
        correlate, layout = bool(rng.integers(2)), rng.integers(0, 5, 3).tolist()
        right = oracle.expect(f, g, correlate=correlate, **question)
        source, taps = relaid(f, layout[0]), relaid(g, layout[1])
        plan = parconv.plan2d(
            source, taps, correlate=correlate, strategy=rng.choice(list(STRATEGIES)), **question
        )
        cuts = rng.integers(0, plan.problem.planes * plan.problem.plane[0] + 1, 3).tolist()
        edges = sorted({0, *cuts, plan.problem.planes * plan.problem.plane[0]})
        plan = replace(
            plan, threads=int(rng.integers(1, 4)), bands=tuple(itertools.pairwise(edges))
        )
        out = relaid(np.zeros(plan.problem.shape, plan.problem.dtype), layout[2])
        plan(source, out)
        answer = out.astype(plan.problem.dtype)
        compute = oracle.compute_type(f, g)
        oracle.assert_right(answer, right, plan.problem.dtype, compute, f"{plan} {layout}")


# --- dtypes --------------------------------------------------------------------------------------

FAMILIES = ("bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128")
NATURAL = {
    # image: result with an (integer, real, complex) filter
    "bool": ("int64", "float32", "complex64"),
    "int8": ("int64", "float32", "complex64"),
    "uint8": ("int64", "float32", "complex64"),
    "int16": ("int64", "float32", "complex64"),
    "uint16": ("int64", "float32", "complex64"),
    "int32": ("int64", "float64", "complex128"),
    "uint32": ("int64", "float64", "complex128"),
    "int64": ("int64", "float64", "complex128"),
    "uint64": ("int64", "float64", "complex128"),
    "float16": ("float16", "float16", "complex64"),
    "float32": ("float32", "float32", "complex64"),
    "float64": ("float64", "float64", "complex128"),
    "complex64": ("complex64", "complex64", "complex64"),
    "complex128": ("complex128", "complex128", "complex128"),
}


@pytest.mark.parametrize("g_type", FAMILIES)
@pytest.mark.parametrize("f_type", FAMILIES)
def test_result_dtype_of_every_pair(f_type: str, g_type: str) -> None:
    column = {"c": 2, "f": 1}.get(np.dtype(g_type).kind, 0)
    plan = parconv.plan2d(((9, 9), f_type), ((3, 3), g_type))
    assert plan.problem.dtype == NATURAL[f_type][column]


@pytest.mark.parametrize("f_type", FAMILIES)
def test_values_of_every_dtype(f_type: str) -> None:
    """Real filters everywhere; integer filters where they make exact sums."""
    shape = ROWS + 2, SINGLE + 5
    f, exact = image(shape, f_type), np.dtype(f_type).kind in "biu"
    for g_type in ("float32", "int8") if exact else ("float64",):
        g = image((3, 4), g_type, 2)
        result = NATURAL[f_type][0 if g_type == "int8" else 1]
        check(f, g, result, mode="same", boundary="mirror", what=f"{f_type} * {g_type}")
        check(f, g, result, mode="full", cval=1, what=f"{f_type} * {g_type}")


@pytest.mark.parametrize("g_type", ["bool", "uint64", "int64", "float16"])
def test_filters_of_any_dtype(g_type: str) -> None:
    g = image((3, 4), g_type, 2)
    check(image((9, 30), "uint8"), g, "float32" if g_type == "float16" else "int64", mode="full")
    check(image((9, 30), "float32"), g, "float32", mode="full")


@pytest.mark.parametrize("correlate", [False, True], ids=["conv2d", "correlate2d"])
@pytest.mark.parametrize(
    ("f_type", "g_type", "result"),
    [
        ("complex64", "complex64", "complex64"),
        ("complex128", "complex128", "complex128"),
        ("complex64", "float32", "complex64"),
        ("complex128", "int8", "complex128"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex128", "complex128"),
        ("uint8", "complex64", "complex64"),
        ("float32", "complex128", "complex64"),
    ],
)
def test_complex(f_type: str, g_type: str, result: str, correlate: bool) -> None:
    f, g = image((ROWS + 4, SINGLE + 3), f_type), image((4, 3), g_type, 2)
    cval = 1 - 2j if f_type.startswith("complex") else 1
    for mode in MODES:
        check(f, g, result, mode=mode, correlate=correlate, cval=cval)
    check(f, g, result, mode="same", correlate=correlate, boundary="mirror", stride=2, dilation=2)


@pytest.mark.parametrize(
    ("f_type", "g_type", "dtype"),
    [
        ("float32", "float32", "float64"),
        ("float64", "float64", "float32"),
        ("uint8", "float32", "float64"),
        ("uint8", "int8", "float32"),
        ("uint8", "int8", "complex64"),
        ("float32", "float32", "complex64"),
        ("float32", "float32", "float16"),
        ("complex64", "float32", "complex128"),
    ],
)
def test_explicit_inexact_result(f_type: str, g_type: str, dtype: str) -> None:
    f, g = image((ROWS + 4, SINGLE + 3), f_type), image((3, 3), g_type, 2)
    check(f, g, dtype, mode="same", boundary="wrap", dtype=dtype)


# Of every type summed in to every integer type: test_packing.
@pytest.mark.parametrize(
    ("f_type", "result"),
    [("uint8", "uint8"), ("float32", "uint8"), ("float32", "int16"), ("float64", "uint16"),
     ("float64", "int32"), ("float64", "uint64")],
)  # fmt: skip
def test_explicit_integers_round_half_to_even_and_saturate(f_type: str, result: str) -> None:
    """Weights are powers of two, so every sum and every half is exact."""
    info = np.iinfo(result)
    limits = np.array([info.min, info.max], float)
    if f_type == "uint8":
        f = np.arange(250, dtype=np.uint8).reshape(5, 50)
        g = np.array([[0.5, -0.25], [256, -512]], np.float64)
    else:
        rng = np.random.default_rng(3)
        f = np.concatenate([limits, limits * 2, limits / 2, rng.integers(-999, 999, 72) / 2.0])
        f = np.append(f, [0.5, 1.5, 2.5, -0.5, -1.5, 1e300, -1e300, np.inf, -np.inf, np.nan])
        f = np.append(f, f[::-1])  # each value once in whole vectors, once in the rest of a row
        with np.errstate(over="ignore"):
            f = f.reshape(4, -1).astype(f_type)
        g = np.ones((1, 1))
    for whole in (f, np.tile(f, (2, 4))):  # rows beside a tile, and whole tiles
        right = oracle.saturated(oracle.expect(whole, g, mode="full").values, result)
        for threads in (1, 2):
            answer = parconv.conv2d(whole, g, mode="full", dtype=result, threads=threads)
            oracle.assert_same_bits(answer, right)
        given = Poisoned(right.shape, right.dtype)
        parconv.conv2d(whole, g, mode="full", dtype=result, out=given.out)
        oracle.assert_same_bits(given.out, right)
        given.check()


@pytest.mark.parametrize("result", ["int8", "uint32", "int64", "uint64"])
def test_exact_integers_saturate(result: str) -> None:
    f = np.array([[1, -1, 100, -100, 2**30, -(2**30), 2**34, -(2**34), 0, 7]], np.int64)
    g = np.array([[1, 2**28]], np.int64)
    check(f, g, result, mode="full", dtype=result)


@pytest.mark.parametrize("result", ["uint8", "int16", "float32"])
def test_narrow_results_of_integer_sums(result: str) -> None:
    f, g = image((ROWS + 1, SINGLE + 1), "uint8"), image((3, 3), "int8", 2)
    check(f, g, result, mode="same", boundary="symmetric", dtype=result)


def test_integers_are_exact_up_to_the_limit() -> None:
    top, bottom = 2**63 - 1, -(2**63 - 1)
    f = np.array([[top, bottom, top - 1, 12345678901234567]], np.int64)
    for g in ([[1]], [[-1]], [[0]]):
        check(f, np.array(g), "int64", mode="full")
    f = np.array([[top // 3, -(top // 3), 2**53 + 1, 2**61 + 3, 7]], np.int64)
    check(f, np.array([[1, -1, 1]]), "int64", mode="full")
    check(f, np.array([[3]]), "int64")
    unsigned = np.array([[2**63 - 1, 0, 2**62 + 1, 5]], np.uint64)
    check(unsigned, np.array([[1]]), "int64")
    check(unsigned, np.array([[-1]], np.int8), "int64", mode="full")
    check(np.full((3, 3), -128, np.int8), np.full((2, 2), 2**52 + 1), "int64", mode="full")


@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize(
    ("f_type", "total", "result"),
    [("uint8", 1 << 16, None), ("int16", 1 << 9, None), ("uint16", 1 << 8, None),
     ("int32", 1 << 22, None), ("uint8", 1 << 16, "uint8"), ("uint8", 1 << 16, "float32"),
     ("int16", 1 << 9, "int16"), ("int32", 1 << 22, "uint64"), ("int32", 1 << 22, "float32")],
)  # fmt: skip
def test_exact_integers_about_the_limits_of_floats(
    f_type: str, total: int, result: str | None, beyond: int
) -> None:
    """Sums are formed in the narrowest type that is exact for the filter, here or just not."""
    info = np.iinfo(f_type)
    f = np.resize(np.array([info.max, info.max, info.min, info.min, 1], f_type), (ROWS + 3, 77))
    g = np.array([[total - 4 + beyond, -1], [2, 1]])
    right = oracle.expect(f, g, mode="same", boundary="wrap").values
    answer = parconv.conv2d(f, g, mode="same", boundary="wrap", dtype=result)
    if result == "float32":
        np.testing.assert_array_equal(answer, right.astype(np.int64).astype(np.float32))
    else:
        oracle.assert_same_bits(answer, oracle.saturated(right, result or "int64"))


def test_an_integer_constant_counts_among_the_pixels() -> None:
    f, g = np.ones((ROWS + 1, SINGLE + 2), np.uint8), np.array([[3, 1, 1]])
    for cval in (2**24 + 1, 2**53 + 1):
        answer = parconv.conv2d(f, g, mode="full", cval=cval)
        assert answer[0, 0] == 3 + 2 * cval
        assert answer[0, -1] == 1 + 4 * cval


def test_integers_beyond_double_precision() -> None:
    rng = np.random.default_rng(5)
    f = rng.integers(-(2**40), 2**40, (2 * ROWS + 1, SINGLE + 1))
    g = rng.integers(-(2**18), 2**18, (4, 3))
    for mode, border in itertools.product(MODES, BORDERS):
        check(f, g, "int64", mode=mode, boundary=border)


def test_accumulating_in_double() -> None:
    f, g = image((2 * ROWS + 1, SINGLE + 5), "float32"), image((7, 9), "float32", 2)
    once = check(f, g, "float32", mode="same", boundary="mirror", accumulate=np.float64)
    right = oracle.expect(f, g, mode="same", boundary="mirror")
    # rounded once: within half a unit of the last place, and a little for the double sum
    error = np.abs(once - right.values) / np.spacing(np.abs(once))
    assert error.max() <= 0.51
    check(f, g, "float32", accumulate="float32")
    check(f.astype("complex64"), g, "complex64", accumulate=np.complex128)
    check(image((9, 9), "uint8"), g, "float32", mode="same", accumulate=np.float64)
    check(f.astype("float64"), g, "float64", accumulate=np.float64)


def test_float16_overflows_to_infinity() -> None:
    f = np.full((4, 5), 60000, np.float16)
    result = parconv.conv2d(f, np.ones((1, 2)))
    assert (result == np.inf).all()
    assert result.dtype == np.float16
    halves = parconv.conv2d(f, np.full((1, 2), 0.5))
    assert (halves == 60000).all()


def test_subnormal_and_signed_zero() -> None:
    tiny = np.finfo(np.float32).smallest_subnormal
    f = np.array([[tiny, 3 * tiny, -tiny, 0.0, -0.0, 1e-38]], np.float32)
    for strategy in STRATEGIES:
        result = parconv.conv2d(f, [[1.0]], strategy=strategy, threads=2)
        np.testing.assert_array_equal(result, f)


# --- not a number, infinity ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "float16"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
def test_footprint_is_that_of_the_filter(value: float, dtype: str) -> None:
    """Exactly the outputs whose taps meet the pixel are touched: no more, no fewer.

    A tap that is 0 is none, unless it is to be kept.
    """
    shape = 2 * ROWS + 5, SINGLE + 9
    taps = np.ones((4, 5), dtype)
    taps[1, 2] = 0
    rows = (0, 1, shape[0] // 2, shape[0] - 1)
    columns = (0, SINGLE - 1, SINGLE, shape[1] - 1)
    for row, column in itertools.product(rows, columns):
        f, mark = np.zeros(shape, dtype), np.zeros(shape, int)
        f[row, column], mark[row, column] = value, 1
        for mode, border in (("valid", "constant"), ("same", "mirror"), ("full", "wrap")):
            options: dict[str, Any] = {"mode": mode, "boundary": border}
            for zeros, counted in (("skip", taps != 0), ("keep", np.ones(taps.shape))):
                met = parconv.conv2d(mark, counted.astype(int), **options) > 0
                result = parconv.conv2d(f, taps, zero_taps=zeros, **options)
                assert ((~np.isfinite(result)) == met).all(), (row, column, mode, zeros)
                assert (result[~met] == 0).all()


def test_real_results_stay_real_beside_infinity() -> None:
    """The imaginary part that a complex dtype adds to a real sum is zero, also beside infinity."""
    result = parconv.conv2d(np.array([[np.inf, 1.0, np.nan]]), [[1.0]], dtype=complex)
    assert (result.imag == 0).all()
    np.testing.assert_array_equal(result.real, [[np.inf, 1, np.nan]])


def test_nan_in_the_filter_reaches_every_output() -> None:
    f, g = image((9, 30), "float32"), np.zeros((3, 3), np.float32)
    g[0, 2] = np.nan
    assert np.isnan(parconv.conv2d(f, g, mode="same")).all()


# --- outputs -------------------------------------------------------------------------------------


def test_fresh_outputs_belong_to_the_caller() -> None:
    f, g = image((BLOCK, PANEL), "float32"), image((3, 3), "float32", 2)
    first, second = parconv.conv2d(f, g), parconv.conv2d(f, g)
    assert not np.shares_memory(first, second)
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert first.flags.aligned
    first[...] = 0
    assert second.any()


@pytest.mark.parametrize("dtype", ["float32", "uint8", "complex64", "float16"])
def test_outputs_of_any_layout(dtype: str) -> None:
    f, g = image((ROWS + 4, SINGLE + 3), dtype), image((3, 3), "float32", 2)
    right = parconv.conv2d(f, g, mode="same")
    rows, columns = right.shape
    outs = {
        "Fortran": np.empty(right.shape, right.dtype, order="F"),
        "every second column": np.empty((rows, 2 * columns), right.dtype)[:, ::2],
        "every second row": np.empty((2 * rows, columns), right.dtype)[::2],
        "upside down": np.empty(right.shape, right.dtype)[::-1],
        "mirrored": np.empty(right.shape, right.dtype)[:, ::-1],
        "byte-swapped": np.empty(right.shape, right.dtype.newbyteorder()),
        "misaligned": np.empty(right.nbytes + 1, np.uint8)[1:]
        .view(right.dtype)
        .reshape(right.shape),
    }
    for name, out in outs.items():
        assert parconv.conv2d(f, g, mode="same", out=out) is out
        oracle.assert_same_bits(out.astype(right.dtype), right, name)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("mode", ["valid", "same"])
def test_output_overlapping_the_image(strategy: str, mode: str) -> None:
    whole, g = image((3 * ROWS + 9, 70), "float32"), image((3, 5), "float32", 2)
    right = parconv.conv2d(whole, g, mode=mode)
    for shift in ((0, 0), (1, 0), (2, 4)) if mode == "valid" else ((0, 0),):
        memory = whole.copy()
        window = tuple(slice(s, s + n) for s, n in zip(shift, right.shape, strict=True))
        out = memory[window]
        parconv.conv2d(memory, g, mode=mode, out=out, strategy=strategy, threads=2)
        oracle.assert_same_bits(out, right, f"shift {shift}")
    flipped = whole.copy()
    if mode == "same":
        parconv.conv2d(flipped, g, mode=mode, out=flipped[::-1, ::-1], strategy=strategy)
        oracle.assert_same_bits(flipped[::-1, ::-1], right)


def test_output_overlapping_the_filter() -> None:
    memory = image((8, 30), "float32")
    f, g = image((10, 32), "float32", 2), memory[2:5, 4:7]
    right = parconv.conv2d(f, g.copy())
    parconv.conv2d(f, g, out=memory)
    oracle.assert_same_bits(memory, right)


# --- inputs --------------------------------------------------------------------------------------


def test_lists_scalars_and_subclasses() -> None:
    assert parconv.conv2d([[1, 2, 3]], [[1, 1]]).tolist() == [[3, 5]]
    assert parconv.conv2d([[1.0, 2, 3]], ((1, 1),)).tolist() == [[3, 5]]
    matrix = np.asmatrix if hasattr(np, "asmatrix") else np.asarray
    with pytest.warns(PendingDeprecationWarning):
        f = matrix([[1.0, 2, 3]])
    result = parconv.conv2d(f, [[1, 1]])
    assert type(result) is np.ndarray
    assert result.tolist() == [[3, 5]]


class Wrapped:
    """What is not an array but can become one."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


def test_objects_that_become_arrays() -> None:
    f, g = image((9, 12), "float32"), image((3, 3), "float32", 2)
    right = parconv.conv2d(f, g)
    oracle.assert_same_bits(parconv.conv2d(Wrapped(f), Wrapped(g)), right)
    oracle.assert_same_bits(parconv.plan2d(Wrapped(f), Wrapped(g))(Wrapped(f)), right)
    oracle.assert_same_bits(parconv.conv2d(memoryview(f), memoryview(g)), right)


def test_numbers_of_every_kind_as_arguments() -> None:
    f, g = image((9, 12), "float32"), image((3, 3), "float32", 2)
    right = parconv.conv2d(f, g, mode="same", stride=(1, 2), cval=1.5)
    answer = parconv.conv2d(
        f, g, mode=np.str_("same"), stride=(np.int8(1), np.uint64(2)), cval=np.array(1.5),
        axes=np.array([0, 1]), threads=np.int64(2), dtype=">f4", groups=np.int64(1),
    )  # fmt: skip
    oracle.assert_same_bits(answer, right)
    answer = parconv.conv2d(f, g, mode="same", stride=[1, 2], cval=np.float16(1.5), axes=[-2, 1])
    oracle.assert_same_bits(answer, right)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_inputs_are_left_alone(strategy: str) -> None:
    f, g = image((70, 80), "float32"), image((3, 3), "float32", 2)
    f.flags.writeable = g.flags.writeable = False
    before = f.tobytes(), g.tobytes()
    parconv.conv2d(f, g, mode="full", boundary="wrap", strategy=strategy, threads=2)
    assert (f.tobytes(), g.tobytes()) == before


def test_plans_run_often_on_different_images() -> None:
    g = image((3, 5), "float32", 2)
    plan = parconv.plan2d(((40, 50), "float32"), g, mode="same", boundary="mirror")
    for seed in range(3):
        f = image((40, 50), "float32", seed)
        oracle.assert_same_bits(plan(f), parconv.conv2d(f, g, mode="same", boundary="mirror"))
    given = Poisoned((40, 50), np.float32)
    assert plan(f, given.out) is given.out
    oracle.assert_same_bits(given.out, plan(f))
    given.check()


def test_a_plan_keeps_the_filter_it_was_made_with() -> None:
    f, g = image((9, 9), "float32"), image((3, 3), "float32", 2)
    plan = parconv.plan2d(f, g)
    right = plan(f)
    g[...] = 0
    oracle.assert_same_bits(plan(f), right)
