"""What is read and run in a process of its own: an implementation, or a convolution of the user's.

``python -m parconv.experiments.asm.subject ORDER`` with an `Order` as JSON finds the hot loop, or
is told of it, and runs calls that are counted; its answer goes to the file that it names.  Once
the same calls were run where nothing counts, another process has nothing to compile.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parconv.runtime.records import fingerprint

from .. import processes
from ..own import Own, row_of
from ..perf.child import Control, counting

if TYPE_CHECKING:
    from .implementations import Listed, Run
    from .placed import Placed

MODULE = "parconv.experiments.asm.subject"  # not __name__, which is __main__ when it runs
SECONDS = 2.0  # of calls that are sampled: 8,000 samples


@dataclass(frozen=True)
class Order:
    """What to run, as plain values: ``own``, or arguments of `implementations.listed`.

    ``loop``: the file of the answer of a process that read it before.  ``kept``: of the machine
    code that it left.  ``control``: as of `perf.child.Order`.
    """

    what: Mapping[str, Any]
    answer: str
    loop: str = ""
    kept: str = ""
    simulated: bool = False
    control: Control | None = None

    def command(self) -> list[str]:
        """The command line that carries it out."""
        return processes.command(MODULE, asdict(self))


def main(order: Order) -> None:
    """Read, run, answer."""
    from . import placed

    if order.loop:
        found, run = json.loads(Path(order.loop).read_bytes()), _call(order)
    else:
        listed = _listed(order)
        found, run = _told(listed, placed.placed(listed.library, listed.loop)), listed.run
    run()
    run()  # the second call of a plan makes, or loads, the code that looks at arrays of later ones
    found["addresses"] = placed.Placed.of_json(found).found()
    with counting(order.control, order.simulated, run):
        found["calls"] = _repeated(run, 0.0 if order.simulated else SECONDS)
    Path(order.answer).write_text(json.dumps(found), encoding="utf-8")


def _listed(order: Order) -> "Listed":
    from . import implementations, planned

    own = _own(order.what)
    return planned.of_plan(own) if own else implementations.listed(*_asked(order))


def _call(order: Order) -> "Run":
    """The same without its listing."""
    from . import implementations, planned

    own = _own(order.what)
    return planned.call_of_plan(own) if own else implementations.call_of(*_asked(order))


def _own(what: Mapping[str, Any]) -> Own | None:
    row = row_of(what) if "own" in what else None
    return row if isinstance(row, Own) else None


def _asked(order: Order) -> tuple[str, tuple[int, ...], tuple[int, int], str, str]:
    what = order.what
    rows, columns = what["taps"]
    return what["name"], tuple(what["shape"]), (rows, columns), what["dtype"], order.kept


def _repeated(run: "Run", seconds: float) -> int:
    """Calls for so long, at least one; how many."""
    end, calls = time.perf_counter() + seconds, 0
    while not calls or time.perf_counter() < end:
        run()
        calls += 1
    return calls


def _told(listed: "Listed", loop: "Placed") -> dict[str, Any]:
    asked, labels = listed.asked, [one.label for one in listed.loop.instructions]
    return {"name": listed.name, "shape": asked.shape, "taps": asked.taps, "dtype": asked.image,
            "target": fingerprint()["target"], "classes": labels, **loop.to_json()}  # fmt: skip


if __name__ == "__main__":
    main(Order(**json.loads(sys.argv[1])))
