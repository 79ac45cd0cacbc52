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


# --- every other word ----------------------------------------------------------------------------

RESULTS = ("uint8", "float32")
MORE = (*RESULTS, "float64", "int16", "uint16", "int8", "bool", "int32", "int64")
FORMS = ("one", "one", "bank", "layer", "planes")
ROUNDINGS = st.sampled_from(["even", "trunc"])


def _layered(draw: Any, rng: np.random.Generator, asked: Question, form: str) -> Question:
    """Several filters over the question's planes; few, for their sums are made one by one."""
    f, g, said = asked
    plane, taps = f.shape[-2:], g.shape
    filters = draw(st.integers(1, 5))
    if form == "bank":
        g = np.stack([g, *(numbers(rng, taps, g.dtype) for _ in range(filters - 1))])
        return asked._replace(g=g)
    groups, channels = draw(st.tuples(st.integers(1, 2), st.integers(1, 4)))
    seen = numbers(rng, (groups * channels, *plane), f.dtype)
    if form == "planes":
        g, groups = numbers(rng, (len(seen), *taps), g.dtype), "planes"
    else:
        g = numbers(rng, (groups * filters, channels, *taps), g.dtype)
    return Question(seen, g, {**said, "groups": groups})


AXES = (1, 2), (0, 1), (0, 2), (2, 1), (-1, 0)


def _placed(draw: Any, asked: Question, several: bool) -> Question:
    """The plane along other axes, sides padded or outputs shifted."""
    f, g, said = asked.f, asked.g, dict(asked.words)
    holes = said.get("dilation", 1)
    holes = holes if isinstance(holes, tuple) else (holes, holes)
    spans = [h * (k - 1) + 1 for h, k in zip(holes, g.shape[-2:], strict=True)]
    if draw(st.integers(0, 3)) == 0:
        del said["mode"]
        said["padding"] = tuple(
            draw(st.tuples(st.integers(max(0, span - n), 2 * span), st.integers(0, span)))
            for n, span in zip(f.shape[-2:], spans, strict=True)
        )
    elif said["mode"] == "same" and draw(st.booleans()):
        said["origin"] = tuple(draw(st.integers(-((n - 1) // 2), (n - 1) // 2)) for n in spans)
    if f.ndim == 3 and draw(st.booleans()):
        said["axes"] = draw(st.sampled_from(AXES[:2] if several else AXES))
        f = np.moveaxis(f, (-2, -1), said["axes"])
    return Question(f, g, said)


def _missing(draw: Any, rng: np.random.Generator, asked: Question) -> Question:
    """Some pixels of one filter's image are not used; its taps do not cancel."""
    f, g, said = asked
    g = (np.abs(g) + (1 if g.dtype.kind in "iu" else 0.1)).astype(g.dtype)
    part = draw(st.sampled_from([0, 0.02, 0.3, 0.9, 1]))
    there, said = rng.random(f.shape) >= part, dict(said)
    how = draw(st.sampled_from(["omit", "where", "weights", "both"]))
    if how == "omit" and f.dtype.kind == "f":
        f, said["nan_policy"] = np.where(there, f, np.nan).astype(f.dtype), "omit"
        if "cval" in said and draw(st.integers(0, 3)) == 0:
            said["cval"] = np.nan
    if how in ("where", "both"):
        said["where"] = there
    if how in ("weights", "both"):
        weights = rng.random(f.shape) * (rng.random(f.shape) >= part)
        said["weights"] = weights.astype(draw(st.sampled_from(["float32", "float64"])))
    if draw(st.integers(0, 3)) == 0:
        said["min_weight"] = 0.3731  # of which no sum of equal taps is near
    return Question(f, g, said)


def _stored(draw: Any, asked: Question, results: Any) -> dict[str, Any]:
    """How sums become results."""
    said, many = {}, asked.g.shape[0] if asked.g.ndim > 2 else None
    sizes = st.sampled_from([None, many])
    for name, numbers_ in (("scale", st.integers(-16, 16)), ("bias", st.integers(-99, 99))):
        if draw(st.booleans()):
            count, whole = draw(sizes), name == "bias" and draw(st.booleans())
            unit = 1 if whole else 8
            found = draw(st.lists(numbers_, min_size=count or 1, max_size=count or 1))
            values = [n if whole else n / unit for n in found]
            said[name] = values[0] if count is None else np.array(values)
    if draw(st.booleans()):
        kind = np.dtype(draw(st.sampled_from(results)))
        said["dtype"] = kind
        if kind.kind in "iu":  # few rules, for each has compiled code of its own
            said["overflow"] = draw(st.sampled_from(["saturate", "wrap"]))
            said["rounding"] = "even" if results is RESULTS else draw(ROUNDINGS)
    return said


@st.composite
def worded(draw: Any, types: Any = USUAL, results: Any = RESULTS) -> Question:
    """Every word of a call, with those it goes with."""
    asked = draw(questions(types, 100_000, 20_000))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    form = draw(st.sampled_from(FORMS))
    if asked.f.dtype.kind == "c" or asked.g.dtype.kind == "c":
        return asked
    if form != "one":
        asked = _layered(draw, rng, asked, form)
    if form != "bank":
        asked = _placed(draw, asked, form != "one")
    if form == "one" and draw(st.booleans()):
        return _missing(draw, rng, asked)
    return asked._replace(words={**asked.words, **_stored(draw, asked, results)})


def laid(rng: np.random.Generator, shape: tuple[int, ...], kind: Any) -> tuple[Array, Array]:
    """An output as it may lie in memory, filled with no result, and that memory."""
    order, margin = rng.permutation(len(shape)), int(rng.integers(0, 3))
    steps = rng.integers(1, 3, len(shape)) if margin else np.ones(len(shape), int)
    memory = np.full([shape[axis] * steps[axis] + 2 * margin for axis in order], 1, kind)
    if memory.dtype.kind == "f":
        memory[...] = np.nan
    seen = memory.transpose(np.argsort(order))
    cuts = (slice(margin, margin + n * step, step) for n, step in zip(shape, steps, strict=True))
    out = seen[tuple(cuts)]
    return out[tuple(slice(None, None, -1 if rng.integers(4) == 0 else 1) for _ in shape)], memory
