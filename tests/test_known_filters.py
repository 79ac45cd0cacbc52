"""Distrusts what calls remember of filters: never stale, never too much, whatever the layout."""

import gc
import itertools
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import parconv
from parconv.planner import choice
from parconv.planner.looking import MOST_CALLS, PATIENCE
from parconv.problem import filter as known
from parconv.problem.filter import calls, filter_of, forget_all

RNG = np.random.default_rng(14)
F = RNG.random((30, 31), np.float32)
MAPS = RNG.random((2, 24, 9, 10), np.float32)


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    choice.forget()


def count() -> int:
    return sum(map(len, known._known.values()))


def held() -> int:
    return sum(each.held for several in known._known.values() for each in several)


CASES: dict[str, tuple[Any, Any]] = {
    "small": (F, RNG.random((3, 3), np.float32)),
    "large": (F, RNG.random((25, 25))),
    "integers": ((99 * F).astype("u1"), RNG.integers(-9, 9, (5, 5))),
    "complex": (F, RNG.random((7, 7)) + 1j),
    "float16": (F, RNG.random((17, 17)).astype("f2")),
    "bank": (F, RNG.random((40, 3, 3))),
    "layer": (MAPS, RNG.random((32, 24, 3, 3), np.float32)),
    "other bytes": (MAPS, RNG.random((32, 24, 3, 3)).astype(">f8")),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_filter_changed_in_place_is_another(kind: str) -> None:
    """Whichever tap it is, in whatever order its bytes come."""
    f, g = CASES[kind][0], CASES[kind][1].copy()
    for turn, at in itertools.product(range(2), (0, g.size // 2, -1)):
        parconv.conv2d(f, g)
        g.flat[at] = turn + 3
        got = parconv.conv2d(f, g)
        choice.forget()
        np.testing.assert_array_equal(got, parconv.conv2d(f, g.copy()))


def test_back_to_what_it_was() -> None:
    f, g = CASES["layer"]
    first, changed = parconv.conv2d(f, g), g.copy()
    changed[-1, -1, -1, -1] += 1
    for weights, same in ((changed, False), (g, True), (changed, False), (g, True)):
        assert (parconv.conv2d(f, weights).tobytes() == first.tobytes()) is same


def test_all_layouts_of_equal_taps_are_one_filter() -> None:
    for _, g in CASES.values():
        parconv.correlate2d(MAPS if g.ndim == 4 else F, g)
        mirrored = np.ascontiguousarray(g[..., ::-1])[..., ::-1]
        for other in (g.copy(), np.asfortranarray(g), mirrored):
            assert filter_of(other) is filter_of(g)


def test_what_differs_is_another_filter() -> None:
    g = np.arange(6400.0).reshape(80, 80)
    other = g.copy()
    other[79, 78] += 1
    several = [g, other, g.view("i8"), g.reshape(40, 160), g.T, g[:20, :20], g.astype(">f8")]
    for each in several:
        parconv.conv2d(np.ones((200, 200)), each)
    found = [filter_of(each) for each in several]
    assert len(set(map(id, found))) == len(several) == count()
    for each, one in zip(several, found, strict=True):
        np.testing.assert_array_equal(one, each)


def test_signs_of_zeros_and_nans_count() -> None:
    f = np.full((4, 4), -0.0)
    for size in (2, 12):  # both ways of telling filters apart
        g = np.zeros((size, size))
        g[0, 0] = 1
        f = np.full((size, size), -0.0)
        for last in (0.0, -0.0, np.nan):
            g[-1, -1] = last
            got = parconv.conv2d(f, g)
            choice.forget()
            np.testing.assert_array_equal(got, parconv.conv2d(f, g))
            assert filter_of(g) is filter_of(g.copy())


def test_no_more_is_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_BYTES", 1 << 20)
    for _ in range(40):
        parconv.conv2d(MAPS, RNG.random((32, 24, 3, 3), np.float32))
        assert held() <= known.MOST_BYTES
    assert 2 < count() < 40
    for size in range(9, 60):  # of one filter as well
        parconv.conv2d(np.ones((24, size, size), np.float32), CASES["layer"][1])
        assert held() <= known.MOST_BYTES
    right = parconv.conv2d(MAPS, large := RNG.random((300, 24, 9, 9), np.float32))
    assert large.nbytes > known.MOST_BYTES
    assert filter_of(large) is not filter_of(large)
    np.testing.assert_array_equal(parconv.conv2d(MAPS, large), right)


def test_the_first_are_forgotten_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [known.Filter(np.random.default_rng(n).random((40, 40))) for n in range(6)]
    monkeypatch.setattr(known, "MOST_BYTES", 3 * made[0].held + made[0].held // 2)
    for each in made:
        known.keep(each)
    assert [one for several in known._known.values() for one in several] == made[-3:]


def test_no_more_filters_than_allowed() -> None:
    for number in range(known.MOST_FILTERS + 60):
        parconv.conv2d(F, np.full((2, 2), number + 1.0))
    assert count() == known.MOST_FILTERS


def test_arrays_are_not_kept_alive() -> None:
    for g in (np.ones((3, 3)), RNG.random((40, 40)), RNG.random((8, 24, 3, 3))):
        seen = weakref.ref(given := g.copy())
        parconv.conv2d(MAPS if g.ndim == 4 else F, given)
        del given
        gc.collect()
        assert seen() is None


def test_what_methods_prepared_is_forgotten_with_it() -> None:
    """Spectra, of one filter and of a bank's planes; weights of differences."""
    image, complexes = np.ones((90, 90), np.float32), RNG.random((90, 90)) + 1j
    odd = RNG.integers(-9, 9, (9, 9)).astype(float)
    for f, g, method in (
        (image, RNG.random((25, 25)), "fft"),
        (complexes, RNG.random((25, 25)), "fft"),
        (image, RNG.random((3, 25, 25)), "planes"),
        (image, odd - odd[::-1, ::-1], "direct"),
    ):
        parconv.conv2d(f, g, method=method)
        ((taps),) = filter_of(g)._forms.values()
        assert held() >= g.nbytes + taps.values.nbytes
        seen = weakref.ref(taps.values)
        del taps
        choice.forget()
        gc.collect()
        assert seen() is None


def test_a_question_that_is_no_key_leaves_the_filter_prepared() -> None:
    g = RNG.random((25, 25))
    for _ in range(2):
        parconv.conv2d(F, g, mode="same", axes=[0, 1])  # type: ignore[arg-type]
        assert len(filter_of(g)._forms) == 1


def test_a_large_plan_keeps_its_own_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_BYTES", 1 << 10)
    g = RNG.random((20, 20))
    plan = parconv.plan2d(F, g)
    right = plan(F)
    g[...] = 7
    np.testing.assert_array_equal(plan.with_filter(plan.filter)(F), right)


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")  # NumPy 2.5
def test_what_nobody_can_change_is_known_by_itself() -> None:
    """And stays so however the caller looks at it; arrays that are locked can be unlocked."""
    g = RNG.random((16, 24, 3, 3))
    constant = np.frombuffer(g.tobytes()).reshape(g.shape)
    right = parconv.conv2d(MAPS, g).tobytes()
    assert parconv.conv2d(MAPS, constant).tobytes() == right
    assert np.shares_memory(filter_of(constant), constant)
    assert filter_of(constant) is filter_of(constant) is not filter_of(g)
    turned = constant.view()
    turned.shape = (24, 16, 3, 3)
    with pytest.raises(ValueError, match="sums over 16 channels"):
        parconv.conv2d(MAPS, turned)
    constant.shape = (16, 8, 3, 9)
    np.testing.assert_array_equal(
        parconv.conv2d(MAPS[:, :8], constant), parconv.conv2d(MAPS[:, :8], g.reshape(16, 8, 3, 9))
    )
    constant.shape = g.shape
    assert parconv.conv2d(MAPS, constant).tobytes() == right
    g.flags.writeable = False
    assert parconv.conv2d(MAPS, g).tobytes() == right
    g.flags.writeable = True
    g[-1] += 1
    g.flags.writeable = False
    assert parconv.conv2d(MAPS, g).tobytes() != right


def test_threads_share_it() -> None:
    """Forgetting amid calls of others, the same bits all along."""
    f, weights = MAPS, [RNG.random((16, 24, 3, 3), np.float32) for _ in range(4)]
    right = [parconv.conv2d(f, g, threads=1).tobytes() for g in weights]
    wrong: list[int] = []

    def call(first: int) -> None:
        for turn in range(60):
            number = (first + turn) % 4
            if turn % 9 == first:
                choice.forget()
            if parconv.conv2d(f, weights[number], threads=1).tobytes() != right[number]:
                wrong.append(number)

    several = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert not wrong


def test_questions_are_told_apart_by_type() -> None:
    """What is refused is refused again after its equal was answered."""
    g = np.ones((3, 3), np.float32)
    for good, bad in (
        ({"stride": 1}, {"stride": True}),
        ({"stride": (1, 2)}, {"stride": (1.0, 2)}),
    ):
        parconv.conv2d(F, g, **good)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="stride="):
            parconv.conv2d(F, g, **bad)  # type: ignore[arg-type]


def test_wrong_filters_are_not_kept() -> None:
    for g in (np.ones((3, 3), object), np.ones((0, 3)), np.ones(3), np.ones((3, 3), "U1")):
        for _ in range(2):
            with pytest.raises((TypeError, ValueError), match=r"^g "):
                parconv.conv2d(F, g)
    assert not count()


def test_the_latest_call_is_recognised_by_its_words() -> None:
    """By the very objects; equal ones of another type are another question, and so are others."""
    f, g = np.ones((9, 9), np.float32), np.full((3, 3), 0.5)
    words: dict[str, Any] = {"mode": "same", "boundary": "constant", "threads": 1}
    for _ in range(3):
        plain = parconv.conv2d(f, g, **words)
    known = filter_of(g).latest
    assert known is not None
    for changed in (
        {"boundary": "edge"},
        {"stride": 1},
        {"stride": 2},
        {"cval": 2},
        {"dtype": "f8"},
    ):
        found = parconv.conv2d(f, g, **{**words, **changed})
        fresh = parconv.conv2d(
            f, parconv.Outer(np.full(3, 0.5), np.ones(3)), **{**words, **changed}
        )
        np.testing.assert_array_equal(found, fresh)
        np.testing.assert_array_equal(parconv.conv2d(f, g, **words), plain)
    with pytest.raises(TypeError):
        parconv.conv2d(f, g, **{**words, "stride": True})
    with pytest.raises(TypeError):
        parconv.conv2d(f, g, **{**words, "threads": True})
    assert parconv.conv2d(f[:8], g, **words).shape == (8, 9)
    assert parconv.conv2d(f.astype("f8"), g, **words).dtype == np.float64
    assert parconv.correlate2d(f, g, **words).shape == plain.shape


def test_a_list_among_the_words_may_change() -> None:
    f, g, stride = np.arange(81.0).reshape(9, 9), np.full((3, 3), 0.25), [1, 1]
    for step in (1, 2, 3, 1):
        stride[:] = [step, step]
        found = parconv.conv2d(f, g, stride=stride, threads=1)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, parconv.conv2d(f, g, threads=1)[::step, ::step])


# --- calls that compiled code knows --------------------------------------------------------------


def known_calls() -> list[Any]:
    return [call for several in calls.values() for call in several]


def often(f: Any, g: Any, **words: Any) -> Any:
    """A call that is known by its third time."""
    for _ in range(4):
        found = parconv.conv2d(f, g, **words)
    return found


def anew(f: Any, g: Any, **words: Any) -> Any:
    """The same by a filter that nothing was made of."""
    return parconv.plan2d(np.array(f), np.array(g), **words)(np.array(f))


FILTERS: dict[str, Any] = {
    "rows": RNG.random((3, 5), np.float32),
    "columns": np.asfortranarray(RNG.random((3, 5), np.float32)),
    "transposed": RNG.random((5, 3)).T,
    "one row": RNG.random((1, 7)),
    "layer": RNG.random((5, 4, 3, 3), np.float32),
    "layer, channels last": RNG.random((5, 3, 3, 4)).transpose(0, 3, 1, 2),
}


@pytest.mark.parametrize("kind", FILTERS)
def test_a_known_call_sees_every_byte_of_its_filter(kind: str) -> None:
    forget_all()
    g = FILTERS[kind].copy(order="K")
    f = RNG.random((4, 20, 26)).astype(g.dtype)
    right = often(f, g, threads=1)
    assert len(known_calls()) == 1
    before = known_calls()[0]
    raw = g.ravel(order="K")
    assert np.shares_memory(raw, g)
    for place in {0, 1, raw.size // 2, raw.size - 2, raw.size - 1}:
        kept, raw[place] = raw[place], raw[place] + 1
        found = parconv.conv2d(f, g, threads=1)
        assert found.tobytes() == anew(f, g, threads=1).tobytes() != right.tobytes()
        raw[place] = kept
        assert parconv.conv2d(f, g, threads=1).tobytes() == right.tobytes()
    assert any(call is before for call in known_calls())


def test_a_view_with_gaps_is_not_known_by_its_memory() -> None:
    forget_all()
    whole, f = RNG.random((6, 6)), RNG.random((20, 20))
    for g in (whole[::2, ::2], whole[::-1, :3], np.broadcast_to(whole[0], (3, 6))):
        right = often(f, g, threads=1)
        assert right.tobytes() == anew(f, g, threads=1).tobytes()
    assert not known_calls()


def test_convolution_and_correlation_are_not_mixed_up() -> None:
    f, g = RNG.random((12, 12)), RNG.random((3, 4))
    for _ in range(5):
        convolved, correlated = (
            call(f, g, threads=1) for call in (parconv.conv2d, parconv.correlate2d)
        )
    np.testing.assert_allclose(convolved, parconv.correlate2d(f, g[::-1, ::-1]), rtol=1e-12)
    assert np.abs(convolved - correlated).max() > 0.01


def test_known_calls_take_turns() -> None:
    """More than are kept, of one filter: each time the right one answers."""
    forget_all()
    g = RNG.random((3, 3))
    images = [RNG.random((9 + n, 12)) for n in range(7)]
    right = [anew(f, g, threads=1).tobytes() for f in images]
    for turn in range(3 * PATIENCE):
        at = turn % len(images)
        assert parconv.conv2d(images[at], g, threads=1).tobytes() == right[at]
    assert len(known_calls()) == MOST_CALLS


def test_words_that_are_equal_and_others() -> None:
    """A float counts by its bits, other objects by being the same: True is not 1."""
    forget_all()
    f = RNG.random((16, 16), np.float32)
    for sigma in (1.0, float("1.0"), 1.5, 1):
        for _ in range(3):
            found = parconv.gaussian(f, sigma, threads=1)
        np.testing.assert_array_equal(found, parconv.gaussian(f[None], float(sigma))[0])
    with pytest.raises(TypeError):
        parconv.gaussian(f, True, threads=1)
    f, g = RNG.random((16, 16)), np.ones((3, 3))
    often(f, g, threads=1, stride=1)
    with pytest.raises(TypeError):
        parconv.conv2d(f, g, threads=1, stride=True)


def test_an_image_of_another_kind_is_no_known_call() -> None:
    forget_all()
    g = RNG.random((3, 3))
    f = RNG.random((12, 12))
    f[4, 4] = np.nan
    often(f, g, threads=1)
    masked = np.ma.masked_invalid(f)
    assert np.isfinite(parconv.conv2d(masked, g, threads=1)).all()
    assert parconv.conv2d(f.astype(">f8"), g, threads=1).dtype == np.float64
    np.testing.assert_array_equal(parconv.conv2d(f.tolist(), g, threads=1), anew(f, g))
    with pytest.raises(ValueError, match="f holds 1 NaN"):
        parconv.conv2d(f, g, threads=1, nan_policy="raise")
    wide = np.empty((10, 10), np.float32)
    assert parconv.conv2d(f, g, threads=1, out=wide) is wide


def test_forgotten_filters_take_their_calls_along() -> None:
    f, g = RNG.random((12, 12)), RNG.random((3, 3))
    often(f, g, threads=1)
    assert known_calls()
    forget_all()
    assert not known_calls()
