"""The tools that predict cycles: one table, and what is asked of each.

A tool is a module with `find`, `model` and `forecast`, and the line `MISSING` for where it is not.
"""

from collections.abc import Mapping
from types import ModuleType

from . import mca, osaca
from .listing import Loop
from .tools import Forecast, Model

TOOLS: Mapping[str, ModuleType] = {"llvm-mca": mca, "OSACA": osaca}


def model_of(name: str, host: str, loop: Loop, rate: float, asked: str | None) -> Model | str:
    """The model a tool is to use; a line that says why where it can use none."""
    module = TOOLS[name]
    tool = module.find()
    if tool is None:
        return str(module.MISSING)
    if asked is None:
        return module.model(tool, host, loop, rate)  # type: ignore[no-any-return]
    if module.forecast(tool, asked, loop) is None:
        raise ValueError(
            f"cpu is {asked!r}: {name} has no model of it; `{tool} -mcpu=help` lists all"
        )
    return Model(tool, asked, "as asked")


def forecasts(models: Mapping[str, Model | str], loop: Loop) -> dict[str, Forecast]:
    """What every tool with a model says of a loop."""
    found = {
        name: TOOLS[name].forecast(model.tool, model.processor, loop)
        for name, model in models.items()
        if isinstance(model, Model)
    }
    return {name: forecast for name, forecast in found.items() if forecast is not None}
