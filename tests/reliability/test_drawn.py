"""Distrusts every question: against the definition, and one method's bits however it is run."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import soak
from drawn import ALL, MORE, RESULTS, USUAL, Question, laid, numbers, questions, worded
from hypothesis import given, settings, strategies as st
from oracle import (
    Expected,
    assert_right,
    assert_same_bits,
    assert_stored,
    compute_type,
    expect,
    expect_several,
    finished,
    mean_of,
)

import parconv
from parconv.methods import methods_for
from parconv.planner.plan import Plan

pytestmark = pytest.mark.timeout(3000)
AMOUNTS = pytest.mark.parametrize(("amount", "types"), [(50, USUAL), *soak((10_500, ALL))])
# No larger: sums that overflow are infinite in one order of the taps, and finite in another.
SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-40, 1e36, -1e36])


def searched(check: Any, amount: int, *drawn: Any) -> int:
    """Runs ``check`` on so many questions; how many it looked at."""
    seen = 0

    @settings(max_examples=amount)
    @given(st.tuples(*drawn))
    def run(asked: Any) -> None:
        nonlocal seen
        seen += 1
        check(*asked)

    run()
    assert seen >= amount
    return seen


def agrees(question: Question, *, correlate: bool) -> None:
    """One call's answer is the definition's; int64 that cannot hold it is refused."""
    f, g, words = question
    call = parconv.correlate2d if correlate else parconv.conv2d
    right = expect(f, g, correlate=correlate, **words)
    result = call(f, g, **words)
    assert_right(result, right, result.dtype, compute_type(f, g), repr(question))


@AMOUNTS
def test_the_definition(amount: int, types: Any, ledger: Any) -> None:
    check = lambda question, flip: agrees(question, correlate=flip)  # noqa: E731
    seen = searched(check, amount, questions(types), st.booleans())
    ledger("definition", f"{seen:,} questions, 0 wrong")


def runs(question: Question, seed: int) -> None:
    """By a method that can, on one thread in one band; then as the seed says."""
    rng = np.random.default_rng(seed)
    f, g, words = question
    problem = parconv.plan2d(f, g, **words).problem
    able = [name for name, method in methods_for(problem).items() if not method.applicable(problem)]
    plan = parconv.plan2d(f, g, method=str(rng.choice(able)), **words)
    rows = plan.bands[-1][-1]
    right = replace(plan, strategy="serial", bands=((0, rows),), threads=1)(f)
    for strategy in ("serial", "threads", "prange"):
        inner = rng.choice(rows + 1, min(rows + 1, int(rng.integers(0, 9))), replace=False)
        bands = list(itertools.pairwise(sorted({0, rows, *inner.tolist()})))
        rng.shuffle(bands)
        several = replace(
            plan,
            strategy=strategy,
            threads=int(rng.integers(1, 33)),
            bands=tuple(map(tuple, bands)),
        )
        assert_same_bits(several(f), right, f"{plan.method} {strategy} {bands} of {question!r}")


@AMOUNTS
def test_threads_strategies_and_bands(amount: int, types: Any, ledger: Any) -> None:
    seen = searched(runs, amount, questions(types, 4_000_000, 400_000), st.integers(0, 2**32 - 1))
    ledger("bits", f"{seen:,} questions, three runs each, 0 bits differ")


def with_specials(question: Question, seed: int) -> Question:
    """Some pixels, at times a tap, are no ordinary numbers."""
    rng = np.random.default_rng(seed)
    f, g = question.f.copy(order="K"), question.g.copy()
    count = int(rng.integers(1, 6))
    places = tuple(rng.integers(0, n, count) for n in f.shape)
    f[places] = rng.choice(SPECIAL, count).astype(f.dtype)
    if rng.random() < 0.2:
        g[tuple(rng.integers(0, n) for n in g.shape)] = rng.choice(SPECIAL[:4])
    return question._replace(f=f, g=g)


FLOATS = (("float32", "float32"), ("float64", "float64"))


@pytest.mark.parametrize("amount", [50, *soak(5_200)])
def test_no_ordinary_numbers(amount: int, ledger: Any) -> None:
    """NaN and Inf where the definition has them, and nowhere else."""

    def check(question: Question, seed: int) -> None:
        special = with_specials(question, seed)
        f, g, words = special
        words["zero_taps"] = ("skip", "keep")[seed % 2]
        if np.abs(f[np.isfinite(f)]).max(initial=0) > 1e30:
            words["method"] = "direct"  # others' products cancel to taps far smaller than they are
        with np.errstate(all="ignore"):
            right = expect(f, g, **{key: words[key] for key in words if key != "method"})
            plan = parconv.plan2d(f, g, **words)
        result = parconv.conv2d(f, g, **words)
        if plan.method == "passes":  # adds the taps under one pixel first: infinity less infinity
            both = np.isinf(result) & np.isnan(right.values)
            result[both] = np.nan
        assert_right(result, right, result.dtype, compute_type(f, g), repr(special))

    seen = searched(check, amount, questions(FLOATS), st.integers(0, 2**32 - 1))
    ledger("special", f"{seen:,} questions, 0 wrong")


INTEGERS = tuple(itertools.product(
    ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64"], repeat=2
))  # fmt: skip


def at_the_ends(question: Question, seed: int) -> Question:
    """Pixels and taps are the least and largest of their types, and their neighbours."""
    rng = np.random.default_rng(seed)

    def ends(like: Any) -> Any:
        info = np.iinfo(like.dtype)
        few = np.array([info.min, info.min + 1, 0, info.max - 1, info.max], like.dtype)
        return rng.choice(few, like.shape)

    g = ends(question.g) if rng.random() < 0.5 else numbers(rng, question.g.shape, question.g.dtype)
    return question._replace(f=ends(question.f), g=g)


@pytest.mark.parametrize(("amount", "types"), [(60, INTEGERS[:9:3]), *soak((2_200, INTEGERS))])
def test_integers_at_the_ends_of_their_types(amount: int, types: Any, ledger: Any) -> None:
    """Right to the last digit, or refused where 64 bits cannot hold the sums."""
    refused = 0

    def check(question: Question, seed: int) -> None:
        nonlocal refused
        f, g, words = asked = at_the_ends(question, seed)
        right = expect(f, g, **words)
        try:
            result = parconv.conv2d(f, g, **words)
        except ValueError:
            # whatever pixels of that type there may be
            info = np.iinfo(f.dtype)
            largest = max(-int(info.min), int(info.max), words.get("cval", 0))
            if largest * max(1, sum(abs(int(tap)) for tap in g.ravel())) < 2**63:
                raise
            refused += 1
            return
        assert_right(result, right, result.dtype, int, repr(asked))

    seen = searched(check, amount, questions(types, slow=10_000), st.integers(0, 2**32 - 1))
    ledger("integers", f"{seen:,} questions, {refused:,} refused, 0 wrong")


# --- every word of a call ------------------------------------------------------------------------

STORE = "scale", "bias", "dtype", "rounding", "overflow"
MISSING = "where", "weights", "nan_policy", "min_weight"


def defined(question: Question, *, correlate: bool) -> tuple[Expected, Any]:
    """What a question means, and the type of its sums."""
    f, g, words = question
    said = {name: words[name] for name in words if name not in (*STORE, *MISSING)}
    said["correlate"] = correlate
    if any(name in words for name in MISSING):
        weights = np.asarray(words.get("weights", np.ones(f.shape)), np.longdouble)
        weights = weights * words.get("where", True)
        if words.get("nan_policy") == "omit":
            weights = weights * ~np.isnan(f)
        right = mean_of(f, g, weights, least=words.get("min_weight", 0), **said)
        kind = compute_type(f, g)
        return right, np.float64 if kind is int else kind
    scale, bias = words.get("scale"), words.get("bias")
    whole = scale is None and (bias is None or np.all(np.asarray(bias) % 1 == 0))
    kind = compute_type(f, g if whole else g.astype(float), words.get("dtype"))
    found = (expect if g.ndim == 2 else expect_several)(f, g, **said)
    if kind is int:
        bias = None if bias is None else np.asarray(bias).astype(int)
    elif found.values.dtype == object:
        found = replace(found, values=found.values.astype(np.longdouble))
    last = words.get("axes") == (0, 1)  # channels are
    return finished(found, scale, bias, -1 if last else -3), kind


def answers(question: Question, seed: int, *, correlate: bool) -> None:
    """By ``auto``, twice, into an output of any layout, and by a method however it is run."""
    rng = np.random.default_rng(seed)
    f, g, words = question
    right, sums = defined(question, correlate=correlate)
    plan = parconv.plan2d(f, g, correlate=correlate, **words)
    shape, kind = plan.problem.shape, plan.problem.dtype
    call = parconv.correlate2d if correlate else parconv.conv2d

    def filled(run: Any) -> Any:
        out, memory = laid(rng, shape, kind)
        untouched = memory.copy()
        run(out)
        result = out.copy()
        out[...] = laid(rng, shape, kind)[0]
        np.testing.assert_array_equal(memory, untouched, f"beside the output of {question!r}")
        return np.ascontiguousarray(result).reshape(shape)

    found = filled(lambda out: call(f, g, out=out, **words))
    what = repr(question)
    if kind.kind in "iub" and not any(name in words for name in MISSING):
        rule = words.get("rounding", "even"), words.get("overflow", "saturate")
        assert_stored(found, right, sums, *rule, what)
    elif kind.kind == "f":
        assert_right(found, right, kind, sums, what)
    for _ in range(2):  # compiled code knows the call by then
        assert_same_bits(np.asarray(call(f, g, **words)), found, what)
    if isinstance(plan, Plan):
        one = replace(plan, strategy="serial", bands=((0, plan.bands[-1][-1]),), threads=1)
        several = parconv.plan2d(
            f, g, correlate=correlate, method=plan.method, threads=2, strategy="threads", **words
        )
        for each in (one, several):
            assert_same_bits(filled(lambda out, each=each: each(f, out)), found, f"{each}: {what}")


@pytest.mark.parametrize(
    ("amount", "types", "results"), [(20, USUAL[:3:2], RESULTS), *soak((4_000, ALL, MORE))]
)
def test_every_word(amount: int, types: Any, results: Any, ledger: Any) -> None:
    check = lambda asked, seed, flip: answers(asked, seed, correlate=flip)  # noqa: E731
    seeds = st.integers(0, 2**32 - 1)
    seen = searched(check, amount, worded(types, results), seeds, st.booleans())
    ledger("words", f"{seen:,} questions, 0 wrong")
