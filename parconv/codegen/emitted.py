"""Functions that compiled code calls and that are written as LLVM IR: their glue, once.

`emitted` makes one of a Python function that gets the call's arguments as IR values and emits what
its types need, and nothing else.  `call_once` gives what it emits a function of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from inspect import signature
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import machine

Value = Any  # llvmlite values are untyped
PREFIX = "parconv"  # of all names


class Items:
    """The elements of an array argument, or of those from a pointer on."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Value) -> None:
        self.context, self.builder, self.kind, self.value = context, builder, kind, value

    @property
    def dtype(self) -> Any:
        """The type of its elements, as Numba knows it."""
        return self.kind.dtype

    @property
    def element(self) -> Any:
        """The same, as LLVM knows it."""
        return self.context.get_data_type(self.dtype)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return int(self.context.get_abi_sizeof(self.element))

    @property
    def fields(self) -> Any:
        """Data, shape and strides, as Numba has them."""
        return self.context.make_array(self.kind)(self.context, self.builder, self.value)

    def each(self, name: str) -> list[Value]:
        """Of all axes: ``"shape"`` or ``"strides"``, which are bytes."""
        return list(cgutils.unpack_tuple(self.builder, getattr(self.fields, name)))

    def at(self, place: Value = 0, element: Any = None) -> Value:
        """Pointer to element ``place``, counted along the last axis.

        ``element``: of that LLVM type, in an array of whatever it is.
        """
        place = ir.Constant(ir.IntType(64), place) if isinstance(place, int) else place
        start = self.value if isinstance(self.kind, types.CPointer) else self.fields.data
        if element is not None:
            start = self.builder.bitcast(start, element.as_pointer())
        return self.builder.gep(start, [place])

    def byte_at(self, place: Value) -> Value:
        """Pointer to bytes at that element, of whatever size they are."""
        start = self.builder.bitcast(self.fields.data, ir.IntType(8).as_pointer())
        return self.builder.gep(start, [self.builder.mul(place, self.fields.itemsize)])

    def item(self, indices: Sequence[Value]) -> Value:
        """Pointer to the element of those indices, in any layout."""
        return cgutils.get_item_pointer(self.context, self.builder, self.kind, self.fields, indices)


def emitted(returns: Any = types.void, known: Sequence[str] = ()) -> Callable[..., Any]:
    """A function ``body(builder, *arguments)`` as one that compiled code calls.

    The body gets arrays and pointers as `Items`, integers as IR values of 64 bits, tuples of them
    as lists, and all else as Numba has it.  The arguments ``known`` must be literals, and come as
    their values.
    It returns its result, of type ``returns`` or what that makes of the arguments' types, or None.
    """

    def decorate(body: Callable[..., Value]) -> Any:
        literal = [name in known for name in list(signature(body).parameters)[1:]]

        @wraps(body)
        def typed(_: Any, *given: Any) -> Any:
            kinds = [
                kind if asked else _accepted(kind)
                for asked, kind in zip(literal, given, strict=True)
            ]

            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                pairs = zip(kinds, args, strict=True)
                result = body(builder, *(_argument(context, builder, *pair) for pair in pairs))
                return context.get_dummy_value() if result is None else result

            result = returns if isinstance(returns, types.Type) else returns(*kinds)
            return result(*kinds), codegen

        return intrinsic(prefer_literal=bool(known))(typed)

    return decorate


def _accepted(kind: Any) -> Any:
    """The type that an argument is converted to."""
    if isinstance(kind, types.BaseTuple):
        return types.BaseTuple.from_types([*map(_accepted, kind)])
    integer = isinstance(kind, types.Integer)  # no literal, which has types of its own
    return types.int64 if integer else kind


def _argument(context: Any, builder: Any, kind: Any, value: Value) -> Any:
    if isinstance(kind, (types.Array, types.CPointer)):
        return Items(context, builder, kind, value)
    if isinstance(kind, types.BaseTuple):
        return cgutils.unpack_tuple(builder, value)
    return kind.literal_value if isinstance(kind, types.Literal) else value


def instruction(builder: Any, name: str, result: Any, *arguments: Value) -> Value:
    """What LLVM knows by that name."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, arguments)


def call_at(context: Any, builder: Any, kinds: Any, address: Value, *values: Value) -> None:
    """Call the compiled function at an address, of arguments of those types."""
    function = context.call_conv.get_function_type(types.void, kinds).as_pointer()
    callee = builder.inttoptr(address, function)
    context.call_conv.call_function(builder, callee, types.void, kinds, values)


def call_once(
    builder: Any,
    name: str,
    body: Callable[..., None],
    arguments: Sequence[Value],
    variant: Iterable[Any] = (),
    attributes: Iterable[str] = (),
) -> None:
    """Call a function that ``body(builder, *arguments)`` writes when it is first asked for.

    One serves the module for each name, type of element that the first pointer among the arguments
    points to, and ``variant``.  It is never inlined, so several callers share one copy.
    """
    kinds = [value.type for value in arguments]
    element = next(kind.pointee for kind in kinds if isinstance(kind, ir.PointerType))
    name = ".".join(map(str, (PREFIX, name, element, *variant)))
    function = define_once(builder.module, name, kinds, body)
    function.attributes.update(attributes)
    builder.call(function, arguments)


def define_once(module: Any, name: str, arguments: Sequence[Any], body: Callable[..., None]) -> Any:
    """The function of that name, written by ``body(builder, *arguments)`` when first asked for."""
    kind = ir.FunctionType(ir.VoidType(), arguments)
    function = cgutils.get_or_insert_function(module, kind, name)
    if function.is_declaration:
        function.linkage = "linkonce_odr"
        function.attributes.update(("noinline", "nounwind"))
        if machine.TUNED_FOR:  # `add` takes no attribute with a value
            function.attributes.update([f'"tune-cpu"="{machine.TUNED_FOR}"'])
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        body(builder, *function.args)
        builder.ret_void()
    return function
