"""The tasks of a result: a strip for each edge between chunks, and one task for each block."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from ..problem.window import Range
from .blocks import Side, Strip, fill, needed, strip
from .cuts import Piece, cuts_of, edges_of, outputs_of
from .parts import Whole

Chunks = tuple[tuple[int, ...], ...]
WHOLE = "plan"  # the key of what all blocks share, after the name


@dataclass(frozen=True)
class Cutting:
    """How a result is cut into blocks, along each of its axes.

    Attributes
    ----------
    whole : Whole
        What is asked.
    source : tuple of tuple of int
        Chunks of the image, along each axis.
    """

    whole: Whole
    source: Chunks

    def outputs(self) -> list[list[Range]]:
        """Blocks along the axes that the filter lies along."""
        return [outputs_of(line, self.source[line.axis]) for line in self.whole.lines]

    @property
    def chunks(self) -> Chunks:
        """Of the result."""
        along = {line.axis: n for n, line in enumerate(self.whole.lines)}
        outputs, found = self.outputs(), []
        for axis, origin in enumerate(self.whole.origins):
            if origin in along:
                found.append(tuple(stop - start for start, stop in outputs[along[origin]]))
            elif origin is None or origin in self.whole.together:
                found.append((self.whole.shape[axis],))
            else:
                found.append(self.source[origin])
        return tuple(found)

    def tasks(self, name: str, image: str, weights: str | None = None) -> dict[Any, Any]:
        """The graph's layer; chunks of image and weights have keys of those names."""
        lines, origins = self.whole.lines, self.whole.origins
        cuts = [cuts_of(line, place, self.source[line.axis]) for place, line in enumerate(lines)]
        sides = [
            [Side((Piece(n, 0, size),)) for n, size in enumerate(sizes)] for sizes in self.source
        ]
        for line, found in zip(lines, cuts, strict=True):
            edges, every = edges_of(self.source[line.axis]), [(0, line.size)]
            sides[line.axis] = [Side.of(cut.runs if cut else every, edges) for cut in found]
        tasks: dict[Any, Any] = {f"{name}-{WHOLE}": self.whole}
        for place in product(*(range(len(sizes)) for sizes in self.chunks)):
            at = {origin: n for origin, n in zip(origins, place, strict=True) if origin is not None}
            own = [each[at[axis]] for axis, each in enumerate(sides)]
            mine = tuple(found[at[line.axis]] for line, found in zip(lines, cuts, strict=True))
            block, sources = needed(own, self.source, mine)
            pixels = [_key(tasks, name, image, where) for where in sources]
            there = [_key(tasks, name, weights, where) for where in sources] if weights else []
            tasks[(name, *place)] = fill, f"{name}-{WHOLE}", block, pixels, there
        return tasks


def _key(tasks: dict[Any, Any], name: str, image: str, where: Any) -> Any:
    """That of a chunk; of a strip, whose task is there from then on."""
    if not isinstance(where, Strip):
        return (image, *where)
    key = (f"{name}-strip-{image}", *where.chunk, *where[1:])
    tasks[key] = strip, (image, *where.chunk), *where[1:]
    return key
