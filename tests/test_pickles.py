"""Distrusts copies of plans: small, the same bits, here and in a process that knows nothing."""

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import parconv

RNG = np.random.default_rng(37)
F = RNG.random((60, 70)).astype(np.float32)
MAPS = RNG.random((2, 3, 20, 21)).astype(np.float32)
WIDE = RNG.random((31, 31))  # its spectrum takes 64 times its bytes
ALLOWED = 4000  # bytes beyond the filter

PLANS: dict[str, tuple[np.ndarray, Callable[[], Any]]] = {
    "direct": (F, lambda: parconv.plan2d(F, RNG.random((5, 5)), mode="same")),
    "float16": (
        F.astype("f2"),
        lambda: parconv.plan2d(F.astype("f2"), RNG.random((3, 3)), mode="same", dtype="uint8"),
    ),
    "separable": (F, lambda: parconv.plan2d(F, np.ones((5, 5)), mode="same", threads=2)),
    "fft": (F, lambda: parconv.plan2d(F, WIDE, mode="same", method="fft")),
    "box": ((9 * F).astype("u1"), lambda: parconv.plan2d((9 * F).astype("u1"), np.ones((5, 5)))),
    "bank": (F, lambda: parconv.plan2d(F, RNG.random((4, 3, 3)), mode="same")),
    "complex bank": (F, lambda: parconv.plan2d(F, RNG.random((4, 3, 3)) + 1j, mode="same")),
    "layer": (MAPS, lambda: parconv.plan2d(MAPS, RNG.random((4, 3, 3, 3)), tolerance=1e-3)),
    "depthwise": (MAPS, lambda: parconv.plan2d(MAPS, RNG.random((3, 1, 3, 3)), groups=3)),
}
WAYS: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda plan: pickle.loads(pickle.dumps(plan)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("kind", PLANS)
def test_a_plan_that_ran_is_copied(kind: str) -> None:
    f, make = PLANS[kind]
    plan = make()
    fresh, right = len(pickle.dumps(plan)), plan(f)
    assert plan.explain()
    assert len(pickle.dumps(plan)) <= fresh + 400  # what the problem knows of itself
    assert fresh <= plan.filter.nbytes + ALLOWED
    for way, of in WAYS.items():
        other = of(plan)
        assert other == plan, way
        np.testing.assert_array_equal(other(f), right, way)
        assert other.explain() == plan.explain(), way


def test_a_plan_without_a_filter_is_copied() -> None:
    plan = parconv.plan2d(((60, 70), "float32"), ((5, 5), "float32"))
    assert plan.explain()
    for way, of in WAYS.items():
        assert str(of(plan)) == str(plan), way
        with pytest.raises(ValueError, match="pass the filter"):
            of(plan)(F)


def test_a_plan_keeps_the_filter_it_was_made_with() -> None:
    g = np.ones((3, 3))
    plan = parconv.plan2d(F, g)
    right = plan(F)
    g[...] = 5
    for of in WAYS.values():
        np.testing.assert_array_equal(of(plan)(F), right)


def test_a_stream_s_plan_is_copied() -> None:
    plan = parconv.plan_stream(((512, 64, 64), "float32"), np.ones((5, 5)), memory=1 << 24)
    told = plan.explain()
    for way, of in WAYS.items():
        assert of(plan).explain() == told, way


def _run(pickled: bytes, f: np.ndarray) -> np.ndarray:
    result: np.ndarray = pickle.loads(pickled)(f)
    return result


def test_another_process_computes_the_same_bits() -> None:
    jobs = []
    for f, make in PLANS.values():
        plan = make()
        jobs.append(((pickle.dumps(plan), f), plan(f)))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for (_, right), found in zip(
            jobs, pool.starmap(_run, [job for job, _ in jobs]), strict=True
        ):
            np.testing.assert_array_equal(found, right)
