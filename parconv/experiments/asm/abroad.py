"""The process that compiles kernels for a processor that need not be here, and takes them apart.

``python -m parconv.experiments.asm.abroad ORDER``, with an `Order` as JSON, prints a `Row` a line.
Numba compiles for whatever triple llvmlite names and whatever processor the environment names, and
so do we: tiles, lanes and instructions are those of the target.  Nothing compiled is run, and
neither Numba's entry points nor our cache on disk have a part in it.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import llvmlite.binding as llvm

MODULE = "parconv.experiments.asm.abroad"  # not __name__, which is __main__ when it runs


@dataclass(frozen=True)
class Order:
    """For which machine, which rows of `hot.HOT`, and the path of llvm-mca, if any."""

    triple: str
    core: str
    names: Sequence[str]
    tool: str | None


@dataclass(frozen=True)
class Row:
    """What became of one loop on one core; ``obstacle`` where the core has none such.

    ``cycles`` and ``share`` of the peak are predictions; None where there is no model.
    """

    name: str
    core: str
    isa: str
    obstacle: str | None = None
    instructions: int = 0
    multiply_adds: int = 0
    arithmetic: int = 0
    spills: int = 0
    cycles: float | None = None
    share: float | None = None
    source: Sequence[str] = ()


def go_abroad(triple: str) -> None:
    """Let llvmlite name that machine, before anybody asks it where this process runs."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple)
    for place, name, answer in (
        (llvm, "get_process_triple", triple),
        (llvm, "get_default_triple", triple),
        (llvm.Target, "from_default_triple", target),
    ):
        setattr(place, name, lambda answer=answer: answer)


def main(order: Order) -> None:
    """Print the rows, one after another."""
    go_abroad(order.triple)
    from . import shares  # which imports what compiles

    for row in shares.rows(order):
        print(json.dumps(asdict(row)), flush=True)


if __name__ == "__main__":
    main(Order(**json.loads(sys.argv[1])))
