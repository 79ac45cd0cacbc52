"""What Numba made of a function, as plain facts and machine code, and back.

Numba would pickle it.  But a kernel has nothing that needs that: no constants that are Python
objects, and types that the asked signature tells.  What has more is refused, and compiled anew by
every process.
"""

from collections.abc import Sequence
from typing import Any

import llvmlite.binding as llvm
from numba.core import types
from numba.core.compiler import CompileResult
from numba.core.environment import Environment, _rebuild_env
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.typed_passes import _reload_parfors
from numba.core.typing import signature as typed

from ..things import THING
from .entries import Facts

_RETURNED = {str(kind): kind for kind in (types.none, types.boolean, THING, *types.number_domain)}
_NAMES = ("mangled_name", "env_name")  # both tell the types of all arguments
_DESCRIBED = ("unique_name", "inline", "noalias", "uid", *_NAMES)


def reduce(result: Any) -> tuple[Facts, list[bytes]]:
    """Facts and machine code; ValueError where they are not all."""
    described, library = result.fndesc, result.library
    environments = result._find_referenced_environments()
    returned = str(result.signature.return_type)
    _refuse("constants", any(it.consts for it in (result.environment, *environments)))
    _refuse("addresses of this process", library.has_dynamic_globals)
    _refuse("Python objects", result.objectmode or result.lifted)
    _refuse(f"a result of type {returned}", returned not in _RETURNED)
    _refuse("what must be run first", {*result.reload_init} - {_reload_parfors})
    name, kind, parts = library.serialize_using_object_code()
    facts = {
        **{name: getattr(described, name) for name in _DESCRIBED},
        "args": [*described.args],
        "abi_tags": [*described.abi_tags],
        "returned": returned,
        "library": [name, kind],
        "parallel": bool(result.reload_init),
        "environments": [[it.globals["__name__"], it.env_name] for it in environments],
        "needed": _needed(library._final_module),
    }
    return facts, [*parts]


def _refuse(what: str, there: Any) -> None:
    if there:
        raise ValueError(f"compiled code with {what} cannot be kept")


def _needed(module: Any) -> list[str]:
    """Symbols that the code takes from elsewhere."""
    declared = [it.name for it in (*module.functions, *module.global_variables)
                if it.is_declaration]  # fmt: skip
    return [name for name in declared if not name.startswith("llvm.")]


def rebuild(
    target: Any, function: Any, arguments: Sequence[Any], facts: Facts, parts: Sequence[bytes]
) -> Any:
    """Numba's own result; ValueError, and nothing done, where the code has another signature."""
    returned = _RETURNED[facts["returned"]]
    described = PythonFunctionDescriptor(
        native=True, modname=function.__module__, qualname=function.__qualname__, doc="",
        unique_name=facts["unique_name"], uid=facts["uid"], abi_tags=tuple(facts["abi_tags"]),
        args=tuple(facts["args"]), kws=(), argtypes=tuple(arguments), restype=returned,
        typemap=None, calltypes=None, inline=facts["inline"], noalias=facts["noalias"],
    )  # fmt: skip
    if any(getattr(described, name) != facts[name] for name in _NAMES):
        raise ValueError("compiled code for another signature")
    first = [_reload_parfors] if facts["parallel"] else []
    _prepare(target, first, facts["needed"])
    return CompileResult._rebuild(
        target, (*facts["library"], parts), described, Environment.from_fndesc(described),
        typed(returned, *arguments), False, (), "", first,
        [_rebuild_env(module, [], name) for module, name in facts["environments"]],
    )  # fmt: skip


def _prepare(target: Any, first: Sequence[Any], needed: Sequence[str]) -> None:
    """Let LLVM find all symbols: it ends the process over one that is missing.

    Numba would set up its compiler, which imports SciPy's linear algebra where that is installed;
    kernels need nothing of it (the first call of a process takes 0.03 s for 0.5, Zen 3 VM,
    2026-11).
    """
    for run in first:
        run()
    if not all(map(llvm.address_of_symbol, needed)):
        target.refresh()
