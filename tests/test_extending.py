"""Distrusts that a method is one package and one row, and a strategy one function and one row."""

import importlib.util
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import parconv
from parconv import methods
from parconv.planner import choice
from parconv.problem import maps
from parconv.runtime.crew.record import MAPS, PLANES
from parconv.runtime.strategies import STRATEGIES, Strategy, automatic, is_automatic

RNG = np.random.default_rng(3)
F = RNG.integers(-9, 10, (2, 60, 71)).astype("float32")  # sums of integers have no other bits
G = RNG.integers(-9, 10, (4, 5)).astype("float32")

PLAINLY = '''
    """Plainly: tap by tap, as the definition says."""

    import numpy as np

    from ...codegen.layout import Layout
    from ...problem.bands import split_rows
    from ..kernels import Taps, kernels_of
    from ..usual import (
        UNIT as UNIT, anywhere as anywhere, error as error, fill as fill, grain as grain,
        regions as regions, selects as selects,
        sums as sums, unasked as unasked, units as units,
    )

    L = Layout("rows", "columns", "taps_y", "taps_x")


    def applicable(problem):
        """Why this method cannot answer the problem; None where it can."""
        plain = problem.mode == "valid" and problem.stride == problem.dilation == (1, 1)
        return None if plain else "it is no more than an example"


    def cost(problem):
        """Floating-point operations that the direct method would do in its time."""
        return 1.0


    def prepare(problem, g):
        """The taps as the kernel reads them, read-only."""
        turned = np.asarray(g)[::-1, ::-1] if problem.reflect else np.asarray(g)
        values = turned.astype(problem.sums).ravel()
        values.flags.writeable = False
        return Taps(values)


    def layout(problem):
        """Everything the kernel knows of the problem."""
        (rows, columns), (taps_y, taps_x) = problem.plane, problem.filter
        return L.pack(rows=rows, columns=columns, taps_y=taps_y, taps_x=taps_x)


    def workspace(problem):
        """Elements of scratch that one worker needs."""
        return 1


    def bands(problem, parts):
        """At most ``parts`` bands."""
        return split_rows(units(problem), parts)


    def least_band(problem):
        """Rows of a band that is worth handing out."""
        return 8


    def kernel(f, taps, fill, out, layout, scratch, start, stop):
        """Rows ``[start, stop)`` over all planes."""
        for row in range(start, stop):
            plane, y = row // layout[L.rows], row % layout[L.rows]
            for x in range(layout[L.columns]):
                scratch[0] = 0
                for tap in range(layout[L.taps_y] * layout[L.taps_x]):
                    pixel = f[plane, y + tap // layout[L.taps_x], x + tap % layout[L.taps_x]]
                    scratch[0] += taps[tap] * pixel
                out[plane, y, x] = scratch[0]


    kernels = kernels_of(kernel)
'''


@pytest.fixture
def plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The package, beside the others, and its row before theirs."""
    file, name = tmp_path / "plainly" / "__init__.py", "parconv.methods.plainly"
    file.parent.mkdir()
    file.write_text(textwrap.dedent(PLAINLY))
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    row = methods.Row("plainly", PLANES, module)
    monkeypatch.setattr(methods, "METHODS", (row, *methods.METHODS))
    return module


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A strategy and its row; which bands it began."""
    begun: list[int] = []

    def backwards(work: Any, arrays: Any) -> None:
        """The calling thread, from the last band to the first."""
        scratch = work.new_scratch(1)[0]
        for start, stop in reversed(work.bands):
            begun.append(start)
            work.kernels.serial(*arrays, scratch, start, stop)

    monkeypatch.setitem(STRATEGIES, "backwards", Strategy(backwards, 1e-6))
    return begun


@pytest.mark.usefixtures("plainly")
def test_a_method_by_name(backwards: list[int]) -> None:
    right = parconv.conv2d(F, G, method="direct")
    for strategy in STRATEGIES:
        found = parconv.conv2d(F, G, method="plainly", strategy=strategy, threads=2)
        np.testing.assert_array_equal(found, right, strategy)
    assert backwards
    with pytest.raises(ValueError, match="method='plainly' cannot: it is no more than an example"):
        parconv.conv2d(F, G, mode="same", method="plainly")


@pytest.mark.usefixtures("plainly", "backwards")
def test_a_plan_tells_of_both() -> None:
    choice._cached_plan.cache_clear()
    plan = parconv.plan2d(F, G, method="plainly", strategy="backwards", threads=2)
    told = plan.explain()
    assert "plainly, backwards" in str(plan)
    assert "method     plainly: Plainly: tap by tap, as the definition says" in told
    assert "strategy   backwards: The calling thread, from the last band to the first" in told
    assert "rows" in told
    choice._cached_plan.cache_clear()
    assert parconv.plan2d(F, G).method == "plainly"  # the cheapest, it says
    other = parconv.plan2d(F, G, mode="same")
    assert "plainly: it is no more than an example" in other.explain()
    choice._cached_plan.cache_clear()


def test_a_strategy_by_name(backwards: list[int]) -> None:
    right = parconv.conv2d(F, G)
    plan = parconv.plan2d(F, G, method="direct", strategy="backwards", threads=3)
    np.testing.assert_array_equal(plan(F), right)
    assert len(plan.bands) > 1
    assert backwards == [start for start, _ in reversed(plan.bands)]
    layer = RNG.integers(-3, 4, (2, 2, 3, 3)).astype("float32")
    np.testing.assert_array_equal(
        parconv.conv2d(F, layer, strategy="backwards"), parconv.conv2d(F, layer)
    )
    assert parconv.plan2d(F, G, threads=3).strategy != "backwards"


def test_auto_has_a_strategy_of_one_thread_and_one_of_several() -> None:
    found = [automatic(threaded) for threaded in (False, True)]
    assert all(map(is_automatic, found))
    assert [STRATEGIES[name].threaded for name in found] == [False, True]
    assert not is_automatic("backwards")


def test_names_that_are_not_in_the_tables() -> None:
    with pytest.raises(ValueError, match="method='plainly' is unknown"):
        parconv.conv2d(F, G, method="plainly")
    with pytest.raises(ValueError, match="strategy='backwards' is unknown"):
        parconv.conv2d(F, G, strategy="backwards")


NAMES = (
    "applicable", "unasked", "error", "sums", "cost", "prepare", "layout", "fill", "workspace",
    "kernels", "units", "regions", "bands", "least_band", "grain", "anywhere", "selects",
)  # fmt: skip


@pytest.mark.parametrize("row", methods.METHODS, ids=lambda row: f"{row.name} {row.axes}")
def test_a_method_is_the_record(row: methods.Row) -> None:
    """Nobody asks whether a name is there."""
    assert all(callable(getattr(row.method, name)) for name in NAMES)
    assert isinstance(row.method.UNIT, str)
    assert (row.method.__doc__ or "").splitlines()[0].endswith(".")


def test_regions_cover_all_units_once() -> None:
    image, one = (((3, 40, 50), "float32"), ((5, 5), "float32"))
    layer = ((4, 3, 3, 3), "float32")
    for taps, axes in ((one, PLANES), (layer, MAPS)):
        problem = parconv.plan2d(image, taps, mode="same").problem
        for name, method in methods.methods_for(problem).items():
            if method.applicable(problem):
                continue
            covered = np.zeros(maps.of_result(problem), int)
            assert covered.ndim == axes
            total = method.units(problem)
            for start in range(0, total, 7):
                for region in method.regions(problem, start, min(start + 7, total)):
                    covered[region] += 1
            assert (covered == 1).all(), name
