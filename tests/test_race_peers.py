"""Distrusts the race's adapters: each library's answer against the definition, on tiny images."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import oracle
import pytest

import parconv
from parconv.experiments.race import PEERS, WORKLOADS, Peer, Workload, peers
from parconv.experiments.race.agreement import Difference, difference, tolerance
from parconv.experiments.race.layers import Layer
from parconv.experiments.race.peers import OURS
from parconv.experiments.race.peers.ours import within
from parconv.experiments.race.peers.torch import _last as channels_in_memory
from parconv.runtime import budget

SHAPE = (64, 67)  # Halide's tiles need as much
BYTES: dict[str, Any] = {"dtype": "uint8", "result": "uint8"}
EVERY = {peer.name for peer in PEERS}
OPENCV_SUMS = {"opencv", "opencv-sep"}
OPENCV_OWN = OPENCV_SUMS | {"opencv-own"}
TRANSFORMS = {"scipy-oa", "scipy-fft"}
DIRECT = {"opencv", "torch", "scipy"}
BANDS = {"ipp", "halide"}
SYMMETRIC = OPENCV_OWN | {"scipy", "scipy-own"}  # of borders and named filters
PAIRS = {"opencv-pair", "scipy-pair"}  # which are asked where pixels are missing
SEPARABLE = OPENCV_OWN | BANDS | {"scipy-own", "ipp-sep", "ipp-own", "halide-sep"}


def tiny(taps: tuple[int, int], **options: Any) -> Workload:
    return Workload("tiny", SHAPE, taps, method="auto", **options)


def as_ndimage(taps: tuple[int, int], **options: Any) -> Workload:
    return tiny(taps, drop_in="ndimage", boundary="symmetric", **options)


# A question, and who can answer it.
QUESTIONS: Sequence[tuple[Workload, set[str]]] = (
    (tiny((3, 5)), DIRECT | BANDS),
    (tiny((3, 5), filter="int8"), DIRECT | BANDS),
    (tiny((4, 6)), DIRECT | {"halide"}),
    (tiny((4, 6), correlation=True), DIRECT | {"halide"}),
    (tiny((12, 13)), DIRECT | TRANSFORMS | {"halide"}),
    (
        tiny((12, 13), correlation=True, boundary="symmetric"),
        {"opencv", "scipy", "halide"} | TRANSFORMS,
    ),
    (tiny((11, 11), dtype="float64", boundary="wrap"), {"torch", "scipy", "astropy"} | TRANSFORMS),
    (tiny((11, 11), boundary="constant"), DIRECT | TRANSFORMS | BANDS | {"astropy"}),
    (tiny((11, 11), mode="valid"), {"torch"} | TRANSFORMS),
    (tiny((5, 1), dtype="float64", boundary="edge"), DIRECT | {"opencv-sep", "astropy", "ipp"}),
    (tiny((3, 5), **BYTES), {"opencv", "scipy"} | BANDS),
    (tiny((11, 11), filter="int8", **BYTES), {"opencv", "scipy"} | BANDS),
    (tiny((5, 5), dtype="uint16", result="uint16"), {"opencv", "scipy"} | BANDS),
    (tiny((5, 5), dtype="int16", result="int16"), {"opencv", "scipy"} | BANDS),
    (tiny((3, 5), channels=3, **BYTES), {"opencv", "scipy", "ipp"}),
    (tiny((3, 5), channels=3), DIRECT | {"ipp"}),
    (tiny((3, 5), dtype="complex64"), {"torch", "scipy"} | TRANSFORMS),
    (tiny((9, 9), filter="gaussian:1"), DIRECT | SEPARABLE),
    (tiny((17, 17), filter="gaussian:2"), DIRECT | SEPARABLE | TRANSFORMS),
    (tiny((9, 9), filter="gaussian:1", **BYTES), SEPARABLE - {"scipy-own", "ipp-sep"} | {"scipy"}),
    (tiny((5, 5), filter="box:5"), DIRECT | SEPARABLE),
    (tiny((15, 15), filter="box:15", **BYTES), SEPARABLE - {"scipy-own", "ipp-sep"} | {"scipy"}),
    (tiny((3, 3), filter="sobel-x"), DIRECT | SEPARABLE - {"ipp-own", "halide-sep"}),
    (tiny((5, 3), parent=(90, 100), offset=(13, 7)), DIRECT | BANDS),
    (tiny((3, 3), dtype="uint8"), {"opencv", "scipy"}),
    (tiny((5, 5), dtype="uint16", filter="box:5", channels=3), OPENCV_OWN | {"scipy"}),
    (tiny((9, 9), dtype="int16", filter="gaussian:1", boundary="edge"), OPENCV_SUMS | {"scipy"}),
    (tiny((3, 3), dtype="int32"), {"scipy"}),
    (tiny((3, 3), dtype="uint8", filter="int8"), {"scipy"}),
    (tiny((3, 5), order="F"), DIRECT | {"halide"}),
    (as_ndimage((5, 4)), {"opencv", "scipy", "halide"}),
    (as_ndimage((9, 9), filter="gaussian:1"), SYMMETRIC | {"halide"}),
    (as_ndimage((9, 9), filter="gaussian:1", dtype="float64"), SYMMETRIC),
    (as_ndimage((5, 5), filter="box:5"), SYMMETRIC | {"halide"}),
    (as_ndimage((3, 3), filter="sobel-x"), SYMMETRIC | {"halide"}),
)


def answer(workload: Workload, f: Any, g: Any) -> Any:
    """By definition, in the type of the result."""
    axes = (0, 1) if workload.channels else (-2, -1)
    found = oracle.expect(
        f, g, correlate=workload.correlation, mode=workload.mode, boundary=workload.boundary,
        axes=axes,
    ).values  # fmt: skip
    kind = np.dtype(workload.kind)
    return oracle.saturated(found, kind) if kind.kind in "iu" else found.astype(kind)


def prepare(peer: Peer, workload: Workload | Layer, f: Any, g: Any, threads: int = 1) -> Any:
    """What answers, or the reason; skipped where it takes a peer that is not installed."""
    if not peer.installed:
        if reason := peer.refusal(workload):
            return reason
        pytest.skip(f"{peer.name} is not installed")
    return peer.prepare(workload, f, g, threads)


def check_answers(run: Any, peer: Peer, arrays: tuple[Any, Any], right: Any) -> None:
    """In a given array, which another result was in, and in a new one."""
    assert callable(run), run
    out = np.full(right.shape, 77, right.dtype)
    found = np.asarray(run(out if peer.reuses else None))
    apart = Difference.of(found, right)
    assert apart.accepted(*arrays, right.dtype.kind in "iu", peer.slack), apart
    assert difference(np.asarray(run(None)), right) == apart.largest
    if peer.reuses and right.ndim < 4:
        assert found is out or np.shares_memory(found, out)


def asked(questions: Sequence[tuple[Any, set[str]]]) -> list[Any]:
    """Each question of each who can answer it, and of us."""
    return [
        pytest.param(question, peer, id=f"{question.name}-{peer.name}")
        for question, able in questions
        for peer in (OURS, *PEERS)
        if peer is OURS or peer.name in able
    ]


@pytest.mark.parametrize(("workload", "peer"), asked(QUESTIONS))
def test_answers_are_right(workload: Workload, peer: Peer) -> None:
    f, g = workload.arrays()
    check_answers(prepare(peer, workload, f, g), peer, (f, g), answer(workload, f, g))


def check_refusals(question: Workload | Layer, able: set[str]) -> None:
    """Of all others, with a reason; of who is not installed none is needed."""
    f, g = question.arrays()
    for peer in PEERS:
        if peer.name not in able:
            refused = peer.refusal(question) or (
                peer.prepare(question, f, g, 1) if peer.installed else ""
            )
            assert isinstance(refused, str), peer.name
            assert refused or not peer.installed, peer.name


@pytest.mark.parametrize(("workload", "able"), QUESTIONS, ids=lambda x: getattr(x, "name", ""))
def test_others_refuse(workload: Workload, able: set[str]) -> None:
    check_refusals(workload, able)


@pytest.mark.parametrize(
    "peer", [peer for peer in PEERS if peer.library in BANDS], ids=lambda peer: peer.name
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_two_threads_leave_no_seam(peer: Peer, dtype: str) -> None:
    workload = tiny((9, 9), filter="gaussian:1", dtype=dtype, result=dtype)
    f, g = workload.arrays()
    run = prepare(peer, workload, f, g, threads=2)
    if isinstance(run, str):
        pytest.skip(run)
    check_answers(run, peer, (f, g), answer(workload, f, g))


# --- layers --------------------------------------------------------------------------------------

BOTH = {"torch", "torch-cl"}
MODELS = {"torch-blocked", "onnxruntime", "openvino"}
EVERY_LAYER = BOTH | MODELS | {"xnnpack"}
LAYERS: Sequence[tuple[Layer, set[str]]] = (
    (Layer("tiny", (2, 1, 12, 14), (3, 1, 5, 5)), EVERY_LAYER | {"opencv"}),
    (Layer("tiny", (1, 1, 12, 14), (3, 1, 5, 5), padding=2), EVERY_LAYER | {"opencv"}),
    (Layer("tiny", (2, 4, 12, 14), (6, 2, 3, 3), padding=1, groups=2), BOTH | MODELS),
    (Layer("tiny", (1, 3, 12, 14), (2, 3, 3, 3), stride=2, dilation=2), EVERY_LAYER),
    (Layer("tiny", (2, 5, 12, 14), (10, 1, 3, 3), stride=2, padding=1, groups=5), EVERY_LAYER),
    (Layer("tiny", (1, 3, 12, 14), (2, 3, 3, 3), dtype="float64", planned=True), BOTH),
    (Layer("tiny", (1, 3, 12, 14), (2, 3, 3, 3), dtype="int32"), BOTH),
    (Layer("tiny", (2, 3, 12, 14), (4, 3, 3, 3), padding=1, last=True), EVERY_LAYER),
    (Layer("tiny", (2, 1, 12, 14), (3, 1, 5, 5), last=True), EVERY_LAYER),
    (Layer("tiny", (2, 5, 12, 14), (6, 5, 1, 1)), EVERY_LAYER | {"numpy-gemm"}),
    (Layer("tiny", (2, 5, 12, 14), (6, 5, 1, 1), last=True), EVERY_LAYER | {"numpy-gemm"}),
)


@pytest.mark.parametrize(("layer", "peer"), asked(LAYERS))
def test_layers_are_right(layer: Layer, peer: Peer) -> None:
    f, g = layer.arrays()
    question = {**layer.question, "dtype": "float64"}
    right = parconv.correlate2d(f.astype("f8"), g.astype("f8"), **question).astype(layer.dtype)
    check_answers(prepare(peer, layer, f, g), peer, (f, g), right)


@pytest.mark.parametrize(("layer", "able"), LAYERS, ids=lambda x: getattr(x, "name", ""))
def test_others_refuse_layers(layer: Layer, able: set[str]) -> None:
    check_refusals(layer, able)


def test_channels_last_is_seen_as_such() -> None:
    torch = pytest.importorskip("torch")
    array = torch.from_numpy(channels_in_memory(np.zeros((2, 1, 4, 5), np.float32)))
    assert array.stride() == (20, 1, 5, 1)


def test_every_peer_is_asked_something_it_can_answer() -> None:
    assert set().union(*(able for _, able in (*QUESTIONS, *LAYERS))) == EVERY - PAIRS


def test_every_kind_of_the_grid_is_among_the_questions() -> None:
    def kinds(workloads: Sequence[Workload]) -> set[tuple[Any, ...]]:
        return {(w.dtype, w.result, w.channels, w.named[0]) for w in workloads}

    assert kinds(WORKLOADS) <= kinds([workload for workload, _ in QUESTIONS])


def test_a_named_filter_is_asked_for_by_its_name() -> None:
    for name in ("gaussian:1", "box:9", "sobel-x"):
        size = 3 if name == "sobel-x" else 9
        with pytest.raises(ValueError, match="images of one size"):
            OURS.prepare(tiny((size, size), filter=name, mode="full"), *np.zeros((2, 1, 1)), 1)


def test_peers_by_name() -> None:
    assert peers.chosen(None) == PEERS
    assert [peer.name for peer in peers.chosen("astropy, opencv")] == [
        "opencv",
        "opencv-sep",
        "opencv-own",
        "opencv-pair",
        "astropy",
    ]
    assert [peer.name for peer in peers.chosen("scipy-oa")] == ["scipy-oa"]
    with pytest.raises(ValueError, match="peer 'magic' is not known: choose from opencv, "):
        peers.chosen("magic")


def test_nobody_is_asked_for_hours() -> None:
    large = Workload("big", (4096, 4096), (127, 127), method="auto")
    f, g = np.zeros((4, 4), np.float32), np.zeros(large.taps, np.float32)
    for peer in PEERS:
        if peer.name in ("scipy", "torch") and peer.installed:
            assert isinstance(peer.prepare(large, f, g, 1), str)


# --- agreement -----------------------------------------------------------------------------------


def test_the_difference_of_bytes_does_not_wrap() -> None:
    apart = Difference.of(np.array([[0, 9]], np.uint8), np.array([[255, 9]], np.uint8))
    assert apart == Difference(255, 0.5)


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.zeros((2, 2), np.float32)])
def test_another_shape_or_dtype_is_no_agreement(wrong: Any) -> None:
    assert difference(wrong, np.zeros((2, 2))) == np.inf


def test_who_leaves_out_no_nan_is_refused_and_who_does_agrees_with_us() -> None:
    workload = tiny((5, 3), dtype="float64", boundary="edge", missing=0.1)
    f, g = workload.arrays()
    assert np.isnan(f).any()
    able = [peer for peer in PEERS if not peer.refusal(workload)]
    assert {peer.name for peer in able} == {"astropy", "opencv-pair", "scipy-pair"}
    ours = np.asarray(OURS.prepare(workload, f, g, 1)(None))
    for peer in able:
        run = prepare(peer, workload, f, g)
        assert callable(run), run
        check_answers(run, peer, (f, g), ours)


def test_a_drop_in_takes_no_more_threads_than_a_row() -> None:
    workload = as_ndimage((3, 3))
    f, g = workload.arrays()
    before = os.environ.get("PARCONV_NUM_THREADS")
    with within(1):
        assert budget.thread_budget() == 1
    assert os.environ.get("PARCONV_NUM_THREADS") == before
    one, two = (np.asarray(OURS.prepare(workload, f, g, n)(None)) for n in (1, 2))
    oracle.assert_same_bits(two, one)
    assert os.environ.get("PARCONV_NUM_THREADS") == before


def test_nan_agrees_with_nothing() -> None:
    f, g = np.ones((3, 3)), np.ones((2, 2))
    apart = Difference.of(np.full((3, 3), np.nan), np.ones((3, 3)))
    assert not apart.accepted(f, g, integers=False, slack=1)


def test_bytes_may_be_one_apart_at_ties_alone() -> None:
    f, g = np.full((100, 100), 200, np.uint8), np.full((3, 3), 1 / 9, np.float32)
    right = np.zeros((100, 100), np.uint8)
    tie, noise, wrong = right.copy(), right.copy(), right.copy()
    tie[0, :2], noise[:50], wrong[0, 0] = 1, 1, 2

    def verdicts(g: Any, slack: int) -> list[bool]:
        apart = [Difference.of(found, right) for found in (right, tie, noise, wrong)]
        return [found.accepted(f, g, integers=True, slack=slack) for found in apart]

    assert verdicts(g, slack=0) == [True, True, False, False]
    assert verdicts(g, slack=1) == [True, True, True, False]
    assert verdicts(np.ones((3, 3), np.int8), slack=1) == [True, False, False, False]


def test_tolerance_knows_the_most_negative_integer() -> None:
    f = np.array([[-(2**15), 0]], np.int16)
    assert tolerance(f, np.ones((1, 1), np.float32)) == pytest.approx(
        float(np.finfo(np.float32).eps) * 17 * 2**15
    )
