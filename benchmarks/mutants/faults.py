"""The faults that could be made: another comparison, operator, constant, branch or result."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("problem", "planner", "runtime", "streaming", "methods")
METHODS = "parconv/methods/"
KERNELS = METHODS, "parconv/problem/borders.py", "parconv/runtime/crew/"  # what they are made of
COMPILED = ("atomic", "board", "code", "floats", "record", "sleep")  # of runtime/crew

OTHERS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.FloorDiv, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
# Keywords whose numbers and truths change nothing that a test should hold: how much a cache keeps,
# which line a warning shows, how a class is built, that what is zipped has one length.
UNSEEN = {"frozen", "kw_only", "maxsize", "slots", "stacklevel", "strict"}


class Fault(NamedTuple):
    """A piece of a file's text, and what stands there instead.

    Attributes
    ----------
    path : str
        Of the file, from the root.
    first, last : int
        The lines that a test runs if it runs the piece: from where its statement begins.
    start, stop : int
        Where it is in the file's bytes.
    old, new : str
        The texts.
    """

    path: str
    first: int
    last: int
    start: int
    stop: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.last}: {' '.join(self.old.split())} -> {self.new}"

    @property
    def in_kernels(self) -> bool:
        """Whether some may be made by it, or of what it computes."""
        return self.path.startswith(KERNELS)

    @property
    def key(self) -> str:
        """What no other fault has."""
        return f"{self.path}:{self.start}:{self.stop}:{self.new}"

    def put_into(self, text: bytes) -> bytes:
        """The file's text with it."""
        return text[: self.start] + self.new.encode() + text[self.stop :]


def possible(root: Path) -> list[Fault]:
    """All of them."""
    return [fault for file in files(root) for fault in _of(file, root)]


def files(root: Path) -> list[Path]:
    """Those that Python runs."""
    found = [file for name in PACKAGES for file in sorted((root / "parconv" / name).rglob("*.py"))]
    return [file for file in found if file.parent.name != "crew" or file.stem not in COMPILED]


def _of(file: Path, root: Path) -> Iterator[Fault]:
    text = file.read_text(encoding="utf-8")
    content, starts = text.encode(), [0]
    for line in content.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, first in _nodes(ast.parse(text)):
        new = _changed(node)
        if new is not None:
            last, path = node.end_lineno or node.lineno, str(file.relative_to(root))
            start = starts[node.lineno - 1] + node.col_offset
            stop = starts[last - 1] + (node.end_col_offset or 0)
            yield Fault(path, first, last, start, stop, content[start:stop].decode(), new)


def _nodes(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.Return, int]]:
    """Those that may be changed, each with the line where its statement begins."""
    pending: list[tuple[ast.AST, int]] = [(tree, 1)]
    while pending:
        node, first = pending.pop()
        if isinstance(node, ast.stmt):
            first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
        if isinstance(node, ast.expr | ast.Return):
            yield node, first
        pending += [(child, first) for child in _seen(node)]


def _seen(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a node, without what no test should see."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            unseen = name in ("annotation", "returns") or isinstance(child, ast.JoinedStr)
            named = isinstance(child, ast.keyword) and child.arg in UNSEEN
            if isinstance(child, ast.AST) and not (unseen or named or _is_measured(child)):
                yield child


def _is_measured(node: ast.AST) -> bool:
    """Whether it is a constant with a name of its own: a cost or a limit that was measured."""
    targets = getattr(node, "targets", [getattr(node, "target", ast.Tuple())])
    parts = [part for target in targets for part in ast.walk(target)]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return isinstance(node, ast.Assign | ast.AnnAssign) and all(name.isupper() for name in names)


def _changed(node: ast.expr | ast.Return) -> str | None:
    """What may stand for a node."""
    match node:
        case ast.Compare(left, [op], [right]) if type(op) in OTHERS:
            return f"({ast.unparse(ast.Compare(left, [OTHERS[type(op)]()], [right]))})"
        case ast.BoolOp(op, values):
            return f"({ast.unparse(ast.BoolOp(OTHERS[type(op)](), values))})"
        case ast.BinOp(left, op, right) if type(op) in OTHERS:
            return f"({ast.unparse(ast.BinOp(left, OTHERS[type(op)](), right))})"
        case ast.UnaryOp(ast.Not(), operand):
            return f"({ast.unparse(operand)})"
        case ast.Constant(bool() as value):
            return str(not value)
        case ast.Constant(int() as value):
            return str(value + 1)
        case ast.IfExp(test, body, orelse):
            return f"({ast.unparse(ast.IfExp(test, orelse, body))})"
        case ast.Return(ast.expr() as value) if not isinstance(value, ast.Constant):
            return "return None"
    return None
