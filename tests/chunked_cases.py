"""Questions for arrays in chunks: the grid that the design was tried on, and random ones."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import parconv

BORDERS = ("constant", "edge", "symmetric", "mirror", "wrap")


class Case(NamedTuple):
    """``call(f)`` is one call, ``call(x)`` the same of an array in such chunks."""

    what: str
    f: np.ndarray
    chunks: Any
    call: Callable[..., Any]

    def whole(self) -> Any:
        """The result of one call; None where that refuses."""
        try:
            return self.call(self.f)
        except (ValueError, TypeError):
            return None


def grid() -> Iterator[Case]:
    """720 questions, of which a few have no answer."""
    rng = np.random.default_rng(0)
    images = (
        ((37, 41), (10, 13)), ((2, 20, 23), (1, 7, 23)), ((30, 30), ((3, 27), (29, 1))),
        ((16, 16), (16, 16)), ((9, 40), (2, 11)),
    )  # fmt: skip
    spans = (3, 3), (4, 5), (1, 6), (7, 2)
    modes, borders = ("same", "full", "valid"), (*BORDERS, ("mirror", "wrap"))
    calls = parconv.conv2d, parconv.correlate2d
    for shape, chunks in images:
        f = rng.random(shape, np.float32)
        for span in spans:
            g = rng.standard_normal(span)
            for mode, boundary, call in itertools.product(modes, borders, calls):
                asked = {"mode": mode, "boundary": boundary}
                what = f"{call.__name__} {shape} {chunks} {span} {asked}"
                yield Case(what, f, chunks, partial(call, g=g, **asked))


def every() -> Iterator[Case]:
    """The grid, and 1080 questions more: strides, dilations, banks, layers, weights, others."""
    yield from grid()
    yield from map(drawn, range(30_000, 31_080))


def batched(cases: Iterator[Case], size: int = 60) -> Iterator[list[Case]]:
    """So many at a time, whose graphs are computed as one."""
    while batch := list(itertools.islice(cases, size)):
        yield batch


def holed(seed: int) -> Case:
    """Pixels that are not used: few or many of them, told by a mask or by NaN."""
    rng = np.random.default_rng([19, seed])
    shape, spans = (*rng.integers(1, 3, seed % 2), *rng.integers(20, 90, 2)), _spans(rng)
    f, lost = rng.random(shape, np.float32), rng.random(shape) < rng.choice([0.001, 0.03, 0.3])
    asked = {"g": rng.random(spans), **_words(rng, spans), "method": "direct"}
    if seed % 3:
        asked["where"] = ~lost
    else:
        f[lost], asked["nan_policy"] = np.nan, "omit"
    chunks = tuple(_cut(rng, n) for n in f.shape)
    return Case(f"{seed}: {shape} {chunks} {asked}", f, chunks, partial(_call(rng), **asked))


def drawn(seed: int) -> Case:
    """A question of a kind, sizes, types and words that the seed draws."""
    rng = np.random.default_rng([18, seed])
    kind = KINDS[seed % len(KINDS)]
    f, call, asked = kind(rng)
    chunks = tuple(_cut(rng, n) for n in f.shape)
    what = f"{seed}: {kind.__name__} {f.shape} {f.dtype} {chunks} {asked}"
    return Case(what, f, chunks, partial(call, **asked))


def _cut(rng: np.random.Generator, size: int) -> tuple[int, ...]:
    """Chunks of any sizes, at times one, or all of one pixel."""
    if size < 2 or rng.random() < 0.15:
        return (size,)
    count = size if rng.random() < 0.03 else int(rng.integers(1, min(size, 6)))
    ends = sorted(rng.choice(np.arange(1, size), count - 1, replace=False).tolist())
    return tuple(np.diff([0, *ends, size]).tolist())


def _image(rng: np.random.Generator, shape: Any, kinds: Any = None) -> np.ndarray:
    kind = np.dtype(rng.choice(kinds or ("f4", "f4", "f8", "u1", "u2", "i4", "?", "c8", ">f4")))
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    if kind.kind in "iu":
        return rng.integers(0, 200, shape).astype(kind)
    noise = rng.standard_normal(shape)
    return (noise + 1j * rng.standard_normal(shape) if kind.kind == "c" else noise).astype(kind)


def _taps(rng: np.random.Generator, *shape: int) -> np.ndarray:
    if rng.random() < 0.3:
        return rng.integers(-9, 9, shape)
    return rng.standard_normal(shape)


def _spans(rng: np.random.Generator, count: int = 2, most: int = 8) -> tuple[int, ...]:
    return tuple(rng.integers(1, most, count).tolist())


def _words(rng: np.random.Generator, spans: Any, steps: bool = True) -> dict[str, Any]:
    """Mode or padding, border, stride, dilation, origin."""
    count = len(spans)
    borders = [str(rng.choice(BORDERS)) for _ in spans]
    found: dict[str, Any] = {"boundary": borders[0] if rng.random() < 0.5 else tuple(borders)}
    if rng.random() < 0.3:
        found["cval"] = int(rng.integers(0, 9))
    if steps and rng.random() < 0.4:
        found["stride"] = tuple(rng.integers(1, 4, count).tolist())
    if rng.random() < 0.3:
        found["dilation"] = tuple(rng.integers(1, 4, count).tolist())
    if rng.random() < 0.2:
        pads = rng.integers(0, 6, (count, 2)).tolist()
        return {**found, "padding": tuple(map(tuple, pads))}
    found["mode"] = str(rng.choice(["valid", "same", "full"]))
    if found["mode"] == "same" and rng.random() < 0.3:
        found["origin"] = tuple(int(rng.integers(-((k - 1) // 2), k // 2 + 1)) for k in spans)
    return found


def _call(rng: np.random.Generator) -> Any:
    return parconv.conv2d if rng.random() < 0.5 else parconv.correlate2d


def one(rng: np.random.Generator) -> Any:
    """One filter, of a plane or a stack, by rows and columns in any order."""
    shape = (*rng.integers(1, 4, rng.integers(0, 3)), *rng.integers(1, 50, 2))
    f, spans = _image(rng, shape), _spans(rng)
    asked = {"g": _taps(rng, *spans), **_words(rng, spans)}
    if len(shape) > 2 and rng.random() < 0.4:
        asked["axes"] = tuple(rng.choice(len(shape), 2, replace=False).tolist())
    return f, _call(rng), asked


def sided(rng: np.random.Generator) -> Any:
    """A rule for each side."""
    f, spans = _image(rng, rng.integers(4, 50, 2)), _spans(rng)
    rules = rng.choice(BORDERS, (2, 2)).tolist()
    asked = {**_words(rng, spans), "boundary": tuple(map(tuple, rules))}
    return f, _call(rng), {"g": _taps(rng, *spans), **asked}


def bank(rng: np.random.Generator) -> Any:
    """Several filters of one image."""
    shape = (*rng.integers(1, 4, rng.integers(0, 2)), *rng.integers(4, 40, 2))
    spans = _spans(rng, most=6)
    asked = {"g": _taps(rng, int(rng.integers(1, 5)), *spans), **_words(rng, spans)}
    return _image(rng, shape, ("f4", "f8", "u1")), _call(rng), asked


def layer(rng: np.random.Generator) -> Any:
    """Sums over channels, first and last."""
    groups, each = (int(n) for n in rng.integers(1, 4, 2))
    channels, (rows, columns) = groups * each, rng.integers(6, 30, 2).tolist()
    last, spans = rng.random() < 0.5, _spans(rng, most=5)
    batch = int(rng.integers(1, 4))
    shape = (batch, rows, columns, channels) if last else (batch, channels, rows, columns)
    g = rng.standard_normal((groups * int(rng.integers(1, 4)), each, *spans)).astype("f4")
    asked = {"g": g, "groups": groups, **_words(rng, spans), "method": "direct"}
    asked |= {"axes": (1, 2)} if last else {}
    return _image(rng, shape, ("f4",)), _call(rng), asked


def colour(rng: np.random.Generator) -> Any:
    """Three samples a pixel."""
    f, spans = _image(rng, (*rng.integers(4, 40, 2), 3), ("f4", "u1", "u2")), _spans(rng)
    return f, _call(rng), {"g": _taps(rng, *spans), "axes": (0, 1), **_words(rng, spans)}


def volume(rng: np.random.Generator) -> Any:
    """Over one axis, or three."""
    count = 1 if rng.random() < 0.4 else 3
    shape, spans = rng.integers(3, 16, 3), _spans(rng, count, 5)
    axes = tuple(rng.choice(3, count, replace=False).tolist())
    asked = {"g": _taps(rng, *spans), "axes": axes if count > 1 else axes[0]}
    words = _words(rng, spans)
    words = {name: one[0] if count == 1 and name != "padding" and isinstance(one, tuple) else one
             for name, one in words.items()}  # fmt: skip
    return _image(rng, shape, ("f4", "f8", "u1")), _call(rng), {**asked, **words}


def planes(rng: np.random.Generator) -> Any:
    """A filter for each plane."""
    shape, spans = (3, *rng.integers(5, 30, 2)), _spans(rng, most=6)
    g = rng.standard_normal((*((2, 3) if rng.random() < 0.3 else (3,)), *spans))
    asked = {"g": g, "groups": "planes", **_words(rng, spans)}
    return _image(rng, shape, ("f4", "f8")), _call(rng), asked


def results(rng: np.random.Generator) -> Any:
    """Types, scales and rounding of results."""
    f, spans = _image(rng, rng.integers(5, 50, 2), ("u1", "u2", "f4")), _spans(rng)
    asked = {"g": _taps(rng, *spans), **_words(rng, spans), "scale": 0.3, "bias": 3}
    asked["dtype"] = str(rng.choice(["uint8", "int16", "float64"]))
    if rng.random() < 0.3:
        asked["overflow"] = "wrap"
    return f, _call(rng), asked


def weighted(rng: np.random.Generator) -> Any:
    """Weights that are all different from 1."""
    shape = (*rng.integers(1, 3, rng.integers(0, 2)), *rng.integers(5, 40, 2))
    f, spans = _image(rng, shape, ("f4", "f8", "u1")), _spans(rng, most=6)
    weights = rng.random(shape[-2:] if rng.random() < 0.5 else shape) * 0.9
    asked = {"g": rng.random(spans), **_words(rng, spans), "weights": weights}
    if rng.random() < 0.3:
        asked["where"] = rng.random(shape[-2:]) < 0.6
    return f, _call(rng), asked


def named(rng: np.random.Generator) -> Any:
    """Filters by their names."""
    f = _image(rng, rng.integers(5, 50, 2), ("f4", "f8", "u1"))
    call, words = NAMED[int(rng.integers(len(NAMED)))]
    boundary = str(rng.choice(BORDERS))
    return f, call, {**words, "boundary": boundary}


NAMED = (
    (parconv.gaussian, {"sigma": 1.3, "method": "direct"}), (parconv.box, {"size": 4}),
    (parconv.gaussian, {"sigma": (0.7, 2)}), (parconv.sobel, {"axis": 0}), (parconv.laplace, {}),
    (parconv.unsharp_mask, {"sigma": 1}), (parconv.prewitt, {}), (parconv.box, {"size": (3, 7)}),
    (parconv.gaussian_gradient_magnitude, {"sigma": 1}), (parconv.gaussian_laplace, {"sigma": 1}),
    (parconv.derivative, {"order": (1, 0)}), (parconv.roberts, {}),
    (parconv.savgol, {"window": 5, "polyorder": 2}), (parconv.farid, {}),
    (parconv.gabor, {"frequency": 0.2, "theta": (0, 1)}),
)  # fmt: skip
KINDS = (one, sided, bank, layer, colour, volume, planes, results, weighted, named, one, volume)
