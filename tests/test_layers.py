"""Distrusts the structure: imports go one way, the core needs few packages, importing is cheap."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest
from conftest import RunPython

import parconv

ROOT = Path(parconv.__file__).parent

# From the ground up: a package may import from the layers below its own, and nothing else.
LAYERS = (
    {"problem"},
    {"codegen"},
    {"runtime"},
    {"methods"},
    {"planner"},
    {"api"},
    {"filters", "streaming", "transposed"},
    {"chunked"},
    {"compat"},
    {"images"},
    {"doctor", "experiments", "warming"},
    {"cli"},
    {"__main__"},
)
PACKAGE_INIT = "__init__"  # names loaded on first use, from the packages and modules of its test
ANYBODY = {"parconv"}  # the version
THIRD_PARTY = {"numpy", "numba", "llvmlite", "joblib", "threadpoolctl"}
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
# Libraries of file formats, of bars and of clusters, imported when somebody asks for one.
LENT = {("streaming", "bars.py"), ("streaming", "pools.py")}
# Where all may be imported.
FREE = {"compat", "chunked", "doctor", "images", "experiments", "cli", "__main__"}


def part(path: Path) -> str:
    """The part of the package a file belongs to: a module, or a package's name."""
    inside = path.relative_to(ROOT)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


PARTS = {here: list(files) for here, files in groupby(sorted(ROOT.rglob("*.py"), key=part), part)}


@cache
def imports(path: Path) -> frozenset[str]:
    """Absolute names of all a file imports, wherever in the file."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    package = ["parconv", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                found = ROOT.parent.joinpath(*module.split("."), alias.name)
                if found.is_dir() or found.with_suffix(".py").is_file():
                    yield f"{module}.{alias.name}"
                else:
                    yield module


def ours(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path) if name.split(".")[0] == "parconv")
    return {name[1] if len(name) > 1 else "parconv" for name in names}


def test_the_package_s_names_are_loaded_on_first_use() -> None:
    assert ours(ROOT / "__init__.py") == {
        "api", "chunked", "codegen", "filters", "planner", "problem", "runtime", "streaming",
        "transposed", "warming",
    }  # fmt: skip


@pytest.mark.parametrize("here", [here for here in PARTS if here != PACKAGE_INIT])
def test_imports_go_one_way(here: str) -> None:
    assert here in RANK, f"{here} belongs to no layer: add it to the table"
    for path in PARTS[here]:
        for there in ours(path) - ANYBODY - {here}:
            assert there in RANK, f"{path} imports {there}, which belongs to no layer"
            assert RANK[there] < RANK[here], f"{path} imports {there}"


@pytest.mark.parametrize("here", [here for here in PARTS if here not in FREE])
def test_the_core_needs_few_packages(here: str) -> None:
    for path in PARTS[here]:
        inside = path.relative_to(ROOT).parts
        if inside[:2] == ("streaming", "stores") or inside in LENT:
            continue  # imported by who passes a name
        others = {name.split(".")[0] for name in imports(path)} - {"parconv"}
        assert others <= THIRD_PARTY | set(sys.stdlib_module_names), path


BESIDE = {
    ("planes", "fft"), ("passes", "separable"), ("rows", "separable"), ("strided", "rows"),
    ("short", "rows"), ("short", "separable"), ("short", "windows"),
    ("box", "windows"), ("phases", "channels"), ("missing", "separable"), ("missing", "short"),
    ("missing", "windows"), ("depthwise", "channels"),
}  # fmt: skip


def test_methods_know_only_the_direct_one() -> None:
    """Which answers everything, so that others may leave parts of their work to it.

    And what all their kernels share; a bank's planes are answered by whichever is faster, and two
    passes one after the other are those of two that are fused; rows are summed alike where a stride
    leaves out results, and few taps go where more do; sums of neighbours are of one kind;
    maps of transposed layers, and small planes, are turned by the copy that puts channels side by
    side; weights are summed beside pixels by the kernels that sum pixels.
    """
    for path in (ROOT / "methods").rglob("*.py"):
        inside = path.relative_to(ROOT / "methods").parts
        if inside == ("__init__.py",):
            continue
        own = inside[0].removesuffix(".py")
        for name in imports(path):
            where = name.split(".")
            if where[:2] == ["parconv", "methods"] and len(where) > 2:
                known = {own, "direct", "finishing", "given", "kernels", "remembering", "usual"}
                both = own, where[2]
                assert where[2] in known or both in BESIDE, f"{path.name} imports {name}"


def test_every_layer_has_its_files() -> None:
    assert PARTS.keys() - {PACKAGE_INIT} <= set(RANK)
    for name in RANK:
        assert (ROOT / f"{name}.py").is_file() or (ROOT / name).is_dir(), name


def test_importing_the_package_loads_nothing_heavy(run_python: RunPython) -> None:
    run_python(
        """
        import sys
        import parconv
        heavy = {"numpy", "numba", "llvmlite", "joblib", "scipy", "rich", "typer"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        assert parconv.__version__
        assert {"conv2d", "correlate2d", "plan2d"} <= set(dir(parconv))
        try:
            parconv.conv3d
        except AttributeError as error:
            assert "conv3d" in str(error)
        else:
            raise AssertionError("no such name")
        assert parconv.filters.gaussian_taps(1).shape == (9, 9)
        assert parconv.conv2d is parconv.conv2d
        assert parconv.gaussian is parconv.gaussian is parconv.filters.gaussian
        heavy = {"rich", "typer", "PIL", "matplotlib", "pandas"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        """
    )


def test_public_names() -> None:
    calls = {"chain", "conv2d", "conv_transpose2d", "correlate2d", "plan2d"}
    calls |= {"recycle_outputs", "warmup"}
    core = {"Chain", "Outer", "Plan", "VolumePlan", "__version__", *calls}
    streams = {"StreamPlan", "plan_stream", "stream"}
    filters = {"filters", "box", "gaussian", "gaussian_laplace", "laplace", "prewitt", "sobel"}
    filters |= {"scharr", "farid", "difference_of_gaussians", "unsharp_mask"}
    filters |= {"derivative", "gabor", "gaussian_gradient_magnitude", "roberts", "savgol"}
    assert set(parconv.__all__) == core | filters | streams | {"chunked"}
    for name in parconv.__all__:
        assert getattr(parconv, name)
    assert (ROOT / "py.typed").is_file()
