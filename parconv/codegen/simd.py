"""Vector instructions for Numba: a small language in which a tile reads like its algorithm.

`Code` emits LLVM IR for one function: vectors that load, store, broadcast and multiply-add, and the
loops and choices of `flow`.  It knows no convolution and no threads.

Rules that keep the code it emits right and fast (numba 0.68, LLVM 22):

* a pointer comes from an array argument and moves by GEP; an address rebuilt from an integer may be
  miscompiled;
* llvmlite's IR layer has typed pointers: bitcast before a vector load or store;
* a non-temporal store states its full alignment, or LLVM splits it into 8-byte stores.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from . import machine
from .emitted import Value, emitted, instruction
from .flow import I1 as I1, I32 as I32, I64 as I64, Flow
from .operations import operation

WHOLE = 4  # bytes of the least elements of which instructions load some, where few do
_ITEMSIZE = {"float": 4, "double": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8}


class Code(Flow):
    """Emits the body of one function whose vectors hold `machine.lanes` elements of ``kind``.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Placed where the code goes.
    kind : llvmlite.ir.Type
        Element type: float, double or a 64-bit integer.
    """

    def __init__(self, builder: Any, kind: Any) -> None:
        super().__init__(builder)
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

    def load_first(self, pointer: Value, count: Value, lanes: int = 0) -> Value:
        """The first ``count`` lanes, of which there may be none or more than all; zeros behind.

        By as many plain loads as it takes where LLVM would write a branch for each lane.
        """
        lanes = lanes or self.lanes
        if machine.ISA.some and (machine.ISA.masks or self.itemsize >= WHOLE):
            return self.load_some(pointer, self.first_lanes(count, lanes))
        pointer = self.builder.bitcast(pointer, self.kind.as_pointer())
        for name, bound in (("smax", 0), ("smin", lanes)):
            count = instruction(self.builder, f"llvm.{name}.i64", I64, count, I64(bound))
        cases = {n: partial(self._load_pieces, pointer, n, lanes) for n in range(lanes + 1)}
        return self.choose(count, cases)[0]

    def _load_pieces(self, pointer: Value, count: int, lanes: int) -> list[Value]:
        """So many lanes as halves, quarters and so on of a vector, and zeros."""
        found, done, size = ir.Constant(ir.VectorType(self.kind, lanes), None), 0, lanes
        while size:
            if count & size:
                piece = self.load(self.at(pointer, done), size)
                for n in range(size):
                    lane = self.builder.extract_element(piece, I32(n))
                    found = self.builder.insert_element(found, lane, I32(done + n))
                done += size
            size //= 2
        return [found]

    def store_some(self, value: Value, pointer: Value, chosen: Value) -> None:
        """Only the lanes that the vector of bits ``chosen`` tells; others touch no memory."""
        pointer = self._as_vectors(value, pointer)
        self._masked("store", ir.VoidType(), value, pointer, I32(self.itemsize), chosen)

    def store_first(self, value: Value, pointer: Value, count: Value) -> None:
        """Only the first ``count`` lanes, at least one, in plain stores where masks are dear.

        A masked store of AVX2 takes 18 operations of the processor, and waits for the memory: the
        two last of 162 channels of 14,040 pixels took 1.2 ms so, 0.2 by pieces (Zen 3, 2026-11).
        """
        if machine.ISA.masks:
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
            chosen = self.has(count, size)
            with builder.if_then(chosen):
                self.store(self.piece(value, 0, size), pointer)
            if size > 1:
                rest = self.piece(value, size, size)
                value = builder.select(chosen, rest, self.piece(value, 0, size))
                pointer = builder.select(chosen, self.at(pointer, size), pointer)
            size //= 2

    def _masked(self, what: str, result: Any, *arguments: Value) -> Value:
        lanes = arguments[-1].type.count if what == "store" else result.count
        letter = "i" if isinstance(self.kind, ir.IntType) else "f"
        name = f"llvm.masked.{what}.v{lanes}{letter}{8 * self.itemsize}.p0"
        return instruction(self.builder, name, result, *arguments)

    def lanes_of(self, bits: Value, lanes: int = 0) -> Value:
        """The lowest bits of an integer, a lane each; of a whole vector, or so many."""
        lanes = lanes or self.lanes
        narrow = self.builder.trunc(bits, ir.IntType(lanes))
        return self.builder.bitcast(narrow, ir.VectorType(I1, lanes))

    def first_lanes(self, count: Value, lanes: int = 0) -> Value:
        """A bit for each lane: whether it is one of the first ``count``."""
        every = self.splat(count, lanes)
        numbers = ir.Constant(every.type, list(range(every.type.count)))
        return self.builder.icmp_signed("<", numbers, every)

    def stream(self, value: Value, pointer: Value) -> None:
        """Store past the caches; the pointer must be aligned to the machine's vectors."""
        whole = self._as_vectors(value, pointer)
        store = self.builder.store(value, whole, align=machine.VECTOR_BYTES)
        store.set_metadata("nontemporal", self.builder.module.add_metadata([I32(1)]))

    def store_either(self, past_caches: Value, put: Callable[..., None]) -> None:
        """``put(stream)`` where the condition holds, else ``put(store)``."""
        with self.builder.if_else(past_caches) as branches:
            for branch, how in zip(branches, (self.stream, self.store), strict=True):
                with branch:
                    put(how)

    def _as_vectors(self, value: Value, pointer: Value) -> Value:
        return self.builder.bitcast(pointer, value.type.as_pointer())

    def splat(self, scalar: Value, lanes: int = 0) -> Value:
        """The scalar, of whatever type, in every lane."""
        kind = ir.VectorType(scalar.type, lanes or self.lanes)
        undefined = ir.Constant(kind, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, I32(0))
        return self.shuffle(one, undefined, [0] * kind.count)

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
        """Lanes of two vectors, counted through both by a vector of integers."""
        name = f"lookup{self.itemsize}"
        return operation(self.builder, name, self.vector, first, order, second)

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
        moved = self.shuffle(pair[0], pair[1], range(lanes, lanes + self.lanes))
        return self.builder.bitcast(moved, self.vector)

    def fma(self, a: Value, b: Value, c: Value) -> Value:
        """``a * b + c``, rounded once where the machine has the instruction.

        In lanes of int32, the products of both 16-bit words.
        """
        if self.kind == I64:
            return self.builder.add(self.builder.mul(a, b), c)
        if self.kind == I32:
            return operation(self.builder, "dot2", self.vector, c, a, b)
        if not machine.HAS_FMA:  # llvm.fma would call libm, lane by lane
            return self.builder.fadd(self.builder.fmul(a, b), c)
        name = f"llvm.fma.v{a.type.count}f{8 * self.itemsize}"
        return instruction(self.builder, name, a.type, a, b, c)

    def scaled(self, value: Value, most: Value, rest: Value, *numbers: Value) -> Value:
        """``value * (most + rest)``, nearly as if rounded once; by two numbers scaled and shifted.

        In one step with these a mean of equal pixels would be a little off, and a whole result that
        is truncated one less.
        """
        mean = self.fma(value, most, self.builder.fmul(value, rest))
        return self.fma(mean, *numbers) if numbers else mean

    def opaque(self, value: Value) -> Value:
        """The same value, of which the optimiser knows nothing."""
        kind = ir.FunctionType(value.type, [value.type])
        return self.builder.call(ir.InlineAsm(kind, "", "=r,0", side_effect=False), [value])

    def held(self, value: Value) -> Value:
        """A vector of AVX-512 that is known here and stays in a register: no work is put off."""
        kind = ir.FunctionType(value.type, [value.type])
        return self.builder.call(ir.InlineAsm(kind, "", "=v,0", side_effect=True), [value])

    def prefetch(self, pointer: Value, level: int = 2, write: bool = False) -> None:
        """Ask the cache of that level for the line at ``pointer``, which may be anywhere."""
        byte = ir.IntType(8).as_pointer()
        how, near, data = I32(int(write)), I32(4 - level), I32(1)
        pointer = self.builder.bitcast(pointer, byte)
        instruction(self.builder, "llvm.prefetch.p0", ir.VoidType(), pointer, how, near, data)


@emitted()
def store_fence(builder: Any) -> None:
    """Order non-temporal stores before later ones: once at the end of a band."""
    operation(builder, "fence", ir.VoidType())
