"""The result as an expression, for dask arrays that are planned as such."""

from typing import Any

import dask.array as da
from dask._collections import new_collection
from dask.array._array_expr._expr import ArrayExpr

from ..problem.lazily import lazily
from .graph import Cutting
from .parts import Whole


class Filtered(ArrayExpr):  # type: ignore[misc]
    """What a filter makes of an array."""

    _parameters = ["image", "weights", "whole", "meta"]  # noqa: RUF012

    @lazily
    def _meta(self) -> Any:
        return self.operand("meta")

    @lazily
    def _name(self) -> str:
        return f"parconv-{self.deterministic_token}"  # of what it is made of, which is rewritten

    @lazily
    def _cutting(self) -> Cutting:
        return Cutting(self.operand("whole"), self.operand("image").chunks)

    @lazily
    def chunks(self) -> Any:
        return self._cutting.chunks

    def _layer(self) -> Any:
        weights = self.operand("weights")
        name = None if weights is None else weights._name
        return self._cutting.tasks(self._name, self.operand("image")._name, name)


def expressed(whole: Whole, f: da.Array, weights: da.Array | None, meta: Any) -> da.Array:
    """The collection of such an expression."""
    beside = None if weights is None else weights.expr
    return new_collection(Filtered(f.expr, beside, whole, meta))
