"""Distrusts the look of compiled code at arrays as they are given: what it lets pass, and fills."""

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from oracle import assert_same_bits

import parconv
from parconv.filters import same
from parconv.methods import given, words as given_words
from parconv.planner import looking, ready
from parconv.problem import filter as filters
from parconv.problem.filter import calls, filter_of, forget_all

RNG = np.random.default_rng(11)
F, G = RNG.random((20, 24), np.float32), RNG.random((3, 3), np.float32)
SHAPE = 18, 22


def seasoned(f: Any, g: Any, **options: Any) -> Any:
    """A plan that ran twice before: from the second run on compiled code looks."""
    plan = parconv.plan2d(f, g, threads=1, **options)
    for _ in range(2):
        plan(np.ones_like(f))
    return plan


def looks(plan: Any, f: Any, out: Any) -> bool:
    """Whether compiled code took the arrays as they are, and filled the output."""
    look = plan.taps.look
    found = look.run(look.words, f, out)
    assert found is None or found is out
    return found is not None


def at_odds(array: Any) -> Any:
    """The same numbers where elements do not lie on multiples of their size."""
    raw = np.empty(array.nbytes + 1, np.uint8)[1:]
    found = raw.view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "float32": (F, G, {}),
    "float64": (F.astype("f8"), G, {"mode": "same", "boundary": "mirror"}),
    "uint8": ((255 * F).astype("u1"), G, {"mode": "full"}),
    "uint8 to uint8": ((255 * F).astype("u1"), G / 9, {"dtype": "u1"}),
    "complex128": (F.astype("f8") + 1j, G.astype("f8"), {"method": "direct"}),
    "int64": ((9 * F).astype("i4"), np.ones((3, 3), int), {}),
    "planes": (RNG.random((3, 9, 12), np.float32), G, {}),
    "bank": (F[:9, :9], RNG.random((4, 3, 3), np.float32), {}),
    "layer": (RNG.random((2, 4, 9, 9), np.float32), RNG.random((5, 4, 3, 3), np.float32), {}),
    "depthwise": (RNG.random((1, 4, 9, 9)), RNG.random((4, 1, 3, 3)), {"groups": 4}),
    "channels last": (RNG.random((1, 9, 9, 4)), RNG.random((5, 4, 3, 3)), {"axes": (1, 2)}),
    "colour": (RNG.random((9, 12, 3), np.float32), G, {"axes": (0, 1), "mode": "same"}),
    "colours": ((255 * RNG.random((2, 9, 12, 4))).astype("u1"), G, {"axes": (1, 2)}),
    "one image, channels last": (
        RNG.random((9, 8, 4)),
        RNG.random((5, 4, 3, 3)),
        {"axes": (0, 1), "padding": 1},
    ),
    "large": (RNG.random((90, 300), np.float32), RNG.random((9, 9), np.float32), {}),
    "one image": (RNG.random((4, 9, 9), np.float32), RNG.random((5, 4, 3, 3), np.float32), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_that_ran_before_gives_the_same(kind: str) -> None:
    f, g, options = KINDS[kind]
    first = parconv.plan2d(f, g, threads=1, **options)(f)
    plan = seasoned(f, g, **options)
    for image in (f, np.asfortranarray(f), np.flip(f).copy()[(slice(None, None, -1),) * f.ndim]):
        out = np.full_like(first, 7)
        assert plan(image).tobytes() == first.tobytes()
        assert plan(image, out) is out
        assert out.tobytes() == first.tobytes()


IN_ORDER = {
    "as it is": F,
    "columns first": np.asfortranarray(F),
    "backwards": F[::-1, ::-1],
    "part of another": np.pad(F, 3)[3:-3, 3:-3],
    "every other": np.repeat(F, 2, 1)[:, ::2],
    "one row": np.broadcast_to(F[3], F.shape),
}


@pytest.mark.parametrize("kind", IN_ORDER)
def test_images_in_order(kind: str) -> None:
    f, plan = IN_ORDER[kind], seasoned(F, G)
    right, out = parconv.plan2d(F, G)(f.copy()), np.empty(SHAPE, np.float32)
    assert looks(plan, f, out)
    assert out.tobytes() == right.tobytes()


def test_rows_of_pixels_are_looked_at_as_they_lie() -> None:
    image = RNG.random((12, 18, 4), np.float32)
    whole = {"axes": (0, 1), "mode": "same", "boundary": "mirror"}
    fitting = image, image[:, 2:9], image[::2], image[::-1]
    others = image[:, ::2], image[..., :3], image[..., ::-1]
    for f in (*fitting, *others):
        plan, out = seasoned(f, G, **whole), np.full(f.shape, 7, np.float32)
        right = parconv.conv2d(np.ascontiguousarray(f), G, **whole)  # type: ignore[call-overload]
        fits = any(f is each for each in fitting)
        assert looks(plan, f, out) is fits
        assert fits == (out.tobytes() == right.tobytes())
        assert plan(f, out).tobytes() == right.tobytes()


def test_a_new_output_each() -> None:
    """Of which nobody else holds a reference, however often it is asked for."""
    plan, right = seasoned(F, G), parconv.plan2d(F, G)(F)
    look = plan.taps.look
    held = sys.getrefcount(right.dtype)
    results = [look.run(look.words, F, None) for _ in range(50)]
    assert {each.tobytes() for each in results} == {right.tobytes()}
    assert all(each.flags.owndata and each.dtype == right.dtype for each in results)
    del results
    assert abs(sys.getrefcount(right.dtype) - held) < 50
    assert sys.getrefcount(look.run(look.words, F, None)) <= 2
    assert look.run(look.words, F[1:], None) is None


def test_a_large_result_is_made_where_large_ones_are() -> None:
    """On a page: that compiled code leaves to others, but not one that is given."""
    f = RNG.random((800, 800), np.float32)
    plan, out = seasoned(f, G, mode="same"), np.empty(f.shape, np.float32)
    right = parconv.conv2d(f, G, mode="same")
    assert looks(plan, f, out)
    assert out.tobytes() == plan(f).tobytes() == right.tobytes()
    assert plan.taps.look.run(plan.taps.look.words, f, None) is None


def test_a_run_amid_another_goes_by_others() -> None:
    """As in another thread's, which has given the interpreter's lock away."""
    plan, out, right = seasoned(F, G), np.full(SHAPE, 7, np.float32), parconv.conv2d(F, G)
    words = plan.taps.look.words
    assert words[given.BUSY] == 0
    words[given.BUSY] = 1
    assert not looks(plan, F, out)
    assert (out == 7).all()
    assert plan(F, out).tobytes() == right.tobytes()
    words[given.BUSY] = 0
    assert looks(plan, F, out)


def not_in_order() -> dict[str, tuple[Any, Any]]:
    out, both = np.empty(SHAPE, np.float32), np.zeros(900, np.float32)
    whole = both[:480].reshape(20, 24)
    sealed = out.copy()
    sealed.flags.writeable = False
    return {
        "rows": (F[1:], out),
        "columns": (F[:, 1:], out),
        "axes": (F[None], out),
        "dtype": (F.view("i4"), out),
        "bytes": (F.astype(">f4"), out),
        "unaligned": (at_odds(F), out),
        "odd steps": (np.zeros((20, 24), "f4,u1")["f0"], out),
        "rows of out": (F, out[1:]),
        "axes of out": (F, out[None]),
        "dtype of out": (F, out.view("i4")),
        "unaligned out": (F, at_odds(out)),
        "sealed out": (F, sealed),
        "masked out": (F, np.ma.array(out)),
        "out in columns": (F, np.asfortranarray(out)),
        "rows of out backwards": (F, out[::-1]),
        "every other column of out": (F, np.empty((18, 44), "f4")[:, ::2]),
        "rows of out that meet": (F, as_strided(both, SHAPE, (84, 4))),
        "rows of out that are one": (F, as_strided(both, SHAPE, (0, 4))),
        "between its rows": (both.reshape(20, 45)[:, :24], both.reshape(20, 45)[2:, 23:]),
        "itself": (whole, both[:396].reshape(SHAPE)),
        "its end": (whole, both[479:875].reshape(SHAPE)),
        "its beginning, turned": (whole[::-1], both[:396].reshape(SHAPE)),
    }


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith("colour")])
def test_rows_of_an_output_may_lie_apart(kind: str) -> None:
    f, g, options = KINDS[kind]
    plan = seasoned(f, g, **options)
    right = plan(f)
    frame = np.full([size + 2 for size in right.shape], 7, right.dtype)
    expected = frame.copy()
    inside = (slice(1, -1),) * right.ndim
    expected[inside] = right
    assert plan.taps.look is None or looks(plan, f, frame[inside])
    assert plan(f, frame[inside]).base is frame
    assert frame.tobytes() == expected.tobytes()
    assert plan(f, out := np.zeros_like(right)).tobytes() == right.tobytes()
    assert plan(f).tobytes() == out.tobytes()


@pytest.mark.parametrize("kind", not_in_order())
def test_what_is_not_in_order_is_left_to_others(kind: str) -> None:
    f, out = not_in_order()[kind]
    plan = seasoned(F, G)
    before = out.tobytes()
    assert not looks(plan, f, out)
    assert out.tobytes() == before


def test_neighbours_in_memory_are_apart() -> None:
    both = np.zeros(480 + 396, np.float32)
    plan, right = seasoned(F, G), parconv.plan2d(F, G)(F)
    for f, out in ((both[:480], both[480:]), (both[396:], both[:396])):
        f, out = f.reshape(20, 24), out.reshape(SHAPE)
        f[...] = F
        assert looks(plan, f, out)
        assert out.tobytes() == right.tobytes()


@pytest.mark.parametrize(
    ("f", "out", "error", "told"),
    [
        (F[1:], None, ValueError, "f has shape"),
        (F.astype("f8"), None, ValueError, "f has dtype"),
        (F, np.zeros((18, 23), "f4"), ValueError, "out has shape"),
        (F, np.zeros(SHAPE, "f8"), TypeError, "out has dtype"),
        (F, np.broadcast_to(np.float32(0), SHAPE), ValueError, "out is read-only"),
    ],
    ids=lambda value: None,
)
def test_what_is_wrong_is_told(f: Any, out: Any, error: type[Exception], told: str) -> None:
    plan = seasoned(F, G)
    with pytest.raises(error, match=told):
        plan(f, out)
    assert out is None or not out.any()


def test_an_output_may_overlap() -> None:
    plan, right = seasoned(F, G, mode="same"), parconv.plan2d(F, G, mode="same")(F)
    f = F.copy()
    assert plan(f, f).tobytes() == right.tobytes()
    rows = np.zeros((21, 24), np.float32)
    rows[1:] = F
    assert plan(rows[1:], rows[:-1]).tobytes() == right.tobytes()


def test_threads_may_run_one_plan() -> None:
    plan, right, wrong = seasoned(F, G), parconv.plan2d(F, G)(F).tobytes(), []

    def often() -> None:
        out = np.empty(SHAPE, np.float32)
        wrong.extend(n for n in range(500) if plan(F, out).tobytes() != right)

    several = [threading.Thread(target=often) for _ in range(4)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert not wrong
    assert len(plan.shared[1].spare) <= 4


ZEROS: dict[str, tuple[Any, dict[str, Any]]] = {
    "float32": (F, {}),
    "float64": (F.astype("f8"), {"mode": "same", "boundary": "mirror"}),
    "planes": (RNG.random((3, 20, 24), np.float32), {}),
    "colour": (RNG.random((20, 24, 3), np.float32), {"axes": (0, 1)}),
    "complex": (F + 1j * F, {"method": "direct"}),
    "large": (RNG.random((160, 170), np.float32), {"mode": "same"}),
    "kept": (F.astype("f8"), {"mode": "same", "zero_taps": "keep"}),
    "stored": (F, {"dtype": "int16"}),
}


@pytest.mark.parametrize("kind", ZEROS)
def test_of_a_filter_with_zeros_result_or_image_is_searched(kind: str) -> None:
    """With the kernel alone infinity would spread, or not."""
    f, options = ZEROS[kind]
    g = np.array([[1, 0, 2], [3, 0, 1], [2, 0, 1]], np.float32)
    plan, clean = seasoned(f, g, **options), parconv.conv2d(f, g, **options)
    look = plan.taps.look
    for number in (np.inf, -np.inf, np.nan):
        for place in np.ndindex(3, 3):
            spoilt = f.copy()
            spoilt[(..., *place) if kind != "colour" else (*place, 1)] = number
            right = parconv.conv2d(spoilt, g.astype(f.real.dtype), threads=2, **options)
            np.testing.assert_array_equal(plan(spoilt), right)
            assert look is None or look.run(look.words, spoilt, None) is None
    assert plan(f).tobytes() == clean.tobytes()
    assert (look is None) == (kind == "complex")
    assert look is None or look.run(look.words, f, None).tobytes() == clean.tobytes()


def test_borders_that_are_not_finite_and_limits_are_not_looked_at() -> None:
    """What lies beyond the image meets kept zeros, and sums would wrap."""
    plan = seasoned(F, G * [[1, 0, 1]], zero_taps="keep", mode="same", cval=np.inf)
    right = plan(F)
    assert plan.taps.look is None
    assert np.isnan(right[0]).any()
    large = parconv.plan2d(((9, 9), "i8"), np.full((3, 3), 1 << 40), threads=1)
    large(np.ones((9, 9), "i8"))
    for _ in range(2):
        with pytest.raises(ValueError, match="f holds values beyond"):
            large(np.full((9, 9), 1 << 40))
    assert large.taps.look is None


def test_bands_of_one_thread_are_all_filled() -> None:
    """The look fills one band: it is for plans that have no other."""
    plan = parconv.plan2d(F, G, threads=1)
    several = replace(plan, bands=((0, 5), (5, 18)))
    right = plan(F)
    for _ in range(3):
        out = np.full(SHAPE, np.nan, np.float32)
        several(F, out=out)
        np.testing.assert_array_equal(out, right)


# --- calls that are known: what may change must not be known by what it is ------------------------


class Changing:
    """A number that somebody changes, which Python hashes by its address."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.value)


def of_lists() -> tuple[Any, Any]:
    g = [1.0, 2.0], [3.0, 4.0]
    return lambda: parconv.conv2d(F, g, threads=1), lambda: g[0].__setitem__(0, 9.0)


def of_rows() -> tuple[Any, Any]:
    g = np.ones(3), np.ones(3)
    return lambda: parconv.conv2d(F, g, threads=1), lambda: g[1].fill(7)


def of_keyword(name: str, number: Any, change: Callable[[Any], Any]) -> Any:
    def made() -> tuple[Any, Any]:
        f, g = RNG.random((1, 4, 9, 9), np.float32), RNG.random((2, 4, 3, 3), np.float32)
        asked = {name: number()}
        call = lambda: parconv.conv2d(f, g, threads=1, mode="same", **asked)  # noqa: E731
        return call, lambda: change(asked[name])

    return made


def of_size() -> tuple[Any, Any]:
    size = Changing(3)
    return lambda: parconv.box(F, size, threads=1), lambda: setattr(size, "value", 5)


def of_pair() -> tuple[Any, Any]:
    size = Changing(3)
    both = size, size
    return lambda: parconv.box(F, both, threads=1), lambda: setattr(size, "value", 5)


CHANGING: dict[str, Any] = {
    "a tuple of lists": of_lists,
    "a tuple of arrays": of_rows,
    "bias in an array": of_keyword("bias", lambda: np.ones(2), lambda it: it.fill(9)),
    "bias in a list": of_keyword("bias", lambda: [1.0, 2.0], lambda it: it.reverse()),
    "scale in an array": of_keyword("scale", lambda: np.ones(2), lambda it: it.fill(9)),
    "bias that hashes": of_keyword("bias", lambda: Changing(1), lambda it: setattr(it, "value", 9)),
    "stride that hashes": of_keyword(
        "stride", lambda: Changing(1), lambda it: setattr(it, "value", 2)
    ),
    "stride deep down": of_keyword(
        "stride", lambda: (Changing(1), 1), lambda it: setattr(it[0], "value", 2)
    ),
    "size": of_size,
    "sizes": of_pair,
}


@pytest.mark.parametrize("kind", CHANGING)
def test_what_changes_in_place_is_seen(kind: str) -> None:
    """Under its old address, and though Python can hash it."""
    forget_all()
    call, change = CHANGING[kind]()
    before = [call() for _ in range(4)][-1]
    change()
    found = call()
    parconv.planner.choice.forget()
    right = call()
    assert found.shape == right.shape
    assert found.tobytes() == right.tobytes() != before.tobytes()


def test_what_nobody_changes_is_known() -> None:
    """Or the tests above would tell nothing."""
    for words in ({"stride": (1, 2)}, {"cval": 2.5, "mode": "same"}, {"dtype": np.float64}):
        forget_all()
        for _ in range(4):
            parconv.conv2d(F, G, threads=1, **words)  # type: ignore[call-overload]
        assert calls


def test_a_filter_of_two_bytes_is_not_read_as_one_of_four() -> None:
    """It is known by its copy of other length, with which its memory must not be compared."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    forget_all()
    g = np.zeros((17, 17), ml_dtypes.bfloat16)
    for _ in range(4):
        parconv.conv2d(F, g, threads=1)
    assert filter_of(g).content_of(g) is None
    assert not calls


def test_the_content_is_that_of_an_array_alike() -> None:
    known = filter_of(G)
    assert known.content_of(G) is not None
    for other in (G.view("i4"), G[:2], G.astype("f8"), G.astype("f2"), G.reshape(1, 9)):
        assert known.content_of(other) is None


def test_another_thread_with_the_same_words_teaches_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It correlates, or has another image, between a filter's call and what is learnt of it."""
    forget_all()
    right, found_of = parconv.sobel(F, 0, threads=1), same.result_of
    others = F, RNG.random((9, 9), np.float32), F.astype("f8")

    def beset(f: Any, g: Any, out: Any, asked: Any, correlate: bool) -> Any:
        found = found_of(f, g, out, asked, correlate)
        for other, product in zip(others, (True, False, False), strict=True):
            for _ in range(4):
                found_of(other, g, None, dict(asked), product)
            looking.learn((same.sobel, 0), (0,), {}, g, found[1], found[2])
        return found

    monkeypatch.setattr(same, "result_of", beset)
    parconv.sobel(F, 0)
    monkeypatch.undo()
    forgotten = [parconv.sobel(each, 0) for each in others]
    assert forgotten[0].tobytes() == right.tobytes()
    forget_all()
    for each, found in zip(others, forgotten, strict=True):
        assert parconv.sobel(each, 0).tobytes() == found.tobytes()


TO_OTHERS: dict[str, Callable[..., Any]] = {
    "conv2d": partial(parconv.conv2d, g=G, mode="same", threads=1),
    "of many threads": partial(parconv.conv2d, g=G, mode="same"),
    "box": partial(parconv.box, size=5, threads=1),
    "colour": partial(parconv.gaussian, sigma=1, channel_axis=-1, threads=1),
}


@pytest.mark.parametrize("name", TO_OTHERS)
def test_outputs_that_name_the_type_are_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its plan, and that without an output its own."""
    forget_all()
    size = (900, 700) if name == "of many threads" else (12, 9)
    f = RNG.random((*size, 3) if name == "colour" else size, np.float32) * 20
    call = TO_OTHERS[name]
    results = {kind: np.empty(f.shape, kind) for kind in ("u1", "i2", "f8")}
    for _ in range(4):
        natural = call(f).copy()
        for out in results.values():
            assert call(f, out=out) is out
    if given_words.reads():
        for module in (same, parconv.api):
            monkeypatch.setattr(module, "result_of", None)  # nothing is answered anew
    for kind, result in results.items():
        again = np.empty_like(result)
        assert call(f, out=again) is again
        assert_same_bits(again, result)
        assert call(f).dtype == natural.dtype == np.float32
        np.testing.assert_allclose(result, natural, atol=0 if kind == "f8" else 1, rtol=1e-6)
    assert_same_bits(call(f), natural)


def test_a_plan_of_another_call_is_not_learnt() -> None:
    forget_all()
    g = G.copy()
    for _ in range(3):
        parconv.conv2d(F, g, threads=1)
    known = filter_of(g)
    *_, names, values, _, pair = known.latest
    asked = dict(zip(names, values, strict=True))
    looking.learn("another", g, {}, known, (*pair,), asked)
    looking.learn("its own", g, {}, known, pair, asked)
    assert ["another" in calls, "its own" in calls] == [False, given_words.reads()]
    forget_all()


def test_scratch_of_looks_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or many sizes of images would hold far more than all filters may."""
    forget_all()
    monkeypatch.setattr(filters, "MOST_BYTES", 1 << 20)
    kept = 0
    for _ in range(12):
        g = RNG.random((9, 9))
        for width in range(900, 906):
            for _ in range(3):
                parconv.conv2d(np.ones((20, width)), g, threads=1, mode="same", boundary="mirror")
        looks = [form.look for form in filter_of(g)._forms.values() if form.look]
        kept += sum(each.nbytes for each in looks)
        assert filter_of(g).held >= g.nbytes + sum(each.nbytes for each in looks)
    parconv.conv2d(F, G, threads=1)
    held = sum(each.held for several in filters._known.values() for each in several)
    assert held <= filters.MOST_BYTES < kept


def test_a_known_call_keeps_what_its_words_lead_to() -> None:
    """Where two threads make a look at once, the second takes the first's place with the filter."""
    forget_all()
    for _ in range(4):
        right = parconv.conv2d(F, G, threads=1)
    ((call,),) = calls.values()
    assert call.words is not None
    ((form, look),) = ((it, it.look) for it in filter_of(G)._forms.values() if it.look)
    held = [weakref.ref(part) for part in look.kept if isinstance(part, np.ndarray)]
    object.__setattr__(form, "look", None)
    del look
    gc.collect()
    assert all(reference() is not None for reference in held)
    assert_same_bits(parconv.conv2d(F, G, threads=1), right)


def test_a_call_that_compiled_code_leaves_to_others_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By its plan, as of arrays that lie otherwise; beside the one that it takes."""
    forget_all()
    f = RNG.integers(0, 255, (130, 140), np.uint8)
    turned, g = np.asfortranarray(f), np.full((3, 3), 1 / 9)
    asked: dict[str, Any] = {"mode": "same", "dtype": "uint8", "threads": 1, "method": "box"}
    for _ in range(4):
        right = parconv.conv2d(f, g, **asked)
        assert_same_bits(parconv.conv2d(turned, g, **asked), right)
    (several,) = calls.values()
    assert [each.words is None for each in several] == [False, True]

    def refuse(g: Any) -> Any:
        raise LookupError

    monkeypatch.setattr("parconv.api.filter_of", refuse)
    for image in (turned, f, turned):
        out = np.zeros_like(right)
        assert parconv.conv2d(image, g, out=out, **asked) is out
        assert_same_bits(out, right)
    with pytest.raises(LookupError):
        parconv.conv2d(turned[1:], g, **asked)


# --- calls of several threads: their plan is known, and runs as it would -------------------------

MAPS, FILTERS = RNG.random((4, 32, 24, 25), np.float32), RNG.random((32, 32, 3, 3), np.float32)
PADDED: dict[str, Any] = {"padding": 1, "threads": 2}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A call that was made before: nobody looks for its filter from now on."""
    forget_all()
    call = partial(parconv.correlate2d, **PADDED)
    for _ in range(4):
        call(MAPS, FILTERS)
    assert [[each.words for each in several] for several in calls.values()] == [[None]]

    def refuse(g: Any) -> Any:
        raise LookupError

    monkeypatch.setattr("parconv.api.filter_of", refuse)
    return call


def test_calls_of_several_threads_are_known(known: Callable[..., Any]) -> None:
    plan = parconv.plan2d(MAPS, (FILTERS.shape, "f4"), correlate=True, **PADDED)
    right = plan.with_filter(FILTERS)(MAPS)
    out = np.full_like(right, np.nan)
    assert known(MAPS, FILTERS, out=out) is out
    assert out.tobytes() == right.tobytes()
    for f in (MAPS.copy(), np.asfortranarray(MAPS), np.flip(np.flip(MAPS).copy())):
        assert known(f, FILTERS).tobytes() == right.tobytes()


def test_other_calls_than_those_are_not(
    known: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = np.zeros((4, 32, 24, 25))
    unlike = (other, FILTERS), (other[:3].astype("f4"), FILTERS), (MAPS, FILTERS.copy())
    for f, g in unlike:
        with pytest.raises(LookupError):
            known(f, g)
    with pytest.raises(LookupError):
        known(MAPS, FILTERS, out=np.empty((4, 32, 24, 25)))
    with pytest.raises(LookupError):
        known(MAPS, FILTERS, stride=2)
    monkeypatch.setattr("parconv.planner.looking.thread_limit", lambda *_: 7)
    with pytest.raises(LookupError):  # the plan is for others than may be had by now
        known(MAPS, FILTERS)


def test_a_known_calls_filter_may_change_in_place() -> None:
    g = FILTERS.copy()
    for tap in ((0, 0, 0, 0), (17, 3, 1, 2), (31, 31, 2, 2)):
        for _ in range(4):
            parconv.correlate2d(MAPS, g, **PADDED)
        g[tap] += 1
        right = parconv.plan2d(MAPS, g.copy(), correlate=True, **PADDED)(MAPS)
        assert parconv.correlate2d(MAPS, g, **PADDED).tobytes() == right.tobytes()


def test_a_plan_of_little_work_is_known_however_many_threads_there_are() -> None:
    f, g, options = KINDS["layer"]
    for threads in (None, 2, 3):
        forget_all()
        for _ in range(4):
            parconv.conv2d(f, g, threads=threads, **options)
        (several,) = calls.values()
        assert all(each.words is not None for each in several)


@pytest.mark.parametrize(
    ("name", "other"),
    [("POINTER", "TYPE"), ("SIZES", "STEPS"), ("REAL", "TYPE"), ("LENGTH", "TYPE")],
)
def test_nothing_is_read_that_lies_elsewhere(
    name: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = given_words.reads.__wrapped__
    assert look() == given_words.reads()
    monkeypatch.setattr(given_words, name, getattr(given_words, other))
    assert look() is False


@pytest.mark.parametrize(
    ("image", "taps", "axes"),
    [
        ((30, 40), (3, 3), (-2, -1)),
        ((5, 30, 40), (3, 3), (-2, -1)),
        ((30, 40, 3), (3, 3), (0, 1)),
        ((2, 4, 30, 40), (5, 4, 3, 3), (2, 3)),
        ((4, 30, 40), (5, 4, 3, 3), (1, 2)),
        ((2, 30, 40, 4), (5, 4, 3, 3), (1, 2)),
        ((30, 40, 4), (5, 4, 3, 3), (0, 1)),
    ],
)
def test_kernels_see_arrays_in_order_as_they_are(image: Any, taps: Any, axes: Any) -> None:
    """Or each run would arrange them first."""
    plan = parconv.plan2d((image, "f4"), (taps, "f4"), axes=axes, threads=1)
    lift = ready.lift(plan)
    assert lift
    f = np.empty(image, np.float32)
    assert np.shares_memory(lift.seen(f), f)
    assert lift.seen(f).ndim == (4 if len(taps) == 4 else 3)
