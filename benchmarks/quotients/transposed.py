"""`compat.torch.conv_transpose2d` beside torch's, channels first and last."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from . import Call, Row

# Of networks that draw, segment and sharpen: image, filters (inputs, outputs, taps), keywords.
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]] = {
    "DCGAN 4x4": ((16, 256, 16, 16), (256, 128, 4, 4), {"stride": 2, "padding": 1}),
    "U-Net 2x2": ((4, 128, 56, 56), (128, 64, 2, 2), {"stride": 2}),
    "decoder 3x3": ((8, 64, 56, 56), (64, 32, 3, 3),
                    {"stride": 2, "padding": 1, "output_padding": 1}),
    "8 x 64 x 28² 4x4": ((8, 64, 28, 28), (64, 32, 4, 4), {"stride": 2, "padding": 1}),
    "stride 1 3x3": ((8, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
}  # fmt: skip


def rows() -> Iterator[Row]:
    for name in SHAPES:
        for order in ("first", "last"):
            yield Row(f"{name} {order}", 1.0, False, partial(_make, name, order), rests=True)


def _make(name: str, order: str, threads: int) -> tuple[Call, Mapping[str, Call]]:
    import torch

    from parconv.compat import torch as compat

    torch.set_num_threads(threads)
    noise = torch.Generator().manual_seed(1)
    image, filters, words = SHAPES[name]
    kind = torch.channels_last if order == "last" else torch.contiguous_format
    x = torch.randn(*image, generator=noise).to(memory_format=kind)
    w = torch.randn(*filters, generator=noise).to(memory_format=kind) / filters[0] ** 0.5

    def called(function: Any) -> Call:
        def call() -> None:
            with torch.inference_mode():
                function(x, w, **words)

        return call

    theirs = {"torch": called(torch.nn.functional.conv_transpose2d)}
    return called(compat.conv_transpose2d), theirs
