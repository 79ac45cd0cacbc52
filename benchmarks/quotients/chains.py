"""Chains of filters on one large image beside the separate plans, and beside OpenCV's functions."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ..bench_chains import STEPS
from ..common import BIG, image, taps
from . import Call, Row, opencv

AHEAD, OF_OPENCV = 1.4, 2.0
Step = Callable[..., Any]  # of a source and a destination


def rows() -> Iterator[Row]:
    for steps in STEPS:
        yield Row(f"{steps} beside plans", AHEAD, False, partial(_plans, steps))
        yield Row(f"{steps} beside OpenCV", OF_OPENCV, False, partial(_opencv, steps))


def _plans(steps: str, threads: int) -> tuple[Call, Mapping[str, Call]]:
    f, plans = _planned(steps, threads)
    return _chained(f, plans), {"plans": partial(_one_by_one, plans, f, _outs(len(plans)))}


def _opencv(steps: str, threads: int) -> tuple[Call, Mapping[str, Call]]:
    f, plans = _planned(steps, threads)
    functions = _theirs(steps, opencv(threads))
    return _chained(f, plans), {"cv2": partial(_one_by_one, functions, f, _outs(len(functions)))}


def _planned(steps: str, threads: int) -> tuple[Any, list[Any]]:
    import parconv

    f = image(BIG)
    plans: list[Any] = []
    for g in STEPS[steps](parconv.filters):
        spec = plans[-1] if plans else f
        plans.append(parconv.plan2d(spec, g, mode="same", boundary="mirror", threads=threads))
    return f, plans


def _chained(f: Any, plans: list[Any]) -> Call:
    import parconv

    return partial(parconv.chain(*plans), f, np.empty(BIG, np.float32))


def _outs(number: int) -> list[Any]:
    return [np.zeros(BIG, np.float32) for _ in range(number)]


def _one_by_one(steps: list[Step], f: Any, outs: list[Any]) -> None:
    for step, out in zip(steps, outs, strict=True):
        step(f, out)
        f = out


def _theirs(steps: str, cv2: Any) -> list[Step]:
    border = {"borderType": cv2.BORDER_REFLECT_101}
    weights = np.ascontiguousarray(taps((3, 3))[::-1, ::-1])

    def dense(f: Any, out: Any) -> None:
        cv2.filter2D(f, -1, weights, out, **border)

    functions: dict[str, list[Step]] = {
        "3x3, 3x3": [dense] * 2,
        "3x3, four times": [dense] * 4,
        "gaussian 1, sobel": [
            lambda f, out: cv2.GaussianBlur(f, (9, 9), 1, dst=out, **border),
            lambda f, out: cv2.Sobel(f, -1, 1, 0, dst=out, **border),
        ],
        "box 5, laplacian": [
            lambda f, out: cv2.blur(f, (5, 5), out, **border),
            lambda f, out: cv2.Laplacian(f, -1, out, **border),
        ],
    }
    return functions[steps]
