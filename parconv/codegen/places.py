"""Where rows of elements of an image or a result lie, and those of sums in scratch."""

from typing import Any, NamedTuple

from llvmlite import ir

from .emitted import Value

BYTE = ir.IntType(8).as_pointer()


class Kinds(NamedTuple):
    """Types of elements as Numba knows them: of an image or a result, and of the sums."""

    element: Any
    sums: Any

    @property
    def real(self) -> Any:
        """Of an element, or of each of its parts."""
        return getattr(self.element, "underlying_float", self.element)


class Rows(NamedTuple):
    """Where the first element lies, bytes to the next row, and to the next element."""

    start: Value
    down: Value
    right: Value


class Parts(NamedTuple):
    """Where the first number lies, elements to the next row, and to the imaginary part."""

    start: Value
    step: Value
    second: Value


Size = tuple[Value, Value]  # rows and columns


def itemsize(context: Any, kinds: Kinds) -> int:
    """Bytes of an element."""
    return int(context.get_abi_sizeof(context.get_data_type(kinds.element)))
