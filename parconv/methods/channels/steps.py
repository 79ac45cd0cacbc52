"""Addresses of a tile's pixels, which lie a step apart, in as few registers as x86 allows."""

from ...codegen.emitted import Value
from ...codegen.simd import I64, Code

FAR = 7  # pixels: from there on addresses are counted from that one


class Steps:
    """Of so many elements, or bytes, as the pointers are to."""

    def __init__(self, code: Code, step: Value) -> None:
        self.code = code
        # Opaque: addresses are a register and a multiple of another, and stay so.
        self.of = {n: code.opaque(code.builder.mul(step, I64(n))) for n in (1, 3, 5, FAR)}

    def far(self, source: Value) -> Value:
        """The address of pixel `FAR`."""
        return self.code.at(source, self.of[FAR])

    def place(self, source: Value, far: Value, pixel: int) -> Value:
        """The address of a pixel, of those of the first one and of the far one."""
        if pixel >= FAR:
            source, pixel = far, pixel - FAR
        if pixel:
            factor = pixel & -pixel
            step = self.code.builder.mul(self.of[pixel // factor], I64(factor))
            source = self.code.at(source, step)
        return source
