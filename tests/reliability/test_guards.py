"""Distrusts addresses: any question, of arrays that end or start at memory not to be touched.

One byte too many, read or written, kills the process, so it is one of its own.
"""

import json
import sys
from typing import Any

import pytest
from conftest import RunPython, soak
from drawn import ALL, USUAL

SCRIPT = """
import faulthandler, json, sys
import numpy as np, parconv
from arena import Arena
from drawn import KINDS, numbers
from parconv.methods import methods_for
faulthandler.enable()
amount, types = json.loads(sys.argv[1])
arenas = Arena(), Arena()
edges = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 97, 127, 128, 130]
borders = "constant", "edge", "symmetric", "mirror", "wrap"
methods = {}
for seed in range(amount):
    rng = np.random.default_rng([20, seed])
    image, kind = types[rng.integers(len(types))]
    stack = ((), (), (2,))[rng.integers(3)]
    shape, taps = (*stack, *rng.choice(edges, 2).tolist()), rng.integers(1, 10, 2).tolist()
    f, g = numbers(rng, shape, image), KINDS[str(rng.choice([*KINDS]))](rng, taps, kind)
    words = {"mode": str(rng.choice(["same", "full"])), "boundary": str(rng.choice(borders))}
    if rng.random() < 0.3:
        words["stride"], words["dilation"] = rng.integers(1, 4, (2, 2)).tolist()
        words = {name: tuple(x) if isinstance(x, list) else x for name, x in words.items()}
    source = arenas[0].array(shape, f.dtype, rng.random() < 0.5, int(rng.integers(0, 4)))
    source[...] = f
    problem = parconv.plan2d(f, g, **words).problem
    able = [name for name, method in methods_for(problem).items() if not method.applicable(problem)]
    method = str(rng.choice(able))
    plan = parconv.plan2d(source, g, method=method, threads=int(rng.integers(1, 3)), **words)
    right = parconv.plan2d(f, g, method=method, threads=1, strategy="serial", **words)(f)
    out = arenas[1].array(right.shape, right.dtype, rng.random() < 0.5, int(rng.integers(0, 4)))
    out.fill(99 if out.dtype.kind != "b" else 1)
    plan(source, out)
    assert out.tobytes() == right.tobytes(), (seed, shape, taps, image, kind, words, method)
    methods[method] = methods.get(method, 0) + 1
print(json.dumps(methods))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
@pytest.mark.parametrize(("amount", "types"), [(60, USUAL), *soak((2_100, ALL))])
def test_any_question(amount: int, types: Any, run_python: RunPython, ledger: Any) -> None:
    found = json.loads(run_python(SCRIPT, json.dumps([amount, types]), timeout=900).stdout)
    assert sum(found.values()) == amount
    assert len(found) >= 5, found
    ledger("guards", f"{amount:,} shapes by {len(found)} methods, 0 deaths")
