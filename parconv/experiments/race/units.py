"""Another vector unit than the machine's best, for all competitors alike: a process that asks so.

Libraries choose their code as they are loaded, from variables of the environment.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

MARK = "PARCONV_RACE_ISA"  # of a process that was started so
ISAS: Mapping[str, Mapping[str, str]] = {
    "avx2": {
        "NUMBA_CPU_NAME": "haswell",
        "OPENCV_CPU_DISABLE": "AVX512F,AVX512-COMMON,AVX512-SKX,AVX512-CNL,AVX512-CLX,AVX512-ICL",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    },
}


def restarted(name: str) -> bool:
    """Whether this process runs so; ends it for one that does where it does not.

    Raises
    ------
    ValueError
        If the name is none of `ISAS`.
    """
    if name not in ISAS:
        raise ValueError(f"isa is {name!r}: pass one of {', '.join(ISAS)}")
    runs = os.environ.get(MARK) == name
    if not runs:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment(name))
    return runs


def environment(name: str) -> dict[str, str]:
    """That of a process that runs so."""
    return {**os.environ, **ISAS[name], MARK: name}


def told() -> list[str]:
    """What each library says that it uses."""
    from parconv.codegen import machine

    lines = [f"parconv: {machine.ISA.name}, vectors of {8 * machine.VECTOR_BYTES} bits"]
    for library, ask in (("cv2", _opencv), ("torch", _torch)):
        with suppress(ImportError, AttributeError):
            lines.append(f"{library}: {ask(import_module(library))}")
    return lines


def _opencv(cv2: Any) -> str:
    words = cv2.getCPUFeaturesLine().split()
    used = (word.strip("*") for word in words if "AVX" in word and not word.endswith("?"))
    return " ".join(used) or "no AVX"


def _torch(torch: Any) -> str:
    found: str = torch.backends.cpu.get_cpu_capability()
    return found
