"""How much longer ``auto`` takes than the best method that may answer: its regret.

On one thread, in seconds that the thread itself ran, so a busy machine hardly matters.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from parconv.experiments.tune.methods import Row


def told(rows: "list[Row]") -> str:
    """Percentiles and the worst rows, as text."""
    regrets = np.array([one.regret for one in rows])
    shares = ", ".join(f"p{q} {np.percentile(regrets, q):.2f}" for q in (50, 90, 95, 99, 100))
    lines = [f"regret of {len(rows)} problems: {shares}"]
    for one in sorted(rows, key=lambda one: -one.regret)[:20]:
        times = ", ".join(f"{name} {1e3 * s:.3g}" for name, s in one.seconds.items())
        lines.append(f"{one.regret:6.2f}  {one.name}: ms {times}")
    return "\n".join(lines)


def measure(kinds: list[str], seed: int, number: int, path: Path | None) -> "list[Row]":
    """So many problems, of the kinds by turns; written to ``path`` as they come."""
    from parconv.experiments.tune import methods

    rows = []
    for row in methods.rows(kinds, seed, number):
        rows.append(row)
        if path:
            content = [asdict(one) | {"seed": seed, "number": m} for m, one in enumerate(rows)]
            path.write_text(json.dumps(content))
    return rows
