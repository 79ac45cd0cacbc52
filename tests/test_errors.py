"""Distrusts refusals: a bad call raises what is documented, names the argument, writes nothing."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from conftest import Poisoned

import parconv

F = np.ones((6, 7), np.float32)
G = np.ones((3, 3), np.float32)
ROW = np.ma.masked_array(F[0], F[0] > 0)
ITSELF: list[Any] = []
ITSELF.append(ITSELF)
FI, GI = F.astype(np.int64), G.astype(np.int64)
EXTENDED = np.dtype(np.longdouble)


@dataclass
class Bad:
    """A call that must fail: what is passed, what is raised, and what the message must say."""

    raises: type[Exception]
    says: str
    f: Any = field(default_factory=lambda: F)
    g: Any = field(default_factory=lambda: G)
    out: tuple[tuple[int, ...], str] = ((4, 5), "float32")
    options: dict[str, Any] = field(default_factory=dict)


def bad(raises: type[Exception], says: str, f: Any = F, g: Any = G, **options: Any) -> Bad:
    out = options.pop("out_like", ((4, 5), "float32"))
    return Bad(raises, says, f, g, out, options)


def ints(raises: type[Exception], says: str, f: Any = FI, g: Any = GI, **options: Any) -> Bad:
    return bad(raises, says, f, g, out_like=((4, 5), "int64"), **options)


def same(raises: type[Exception], says: str, **options: Any) -> Bad:
    return bad(raises, says, mode="same", out_like=((6, 7), "float32"), **options)


CALLS = {
    # f
    "f a list of masked": bad(TypeError, "f is a masked array: pass f.filled(value)", [ROW] * 6),
    "f masked at depth": bad(TypeError, "f is a masked array", [[ROW] * 6]),
    "f itself": bad(TypeError, "f is not an array of numbers", ITSELF),
    "f object": bad(TypeError, "f has dtype object", F.astype(object)),
    "f None": bad(TypeError, "f has dtype object", None),
    "f string": bad(TypeError, "f has dtype <U5", "image"),
    "f strings": bad(TypeError, "f has dtype <U1", [["a", "b"]]),
    "f bytes": bad(TypeError, "f has dtype |S1", np.full((6, 7), b"a")),
    "f datetime": bad(TypeError, "f has dtype datetime64", np.zeros((6, 7), "datetime64[s]")),
    "f timedelta": bad(TypeError, "f has dtype timedelta64", np.zeros((6, 7), "timedelta64[s]")),
    "f of datetimes": bad(TypeError, "f has dtype object", [[datetime(2026, 1, 1)]]),
    "f longdouble": bad(TypeError, f"f has dtype {EXTENDED}", F.astype(np.longdouble)),
    "f clongdouble": bad(TypeError, "f has dtype complex", F.astype(np.clongdouble)),
    "f structured": bad(TypeError, "f has dtype [", np.zeros((6, 7), [("a", "f4")])),
    "f ragged": bad(TypeError, "f is not an array of numbers", [[1, 2], [3]]),
    "f set": bad(TypeError, "f has dtype object", {1, 2}),
    "f scalar": bad(ValueError, "f has shape ()", 1.0),
    "f one axis": bad(ValueError, "f has shape (7,)", F[0]),
    "f empty in valid": bad(ValueError, "mode='valid'", np.ones((0, 7))),
    "f empty list": bad(ValueError, "f has shape (0,)", []),
    "f empty under wrap": bad(
        ValueError, "boundary='wrap' needs a pixel", F[:0], mode="full", boundary="wrap",
        out_like=((2, 9), "float32"),
    ),
    # g
    "g masked": bad(TypeError, "g is a masked array", g=np.ma.masked_array(G, G > 2)),
    "g object": bad(TypeError, "g has dtype object", g=G.astype(object)),
    "g None": bad(TypeError, "g has dtype object", g=None),
    "g string": bad(TypeError, "g has dtype <U3", g="box"),
    "g longdouble": bad(TypeError, f"g has dtype {EXTENDED}", g=G.astype(np.longdouble)),
    "g datetime": bad(TypeError, "g has dtype datetime64", g=np.zeros((3, 3), "datetime64[s]")),
    "g ragged": bad(TypeError, "g is not an array of numbers", g=[[1, 2], [3]]),
    "g scalar": bad(ValueError, "g has shape ()", g=2.0),
    "g integer": bad(ValueError, "g has shape (): pass a filter", g=2),
    "g truth": bad(ValueError, "g has shape (): pass a filter", g=True),
    "g a type": bad(TypeError, "g has dtype object", g=np.int64),
    "g integers of one axis": ints(ValueError, "g has shape (3,)", g=GI[0]),
    "g a list of masked": bad(TypeError, "g is a masked array", g=[np.ma.ones(3)] * 3),
    "g one axis": bad(ValueError, "g has shape (3,)", g=G[0]),
    "g channels, f none": bad(ValueError, "f has shape (6, 7)", g=np.ones((2, 1, 3, 3))),
    "g too many channels": bad(
        ValueError, "f of shape (3, 5, 6) has 3", f=np.ones((3, 5, 6)), g=np.ones((2, 4, 3, 3))
    ),
    "g too few channels": bad(
        ValueError, "g has shape (2, 1, 3, 3)", f=np.ones((3, 5, 6)), g=np.ones((2, 1, 3, 3))
    ),
    "g bank without filters": bad(ValueError, "g has shape (0, 3, 3)", g=np.ones((0, 3, 3))),
    "groups of a bank": bad(ValueError, "groups=2 needs a 4-D", g=np.ones((2, 3, 3)), groups=2),
    "groups divide no filters": bad(
        ValueError, "groups=2: the 3 filters", f=np.ones((2, 5, 6)), g=np.ones((3, 1, 3, 3)),
        groups=2,
    ),
    "groups zero in a layer": bad(
        ValueError, "groups=0", f=np.ones((2, 5, 6)), g=np.ones((2, 2, 3, 3)), groups=0
    ),
    "groups a float": bad(
        TypeError, "groups=1.0", f=np.ones((2, 5, 6)), g=np.ones((2, 2, 3, 3)), groups=1.0
    ),
    "g five axes": bad(ValueError, "g has shape (1, 1, 1, 3, 3)", g=np.ones((1, 1, 1, 3, 3))),
    "g no rows": bad(ValueError, "g has shape (0, 3)", g=G[:0]),
    "g no columns": bad(ValueError, "g has shape (3, 0)", g=G[:, :0]),
    # mode
    "mode unknown": bad(ValueError, "mode='ful' is unknown: pass one of valid, same", mode="ful"),
    "mode upper case": bad(ValueError, "full, did you mean 'same'?", mode="SAME"),
    "mode number": bad(ValueError, "mode=2", mode=2),
    "mode None": bad(ValueError, "mode=None", mode=None),
    "mode of scipy.ndimage": bad(
        ValueError, "mode='nearest' is a boundary: pass boundary='edge', and mode='same'",
        mode="nearest",
    ),
    "mode reflect": bad(
        ValueError, "mode='reflect' is a boundary: pass boundary='symmetric' (d c b", mode="reflect"
    ),
    "mode of ours": bad(ValueError, "pass boundary='wrap', and mode='same'", mode="wrap"),
    "mode of thousands of characters": bad(ValueError, "xx ... xx", mode="x" * 5000),
    "mode list": bad(ValueError, "mode=['same']", mode=["same"]),
    "neither covers": bad(ValueError, "do not cover one another", g=np.ones((7, 3))),
    "neither covers, dilated": bad(ValueError, "filter span (7, 3)", dilation=(3, 1)),
    # boundary
    "boundary reflect": same(ValueError, "'symmetric' (d c b a | a b c d", boundary="reflect"),
    "boundary reflect on one axis": same(ValueError, "'mirror'", boundary=("edge", "reflect")),
    "boundary misspelt": same(ValueError, "wrap, did you mean 'edge'?", boundary="edges"),
    "boundary number of OpenCV": same(ValueError, "2 is unknown: pass 'symmetric'", boundary=2),
    "boundary unknown": same(ValueError, "boundary='zeroth' is unknown", boundary="zeroth"),
    "boundary zero": same(ValueError, "boundary='zero' is unknown: pass 'cons", boundary="zero"),
    "boundary nearest": same(ValueError, "pass 'edge', which", boundary="nearest"),
    "boundary replicate": same(ValueError, "pass 'edge', which", boundary=("wrap", "replicate")),
    "boundary of OpenCV": same(ValueError, "pass 'mirror', which", boundary="BORDER_REFLECT_101"),
    "boundary of torch": same(ValueError, "pass 'wrap', which", boundary="circular"),
    "boundary of an array": same(ValueError, "is unknown", boundary=np.array(["edge", "x"])),
    "boundary number": same(ValueError, "boundary=0", boundary=0),
    "boundary None": same(ValueError, "boundary=None", boundary=None),
    "boundary of three": same(ValueError, "one per axis", boundary=("edge",) * 3),
    "boundary of one": same(ValueError, "one per axis", boundary=("edge",)),
    "boundary of numbers": same(ValueError, "boundary=0", boundary=(0, 1)),
    "boundary wrong in valid": bad(ValueError, "boundary='edgy'", boundary="edgy"),
    # cval
    "cval complex": same(TypeError, "cval=1j is complex", cval=1j),
    "cval string": same(TypeError, "cval='0'", cval="0"),
    "cval None": same(TypeError, "cval=None", cval=None),
    "cval two": same(ValueError, "cval=[1, 2]: pass one number", cval=[1, 2]),
    "cval beyond integers": ints(
        ValueError, "cval=36893488147419103232 does not fit in 64 bits: pass a s", cval=2**65
    ),
    "cval below integers": ints(
        ValueError, "cval=-18446744073709551616 does not fit in 64 bits", cval=-(2**64)
    ),
    "cval ragged": same(TypeError, "cval=", cval=[1, [2]]),
    "cval nan for integers": ints(ValueError, "cval=nan", mode="same", cval=np.nan),
    "cval inf for integers": ints(ValueError, "cval=inf", mode="same", cval=np.inf),
    "cval half for integers": ints(
        ValueError, "cval=1.5: integer images", mode="same", cval=1.5
    ),
    "cval half for integers, padded": ints(
        ValueError, "pass an integer, or a dtype, such as 'float64'", padding=1, cval=1.5
    ),
    "cval beyond int64": ints(ValueError, "does not fit in int64", mode="full", cval=2**63),
    "cval far beyond int64": ints(ValueError, "cval=", mode="same", cval=1e30),
    "cval complex for a real image": bad(
        TypeError, "cval=1j", g=G.astype("complex64"), mode="same", cval=1j,
        out_like=((6, 7), "complex64"),
    ),
    # padding
    "padding negative": bad(ValueError, "padding=-1: pass integers of at least 0", padding=-1),
    "padding same": bad(TypeError, "padding='same': pass mode='same'", padding="same"),
    "padding half": bad(TypeError, "padding=0.5", padding=0.5),
    "padding bool": bad(TypeError, "padding=True", padding=True),
    "padding of three": bad(ValueError, "padding=(1, 2, 3)", padding=(1, 2, 3)),
    "padding side of three": bad(ValueError, "padding", padding=((1, 2, 3), 0)),
    "padding string": bad(TypeError, "padding='same'", padding="same"),
    "padding with same": bad(ValueError, "exclude each other", padding=1, mode="same"),
    "padding with full": bad(ValueError, "exclude each other", padding=0, mode="full"),
    "padding too small": bad(
        ValueError, "padding=(0, 1): the filter spans (3, 3)", F[:1], padding=(0, 1)
    ),
    # origin
    "origin in valid": bad(ValueError, "origin=1 shifts mode='same' only", origin=1),
    "origin in full": bad(ValueError, "origin=(0, 1) shifts", origin=(0, 1), mode="full"),
    "origin with padding": bad(ValueError, "origin=1 shifts", origin=1, padding=1),
    "origin too far": same(ValueError, "origin=2 leaves the filter: pass -1 to 1", origin=2),
    "origin too far back": same(ValueError, "origin=(0, -2) leaves", origin=(0, -2)),
    "origin beyond an even filter": same(
        ValueError, "origin=3 leaves the filter: pass -1 to 2", g=np.ones((4, 4)), origin=3
    ),
    "origin half": same(TypeError, "origin=0.5", origin=0.5),
    "origin bool": same(TypeError, "origin=True", origin=True),
    "origin None": same(TypeError, "origin=None", origin=None),
    "origin of three": same(ValueError, "origin=(0, 0, 0)", origin=(0, 0, 0)),
    # axes
    "axes one number": bad(ValueError, "axes=1", axes=1),
    "axes of one": bad(ValueError, "axes=(0,)", axes=(0,)),
    "axes of three": bad(ValueError, "axes=(0, 1, 2)", axes=(0, 1, 2)),
    "axes twice": bad(ValueError, "axes=(1, 1) names one axis twice", axes=(1, 1)),
    "axes twice by sign": bad(ValueError, "axes=(1, -1) names one axis twice", axes=(1, -1)),
    "axes out of range": bad(ValueError, "axes=(0, 2) is out of range", axes=(0, 2)),
    "axes far below": bad(ValueError, "axes=(-3, 0) is out of range", axes=(-3, 0)),
    "axes half": bad(ValueError, "axes=(0, 0.5)", axes=(0, 0.5)),
    "axes names": bad(ValueError, "axes=('y', 'x')", axes=("y", "x")),
    "axes None": bad(ValueError, "axes=None", axes=None),
    # stride, dilation, groups
    "stride 0": bad(ValueError, "stride=0: pass integers of at least 1", stride=0),
    "stride negative": bad(ValueError, "stride=(1, -1)", stride=(1, -1)),
    "stride half": bad(TypeError, "stride=1.5", stride=1.5),
    "stride bool": bad(TypeError, "stride=True", stride=True),
    "stride of three": bad(ValueError, "stride=(1, 1, 1)", stride=(1, 1, 1)),
    "stride None": bad(TypeError, "stride=None", stride=None),
    "stride string": bad(TypeError, "stride='2'", stride="2"),
    "dilation 0": bad(ValueError, "dilation=0", dilation=0),
    "dilation negative": bad(ValueError, "dilation=-2", dilation=-2),
    "dilation half": bad(TypeError, "dilation=(1, 2.0)", dilation=(1, 2.0)),
    "dilation None": bad(TypeError, "dilation=None", dilation=None),
    "stride array": bad(ValueError, "stride=array([1, 2, 3])", stride=np.array([1, 2, 3])),
    "stride array of floats": bad(
        TypeError, "stride=array([1., 2.]): pass an integer or a pair of integers, 1",
        stride=np.array([1.0, 2]),
    ),
    "stride of arrays": bad(
        TypeError, "stride=(array([1, 1]), 1): pass", stride=(np.array([1, 1]), 1)
    ),
    "dilation array": bad(TypeError, "dilation=array([[1, 2]", dilation=np.array([[1, 2]] * 2)),
    "padding array": bad(
        ValueError, "padding=array([-1, 2]): pass integers", padding=np.array([-1, 2])
    ),
    "origin array": same(ValueError, "origin=array([0, 3]) leaves", origin=np.array([0, 3])),
    "groups array": bad(TypeError, "groups=array([1, 2])", groups=np.array([1, 2])),
    "groups 2": bad(ValueError, "groups=2", groups=2),
    "groups 0": bad(ValueError, "groups=0", groups=0),
    "groups bool": bad(TypeError, "groups=True", groups=True),
    "groups None": bad(TypeError, "groups=None", groups=None),
    # dtype, accumulate
    "dtype unknown": bad(TypeError, "dtype='float33' is not a dtype", dtype="float33"),
    "dtype object": bad(TypeError, "dtype has dtype object", dtype=object),
    "dtype string": bad(TypeError, "dtype has dtype", dtype="U4"),
    "dtype datetime": bad(TypeError, "dtype has dtype datetime64", dtype="datetime64[s]"),
    "dtype longdouble": bad(TypeError, f"dtype has dtype {EXTENDED}", dtype=np.longdouble),
    "dtype real for complex": bad(
        TypeError, "dtype=float64 would drop the imaginary part", F.astype(complex), dtype=float
    ),
    "dtype int for complex g": bad(
        TypeError, "dtype=int64 would drop the imaginary part", g=G.astype(complex), dtype=int
    ),
    "accumulate unknown": bad(TypeError, "accumulate='double64'", accumulate="double64"),
    "accumulate object": bad(TypeError, "accumulate has dtype object", accumulate=object),
    "accumulate narrower": bad(ValueError, "accumulate=float16", accumulate=np.float16),
    "accumulate single for double": bad(
        ValueError, "accumulate=float32", F.astype(float), accumulate=np.float32
    ),
    "accumulate integers": bad(ValueError, "accumulate=int64", accumulate=np.int64),
    "accumulate double for integers": ints(ValueError, "summed exactly", accumulate=np.float64),
    # tolerance
    "tolerance negative": bad(ValueError, "tolerance=-1e-05: pass a number", tolerance=-1e-5),
    "tolerance infinite": bad(ValueError, "tolerance=inf", tolerance=np.inf),
    "tolerance NaN": bad(ValueError, "tolerance=nan", tolerance=np.nan),
    "tolerance complex": bad(TypeError, "tolerance=1j", tolerance=1j),
    "tolerance bool": bad(TypeError, "tolerance=True", tolerance=True),
    "tolerance string": bad(TypeError, "tolerance='1e-5'", tolerance="1e-5"),
    "tolerance pair": bad(TypeError, "tolerance=(1e-05, 1e-05)", tolerance=(1e-5, 1e-5)),
    "tolerance list": bad(TypeError, "tolerance=[1e-05]", tolerance=[1e-5]),
    "tolerance beyond floats": bad(
        ValueError, "number of at least 0, and finite", tolerance=Fraction(10**400)
    ),
    "tolerance below fft's error": bad(
        ValueError, "more than tolerance=1e-09", tolerance=1e-9, method="fft"
    ),
    # bias, scale, overflow, rounding
    "bias string": bad(TypeError, "bias='1': pass a number", bias="1"),
    "bias of an array": bad(ValueError, "bias has shape (2,): pass a number", bias=[1, 2]),
    "bias of too few": bad(
        ValueError, "bias has shape (2,): pass a number, or 3, one for each filter",
        g=np.ones((3, 3, 3), np.float32), bias=[1, 2], out_like=((3, 4, 5), "float32"),
    ),
    "bias complex": bad(TypeError, "bias=1j is complex, the sums are float32", bias=1j),
    "bias beyond int64": ints(ValueError, f"bias={2**63} does not fit in int64", bias=2**63),
    "bias and sums beyond int64": ints(
        ValueError, "f holds values beyond", FI * 2**57, bias=2**63 - 1
    ),
    "scale None of a pair": bad(TypeError, "scale=(None, 1): pass a number", scale=(None, 1)),
    "scale complex": bad(TypeError, "scale=1j is complex", scale=1j),
    "overflow unknown": bad(ValueError, "overflow='clip' is unknown: pass one of", overflow="clip"),
    "overflow None": bad(ValueError, "overflow=None", overflow=None),
    "rounding unknown": bad(ValueError, "rounding='up' is unknown: pass one of", rounding="up"),
    # threads, strategy, method
    "threads 0": bad(ValueError, "threads=0: pass an integer of at least 1", threads=0),
    "threads negative": bad(ValueError, "threads=-1", threads=-1),
    "threads half": bad(TypeError, "threads=2.5", threads=2.5),
    "threads whole float": bad(TypeError, "threads=2.0", threads=2.0),
    "threads bool": bad(TypeError, "threads=True", threads=True),
    "threads string": bad(TypeError, "threads='2'", threads="2"),
    "threads list": bad(TypeError, "threads=[2]", threads=[2]),
    "strategy unknown": bad(ValueError, "strategy='fork' is unknown: pass", strategy="fork"),
    "strategy None": bad(ValueError, "strategy=None", strategy=None),
    "strategy array": bad(ValueError, "strategy=array(['auto',", strategy=np.array(["auto"] * 2)),
    "method array": bad(ValueError, "method=array([1, 2]) is unk", method=np.array([1, 2])),
    "padding a type": bad(TypeError, "padding=<class 'int'>: pass", padding=int),
    "boundary of arrays": same(
        ValueError, "boundary=array([1, 1]) is unknown", boundary=(np.array([1, 1]), 1)
    ),
    "strategy list": bad(ValueError, "strategy=['serial']", strategy=["serial"]),
    "method unknown": bad(ValueError, "method='magic' is unknown: pass", method="magic"),
    "method None": bad(ValueError, "method=None", method=None),
    "method number": bad(ValueError, "method=1", method=1),
    # int64 overflow
    "uint64 too large": ints(
        ValueError, "f holds values beyond", np.full((6, 7), 2**64 - 1, np.uint64)
    ),
    "int64 sum too large": ints(ValueError, "f holds values beyond", FI * 2**60),
    "int64 sum too small": ints(ValueError, "f holds values beyond", FI * -(2**60)),
    "int64 minimum": ints(ValueError, "f holds values beyond", FI * -(2**63)),
    "g beyond int64": ints(
        ValueError, "too large for int64 sums", g=np.full((3, 3), 2**64 - 1, np.uint64)
    ),
    "g sum just beyond int64": ints(
        ValueError, "too large for int64 sums", g=np.diag([2**62, 2**62 - 1, 1])
    ),
    "g sum beyond int64": ints(ValueError, "too large for int64 sums", g=GI * 2**60),
    "cval times g beyond int64": bad(
        ValueError, "too large for int64 sums", FI, GI, mode="same", cval=2**61,
        out_like=((6, 7), "int64"),
    ),
}  # fmt: skip

if np.dtype(np.longdouble).itemsize == 8:  # where there is no wider type than double
    CALLS = {name: call for name, call in CALLS.items() if "longdouble" not in name}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("function", [parconv.conv2d, parconv.correlate2d])
def test_bad_call(function: Any, name: str) -> None:
    call = CALLS[name]
    given = Poisoned(*call.out)
    before = [np.array(x, copy=True) if isinstance(x, np.ndarray) else x for x in (call.f, call.g)]
    for options in (call.options, {**call.options, "out": given.out}):
        with pytest.raises(call.raises) as caught:
            function(call.f, call.g, **options)
        assert type(caught.value) is call.raises
        assert call.says in str(caught.value)
        assert len(str(caught.value)) < 400
    given.check_unchanged()
    for now, was in zip((call.f, call.g), before, strict=True):
        if isinstance(was, np.ndarray) and was.dtype != object:
            np.testing.assert_array_equal(np.asarray(now), np.asarray(was))


class Stranger:
    """Of which nothing can be asked."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("like nobody")

    def __hash__(self) -> int:
        raise RuntimeError("no key")


STRANGE = (
    "mode", "boundary", "padding", "origin", "axes", "stride", "dilation", "groups", "dtype",
    "accumulate", "tolerance", "bias", "scale", "overflow", "rounding", "threads", "strategy",
    "method",
)  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_stranger_is_refused_like_others(name: str) -> None:
    for call in (parconv.conv2d, parconv.plan2d):
        for value in (Stranger(), (Stranger(), 1)):
            with pytest.raises((TypeError, ValueError), match=f"{name}=a "):
                call(F, G, **{name: value})


# What is refused for the image's values, not for its shape and dtype, makes a fine plan.
@pytest.mark.parametrize("name", [n for n in CALLS if not CALLS[n].says.startswith("f holds")])
def test_bad_plan(name: str) -> None:
    call = CALLS[name]
    with pytest.raises(call.raises) as caught:
        parconv.plan2d(call.f, call.g, **call.options)
    assert call.says in str(caught.value)


def test_the_table_is_long() -> None:
    assert len(CALLS) >= 80


# --- out -----------------------------------------------------------------------------------------


def read_only() -> np.ndarray:
    out = np.empty((4, 5), np.float32)
    out.flags.writeable = False
    return out


OUTS = {
    "one row more": (np.empty((5, 5), np.float32), ValueError, "out has shape (5, 5)"),
    "one row less": (np.empty((3, 5), np.float32), ValueError, "the result has shape (4, 5)"),
    "transposed": (np.empty((5, 4), np.float32), ValueError, "out has shape (5, 4)"),
    "one axis more": (np.empty((1, 4, 5), np.float32), ValueError, "out has shape (1, 4, 5)"),
    "flat": (np.empty(20, np.float32), ValueError, "out has shape (20,)"),
    "object": (
        np.empty((4, 5), object),
        TypeError,
        "out has dtype object: the result is float32; pass an array of that type",
    ),
    "structured": (np.empty((4, 5), [("a", "f4")]), TypeError, "pass an array of that type"),
    "texts": (np.empty((4, 5), "U3"), TypeError, "pass an array of that type"),
    "read-only": (read_only(), ValueError, "out is read-only"),
    "broadcast": (np.broadcast_to(np.float32(0), (4, 5)), ValueError, "out is read-only"),
    "list": ([[0.0] * 5] * 4, TypeError, "out is a list"),
    "masked": (np.ma.zeros((4, 5), np.float32), TypeError, "out is a MaskedArray"),
    "dtype": (np.float32, TypeError, "out is a type"),
    "twice the same row": (
        np.lib.stride_tricks.as_strided(np.zeros(5, np.float32), (4, 5), (0, 4)),
        ValueError,
        "its elements share memory",
    ),
    "windows": (
        np.lib.stride_tricks.as_strided(np.zeros(8, np.float32), (4, 5), (4, 4)),
        ValueError,
        "out has shape (4, 5) and strides (4, 4)",
    ),
    "backwards through itself": (
        np.lib.stride_tricks.as_strided(np.zeros(40, np.float32)[20:], (4, 5), (-8, 4)),
        ValueError,
        "its elements share memory",
    ),
    "buffer": (bytearray(80), TypeError, "out is a bytearray"),
    "False": (False, TypeError, "out is a bool"),
}


@pytest.mark.parametrize("name", OUTS)
def test_bad_output(name: str) -> None:
    out, raises, says = OUTS[name]
    before = np.array(out, copy=True) if isinstance(out, np.ndarray) else None
    plan = parconv.plan2d(F, G)
    for call in (parconv.conv2d, parconv.correlate2d, lambda f, g, out: plan(f, out)):
        with pytest.raises(raises) as caught:
            call(F, G, out=out)
        assert says in str(caught.value)
    if before is not None and before.dtype.kind in "fib":
        np.testing.assert_array_equal(np.asarray(out), before)


# --- plans ---------------------------------------------------------------------------------------

SPEC = ((6, 7), "float32")
PLANS = {
    "shape of another image": (lambda plan: plan(np.ones((7, 6), np.float32)), ValueError,
                               "f has shape (7, 6): the plan is for (6, 7)"),
    "a stack": (lambda plan: plan(np.ones((2, 6, 7), np.float32)), ValueError, "f has shape"),
    "another dtype": (lambda plan: plan(np.ones((6, 7))), ValueError, "f has dtype float64"),
    "an integer image": (lambda plan: plan(FI), ValueError, "f has dtype int64"),
    "a masked image": (lambda plan: plan(np.ma.ones((6, 7))), TypeError, "f is a masked array"),
    "an object image": (lambda plan: plan(F.astype(object)), ValueError, "f has dtype object"),
    "no image": (lambda plan: plan(None), TypeError, "f has dtype object"),
    "a ragged image": (lambda plan: plan([[1, 2], [3]]), TypeError, "f is not an array"),
    "no arguments": (lambda plan: plan(), TypeError, "f"),
    "a wrong output": (lambda plan: plan(F, np.empty((1, 1), np.float32)), ValueError, "out has"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_bad_call_of_a_plan(name: str) -> None:
    call, raises, says = PLANS[name]
    with pytest.raises(raises) as caught:
        call(parconv.plan2d(SPEC, G))
    assert says in str(caught.value)


def test_plan_without_a_filter_does_not_run() -> None:
    plan = parconv.plan2d(SPEC, ((3, 3), "float32"))
    given = Poisoned((4, 5), np.float32)
    with pytest.raises(ValueError, match="made from a filter's shape"):
        plan(F, given.out)
    given.check_unchanged()


SPECS = {
    "negative size": (((6, -7), "float32"), SPEC, ValueError, "f=((6, -7)"),
    "half a pixel": (((6, 7.5), "float32"), SPEC, ValueError, "f=((6, 7.5)"),
    "no dtype": (((6, 7), "float33"), SPEC, TypeError, "f='float33' is not a dtype"),
    "object": (((6, 7), object), SPEC, TypeError, "f has dtype object"),
    "filter of negative size": (SPEC, ((-3, 3), "float32"), ValueError, "g=((-3, 3)"),
    "filter of objects": (SPEC, ((3, 3), object), TypeError, "g has dtype object"),
    "beyond int64": (((10**20, 3), "f4"), SPEC, ValueError, "holds integers from 0 to"),
    "beyond int64, empty": (((10**20, 0), "f4"), SPEC, ValueError, "holds integers from 0 to"),
    "beyond any memory": (((2**40, 2**40), "f4"), SPEC, ValueError, "that a memory can hold"),
    "by a byte": (((2**30, 2**31), "f4"), SPEC, ValueError, "that a memory can hold"),
    "filter beyond any memory": (
        SPEC,
        ((10**10, 10**10), "f4"),
        ValueError,
        "g=((10000000000, 10000000000), 'f4'): pass a",
    ),
    "hostile dtype": (((6, 7), "f" * 9000), SPEC, TypeError, "fff ... fff"),
    "empty filter": (SPEC, ((3, 0), "float32"), ValueError, "g has shape (3, 0)"),
    "layer without channels": (SPEC, ((8, 1, 3, 3), "float32"), ValueError, "a 4-D g sums"),
    "flat image": (((6,), "float32"), SPEC, ValueError, "f has shape (6,)"),
}


@pytest.mark.parametrize("name", SPECS)
def test_bad_spec(name: str) -> None:
    f, g, raises, says = SPECS[name]
    with pytest.raises(raises) as caught:
        parconv.plan2d(f, g)
    assert says in str(caught.value)


@pytest.mark.parametrize("wrong", [{"stride": "x"}, {"mode": ["same"]}, {"threads": (1, [])}])
def test_an_error_is_told_once(wrong: dict[str, Any]) -> None:
    """One traceback, whatever the planner's memory makes of the arguments."""
    with pytest.raises((TypeError, ValueError)) as caught:
        parconv.conv2d(F, G, **wrong)
    assert caught.value.__context__ is None


def test_arrays_in_place_of_tuples() -> None:
    for name, value, mode in (
        ("stride", (1, 2), "same"), ("stride", 2, "same"), ("dilation", (2, 1), "same"),
        ("padding", (1, 2), "valid"), ("padding", ((1, 2), (0, 1)), "valid"),
        ("origin", (1, -1), "same"), ("axes", (1, 0), "same"), ("boundary", "edge", "same"),
        ("boundary", ("edge", "wrap"), "same"),
    ):  # fmt: skip
        right = parconv.conv2d(F, G, mode=mode, **{name: value})
        found = parconv.conv2d(F, G, mode=mode, **{name: np.array(value)})
        np.testing.assert_array_equal(found, right, name)
    pair = np.array([1, 1]), np.array([0, 2])
    right = parconv.conv2d(F, G, padding=((1, 1), (0, 2)))
    np.testing.assert_array_equal(parconv.conv2d(F, G, padding=pair), right)
    assert parconv.plan2d(F, G, padding=pair).problem.plane == right.shape


def test_tensors_that_numpy_cannot_read() -> None:
    torch = pytest.importorskip("torch")
    image, taps = torch.ones(6, 7), torch.nn.Parameter(torch.ones(3, 3))
    with pytest.raises(TypeError, match=r"g is a tensor .*: pass g.detach\(\)"):
        parconv.conv2d(image, taps)
    with pytest.raises(TypeError, match=r"f is a tensor .* type such as float32"):
        parconv.conv2d(image.to(torch.bfloat16), G)
    np.testing.assert_array_equal(parconv.conv2d(image, taps.detach()), parconv.conv2d(F, G))


def test_names_of_other_libraries() -> None:
    for name, ours in (("convolve2d", "conv2d"), ("gaussian_filter", "gaussian"), ("blur", "box")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}': use parconv.{ours}"):
            getattr(parconv, name)
    with pytest.raises(AttributeError, match=r"no attribute 'median_filter'$"):
        _ = parconv.median_filter


class Crooked(np.ndarray):
    """An array with an index of its own."""

    def __getitem__(self, index: Any) -> Any:
        raise RuntimeError("not by me")


@pytest.mark.parametrize("dtype", ["float32", ">f4", "float16"])
@pytest.mark.parametrize("kind", [np.matrix, Crooked], ids=lambda kind: kind.__name__)
def test_an_output_of_a_subclass(kind: Any, dtype: str) -> None:
    f = F.astype(np.dtype(dtype).newbyteorder("="))
    memory = np.zeros((4, 10), dtype)
    for columns in (slice(0, 5), slice(0, 10, 2)):
        out = memory[:, columns].view(kind)
        assert parconv.conv2d(f, G, out=out) is out
        np.testing.assert_array_equal(memory[:, columns], np.full((4, 5), 9))


def test_unknown_and_positional_arguments() -> None:
    for call in (parconv.conv2d, parconv.correlate2d, parconv.plan2d):
        with pytest.raises(TypeError):
            call(F, G, "same")
        with pytest.raises(TypeError):
            call(F, G, border="wrap")
        with pytest.raises(TypeError):
            call(F)


# --- a refusal does not depend on what was asked before -------------------------------------------


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        ({"stride": (1, 2)}, {"stride": (1, 2.0)}),
        ({"dilation": (1, 1)}, {"dilation": (True, 1)}),
        ({"padding": (1, 0)}, {"padding": (True, 0)}),
        ({"padding": ((1, 0), (1, 0))}, {"padding": ((1.0, 0), (1, 0))}),
        ({"mode": "same", "origin": (1, 0)}, {"mode": "same", "origin": (1.0, 0)}),
        ({"axes": (0, 1)}, {"axes": (0.0, 1)}),
        ({"groups": 1}, {"groups": True}),
        ({"threads": 1}, {"threads": True}),
        ({"stride": 1}, {"stride": 1.0}),
    ],
    ids=str,
)
def test_equal_values_of_wrong_type_stay_wrong(good: dict[str, Any], wrong: dict[str, Any]) -> None:
    parconv.conv2d(F, G, **good)
    with pytest.raises((TypeError, ValueError)):
        parconv.conv2d(F, G, **wrong)


def test_errors_leave_no_trace_in_later_calls() -> None:
    right = parconv.conv2d(F, G, threads=2)
    for call, count in itertools.product(CALLS.values(), range(2)):
        with pytest.raises(call.raises):
            parconv.conv2d(call.f, call.g, **call.options)
        assert count in (0, 1)
    np.testing.assert_array_equal(parconv.conv2d(F, G, threads=2), right)


@pytest.mark.parametrize("strategy", ["serial", "prange", "threads", "joblib"])
def test_overflow_is_refused_before_anything_is_written(strategy: str) -> None:
    f = np.ones((300, 200), np.int64)
    f[299, 199] = 2**62
    given = Poisoned((298, 198), np.int64)
    with pytest.raises(ValueError, match="f holds values beyond"):
        parconv.conv2d(f, GI, out=given.out, strategy=strategy, threads=2)
    given.check_unchanged()
