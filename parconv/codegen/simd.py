"""Vector instructions for Numba: a small language in which a tile reads like its algorithm.

`Code` emits LLVM IR for one function: vectors that load, store, broadcast and multiply-add, and
loops and choices that carry values in registers.  It knows no convolution and no threads.

Rules that keep the code it emits right and fast (numba 0.68, LLVM 22):

* a pointer comes from an array argument and moves by GEP; an address rebuilt from an integer may be
  miscompiled;
* llvmlite's IR layer has typed pointers: bitcast before a vector load or store;
* a non-temporal store states its full alignment, or LLVM splits it into 8-byte stores.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import machine

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
Value = Any  # llvmlite values are untyped
_ITEMSIZE = {"float": 4, "double": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8}


class Code:
    """Emits the body of one function whose vectors hold `machine.lanes` elements of ``kind``.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Placed where the code goes.
    kind : llvmlite.ir.Type
        Element type: float, double or a 64-bit integer.
    """

    def __init__(self, builder: Any, kind: Any) -> None:
        self.builder = builder
        self.kind = kind
        self.itemsize = _ITEMSIZE[str(kind)]
        self.lanes = machine.lanes(self.itemsize)
        self.vector = ir.VectorType(kind, self.lanes)
        self.zero = ir.Constant(self.vector, [0] * self.lanes)

    # --- addresses: elements, not bytes ---

    def at(self, pointer: Value, *offsets: Value) -> Value:
        """The pointer moved by a sum of element offsets (Python or IR integers)."""
        for offset in offsets:
            index = I64(offset) if isinstance(offset, int) else offset
            pointer = self.builder.gep(pointer, [index])
        return pointer

    def read(self, pointer: Value, *offsets: Value) -> Value:
        """One scalar."""
        return self.builder.load(self.at(pointer, *offsets))

    # --- vectors ---

    def constant(self, value: float) -> Value:
        """The same number in every lane."""
        return ir.Constant(self.vector, [value] * self.lanes)

    def load(self, pointer: Value, lanes: int = 0) -> Value:
        """A vector, or one of that many lanes."""
        kind = ir.VectorType(self.kind, lanes) if lanes else self.vector
        return self.builder.load(
            self.builder.bitcast(pointer, kind.as_pointer()), align=self.itemsize
        )

    def store(self, value: Value, pointer: Value) -> None:
        """A vector of any element type and number of lanes, to a pointer to such elements."""
        size = _ITEMSIZE[str(pointer.type.pointee)]
        self.builder.store(value, self._as_vectors(value, pointer), align=size)

    def load_some(self, pointer: Value, chosen: Value) -> Value:
        """Zeros but in the lanes that the vector of bits ``chosen`` tells; others are not read."""
        zeros = ir.Constant(ir.VectorType(self.kind, chosen.type.count), None)
        pointer = self._as_vectors(zeros, pointer)
        return self._masked("load", zeros.type, pointer, I32(self.itemsize), chosen, zeros)

    def store_some(self, value: Value, pointer: Value, chosen: Value) -> None:
        """Only the lanes that the vector of bits ``chosen`` tells; others touch no memory."""
        pointer = self._as_vectors(value, pointer)
        self._masked("store", ir.VoidType(), value, pointer, I32(self.itemsize), chosen)

    def store_first(self, value: Value, pointer: Value, count: Value) -> None:
        """Only the first ``count`` lanes, at least one, in plain stores where masks are dear.

        A masked store of AVX2 takes 18 operations of the processor, and waits for the memory: the
        two last of 162 channels of 14,040 pixels took 1.2 ms so, 0.2 by pieces (Zen 3, 2026-11).
        """
        if machine.VECTOR_REGISTERS == 32:
            return self.store_some(value, pointer, self.first_lanes(count))
        pointer = self.builder.bitcast(pointer, self.kind.as_pointer())
        whole = self.builder.icmp_signed(">=", count, I64(self.lanes))
        with self.builder.if_else(whole) as (all_lanes, some):
            with all_lanes:
                self.store(value, pointer)
            with some:
                self._store_pieces(value, pointer, count)
        return None

    def _store_pieces(self, value: Value, pointer: Value, count: Value) -> None:
        """Halves, quarters and so on of a vector, by the bits of a number below its lanes."""
        builder, size = self.builder, self.lanes // 2
        while size:
            chosen = builder.icmp_signed("!=", builder.and_(count, I64(size)), I64(0))
            with builder.if_then(chosen):
                self.store(self.piece(value, 0, size), pointer)
            if size > 1:
                rest = self.piece(value, size, size)
                value = builder.select(chosen, rest, self.piece(value, 0, size))
                pointer = builder.select(chosen, self.at(pointer, size), pointer)
            size //= 2

    def _masked(self, what: str, result: Any, *arguments: Value) -> Value:
        lanes = arguments[-1].type.count if what == "store" else result.count
        letter = "i" if self.kind in (I32, I64) else "f"
        name = f"llvm.masked.{what}.v{lanes}{letter}{8 * self.itemsize}.p0"
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    def lanes_of(self, bits: Value, lanes: int = 0) -> Value:
        """The lowest bits of an integer, a lane each; of a whole vector, or so many."""
        lanes = lanes or self.lanes
        narrow = self.builder.trunc(bits, ir.IntType(lanes))
        return self.builder.bitcast(narrow, ir.VectorType(I1, lanes))

    def first_lanes(self, count: Value) -> Value:
        """A bit for each lane: whether it is one of the first ``count``."""
        kind = ir.VectorType(I64, self.lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, count, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        every = self.builder.shuffle_vector(one, undefined, zeros)
        return self.builder.icmp_signed("<", ir.Constant(kind, list(range(self.lanes))), every)

    def stream(self, value: Value, pointer: Value) -> None:
        """Store past the caches; the pointer must be aligned to the machine's vectors."""
        whole = self._as_vectors(value, pointer)
        store = self.builder.store(value, whole, align=machine.VECTOR_BYTES)
        store.set_metadata("nontemporal", self.builder.module.add_metadata([I32(1)]))

    def _as_vectors(self, value: Value, pointer: Value) -> Value:
        return self.builder.bitcast(pointer, value.type.as_pointer())

    def splat(self, scalar: Value) -> Value:
        """The scalar in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, I32(0))
        lanes = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, undefined, lanes)

    def shuffle(self, first: Value, second: Value, order: Sequence[int]) -> Value:
        """Lanes of two vectors, counted through both."""
        lanes = ir.Constant(ir.VectorType(I32, len(order)), list(order))
        return self.builder.shuffle_vector(first, second, lanes)

    def integers(self, pointer: Value) -> Value:
        """A vector of 64-bit integers, each cut to the size of an element."""
        whole = self.builder.bitcast(pointer, ir.VectorType(I64, self.lanes).as_pointer())
        value = self.builder.load(whole, align=8)
        kind = ir.VectorType(ir.IntType(8 * self.itemsize), self.lanes)
        return value if value.type == kind else self.builder.trunc(value, kind)

    def lookup(self, first: Value, order: Value, second: Value) -> Value:
        """Lanes of two vectors, counted through both by a vector of integers (AVX-512)."""
        kind = {4: "ps", 8: "pd"}[self.itemsize]
        arguments = [first, order, second]
        function = ir.FunctionType(self.vector, [value.type for value in arguments])
        name = f"llvm.x86.avx512.vpermi2var.{kind}.512"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, function, name), arguments
        )

    def piece(self, vector: Value, first: int, count: int) -> Value:
        """Some neighbouring lanes."""
        return self.shuffle(vector, vector, range(first, first + count))

    def joined(self, pieces: Sequence[Value]) -> Value:
        """The pieces, a power of two of them, one after another."""
        while len(pieces) > 1:
            order = range(2 * pieces[0].type.count)
            pairs = zip(pieces[::2], pieces[1::2], strict=True)
            pieces = [self.shuffle(first, second, order) for first, second in pairs]
        return pieces[0]

    def shift(self, first: Value, second: Value, lanes: int) -> Value:
        """The vector that begins ``lanes`` elements into two neighbouring ones.

        As integers: LLVM turns the same shuffle of floats into one with a table of indices.
        """
        integers = ir.VectorType(ir.IntType(8 * self.itemsize), self.lanes)
        pair = [self.builder.bitcast(vector, integers) for vector in (first, second)]
        order = ir.Constant(ir.VectorType(I32, self.lanes), [lanes + n for n in range(self.lanes)])
        return self.builder.bitcast(self.builder.shuffle_vector(*pair, order), self.vector)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c``, rounded once where the machine has the instruction."""
        if self.kind == I64:
            return self.builder.add(self.builder.mul(a, b), c)
        if self.kind == I32:
            return self.pairs(a, b, c)
        if not machine.HAS_FMA:  # llvm.fma would call libm, lane by lane
            return self.builder.fadd(self.builder.fmul(a, b), c)
        name = f"llvm.fma.v{self.lanes}f{8 * self.itemsize}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [a, b, c]
        )

    def scaled(self, value: Value, most: Value, rest: Value) -> Value:
        """``value * (most + rest)``, nearly as if rounded once."""
        return self.fma(value, most, self.builder.fmul(value, rest))

    def pairs(self, a: Value, b: Value, c: Value) -> Value:
        """The products of both 16-bit words of each lane, added to its int32."""
        name = f"llvm.x86.avx512.vpdpwssd.{8 * machine.VECTOR_BYTES}"  # serves AVX-VNNI too
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [c, a, b]
        )

    def opaque(self, value: Value) -> Value:
        """The same value, of which the optimiser knows nothing."""
        kind = ir.FunctionType(value.type, [value.type])
        return self.builder.call(ir.InlineAsm(kind, "", "=r,0", side_effect=False), [value])

    def prefetch(self, pointer: Value, level: int = 2) -> None:
        """Ask the cache of that level for the line at ``pointer``, which may be anywhere."""
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
        call = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        read, near, data = I32(0), I32(4 - level), I32(1)
        self.builder.call(call, [self.builder.bitcast(pointer, byte), read, near, data])

    # --- control flow with values carried in registers ---

    def loop(
        self,
        count: Value,
        carried: Sequence[Value],
        body: Callable[..., Sequence[Value]],
        rolled: bool = False,
    ) -> list[Value]:
        """``for index in range(count): carried = body(index, *carried)``; ``count`` >= 1.

        ``rolled``: LLVM must not unroll it, which would spill a body that fills the registers.
        """
        builder = self.builder
        before = builder.block
        top = builder.append_basic_block("loop")
        after = builder.append_basic_block("after")
        builder.branch(top)
        builder.position_at_end(top)
        index = builder.phi(I64)
        phis = [builder.phi(value.type) for value in carried]
        results = list(body(index, *phis))
        following = builder.add(index, I64(1), flags=("nuw", "nsw"))
        for phi, first, result in zip(
            [index, *phis], [I64(0), *carried], [following, *results], strict=True
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(result, builder.block)
        back = builder.cbranch(builder.icmp_signed("<", following, count), top, after)
        if rolled:
            self._keep_rolled(back)
        builder.position_at_end(after)
        return results

    def _keep_rolled(self, back: Value) -> None:
        module = self.builder.module
        rule = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
        loop = ir.MDValue(module, (rule,), name=str(len(module.metadata)))  # appends itself
        loop.operands = (loop, rule)  # its own first operand, so that each loop has its own
        back.set_metadata("llvm.loop", loop)

    def when(
        self, condition: Value, otherwise: Sequence[Value], body: Callable[[], Sequence[Value]]
    ) -> list[Value]:
        """``body()`` where the condition holds, else ``otherwise``."""
        builder = self.builder
        before = builder.block
        with builder.if_then(condition):
            results = list(body())
            end = builder.block
        phis = [builder.phi(value.type) for value in results]
        for phi, old, new in zip(phis, otherwise, results, strict=True):
            phi.add_incoming(old, before)
            phi.add_incoming(new, end)
        return phis

    def choose(self, key: Value, cases: Mapping[int, Callable[[], Sequence[Value]]]) -> list[Value]:
        """The values of ``cases[key]()``; any other key is undefined behaviour."""
        builder = self.builder
        impossible = builder.append_basic_block("impossible")
        switch = builder.switch(key, impossible)
        joined = builder.append_basic_block("joined")
        ends = []
        for value, case in cases.items():
            block = builder.append_basic_block(f"case.{value}")
            switch.add_case(I64(value), block)
            builder.position_at_end(block)
            results = case()
            ends.append((builder.block, results))
            builder.branch(joined)
        builder.position_at_end(impossible)
        builder.unreachable()
        builder.position_at_end(joined)
        phis = [builder.phi(value.type) for value in ends[0][1]]
        for block, results in ends:
            for phi, result in zip(phis, results, strict=True):
                phi.add_incoming(result, block)
        return phis


def data_pointer(context: Any, builder: Any, array_type: Any, array: Value, at: Value) -> Value:
    """Pointer to element ``at`` of an array argument, counted along the last axis."""
    pointer = context.make_array(array_type)(context, builder, array).data
    return builder.gep(pointer, [at])


def define_once(module: Any, name: str, arguments: Sequence[Any], body: Callable[..., None]) -> Any:
    """A function of the module, written by ``body(builder, *arguments)`` when first asked for.

    It stays a function of its own (never inlined), so several callers share one copy.
    """
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


def call_once(
    builder: Any, name: str, body: Callable[..., None], arguments: Sequence[Value]
) -> None:
    """Call the function of that name, written when first asked for."""
    kinds = [value.type for value in arguments]
    builder.call(define_once(builder.module, name, kinds, body), arguments)


def call_one_of(
    builder: Any,
    key: Value,
    variants: Mapping[str, Callable[..., None]],
    arguments: Sequence[Value],
) -> None:
    """Call the ``key``-th variant, each a function of that name written when first asked for."""

    def call(name: str, body: Callable[..., None]) -> list[Value]:
        call_once(builder, name, body, arguments)
        return [I64(0)]

    cases = {n: partial(call, *variant) for n, variant in enumerate(variants.items())}
    Code(builder, arguments[0].type.pointee).choose(key, cases)


@intrinsic
def store_fence(typing: Any) -> Any:
    """Order non-temporal stores before later ones: once at the end of a band."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if machine.IS_X86:
            kind = ir.FunctionType(ir.VoidType(), [])
            fence = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse.sfence")
            builder.call(fence, [])
        else:
            builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def fetch_add(typing: Any, counter: Any, amount: Any) -> Any:
    """Add to ``counter[0]`` (int64) atomically; the value before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = data_pointer(context, builder, signature.args[0], args[0], I64(0))
        return builder.atomic_rmw("add", pointer, args[1], "monotonic")

    return types.int64(counter, types.int64), codegen
