"""Questions that hypothesis draws: images, filters, words and layouts nobody picked."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from oracle import BORDERS, MODES, Array

# Types of image and filter. The first ones' kernels are compiled for other tests as well.
USUAL = (("float32", "float32"), ("float64", "float64"), ("uint8", "float32"), ("int64", "int64"))
ALL = (
    *USUAL, ("uint8", "int8"), ("uint16", "float32"), ("int16", "int16"), ("int32", "int64"),
    ("int8", "float64"), ("uint64", "uint8"), ("bool", "int32"), ("float16", "float32"),
    ("complex64", "complex64"), ("complex128", "float64"), ("float32", "float64"),
)  # fmt: skip
STRIDED = st.one_of(st.just(1), st.tuples(st.integers(1, 4), st.integers(1, 4)))
SIZES = st.one_of(st.integers(1, 40), st.sampled_from([63, 64, 65, 95, 97, 128, 129, 200, 257]))


class Question(NamedTuple):
    """A call: image, filter, and its words."""

    f: Array
    g: Array
    words: dict[str, Any]

    def __repr__(self) -> str:
        shapes = f"{self.f.dtype}{self.f.shape} {self.f.strides}, {self.g.dtype}{self.g.shape}"
        return f"{shapes}, {self.words}"


def numbers(rng: np.random.Generator, shape: Any, kind: Any) -> Array:
    kind = np.dtype(kind)
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    if kind.kind in "iu":
        low = max(-300, np.iinfo(kind).min)
        return rng.integers(low, min(300, np.iinfo(kind).max), shape, endpoint=True).astype(kind)
    noise = rng.standard_normal(shape)
    return (noise + 1j * rng.standard_normal(shape) if kind.kind == "c" else noise).astype(kind)


def _smooth(rng: np.random.Generator, size: int) -> Array:
    n = np.arange(size) - (size - 1) / 2
    return np.exp(-0.5 * (n / (0.3 + size * rng.uniform(0.1, 0.3))) ** 2)


# Filters by what methods ask of them: any, a product of two, equal taps, symmetric, with zeros.
KINDS: dict[str, Any] = {
    "any": numbers,
    "product": lambda rng, k, kind: np.outer(
        numbers(rng, k[0], kind), numbers(rng, k[1], kind)
    ).astype(kind),
    "equal": lambda rng, k, kind: np.full(k, rng.integers(1, 4)).astype(kind),
    "smooth": lambda rng, k, kind: np.outer(_smooth(rng, k[0]), _smooth(rng, k[1])).astype(kind),
    "zeros": lambda rng, k, kind: np.where(rng.random(k) < 0.6, 0, numbers(rng, k, kind)).astype(
        kind
    ),
}
# The same pixels as they may lie in memory.
LAYOUTS: dict[str, Any] = {
    "in order": np.ascontiguousarray,
    "columns first": np.asfortranarray,
    "every second": lambda f: np.repeat(f, 2, axis=-1)[..., ::2],
    "backwards": lambda f: np.ascontiguousarray(f[..., ::-1, ::-1])[..., ::-1, ::-1],
    "within": lambda f: np.pad(f, [(2, 3)] * f.ndim)[tuple(slice(2, 2 + n) for n in f.shape)],
    "swapped bytes": lambda f: f.astype(f.dtype.newbyteorder()),
}


def words(draw: Any, shape: tuple[int, int], taps: tuple[int, int]) -> dict[str, Any]:
    """Mode, borders, steps; ``full`` where neither of image and filter covers the other."""
    said: dict[str, Any] = {"mode": draw(st.sampled_from(MODES))}
    said["boundary"] = draw(st.one_of(*[st.sampled_from(BORDERS)] * 2, st.tuples(
        st.sampled_from(BORDERS), st.sampled_from(BORDERS))))  # fmt: skip
    if draw(st.integers(0, 3)) == 0:
        said["stride"] = draw(STRIDED)
        said["dilation"] = draw(STRIDED)
    if "constant" in said["boundary"]:
        said["cval"] = draw(st.integers(0, 3))
    holes = said.get("dilation", 1)
    holes = holes if isinstance(holes, tuple) else (holes, holes)
    spans = [h * (k - 1) + 1 for h, k in zip(holes, taps, strict=True)]
    covers = [n >= k for n, k in zip(shape, spans, strict=True)]
    if said["mode"] == "valid" and not all(covers):
        said["mode"] = "full"
    return said


@st.composite
def questions(draw: Any, types: Any = USUAL, work: int = 400_000, slow: int = 40_000) -> Question:
    """One filter over one image or a stack; as many products as the oracle forms in time."""
    image, filter_ = draw(st.sampled_from(types))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exact = np.dtype(image).kind in "biu" and np.dtype(filter_).kind in "biu"
    taps = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    rows, columns = draw(st.tuples(SIZES, SIZES))
    most = (slow if exact else work) // (taps[0] * taps[1])
    rows = min(rows, max(1, most // columns))
    stack = draw(st.sampled_from([(), (), (), (1,), (3,), (2, 2)]))
    f = numbers(rng, (*stack, rows, min(columns, most)), image)
    g = KINDS[draw(st.sampled_from([*KINDS]))](rng, taps, filter_)
    layout = LAYOUTS[draw(st.sampled_from([*LAYOUTS]))]
    return Question(layout(f), g, words(draw, f.shape[-2:], taps))
