"""Pictures of a loop: what waits for what, and where its function jumps, as graphviz text.

Draws through ``dot`` where that is installed, else through matplotlib.
"""

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import IO

from . import dataflow
from .isa import ARITHMETIC, BROADCAST, JUMP, LOAD, SCALAR, SHUFFLE, STORE
from .listing import Block, Loop, blocks

COLOURS = {
    **dict.fromkeys(ARITHMETIC, "#9ecae1"), LOAD: "#c7e9c0", BROADCAST: "#a1d99b",
    STORE: "#fdae6b", SHUFFLE: "#dadaeb", SCALAR: "#f0f0f0", JUMP: "#d9d9d9",
}  # fmt: skip
SPILL = "#fb6a4a"
SUFFIXES = (".dot", ".svg", ".png")
CRITICAL = 'color="#cb181d", penwidth=3'
SECONDS = 60


def data_flow(loop: Loop, critical: Collection[int], title: str) -> str:
    """Instructions and what they wait for; dashed: for the pass before; bold: the critical path."""
    lines = [f"digraph data_flow {{ label={_quoted(title)}; labelloc=t; rankdir=TB;",
             'node [shape=box, style=filled, fontname="monospace", fontsize=10];']  # fmt: skip
    for number, one in enumerate(loop.instructions):
        colour = SPILL if one.on_stack else COLOURS.get(one.kind, "#ffffff")
        bold = f", {CRITICAL}" if number in critical else ""
        text = _quoted(f"{number}  {one.text.expandtabs(1)}")
        lines.append(f'  i{number} [label={text}, fillcolor="{colour}"{bold}];')
    for edge in dataflow.edges(loop):
        dashed = ", style=dashed, constraint=false" if edge.carried else ""
        bold = f", {CRITICAL}" if {edge.source, edge.target} <= set(critical) else ""
        lines.append(f"  i{edge.source} -> i{edge.target} "
                     f"[label={_quoted(edge.register)}, fontsize=8{dashed}{bold}];")  # fmt: skip
    return "\n".join([*lines, "}", ""])


def control_flow(code: str, loop: Loop, title: str) -> str:
    """The basic blocks of the loop's function; bold: the loop."""
    found = blocks(code, loop.function)
    hot = {number for number, block in enumerate(found) if _is_of(block, loop)}
    lines = [f"digraph control_flow {{ label={_quoted(title)}; labelloc=t;",
             'node [shape=box, style=filled, fillcolor="#f7f7f7"];']  # fmt: skip
    for number, block in enumerate(found):
        bold = f", {CRITICAL}" if number in hot else ""
        text = f"{block.label}: {len(block.instructions)} instructions"
        fused = sum(one.kind in ARITHMETIC for one in block.instructions)
        text += f", {fused} of arithmetic" if fused else ""
        lines.append(f"  b{number} [label={_quoted(text)}{bold}];")
    for source, target in _jumps(found):
        bold = f" [{CRITICAL}]" if {source, target} <= hot else ""
        lines.append(f"  b{source} -> b{target}{bold};")
    return "\n".join([*lines, "}", ""])


def _is_of(block: Block, loop: Loop) -> bool:
    size = len(block.instructions)
    inside = loop.instructions
    return bool(size) and any(inside[n : n + size] == block.instructions
                              for n in range(len(inside) - size + 1))  # fmt: skip


def _jumps(found: Sequence[Block]) -> Iterator[tuple[int, int]]:
    places = {block.label: number for number, block in enumerate(found)}
    for number, block in enumerate(found):
        for label in block.targets:
            if label in places:
                yield number, places[label]
        if block.falls and number + 1 < len(found):
            yield number, number + 1


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def draw(dot: str, target: Path, file: IO[bytes], loop: Loop, critical: Collection[int]) -> str:
    """Write the picture of a data flow by its suffix; what drew it."""
    kind = target.suffix[1:]
    if kind == "dot":
        file.write(dot.encode())
        return "graphviz text"
    program = shutil.which("dot")
    if program is None:
        _by_matplotlib(file, kind, loop, critical)
        return "matplotlib, since graphviz's dot is not installed"
    done = subprocess.run([program, f"-T{kind}"], input=dot.encode(), capture_output=True,
                          timeout=SECONDS, check=True)  # fmt: skip
    file.write(done.stdout)
    return "graphviz"


def _by_matplotlib(file: IO[bytes], kind: str, loop: Loop, critical: Collection[int]) -> None:
    """Rows by how many instructions must come before, in the loop's order from left to right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    places = _places(loop)
    wide = max(x for x, _ in places) + 1
    deep = max(y for _, y in places) + 1
    figure = Figure(figsize=(min(60, 2.6 * wide + 1), min(60, 0.7 * deep + 1)))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.7, wide - 0.3), ylim=(deep - 0.3, -0.7))
    axes.set_axis_off()
    for edge in dataflow.edges(loop):
        if edge.carried:
            continue
        bold = {edge.source, edge.target} <= set(critical)
        axes.annotate("", places[edge.target], places[edge.source], arrowprops={
            "arrowstyle": "->", "color": "#cb181d" if bold else "#bdbdbd",
            "linewidth": 2.5 if bold else 0.6, "shrinkA": 8, "shrinkB": 8})  # fmt: skip
    for number, (one, place) in enumerate(zip(loop.instructions, places, strict=True)):
        colour = SPILL if one.on_stack else COLOURS.get(one.kind, "#ffffff")
        axes.text(*place, f"{number} {one.text.expandtabs(1)}", ha="center", va="center",
                  fontsize=6, family="monospace",
                  weight="bold" if number in critical else "normal",
                  bbox={"facecolor": colour, "pad": 2, "linewidth": 1.5 if number in critical
                        else 0.3})  # fmt: skip
    figure.savefig(file, format=kind, dpi=110)


def _places(loop: Loop) -> list[tuple[float, float]]:
    depth = [0] * len(loop.instructions)
    for edge in dataflow.edges(loop):
        if not edge.carried:
            depth[edge.target] = max(depth[edge.target], depth[edge.source] + 1)
    taken: dict[int, int] = defaultdict(int)
    found = []
    for row in depth:
        found.append((float(taken[row]), float(row)))
        taken[row] += 1
    return found
