"""Python's objects in compiled code: their fields, and the interpreter's functions.

Compiled code sees of an object the address.  It may look at fields where the interpreter's lock is
held, and holds no reference but for what it returns.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import NativeValue, box, models, register_model, unbox

from .emitted import Items, Value, emitted
from .simd import I32, I64

PLACE = types.CPointer(types.int64)  # words from an address on
BYTE = ir.IntType(8).as_pointer()


class _Thing(types.Type):  # type: ignore[misc]
    """A Python object, of which compiled code sees the address."""

    def __init__(self) -> None:
        super().__init__("object of Python")


register_model(_Thing)(models.OpaqueModel)
THING = _Thing()


@unbox(_Thing)
def _unboxed(kind: Any, thing: Value, boxes: Any) -> Any:
    return NativeValue(thing)


@box(_Thing)
def _boxed(kind: Any, thing: Value, boxes: Any) -> Any:
    """Of which somebody holds a reference for who gets it; or none, and there is an error."""
    return thing


@emitted(PLACE)
def fields(builder: Any, thing: Value) -> Value:
    """An object's words."""
    return builder.bitcast(thing, I64.as_pointer())


@emitted(PLACE)
def at(builder: Any, address: Value) -> Value:
    """Words there."""
    return builder.inttoptr(address, I64.as_pointer())


@emitted(types.CPointer(types.int32))
def at32(builder: Any, address: Value) -> Value:
    """Words of half the size there."""
    return builder.inttoptr(address, I32.as_pointer())


@emitted(types.int64)
def number(builder: Any, thing: Value) -> Value:
    """An object's address."""
    return builder.ptrtoint(thing, I64)


@emitted(types.int64)
def byte(builder: Any, address: Value) -> Value:
    """The one there."""
    return builder.zext(builder.load(builder.inttoptr(address, BYTE)), I64)


@emitted(types.boolean)
def next_keyword(builder: Any, options: Value, asked: Items, at: Value) -> Value:
    """The next keyword, behind the cursor; False where there is none."""
    kinds = [BYTE, I64.as_pointer(), BYTE.as_pointer(), BYTE.as_pointer()]
    function = interpreters(builder, "PyDict_Next", I32, kinds)
    cursor, name, value = (asked.at(builder.add(at, I64(n))) for n in range(3))
    places = [builder.bitcast(place, BYTE.as_pointer()) for place in (name, value)]
    return builder.icmp_signed("!=", builder.call(function, [options, cursor, *places]), I32(0))


@emitted(THING)
def held(builder: Any, address: Value) -> Value:
    """The object there, with one reference more."""
    thing = builder.inttoptr(address, BYTE)
    builder.call(interpreters(builder, "Py_IncRef", ir.VoidType(), [BYTE]), [thing])
    return thing


@emitted()
def let_go(builder: Any, thing: Value) -> None:
    """One reference less to an object."""
    builder.call(interpreters(builder, "Py_DecRef", ir.VoidType(), [BYTE]), [thing])


@emitted(types.int64)
def released(builder: Any) -> Value:
    """The interpreter's lock given away; what it takes to get it back."""
    function = interpreters(builder, "PyEval_SaveThread", BYTE, [])
    return builder.ptrtoint(builder.call(function, []), I64)


@emitted()
def taken(builder: Any, state: Value) -> None:
    """Wait for the lock that was given away."""
    function = interpreters(builder, "PyEval_RestoreThread", ir.VoidType(), [BYTE])
    builder.call(function, [builder.inttoptr(state, BYTE)])


def interpreters(builder: Any, name: str, result: Any, kinds: list[Any]) -> Any:
    """A function that the interpreter has."""
    kind = ir.FunctionType(result, kinds)
    return cgutils.get_or_insert_function(builder.module, kind, name)
