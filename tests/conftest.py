"""Sizes chosen for reasons, outputs that show every stray write, and processes of their own."""

import itertools
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import browsing
import numpy as np
import oracle
import pytest
from hypothesis import settings

import parconv
from parconv.codegen import machine
from parconv.codegen.jit import source_hash
from parconv.methods import methods_for
from parconv.methods.direct import packing, tile
from parconv.planner import calibration, choice
from parconv.planner.plan import Plan

os.environ["PARCONV_WISDOM"] = "off"  # what this machine's user recorded must not decide a test

settings.register_profile("suite", derandomize=True, deadline=None, max_examples=40, database=None)
settings.load_profile("suite")

# By name those for one filter, and those for several.
METHODS = methods_for(parconv.plan2d(((9, 9), "float32"), ((3, 3), "float32")).problem)
BANK_METHODS = methods_for(parconv.plan2d(((9, 9), "float32"), ((2, 3, 3), "float32")).problem)
ROWS, TALL, GROUP = tile.ROWS, tile.TALL, tile.GROUP
TESTS = Path(__file__).parent
LANES = machine.VECTOR_BYTES // 4
SINGLE, DOUBLE = tile.VECTORS * LANES, tile.VECTORS * LANES // 2
BLOCK, PANEL = packing.BLOCK_ROWS, packing.PANEL_BYTES // 4


def soak(*values: Any) -> list[Any]:
    """Values of a parameter, or of several, that ``pytest -m soak`` alone takes.

    More of what the values beside them ask already, above all other types, whose kernels take
    seconds to compile.
    """
    if any(getattr(value, "__name__", "").startswith("test_") for value in values):
        raise TypeError("as a decorator it would leave no test: pytest.mark.soak marks one")
    each = (value if isinstance(value, tuple) else (value,) for value in values)
    return [pytest.param(*value, marks=pytest.mark.soak) for value in each]


class Size(NamedTuple):
    """An image, a filter, and why they are here."""

    reason: str
    image: tuple[int, int]
    taps: tuple[int, int]


SIZES = (
    Size("one pixel", (1, 1), (1, 1)),
    Size("one pixel, wider filter", (1, 1), (3, 3)),
    Size("filter larger than the image", (3, 4), (7, 9)),
    Size("filter far larger than the image", (2, 3), (17, 20)),
    Size("filter as large as the image", (6, 7), (6, 7)),
    Size("one row", (1, 2 * SINGLE + 3), (1, 5)),
    Size("one row, tall filter", (1, SINGLE), (4, 3)),
    Size("one column", (3 * ROWS + 1, 1), (5, 1)),
    Size("one column, wide filter", (ROWS, 1), (3, 4)),
    Size("even filter", (ROWS + 5, SINGLE + 6), (4, 6)),
    Size("one tile exactly", (ROWS + 2, SINGLE + 2), (3, 3)),
    Size("one tile less a row and a column", (ROWS + 1, SINGLE + 1), (3, 3)),
    Size("one tile and a row and a column", (ROWS + 3, SINGLE + 3), (3, 3)),
    Size("one vector exactly", (ROWS, LANES), (2, 1)),
    Size("one tile and a vector and a column", (ROWS, SINGLE + LANES + 1), (2, 1)),
    Size("one tall tile exactly", (TALL + 2, SINGLE + LANES + 2), (3, 3)),
    Size("one tall tile less a row", (TALL + 1, SINGLE + LANES + 2), (3, 3)),
    Size("one tall tile and a row and a column", (TALL + 3, SINGLE + LANES + 3), (3, 3)),
    Size("one tile of float64 exactly", (ROWS + 2, DOUBLE + 2), (3, 3)),
    Size("one tile of float64 and a column", (ROWS + 2, DOUBLE + 3), (3, 3)),
    Size("filter rows one short of a group", (3 * ROWS + 3, SINGLE + 9), (GROUP - 1, 3)),
    Size("filter rows one beyond a group", (3 * ROWS + 3, SINGLE + 9), (GROUP + 1, 2)),
    Size("filter rows beyond two groups", (3 * ROWS + 7, SINGLE + 9), (2 * GROUP + 1, 2)),
    Size("one packed block of rows exactly", (BLOCK, SINGLE + 5), (3, 3)),
    Size("several packed blocks", (2 * BLOCK + ROWS + 3, 21), (3, 5)),
    Size("one packed panel exactly", (ROWS, PANEL), (3, 3)),
    Size("several packed panels", (ROWS + 1, 2 * PANEL + 5), (3, 3)),
    Size("blocks and panels", (BLOCK + 5, PANEL + SINGLE + 1), (5, 3)),
)


@pytest.fixture(params=SIZES, ids=lambda size: size.reason.replace(" ", "_"))
def size(request: pytest.FixtureRequest) -> Size:
    return request.param


def smooth(taps: int) -> np.ndarray:
    """A Gaussian that ends at four sigma, of at least as many taps, and so many that it is one."""
    n = np.arange(-max(16, taps // 2), max(16, taps // 2) + 1)
    return np.exp(-8 * (n / n[-1]) ** 2)


def even(rng: np.random.Generator, taps: int) -> np.ndarray:
    """The same from both ends."""
    half = rng.standard_normal(taps)
    return half + half[::-1]


# What a method asks of image and filter: (dtype of the image, filter of that many taps).
PRODUCT = "float32", lambda rng, taps: np.outer(*(rng.standard_normal(n) for n in taps))
EXAMPLES: dict[str, tuple[str, Callable[[np.random.Generator, tuple[int, int]], Any]]] = {
    "box": ("uint8", lambda rng, taps: np.full(taps, 0.5, np.float32)),
    "windows": ("float32", lambda rng, taps: np.full(taps, 0.3, np.float32)),
    "short": ("float32", lambda rng, taps: np.outer(*(even(rng, n) for n in taps))),
    "rows": PRODUCT,
    "separable": PRODUCT,
    "passes": PRODUCT,
    "cosines": ("float32", lambda rng, taps: np.outer(*map(smooth, taps))),
    "dot": ("uint8", lambda rng, taps: rng.integers(-9, 9, taps)),
}
ORDINARY = ("float32", lambda rng, taps: rng.standard_normal(taps, np.float32))


def example(method: str, shape: tuple[int, int], taps: tuple[int, int]) -> tuple[Any, Any]:
    """An image and a filter that the method can answer; skips where the machine cannot."""
    rng = np.random.default_rng([*shape, *taps])
    dtype, make = EXAMPLES.get(method, ORDINARY)
    f, g = (100 * rng.standard_normal(shape)).astype(np.float32), make(rng, taps)
    f = np.abs(f).astype(dtype) if np.dtype(dtype).kind == "u" else f.astype(dtype)
    reason = METHODS[method].applicable(parconv.plan2d(f, g).problem)
    if reason:
        pytest.skip(f"{method}: {reason}")
    return f, g


class Poisoned:
    """An output between guards, filled with NaN or a pattern; `check` finds writes beside it."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, margin: int = 3) -> None:
        outer = np.empty([n + 2 * margin for n in shape], dtype)
        outer.view(np.uint8)[...] = 0xA5
        if outer.dtype.kind in "fc":
            outer[...] = np.nan
        self._outer = outer
        self._inner = tuple(slice(margin, margin + n) for n in shape)
        self._before = outer.copy()
        self.out = outer[self._inner]

    def check(self) -> None:
        """Nothing outside the output was written."""
        after = self._outer.copy()
        after[self._inner] = self._before[self._inner]
        np.testing.assert_array_equal(after.view(np.uint8), self._before.view(np.uint8))

    def check_unchanged(self) -> None:
        """Nothing at all was written."""
        np.testing.assert_array_equal(self._outer.view(np.uint8), self._before.view(np.uint8))


def check_layouts(plan: Plan, f: np.ndarray, right: np.ndarray) -> None:
    """The same bits from an image, and into a result, of any layout; of float32, 3 axes."""
    planes, rows, columns = f.shape
    wide = np.zeros((planes, rows + 20, 2 * columns + 38), f.dtype)
    view = wide[:, 7 : 7 + rows, 3 : 3 + 2 * columns : 2]
    view[...] = f
    for given in (np.asfortranarray(f), view, f[:, ::-1].copy()[:, ::-1], f.astype(">f4")):
        oracle.assert_same_bits(plan(given), right)
    for out in (np.empty_like(f, order="F"), np.zeros((planes, rows, 2 * columns), "f4")[..., ::2]):
        plan(f, out)
        oracle.assert_same_bits(np.ascontiguousarray(out), right)


def check_bands(plan: Plan, f: np.ndarray) -> np.ndarray:
    """The same bits by any bands and strategy; those of one band alone."""
    rows = plan.bands[-1][-1]
    right = replace(plan, strategy="serial", bands=((0, rows),))(f)
    for height in (1, 7, 59, 100):
        bands = tuple(itertools.pairwise([*range(0, rows, height), rows]))[::-1]
        oracle.assert_same_bits(replace(plan, bands=bands, strategy="serial")(f), right)
        for strategy in ("threads", "prange"):
            several = replace(plan, bands=bands, threads=2, strategy=strategy)
            oracle.assert_same_bits(several(f), right)
    return right


def check_colours(
    plan_of: Callable[..., Plan], f: np.ndarray, g: np.ndarray, **options: Any
) -> None:
    """Those of each channel alone, whatever lies between its pixels."""
    found = plan_of(f, g, axes=(0, 1), **options)(f)
    for channel in range(f.shape[-1]):
        alone = np.ascontiguousarray(f[..., channel])
        right = plan_of(alone, g, **options)(alone)
        oracle.assert_same_bits(np.ascontiguousarray(found[..., channel]), right)


def check_places(plan: Plan, f: np.ndarray, right: np.ndarray) -> None:
    """The same bits wherever in memory the result's rows begin, and nothing written beside them."""
    rows, columns = right.shape
    for start, margin in (0, 0), (0, 53), (1, 5), (3, 53), (40, 53), (15, 53):
        memory = np.full((rows, columns + margin), 99, right.dtype)
        plan(f, memory[:, start : start + columns])
        oracle.assert_same_bits(memory[:, start : start + columns].copy(), right)
        assert (memory[:, :start] == 99).all()
        assert (memory[:, start + columns :] == 99).all()


def check_plan(plan: Plan, f: Any, g: Any, **options: Any) -> None:
    """Within the bound of a plain sum of all taps, and nothing written beside the output."""
    given = Poisoned(plan.problem.shape, plan.problem.dtype)
    plan(f, given.out)
    given.check()
    kinds = {name: options.pop(name, None) for name in ("dtype", "accumulate")}
    compute = oracle.compute_type(f, g, **kinds)
    right = oracle.expect(f, g, **options)
    oracle.assert_right(given.out, right, plan.problem.dtype, compute)


@pytest.fixture
def poisoned() -> type[Poisoned]:
    return Poisoned


@pytest.fixture
def kernels_for(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Where kernels for a processor are kept, for all tests and, where pytest keeps any, runs."""
    cache = getattr(request.config, "cache", None)

    def directory(cpu: str) -> Path:
        if cache is None:
            shared = tmp_path_factory.getbasetemp() / f"kernels-{cpu}"
            shared.mkdir(exist_ok=True)
        else:
            shared = cache.mkdir(f"kernels-{cpu}")
        for stale in shared.glob("parconv-*"):
            if stale.name != f"parconv-{source_hash()}":
                shutil.rmtree(stale, ignore_errors=True)
        return Path(shared)

    return directory


class Outcome(NamedTuple):
    status: int
    stdout: str
    stderr: str


RunPython = Callable[..., Outcome]


@pytest.fixture
def costs_as_fitted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is chosen depends on the kind of vectors alone, not on what the processor is."""
    monkeypatch.setattr(calibration, "SHIPPED", {})
    choice.forget()
    yield
    choice.forget()


@pytest.fixture
def run_python() -> RunPython:
    """Run source text in a fresh interpreter; unless told otherwise it must succeed."""

    def run(
        source: str,
        *arguments: object,
        env: dict[str, str | None] | None = None,
        timeout: float = 240,
        succeed: bool = True,
    ) -> Outcome:
        path = os.pathsep.join(map(str, (TESTS.parent, TESTS, TESTS / "reliability")))
        environment = {**os.environ, "PYTHONPATH": path}
        for name, value in (env or {}).items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        done = subprocess.run(
            [sys.executable, "-P", "-c", textwrap.dedent(source), *map(str, arguments)],
            env=environment, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if succeed:
            assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}"
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keeps a figure for the table of tests/reliability, where a soak test found it."""
    import results

    cache = getattr(request.config, "cache", None)
    if cache is None or request.node.get_closest_marker("soak") is None:
        return lambda *row: None
    return lambda *row: results.keep(cache.mkdir("reliability"), *row)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Rows found in this run, into the table."""
    cache = getattr(session.config, "cache", None)
    if cache is None or hasattr(session.config, "workerinput"):
        return
    folder = cache.mkdir("reliability")
    if any(folder.glob("*.json")):
        import results

        results.write(folder)
        shutil.rmtree(folder)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """Chromium without a window; closed and its profile removed afterwards."""
    running = browsing.started(tmp_path / "profile")
    yield running
    running.quit()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest first, so that workers end together; hours for tests that are long in any case.

    Beside other work 21 processes one after another took 120 to 630 s.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    for item in items:
        if item.get_closest_marker("soak") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3600))


# Tests of code that is read, which no cache keeps: a process compiles it once for all of them.
READING = {f"tests/test_{name}.py" for name in ("asm", "asm_compared", "asm_counts", "assembly")}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each file's tests by one worker, files in our order.

    Spread over workers, tests of the same kernels wait for them at the same time, and each worker
    compiles them: a quarter of all that was compiled.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return "reading" if file in READING else file

    config.option.loadscopereorder = False
    return Scheduling(config, log)
