"""The front door: describe the problem, plan it, run it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack, cast

from .codegen import apart

# First, and NumPy with it: an interrupt does not cut this import.
apart.load(f"{__package__}.planner.answers")

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .planner.answers import planned, result_of
from .planner.choice import check_spec, is_spec
from .planner.composed import Composed
from .planner.keepers import keeper_of
from .planner.looking import again, learn
from .planner.missing import with_weights
from .planner.plan import Plan
from .planner.volume import VolumePlan
from .problem.brief import is_brief
from .problem.door import as_array, image_of
from .problem.filter import filter_of
from .problem.missing import brings, unmasked, without_arrays
from .problem.question import DEFAULTS, Options, Question, spelled
from .runtime.telling import told


@spelled()
def conv2d(
    f: ArrayLike, g: ArrayLike, *, out: NDArray[Any] | None = None, **options: Unpack[Options]
) -> NDArray[Any]:
    """Convolve an image, a stack, a volume or a network's maps with a filter or several.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images (see ``axes``), of any layout: bool, (u)int8 to (u)int64, float16,
        float32, float64, complex64, complex128 or bfloat16 (of ml_dtypes).  An image of Pillow's is
        taken by its mode: one of several bands needs ``axes=(0, 1)``, one with a palette must be
        converted.
    g : array_like, shape (KH, KW), (O, KH, KW) or (O, C // groups, KH, KW); or Outer
        Filter; reflected, as convolution is defined.  It may be larger than the image.  A tap
        that is 0 is none, see ``zero_taps``.  Three axes are a bank of filters: images (..., H, W)
        give (..., O, H', W').  Four are a layer: images (..., C, H, W) give (..., O, H', W'),
        summed over channels.  They are reflected, too: what neural networks call convolution is
        `correlate2d`.  Where ``axes`` names one axis, or three and more, ``g`` has as many axes,
        and is one filter over them; arguments for both axes are then for each.  A filter that was
        passed before is recognised and not prepared anew: by comparing every byte, so that it may
        be changed in place; an array in a ``bytes`` (`numpy.frombuffer`), which nobody can change,
        by itself.
    mode : {"valid", "same", "full"}
        Which outputs: those that the data alone determine, ``(H - KH + 1, W - KW + 1)``; as many
        as the image has; or all that touch the image, ``(H + KH - 1, W + KW - 1)``.  Centring of
        even filters as in `scipy.signal.convolve2d`.
    boundary : str, (str, str) or ((str, str), (str, str))
        What lies outside the image, for both axes, each, or each side, ((top, bottom), (left,
        right)): ``"constant"`` (``cval``), ``"edge"`` (a a | a b), ``"symmetric"`` (b a | a b),
        ``"mirror"`` (c b | a b c) or ``"wrap"``.
    cval : number
        The constant outside, in units of ``f``.  A fraction beside integers, which are summed
        exactly, asks for a ``dtype``: then they are summed in floating point.
    padding : int, (int, int) or ((top, bottom), (left, right)), optional
        Pixels of border on each side, in place of ``mode``.
    origin : int or (int, int)
        Shift of ``mode="same"``, as in `scipy.ndimage.convolve`.
    axes : (int, int), int or (int, int, int, ...)
        Row and column axis of ``f``; all others are planes.  ``(0, 1)`` for colour (H, W, 3).
        One axis, as of signals, or three and more, as of volumes, are those that ``g`` lies
        along; a signal of one axis needs to name none.  For a layer the last of the others holds
        the channels, and the result's filters: ``(1, 2)`` for channels last, (B, H, W, C).
    stride, dilation : int or (int, int)
        Keep every stride-th output; spread the taps that far apart.
    groups : int or "planes"
        Of a layer: so many runs of channels, each with its own run of filters (``groups=C`` is a
        depthwise layer).  1 for other filters.  ``"planes"``: each plane has its own filter, ``g``
        (..., KH, KW), or (..., K) where ``axes`` names one; its axes before those broadcast with
        the image's others, as in NumPy.  Like layers, such filters round where taps cancel.
    real : int, (int, int) or ((top, bottom), (left, right)), optional
        Where ``f`` is a view of a larger array: so many of that one's pixels lie around it, and are
        read where they are.  ``boundary`` is what lies beyond them.  Given all that there are, the
        result is that part of the whole array's, by "direct", "separable" and most methods bit for
        bit; pixels that the filter does not reach cost nothing.
    dtype : dtype, optional
        Of the result.  By default an inexact image keeps its dtype; an integer image gives int64
        with an integer filter (exact), else float32 (8 and 16 bits) or float64; complex if either
        is.  Where it is not given, that of ``out`` is.  An integer dtype holds sums by ``rounding``
        and ``overflow``.  ``bool`` is True where a result is not 0; no method is taken whose error
        would count, as if ``tolerance`` were 0.
    accumulate : dtype, optional
        ``numpy.float64`` sums in double precision.  So they are anyway where float32 does not hold
        the taps of a float64 filter: some beyond 3e38, or none above 2e-31.
    tolerance : float, optional
        Which errors "auto" may accept for speed: it takes a method only if what that may err by,
        beside the rounding of a plain sum, is at most so much of the largest ``|f|`` near an output
        times the sum of ``|g|``.  By default "fft" is acceptable and "winograd" is not.  For sums
        in float32 0 refuses both, 2e-6 allows "fft", 1e-5 also "winograd" with patches of 2 x 2
        outputs, 1e-4 also of 4 x 4; in float64 4e-15, 2e-14 and 2e-13 do.  Where image or a single
        filter is complex, "fft" needs twice as much.  `Plan.explain` tells the error of the chosen
        method.  Pass 0 where an exact 0 means something, as in sums of a mask's weights: "fft" is
        sure to give it only where all pixels under the filter's rectangle are 0, and takes boolean
        images only by name or within a tolerance.
    zero_taps : {"skip", "keep"}
        What taps are that are 0.  Skipped, they are none, in filters, banks and layers alike and
        by every method: NaN and infinity under them do not spread (as in N-D functions of
        `scipy.ndimage`).  Kept, they are multiplied: 0 times NaN is NaN (as in `scipy.signal`,
        one-dimensional functions of `scipy.ndimage`, and torch).  Finite images give the same
        bits by both.  Where a filter has zeros, few rows of the result are searched for what is
        not finite, or the image if they are kept; such an image takes several times as long.
        An `Outer` of more than 16 million taps multiplies zeros between others.
    bias, scale : number or array_like, shape (O,), optional
        The result is ``scale * sum + bias``, rounded once, if to an integer: one number each, or
        one for each filter of a bank or a layer.  They may be complex where the sums are.  Sums of
        integers stay exact with an integer ``bias``; with a ``scale``, or a fraction, they are
        those of a floating filter.
    overflow : {"saturate", "wrap", "raise"}
        What becomes of a result that its integer dtype does not hold.  The nearest value it holds,
        0 for NaN; the result modulo 2**n; or a ValueError, when ``out`` may have been written.  To
        wrap also means that sums of integers are formed modulo 2**64, as in NumPy, and may exceed
        int64, or be of uint64 pixels; otherwise a ValueError says where they might.
    rounding : {"even", "trunc"}
        How a fraction becomes an integer: the nearest one, of two the even one; or toward zero.
    where : array_like of bool, optional
        Which pixels are used, as in NumPy: of the image's shape, of a plane's, or one that
        broadcasts to the image's.  With it, ``weights`` or ``nan_policy="omit"`` results are means
        over what is there, sum g w f / sum g w times sum g, by one filter, no bank, whose taps do
        not cancel; NaN where the sum of weights is 0, or ``cval`` in an integer result.  The
        mask of a masked array ``f`` says the same: what is masked is not used, and the result is
        a plain array.
    weights : array_like, optional
        What each pixel counts, at least 0: of shapes as for ``where``, which may be given, too.
    nan_policy : {"propagate", "omit", "raise"}
        What NaN in the image is: a number like others, a pixel that is not used (so is what lies
        outside where ``cval`` is NaN), or an error that tells how many there are.
    min_weight : float
        From 0 to 1: which part of the filter's sum must be there; NaN, or ``cval``, where less is.
    out : ndarray, optional
        Where to put the result: any layout, the result's shape, and a dtype that is the result's
        unless ``dtype`` names another; complex ones need a complex one.  It may overlap ``f``.
    threads : int, optional
        Upper bound; by default the cores this process may use.
    strategy : {"auto", "serial", "prange", "threads", "joblib"}
        Who computes which band of rows.
    method : str
        The algorithm; "auto" takes the fastest by the problem and the filter, `Plan.explain` lists
        all.  For one filter "direct"; "separable", which serves outer products that meet every tap
        as precisely as the sums are, and sums of two or three that miss all taps together by at
        most four machine epsilons of the sums; "rows", which serves single products of few taps,
        "short", those of up to nine that are alike from both ends, and columns, "strided", those
        with a stride, and "passes", long ones; "cosines", for smooth symmetric
        ones, as wide Gaussians are; "box", for integer images where all taps are equal;
        "windows", for equal taps of any image; "dot", for 8-bit images with small integer filters;
        and "fft".  All answer to
        within rounding of each pixel's own neighbourhood but sums of products, see
        `Plan.explain`, and "fft" and "cosines", whose errors are relative to the largest pixel
        within some hundreds; "auto" takes those only for floating-point sums, and for integer
        images of up to 16 bits.  For banks and layers "direct", "channels", "depthwise", "planes"
        or, taken by "auto" only within a ``tolerance``, "winograd": 3 x 3 layers with a quarter of
        the multiplications and about ten times the error, or 4 / 9 of them and the usual error.
        There NaN and infinity spread over patches of 4 x 4, or 2 x 2, outputs.  "gemm", only by
        name, is the baseline: windows copied, then a product by NumPy's BLAS.

    Returns
    -------
    ndarray
        The result: ``out`` where it was given.  Bit-identical for any ``threads``, ``strategy`` and
        layout of the arrays ("gemm": as far as BLAS gives equal bits for equal arrays).  Where all
        pixels under it are equal, a filter whose taps sum to exactly 0, alone or in a bank, gives
        exactly 0 by ``method="auto"``, and one of equal taps 1 / n exactly the pixel if that is a
        whole number ("fft": where all pixels of a tile are equal).  Layers round.

    Raises
    ------
    TypeError, ValueError
        Where an argument is wrong; the message names it and what to pass.  ``out`` is unchanged,
        but for ``overflow="raise"``.

    See Also
    --------
    correlate2d : The same without reflecting the filter.
    plan2d : Decide once, run often.

    References
    ----------
    Modes and centring: `scipy.signal.convolve2d`; ``origin``: `scipy.ndimage.convolve`.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.arange(12, dtype=np.float32).reshape(3, 4)
    >>> parconv.conv2d(f, [[1, -1]])
    array([[1., 1., 1.],
           [1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    >>> parconv.conv2d(f, np.ones((3, 3)) / 9, mode="same", boundary="mirror").shape
    (3, 4)
    >>> parconv.conv2d(f, [[1, 1]], scale=10, bias=128, dtype="uint8", rounding="trunc")
    array([[138, 158, 178],
           [218, 238, 255],
           [255, 255, 255]], dtype=uint8)
    >>> parconv.conv2d([[1, np.nan, 3]], [[0.5, 0.25, 0.25]], nan_policy="omit")
    array([[2.33333333]])
    >>> parconv.conv2d(f[1:, 1:], [[1, -1]], mode="same", real=((1, 0), (1, 0)))
    array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    >>> two = np.array([[[1, 1]], [[1, -1]]])
    >>> parconv.conv2d(np.stack([f, f]), two, groups="planes")[:, 0]
    array([[1., 3., 5.],
           [1., 1., 1.]], dtype=float32)
    """
    return run(f, g, out, options, False)


@spelled()
def correlate2d(
    f: ArrayLike, g: ArrayLike, *, out: NDArray[Any] | None = None, **options: Unpack[Options]
) -> NDArray[Any]:
    """Correlate an image, or every plane of a stack, with a filter: `conv2d` without reflection.

    A complex filter is conjugated (but not a layer's), and even filters are centred, as in
    `scipy.signal.correlate2d`.  Neural networks call this operation convolution: with a 4-D ``g``
    it is `torch.nn.functional.conv2d`.

    Parameters
    ----------
    f : array_like, shape (..., H, W)
        Image or stack of images.
    g : array_like, shape (KH, KW), (O, KH, KW) or (O, C // groups, KH, KW); or Outer
        Filter, bank of filters or layer; not reflected.
    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `conv2d`.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`.
    out, threads, strategy, method : optional
        As in `conv2d`.

    Returns
    -------
    ndarray
        As by `conv2d`, whose errors these are, too.

    See Also
    --------
    conv2d : The same with the filter reflected, and what each keyword means.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> parconv.correlate2d(np.array([[1, 2, 3, 4]]), np.array([[0, 1]]))
    array([[2, 3, 4]])
    """
    return run(f, g, out, options, True)


@told
def run(f: Any, g: Any, out: Any, options: Mapping[str, Any], correlate: bool) -> NDArray[Any]:
    """Either of the two, with its keywords as they came."""
    key = id(g) + correlate  # objects begin at even addresses
    result = again(key, f, g, out, options)
    if result is not None:
        return result
    if type(f) is np.ndarray:
        image = f
    else:
        keeper = keeper_of(f)
        if keeper is not None:
            return cast(NDArray[Any], keeper.answer(f, g, out, options, correlate))
        f, options = unmasked(f, options)
        image = image_of(f, options)
    known = filter_of(g)
    result, pair, asked = result_of(image, known, out, options, correlate)
    learn(key, g, options, known, pair, asked)
    return result


Spec = tuple[tuple[int, ...], DTypeLike] | Plan | Composed  # shape and dtype, or what a plan leaves


@spelled()
def plan2d(
    f_or_spec: ArrayLike | Spec,
    g: ArrayLike | tuple[tuple[int, ...], DTypeLike],
    *,
    correlate: bool = False,
    **options: Unpack[Options],
) -> Plan:
    """Decide how a convolution would be computed, without computing it.

    Parameters
    ----------
    f_or_spec : array_like, (shape, dtype) or Plan
        An image, its shape and dtype, or a plan whose result it will be (see `chain`).
    g : array_like or (shape, dtype)
        The filter, or its shape and dtype: then the plan prints and explains, but cannot run.

    mode, boundary, cval, padding, origin, axes, stride, dilation, groups, real : optional
        As in `conv2d`.
    dtype, accumulate, tolerance, zero_taps, bias, scale, overflow, rounding : optional
        As in `conv2d`.
    where, weights, nan_policy, min_weight : optional
        As in `conv2d`, the same of every image.
    threads, strategy, method : optional
        As in `conv2d`.
    correlate : bool
        Plan `correlate2d` rather than `conv2d`.

    Returns
    -------
    Plan or VolumePlan
        ``plan(f, out=None)`` runs it on any image of that shape and dtype, ``print(plan)`` shows it
        in one line, ``plan.explain()`` in full.  A `VolumePlan` where ``axes`` are not two, a
        ``PlanesPlan`` with ``groups="planes"``, a ``SidesPlan`` with ``real`` or a rule for each
        side: they are called alike.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> g = np.arange(9.0).reshape(3, 3)
    >>> plan = parconv.plan2d(((64, 64), "float32"), g, mode="same", threads=1)
    >>> print(plan)
    conv2d 64x64 float32 * 3x3 -> float32, same, constant: direct, serial, 1 band, 1 thread
    >>> plan(np.ones((64, 64), np.float32))[0, :3]
    array([ 8., 15., 15.], dtype=float32)
    """
    given, asked = unmasked(f_or_spec, options)
    image = _spec("f", given, asked.get("axes", DEFAULTS["axes"]))
    keywords, weights = without_arrays(asked, image[0]) if brings(asked) else (asked, None)
    question = Question.of(keywords, correlate)
    plan = planned(image, check_spec("g", g) if is_spec(g) else filter_of(g), question)
    if isinstance(plan, VolumePlan):
        plan = replace(plan, weights=weights)
    elif isinstance(plan, Plan):
        plan = with_weights(plan, weights)
    # a union would make whoever passes two axes tell the two apart
    return cast(Plan, plan)


def _spec(name: str, value: Any, axes: Any) -> tuple[tuple[int, ...], Any]:
    if isinstance(value, Plan | Composed):
        return value.problem.shape, value.problem.dtype
    if is_spec(value):
        return check_spec(name, value)
    if type(value) is np.ndarray and is_brief(value.dtype):
        return value.shape, value.dtype
    if keeper_of(value) is not None and hasattr(value, "shape"):
        return check_spec(name, (value.shape, value.dtype))
    array = as_array(name, value, axes)
    return array.shape, array.dtype
