"""What methods cost here, on the screen.  Measures nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..screen import table
from .methods import Calibration

if TYPE_CHECKING:
    from rich.table import Table

SHARES = (50, 90, 99, 100)


def table_of(found: Calibration) -> "Table":
    """A factor a row."""
    words = "of", "sums", "method"
    result = table((*words, "time over cost"), words)
    for name, factor in found.factors.items():
        result.add_row(*name.split(), f"{factor:.2f}")
    return result


def lines(found: Calibration) -> Iterator[str]:
    """How well is chosen without the factors and with them."""
    half = f"of {len(found.before)} problems, factors of the {len(found.before)} others"
    for name, regrets in (("as it is", found.before), (half, found.after)):
        shares = ", ".join(f"p{q} {np.percentile(regrets, q):.2f}" for q in SHARES)
        yield f"time of the chosen method over the best one's, {name}: {shares}"
