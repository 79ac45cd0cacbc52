"""A user's convolution as peers know it: an image, colour or a layer, where it is one of them."""

from ..own import Own
from .grid import Entry
from .layers import Layer
from .workloads import Workload

CHANNELS_LAST = (1, 2)


def entry(own: Own) -> Entry:
    """The row that peers are asked; itself, which we alone answer, where they know nothing alike.

    Examples
    --------
    >>> entry(Own.of((300, 200, 3), "box:5")).name
    'own 300x200x3 5x5 float32 auto box:5'
    >>> entry(Own.of((8, 56, 56, 64), "64x64x3x3", (1, 2))).name
    'own 8x64x56x56 64x64x3x3 float32 padding:1 last:True'
    >>> entry(Own.of((9, 300, 200), "5x5")).name
    'own 9x300x200 5x5 float32 same mirror'
    """
    return _image(own) or _layer(own) or own


def _image(own: Own) -> Workload | None:
    axes = _from_front(own)
    plain = len(own.taps) == 2 and own.stride == (1, 1) and own.groups == 1
    if not plain or axes != (0, 1) or len(own.image) not in (2, 3):
        return None
    (rows, columns, *channels), (height, width) = own.image, own.taps
    return Workload(
        own.group, (rows, columns), (height, width), own.dtype, own.mode, own.boundary, own.method,
        channels=channels[0] if channels else 0, filter=own.kernel or "random",
    )  # fmt: skip


def _layer(own: Own) -> Layer | None:
    axes, square = _from_front(own), own.taps[-1] == own.taps[-2] and own.taps[-1] % 2 == 1
    bordered = own.mode == "same" and own.boundary == "constant" and square
    if len(own.taps) != 4 or len(own.image) != 4 or own.kernel or len({*own.stride}) != 1:
        return None
    if axes not in ((2, 3), CHANNELS_LAST) or not (bordered or own.mode == "valid"):
        return None
    last = axes == CHANNELS_LAST
    batch, *others = own.image
    first, second, third = (others[2], others[0], others[1]) if last else others
    outputs, inputs, rows, columns = own.taps
    return Layer(
        own.group, (batch, first, second, third), (outputs, inputs, rows, columns), own.stride[0],
        rows // 2 if bordered else 0, groups=own.groups, dtype=own.dtype, last=last,
    )  # fmt: skip


def _from_front(own: Own) -> tuple[int, ...]:
    return tuple(axis % len(own.image) for axis in own.axes)
