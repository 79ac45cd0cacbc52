"""Compiles kernels for a processor that is emulated, where compiling in the emulator takes minutes.

``python compiler.py TRIPLE SOCKET`` with ``NUMBA_CPU_NAME`` set answers those who ask at the socket
(`served`) with entries of the cache of kernels.  llvmlite says that it runs there, as it does for
``parconv asm --isa``; nothing that is compiled is run here.
"""

import importlib
import json
import sys
from multiprocessing.connection import Listener
from typing import Any, NamedTuple

from parconv.experiments.asm.abroad import go_abroad


class Asked(NamedTuple):
    """One kernel: where its function stands, types, options, and the key that the other one has."""

    module: str
    name: str
    signature: tuple[Any, ...]
    options: dict[str, Any]
    key: str


def answer(asked: Asked) -> bytes | None:
    """The kernel's entry in the cache; None for what is compiled where it is run.

    That is what Numba's threads run, part of which it compiles as its code is made, and functions
    that stand within others, which cannot be found by their names.
    """
    if asked.options.get("parallel") or "<" in asked.name:
        return None
    from parconv.codegen.kernel_cache import entries, results

    function = getattr(importlib.import_module(asked.module), asked.name)
    made = _compiled(function, asked.signature, asked.options)
    ours = entries.key(function, asked.signature, asked.options, made.target_context)
    _check(*map(json.loads, (ours, asked.key)))
    return entries.pack(asked.key, *results.reduce(made))


def _compiled(function: Any, signature: tuple[Any, ...], options: dict[str, Any]) -> Any:
    from parconv.codegen import jit, parts

    class Object(parts.Code):
        """Optimised as a whole, and made machine code that is loaded nowhere."""

        code = None

        def serialize_using_object_code(self) -> tuple[str, str, tuple[bytes, bytes]]:
            self._ensure_finalized()
            machine_code = self._codegen._tm.emit_object(self._final_module)
            return self.name, "object", (machine_code, self._get_module_for_linking().as_bitcode())

    class Pipeline(parts.Parts):
        code = Object

    dispatcher = jit.jit(called=True, pipeline_class=Pipeline, **options)(function)
    dispatcher.compile(signature)
    return dispatcher.overloads[signature]


def _check(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """All but the interpreter is the same, its code for the function included."""
    for name in ours:
        if name not in ("code", "versions"):
            assert ours[name] == theirs[name], f"{name}: {ours[name]} here, {theirs[name]} there"
    assert ours["versions"][:3] == theirs["versions"][:3], (ours["versions"], theirs["versions"])


def main(triple: str, socket: str) -> None:
    """Answer one after another, for ever."""
    go_abroad(triple)
    from numba.core.compiler_lock import global_compiler_lock

    with Listener(socket, "AF_UNIX", backlog=64) as listener:
        print("ready", flush=True)
        while True:
            with listener.accept() as connection:
                asked = Asked(*connection.recv())
                with global_compiler_lock:
                    connection.send(answer(asked))


if __name__ == "__main__":
    main(*sys.argv[1:])
