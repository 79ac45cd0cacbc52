"""The workloads that ``parconv race`` runs: one table, extended by whoever adds an ability.

History and wisdom know a row by its name: add rows, change none.
"""

from collections.abc import Sequence
from typing import Any

from ...images import filter_text
from ..own import Own
from .layers import Layer, Maps
from .volumes import Volume
from .workloads import Pair, Workload, chosen, matches

Entry = Workload | Layer | Volume | Own

BIG, MEDIUM, VIDEO = (4096, 4096), (1024, 1024), (2160, 3840)


def _squares(group: str, shape: Pair, sizes: Sequence[int], **options: Any) -> list[Workload]:
    """The workloads with a square filter of each size."""
    return [Workload(group, shape, (n, n), **options) for n in sizes]


def _named(texts: Sequence[str], **options: Any) -> list[Workload]:
    """The workloads with filters of those names: outer products of a column and a row."""
    shapes = [filter_text.parse(text).shape for text in texts]
    return [
        Workload("separable", BIG, (rows, columns), filter=text, **options)
        for text, (rows, columns) in zip(texts, shapes, strict=True)
    ]


GAUSSIANS = ("gaussian:1", "gaussian:2", "gaussian:5")
SMALL = (3, 5, 7, 9, 11, 15, 21, 31)
AUTO: dict[str, Any] = {"method": "auto"}
AS_NDIMAGE: dict[str, Any] = {"boundary": "symmetric", "drop_in": "ndimage", **AUTO}
BYTES: dict[str, Any] = {"dtype": "uint8", "result": "uint8", "method": "auto"}

RESNET: tuple[tuple[Maps, Maps, dict[str, Any]], ...] = (
    ((32, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    ((32, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
    ((32, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    ((32, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
    ((32, 64, 56, 56), (256, 64, 1, 1), {}),
    ((32, 256, 56, 56), (64, 256, 1, 1), {}),
    ((32, 512, 7, 7), (2048, 512, 1, 1), {}),
    ((8, 3, 224, 224), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
)
MOBILENET = (
    *((32, 112, 1), (96, 112, 2), (144, 56, 1), (144, 56, 2), (192, 28, 1), (576, 14, 1)),
    *((192, 28, 2), (384, 14, 1), (576, 14, 2), (960, 7, 1)),
)
LAYERS: tuple[Layer, ...] = (
    Layer("study", (512, 1, 28, 28), (32, 1, 5, 5)),
    *(Layer("study", (64, 1, 516, 516), (filters, 1, 5, 5)) for filters in (1, 32)),
    Layer("bank", (1, 1, 1024, 1024), (32, 1, 31, 31), padding=15),
    *(
        Layer("layer", (batch or image[0], *image[1:]), taps, planned=True, **asked)
        for batch in (0, 1)
        for image, taps, asked in RESNET
    ),
    *(
        Layer("winograd", image, taps, **chosen, planned=True, **asked)
        for chosen in ({"method": "winograd"}, {"tolerance": 1e-5})
        for image, taps, asked in RESNET[:4]
    ),
    *(
        Layer("depthwise", (32, n, side, side), (n, 1, 3, 3), stride, padding=1, groups=n)
        for n, side, stride in MOBILENET
    ),
    *(
        Layer("types", (8, 64, 28, 28), (64, 64, 3, 3), padding=1, dtype=dtype, planned=True)
        for dtype in ("float64", "int32")
    ),
    *(
        Layer("uneven", (16, 48, side, side), (72, 48, 3, 3), padding=1, planned=True)
        for side in (17, 19, 29)
    ),
    Layer("uneven", (16, 64, 28, 28), (64, 64, 3, 3), padding=2, dilation=2, planned=True),
)
WORKLOADS: tuple[Workload, ...] = (
    *_squares("big", BIG, (3, 5, 7, 11, 15)),
    *_squares("big", BIG, (3, 7, 15), dtype="float64"),
    *(Workload("big", BIG, (n, n), strategy=who) for n in (7, 15) for who in ("prange", "threads")),
    *_squares("big", BIG, (11, 15, 31, 63, 127), **AUTO),
    *_squares("big", BIG, (15, 31), dtype="float64", **AUTO),
    *_squares("medium", MEDIUM, (3, 7)),
    *_squares("medium", MEDIUM, (31,), **AUTO),
    *_squares("medium", MEDIUM, (7,), boundary="constant"),
    Workload("odd", (4096, 4093), (7, 7)),
    *(Workload("odd", BIG, taps) for taps in ((5, 9), (1, 15), (15, 1), (4, 4))),
    Workload("odd", (4000, 4000), (7, 7), parent=(4096, 4160), offset=(13, 7)),
    *(Workload("small", (28, 28), (3, 3), planned=planned) for planned in (False, True)),
    Workload("small", (256, 256), (5, 5)),
    Workload("small", (512, 512), (7, 7)),
    *(
        workload
        for side in (256, 512, 1024)
        for workload in _squares("small", (side, side), SMALL, serial=True, **AUTO)
    ),
    *_squares("integer", BIG, (3, 5, 7, 11, 15), **BYTES),
    *_squares("integer", BIG, (3, 5, 7, 11), filter="int8", **BYTES),
    *_squares("integer", BIG, (5,), dtype="uint16", result="uint16", **AUTO),
    *_squares("integer", BIG, (5,), dtype="int16", result="int16", **AUTO),
    *(
        Workload("missing", MEDIUM, taps, kind, boundary="edge", filter=text, missing=0.05, **AUTO)
        for taps, text, kind in (
            ((7, 7), "random", "float64"),
            ((7, 7), "random", "float32"),
            ((9, 9), "gaussian:1", "float32"),
            ((7, 7), "box:7", "float32"),
        )
    ),
    *(
        Workload("ndimage", MEDIUM, taps, kind, filter=text, **AS_NDIMAGE)
        for taps, text, kind in (
            ((3, 3), "random", "float32"),
            ((7, 7), "random", "float64"),
            ((17, 17), "gaussian:2", "float32"),
            ((41, 41), "gaussian:5", "float64"),
            ((9, 9), "box:9", "float32"),
            ((3, 3), "sobel-x", "float32"),
        )
    ),
    *_squares("colour", VIDEO, (5,), channels=3, **BYTES),
    *_squares("colour", VIDEO, (5,), channels=3, **AUTO),
    *_squares("complex", MEDIUM, (7,), dtype="complex64", **AUTO),
    *_squares("complex", BIG, (7,), dtype="complex64", **AUTO),
    *_named([*GAUSSIANS, "gaussian:10", "box:15", "sobel-x"], **AUTO),
    *_named([*GAUSSIANS, "box:15"], **BYTES),
)
CUBE = (256, 512, 512)
VOLUMES: tuple[Volume, ...] = (
    *(Volume("volume", CUBE, text) for text in ("gaussian:2", "box:3", "box:7", "random:3")),
    *(Volume("volume", CUBE, "random:9", axes=(axis,)) for axis in range(3)),
    Volume("volume", (64, 128, 128), "gaussian:2", dtype="float32"),
)
BURSTS: tuple[Workload, ...] = tuple(
    Workload("burst", shape, taps, **options)
    for shape, taps in (
        ((512, 512), (5, 5)), (MEDIUM, (7, 7)), ((2048, 2048), (7, 7)), (BIG, (3, 3)),
    )
    for options in (AUTO, BYTES)
)  # fmt: skip


def rows() -> tuple[Entry, ...]:
    """All of them but those for bursts."""
    return *WORKLOADS, *LAYERS, *VOLUMES


def burst_rows(pattern: str | None) -> tuple[Entry, ...]:
    """Those for bursts that the pattern chooses, or where it chooses none of them any others."""
    own = tuple(row for row in BURSTS if matches(row.name, pattern or ""))
    # a row that names a strategy is the row without, as all strategies are raced
    others = (row for row in rows() if row.strategy == "auto")
    return own or chosen((*BURSTS, *others), pattern)
