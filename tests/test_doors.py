"""Distrusts what callers see: keywords and their defaults at every door, plans as they print."""

import copy
import inspect
import pickle
import threading
import weakref
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from conftest import BANK_METHODS, METHODS, RunPython
from numpy.lib.stride_tricks import as_strided

import parconv
from parconv.problem import arguments, borders, question
from parconv.problem.question import DEFAULTS, FilterOptions, Options, PlanOptions
from parconv.runtime import arrays
from parconv.runtime.strategies import STRATEGIES

RNG = np.random.default_rng(5)
F, G = RNG.random((20, 24), np.float32), RNG.random((3, 3), np.float32)
DOORS: dict[str, Any] = {
    **dict.fromkeys(("conv2d", "correlate2d"), Options),
    **dict.fromkeys(("plan2d", "plan_stream", "stream"), PlanOptions),
    **dict.fromkeys(
        ("box", "gaussian", "gaussian_laplace", "laplace", "prewitt", "sobel"), FilterOptions
    ),
}
SECOND = {"gaussian": 1, "gaussian_laplace": 1, "box": 3, "conv2d": G, "correlate2d": G}


# --- keywords ------------------------------------------------------------------------------------


def test_types_and_defaults_are_of_the_same_keywords() -> None:
    assert set(get_type_hints(PlanOptions)) == set(DEFAULTS)
    assert set(question.CALLS) == set(get_type_hints(Options))
    assert set(question.FILTERS) == set(get_type_hints(FilterOptions))


def test_choices_are_those_of_the_tables() -> None:
    assert set(get_args(question.Method)) == {"auto", *METHODS, *BANK_METHODS}
    assert set(get_args(question.Strategy)) == {"auto", *STRATEGIES}
    assert get_args(question.Mode) == arguments.MODES
    assert get_args(question.Boundary) == borders.BOUNDARIES


@pytest.mark.parametrize("name", DOORS)
def test_every_keyword_is_shown_with_its_default(name: str) -> None:
    door = getattr(parconv, name)
    shown = inspect.signature(door).parameters
    of_filters = {"boundary": "symmetric", "channel_axis": None}
    usual = {**DEFAULTS, **(of_filters if DOORS[name] is FilterOptions else {})}
    for keyword in get_type_hints(DOORS[name]):
        assert shown[keyword].default == usual[keyword]
        assert shown[keyword].kind is inspect.Parameter.KEYWORD_ONLY
    assert "options" not in shown
    assert door.__doc__


def test_what_is_documented_is_what_there_is() -> None:
    told = inspect.getdoc(parconv.conv2d) or ""  # from Python 3.13 on all are without indentation
    for name in inspect.signature(parconv.conv2d).parameters:
        assert f"\n{name} : " in told or f"{name}, " in told or f", {name} : " in told, name


@pytest.mark.parametrize("name", DOORS)
def test_unknown_keywords_are_named(name: str) -> None:
    door = getattr(parconv, name)
    given = (
        ((F, SECOND[name]) if name in SECOND else (F,))
        if name in SECOND or DOORS[name] is FilterOptions
        else (F[None], G)
    )
    with pytest.raises(TypeError, match="boundry='wrap' is unknown: did you mean boundary"):
        door(*given, boundry="wrap")
    with pytest.raises(TypeError, match=r"zzz=1 is unknown: pass one of .*boundary"):
        door(*given, zzz=1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("borderType", "boundary"), ("border", "boundary"), ("fillvalue", "cval"),
        ("ddepth", "dtype"), ("output", "out"), ("delta", "bias"), ("mask", "where"),
        ("nan_treatment", "nan_policy"), ("n_jobs", "threads"), ("dilations", "dilation"),
        ("axis", "axes"),
    ],
)  # fmt: skip
def test_other_libraries_words_are_known(theirs: str, ours: str) -> None:
    with pytest.raises(TypeError, match=rf"{theirs}=1 is unknown: did you mean {ours}[=?]"):
        parconv.conv2d(F, G, **{theirs: 1})


@pytest.mark.parametrize(
    ("door", "options", "mend"),
    [
        ("box", {"mode": "nearest"}, "boundary='edge'"),
        ("box", {"mode": "full"}, "boundary"),
        ("conv2d", {"padding_mode": "circular"}, "boundary='wrap'"),
        ("conv2d", {"borderType": 4}, "boundary='mirror'"),  # cv2.BORDER_REFLECT_101
        ("conv2d", {"padding_mode": "zeros"}, "boundary='constant'"),
    ],
)
def test_other_libraries_borders_are_known(door: str, options: dict[str, Any], mend: str) -> None:
    second = {"box": 3, "conv2d": G}[door]
    with pytest.raises(TypeError, match=rf"is unknown: did you mean {mend}\?"):
        getattr(parconv, door)(F, second, **options)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("gaussian_filter", "gaussian"), ("convolve1d", "conv2d, with axes="), ("Scharr", "scharr"),
        ("GaussianBlur", "gaussian"), ("Conv2d", "compat.torch"), ("savgol_filter", "savgol"),
    ],
)  # fmt: skip
def test_other_libraries_names_are_known(theirs: str, ours: str) -> None:
    with pytest.raises(AttributeError, match=rf"no attribute '{theirs}': use parconv.{ours}"):
        getattr(parconv, theirs)


def test_names_spelt_nearly_so_are_suggested(run_python: RunPython) -> None:
    told = run_python("import parconv\nparconv.prewit", succeed=False).stderr
    assert "Did you mean: 'prewitt'?" in told


def test_no_keyword_is_named_that_a_call_lacks() -> None:
    assert "padding" not in question.FILTERS
    with pytest.raises(TypeError, match="pads=1 is unknown: pass one of"):
        parconv.box(F, 3, pads=1)


@pytest.mark.parametrize("name", ["gaussian", "box", "sobel"])
def test_filters_take_no_other_keywords(name: str) -> None:
    given = (F, SECOND[name]) if name in SECOND else (F,)
    for keyword in set(DEFAULTS) - set(question.FILTERS):
        with pytest.raises((TypeError, ValueError), match=keyword):
            getattr(parconv, name)(*given, **{keyword: "x"})


def test_calls_know_no_correlate() -> None:
    with pytest.raises(TypeError, match="correlate=True is unknown"):
        parconv.conv2d(F, G, correlate=True)  # type: ignore[call-arg]


# --- plans as they print -------------------------------------------------------------------------


def test_a_plan_is_one_line_and_a_table() -> None:
    plans = parconv.plan2d(F, G), parconv.plan_stream(((9, 20, 24), "f4"), G)
    for plan, kind in zip(plans, (parconv.Plan, parconv.StreamPlan), strict=True):
        assert isinstance(plan, kind)
        assert repr(plan) == f"<{kind.__name__}: {plan}>"
        table = plan._repr_html_()
        assert table.count("<tr>") == len(plan.explain().splitlines())
        assert "3x3 -&gt; float32" in table


# --- a bound call --------------------------------------------------------------------------------

BOUND: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "plane": (F, G, {}),
    "planes": (RNG.random((3, 20, 24)), G, {"mode": "same"}),
    "colour": (RNG.random((20, 24, 3), np.float32), G, {"axes": (0, 1)}),
    "float16": (F.astype("f2"), G, {}),
    "bool": (F > 0.5, G, {"dtype": "u1"}),
    "other bytes": (F.astype(">f4"), G, {}),
    "turned": (np.asfortranarray(F)[::-1], G, {"boundary": "wrap", "mode": "full"}),
    "complex": (F + 1j, G, {}),
    "limit": ((1000 * F).astype("i8"), np.ones((3, 3), int), {}),
    "bank": (F, RNG.random((4, 3, 3)), {}),
    "layer": (RNG.random((2, 4, 9, 9), np.float32), RNG.random((5, 4, 3, 3)), {}),
    "channels last": (RNG.random((2, 9, 9, 4)), RNG.random((5, 4, 3, 3)), {"axes": (1, 2)}),
    "empty": (F[:0], G, {"mode": "same"}),
    "threads": (RNG.random((300, 300)), G, {"threads": 2, "strategy": "threads"}),
}


@pytest.mark.parametrize("kind", BOUND)
def test_a_bound_call_sees_what_its_arrays_hold(kind: str) -> None:
    f, g, options = BOUND[kind]
    f = f.copy(order="K")
    plan = parconv.plan2d(f, g, **options)
    right = parconv.conv2d(f, g, **options)
    out = np.full_like(right, 7)
    call = plan.bind(f, out)
    assert (out == 7).all()
    assert call() is out is call.out
    assert out.tobytes() == right.tobytes()
    f[...] = f[::-1].copy()
    out[...] = 9
    assert call().tobytes() == parconv.conv2d(f, g, **options).tobytes()


def test_a_bound_call_may_overlap() -> None:
    f = F.copy()
    right = parconv.conv2d(f, G, mode="same")
    assert parconv.plan2d(f, G, mode="same").bind(f, f)().tobytes() == right.tobytes()
    assert f.tobytes() == right.tobytes()


@pytest.mark.parametrize(("first", "second"), [(0, 1000), (1, 50), (100, 0)])
def test_an_overlap_too_hard_to_find_counts_as_one(first: int, second: int) -> None:
    """The strides are such that NumPy gives up; there is one."""
    memory = np.zeros(400_000, np.uint8)
    f = as_strided(memory[first:], (58, 41, 35), (1285, 2962, 3245))
    out = as_strided(memory[second:], (32, 31), (1314, 40))
    assert np.shares_memory(f, out)
    with pytest.raises(np.exceptions.TooHardError):
        np.shares_memory(f, out, max_work=10_000)
    seen, _ = arrays.check_output(out, f, out.shape, out.dtype)
    assert not np.may_share_memory(seen, out)


def test_a_bound_call_keeps_its_arrays_as_they_were() -> None:
    f, out = RNG.random((1, 3, 20, 24), np.float32), np.empty((1, 2, 18, 22), np.float32)
    g = RNG.random((2, 3, 3, 3), np.float32)
    right = parconv.conv2d(f, g)
    for axes in ((-2, -1), (2, 3)):
        call = parconv.plan2d(f, g, axes=axes).bind(f, out)
        out.resize((36, 22), refcheck=False)  # the array's shape, not that of what the call fills
        call()
        out.resize(right.shape, refcheck=False)
        assert out.tobytes() == right.tobytes()
        out[...] = 0
    kept = parconv.plan2d(f, g).bind(f.copy(), np.empty_like(out))
    assert kept().tobytes() == right.tobytes()


@pytest.mark.parametrize(
    ("f", "out", "kind", "told"),
    [
        (F.tolist(), np.empty((18, 22), "f4"), TypeError, "f is a list: pass a numpy array"),
        (F[1:], np.empty((18, 22), "f4"), ValueError, "f has shape"),
        (F.astype("f8"), np.empty((18, 22), "f4"), ValueError, "f has dtype float64"),
        (F, np.empty((18, 21), "f4"), ValueError, "out has shape"),
        (F, np.empty((18, 22), "f8"), TypeError, "out has dtype float64"),
        (F, None, TypeError, "out is a NoneType"),
        (np.ma.masked_array(F), np.empty((18, 22), "f4"), TypeError, "f is a masked array"),
    ],
    ids=lambda value: None,
)
def test_what_cannot_be_bound(f: Any, out: Any, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        parconv.plan2d(F, G).bind(f, out)


def test_a_bound_call_is_not_pickled() -> None:
    call = parconv.plan2d(F, G).bind(F, np.empty((18, 22), "f4"))
    for way in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"cannot be pickled.*pickle the plan"):
            way(call)
    with pytest.raises(ValueError, match="pass the filter"):
        parconv.plan2d(F, ((3, 3), "f4")).bind(F, np.empty((18, 22), "f4"))


def test_a_bound_call_lets_go_of_its_arrays() -> None:
    f, out = F.copy(), np.empty((18, 22), np.float32)
    call, seen = parconv.plan2d(f, G).bind(f, out), (weakref.ref(f), weakref.ref(out))
    del f, out
    right = parconv.conv2d(F, G)
    assert call().tobytes() == right.tobytes()
    assert all(each() is not None for each in seen)
    del call
    assert all(each() is None for each in seen)


def test_a_bound_call_within_itself() -> None:
    """As in a handler of signals: each has scratch of its own."""
    call, right = parconv.plan2d(F, G).bind(F, np.empty((18, 22), "f4")), parconv.conv2d(F, G)
    outer = call._idle.pop()
    assert call().tobytes() == right.tobytes()
    (inner,) = call._idle
    assert inner is not outer
    assert not np.shares_memory(inner.args[5], outer.args[5])


def test_plans_that_take_turns_keep_their_scratch() -> None:
    plans = [parconv.plan2d(F, np.roll(G, n), strategy="serial", threads=1) for n in range(3)]
    right = [plan(F).tobytes() for plan in plans]
    spare = [plan.shared[1].spare for plan in plans]
    kept = [each[0][1] for each in spare]
    for _ in range(3):
        assert [plan(F).tobytes() for plan in plans] == right
    assert [len(each) for each in spare] == [1, 1, 1]
    assert all(each[0][1] is scratch for each, scratch in zip(spare, kept, strict=True))
    large = parconv.plan2d(np.ones((300, 3000), "f4"), np.ones((9, 9)), strategy="serial")
    large(np.ones((300, 3000), "f4"))
    assert not large.shared[1].spare


def test_threads_may_call_one_bound_call() -> None:
    f = RNG.random((64, 64), np.float32)
    right, out = parconv.conv2d(f, G), np.empty((62, 62), np.float32)
    call = parconv.plan2d(f, G).bind(f, out)
    several = [threading.Thread(target=lambda: [call() for _ in range(300)]) for _ in range(4)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert out.tobytes() == right.tobytes()
