"""Loops and choices of emitted code, which carry values in registers from one block to the next."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from .emitted import Value, call_once

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)


class Flow:
    """Emits the control flow of one function, from where ``builder`` is."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def has(self, flags: Value, flag: int) -> Value:
        """Whether an integer has any of those bits."""
        found = self.builder.and_(flags, flags.type(flag))
        return self.builder.icmp_signed("!=", found, found.type(0))

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
        top, after = (builder.append_basic_block(name) for name in ("loop", "after"))
        index, *phis = self._enter(top, carried)
        results = list(body(index, *phis))
        following = self._again([index, *phis], results)
        back = builder.cbranch(builder.icmp_signed("<", following, count), top, after)
        if rolled:
            self._keep_rolled(back)
        builder.position_at_end(after)
        return results

    def repeat(
        self,
        count: Value,
        carried: Sequence[Value],
        body: Callable[..., Sequence[Value]],
        rolled: bool = False,
    ) -> list[Value]:
        """``for _ in range(count): carried = body(*carried)``, where ``count`` may be 0.

        ``rolled``: LLVM must not unroll it, as where there are few turns of much.
        """
        builder = self.builder
        top, turn, after = (builder.append_basic_block(name) for name in ("top", "turn", "after"))
        index, *phis = self._enter(top, carried)
        builder.cbranch(builder.icmp_signed("<", index, count), turn, after)
        builder.position_at_end(turn)
        self._again([index, *phis], body(*phis))
        back = builder.branch(top)
        if rolled:
            self._keep_rolled(back)
        builder.position_at_end(after)
        return phis

    def _enter(self, top: Value, carried: Sequence[Value]) -> list[Value]:
        """The number of the turn and what is carried, in the block where a loop begins."""
        before = self.builder.block
        self.builder.branch(top)
        self.builder.position_at_end(top)
        return self._joined([(before, [I64(0), *carried])])

    def _again(self, phis: Sequence[Value], results: Sequence[Value]) -> Value:
        """Carry results to where the loop begins; the number of the next turn."""
        following = self.builder.add(phis[0], I64(1), flags=("nuw", "nsw"))
        _merge(phis, self.builder.block, [following, *results])
        return following

    def _joined(self, ends: Sequence[tuple[Value, Sequence[Value]]]) -> list[Value]:
        """The values that come with whichever of the blocks was the last one."""
        phis = [self.builder.phi(value.type) for value in ends[-1][1]]
        for block, values in ends:
            _merge(phis, block, values)
        return phis

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
        before = self.builder.block
        with self.builder.if_then(condition):
            results = list(body())
            end = self.builder.block
        return self._joined([(before, otherwise), (end, results)])

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
        return self._joined(ends)


def _merge(phis: Sequence[Value], block: Value, values: Sequence[Value]) -> None:
    for phi, value in zip(phis, values, strict=True):
        phi.add_incoming(value, block)


def call_one_of(
    builder: Any,
    key: Value,
    name: str,
    variants: Mapping[Any, Callable[..., None]],
    arguments: Sequence[Value],
) -> None:
    """Call the ``key``-th variant, each a function of its own (`call_once`)."""

    def call(variant: Any, body: Callable[..., None]) -> list[Value]:
        call_once(builder, name, body, arguments, variant)
        return []

    cases = {n: partial(call, *variant) for n, variant in enumerate(variants.items())}
    Flow(builder).choose(key, cases)
