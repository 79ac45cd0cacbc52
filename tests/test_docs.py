"""Distrusts the pages: their examples, links, commands, tables and rules are those of the code."""

import doctest
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_layers import LAYERS

import parconv
from benchmarks import tables
from benchmarks.__main__ import main
from parconv.methods import METHODS
from parconv.runtime.strategies import STRATEGIES

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = (README, CONTRIBUTING, *sorted(DOCS.rglob("*.md")))
MADE = "gallery/index.rst"  # by the build, of docs/examples
LINK = re.compile(r"\[[^]]+\]\(([^)\s]+)\)")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", read(page), flags=re.M | re.S)


def run(page: Path) -> dict[str, Any]:
    """The names that a page's examples leave, run one after the other in one session."""
    names: dict[str, Any] = {}
    for code in blocks(page, "python"):
        exec(compile(code, name_of(page), "exec"), names)
    return names


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


# --- examples ------------------------------------------------------------------------------------

Names = dict[str, Any]


def of_the_readme(names: Names) -> None:
    assert names["smooth"].shape == names["f"].shape
    assert names["smooth"].dtype == np.float32
    assert names["exact"].dtype == np.int64
    assert names["out"].tobytes() == names["smooth"].tobytes()
    assert names["slope"].dtype == np.int64
    assert names["blurred"].shape == names["photo"].shape
    assert names["blurred"].dtype == np.uint8
    assert names["maps"].shape == (64, 32, 28, 28)


def of_the_tour(names: Names) -> None:
    assert names["smooth"].dtype == np.float32
    assert names["exact"].dtype == np.int64
    assert names["out"].tobytes() == names["smooth"].tobytes()
    assert names["blurred"].dtype == np.uint8
    assert names["next_maps"].shape == (8, 16, 64, 64)


def of_filters(names: Names) -> None:
    assert names["slope"].dtype == np.int64
    assert names["blobs"].dtype == np.float32
    assert names["texture"].shape == (6, *names["f"].shape)
    assert names["wide"].shape == names["f"].shape
    assert names["again"].tobytes() == parconv.gaussian(names["f"], 2).tobytes()


def of_borders(names: Names) -> None:
    found = {"zeros": [3, 6, 9, 7], "edges": [4, 6, 9, 11], "round_": [7, 6, 9, 8],
             "cylinder": [7, 6, 9, 8], "bright": [13, 6, 9, 17]}  # fmt: skip
    assert {name: names[name][0].tolist() for name in found} == found


def of_types(names: Names) -> None:
    assert names["floats"].dtype == names["double"].dtype == np.float32
    assert names["exact"].dtype == np.int64
    right = np.rint(names["exact"] * 0.5 + 128).clip(0, 255)
    assert (names["shown"] == right).all()
    assert (names["steep"] == names["exact"].clip(0, 255)).all()
    assert (names["around"] == names["exact"].astype(np.uint8)).all()
    assert (names["out"] == names["bytes_"]).all()
    assert (names["cut"] <= names["bytes_"]).all()


def of_missing(names: Names) -> None:
    assert np.isnan(names["sky"]).any()
    assert not np.isnan(names["near"][290:, 390:400]).any()
    assert names["pooled"].shape == (512, 512)
    assert np.isfinite(names["masked"]).all()
    assert np.isfinite(names["counted"]).all()


def of_colour(names: Names) -> None:
    assert names["blurred"].tobytes() == names["same"].tobytes()
    one = parconv.gaussian(names["movie"][3, :, :, 1], 1.5)
    np.testing.assert_allclose(names["shot"][3, :, :, 1], one, rtol=1e-5)
    assert names["layers"].shape == names["bands"].shape
    assert names["solid"].shape == names["frames"].shape


def of_volumes(names: Names) -> None:
    assert names["calm"].dtype == names["cubes"].dtype == np.uint16
    assert names["rise"].dtype == np.int64
    assert names["matched"].shape == names["lines"].shape == names["volume"].shape


def of_layers(names: Names) -> None:
    assert names["maps"].shape == (64, 32, 24, 24)
    assert names["deeper"].shape == (64, 48, 12, 12)
    np.testing.assert_allclose(names["same"].transpose(0, 3, 1, 2), names["deeper"], atol=1e-3)
    assert names["each"].shape == (64, 32, 22, 22)


def of_chains(names: Names) -> None:
    one_by_one = names["second"](names["first"](names["f"]))
    assert names["edges"].tobytes() == one_by_one.tobytes()


def of_streams(names: Names) -> None:
    right = parconv.conv2d(names["images"], names["g"], mode="same")
    assert names["whole"].tobytes() == right.tobytes()
    one = parconv.conv2d(names["images"][-1], names["g"], mode="same")  # by a method of its own
    assert names["largest"] == one.max()


def of_stores(names: Names) -> None:
    right = parconv.conv2d(names["image"], names["g"], mode="same", boundary="mirror")
    assert names["blurred"].tobytes() == right.tobytes()
    assert ((names["hills"] == -9999) == (names["hills"] < 0)).all()


def of_threads(names: Names) -> None:
    assert np.array(names["results"]).tobytes() == names["stack"].tobytes()
    assert names["one"].tobytes() == names["stack"][0].tobytes()


def of_measuring(names: Names) -> None:
    assert names["found"].median > 0
    assert str(names["found"]).count("GFLOP/s") == 1


def of_log(names: Names) -> None:
    assert names["f"] == pytest.approx(np.ones((64, 64)))


def of_notebooks(names: Names) -> None:
    assert names["last"] == pytest.approx(19)
    assert names["told"] == sorted(names["told"])
    assert names["told"][-1] == 20 * names["frame"].nbytes


def of_migration(names: Names) -> None:
    assert names["whole"].shape == (122, 162)


def of_scipy(names: Names) -> None:
    assert names["smooth"].dtype == names["whole"].dtype == np.uint8
    assert names["whole"].shape == (122, 162)


def of_opencv(names: Names) -> None:
    assert names["edges"].dtype == np.int16
    assert names["smooth"].shape == names["photo"].shape


def of_astropy(names: Names) -> None:
    assert not np.isnan(names["mended"]).any()


def of_skimage(names: Names) -> None:
    assert names["steep"].dtype == np.float64
    assert names["smooth"].max() <= 1


def of_dask(names: Names) -> None:
    whole = names["x"].compute()
    right = {
        "smooth": parconv.gaussian(whole, 2),
        "means": parconv.box(whole, 5),
        "sharp": parconv.conv2d(whole, names["g"], mode="same", boundary="mirror"),
    }
    for lazy, one in right.items():
        np.testing.assert_allclose(names[lazy].compute(), one, rtol=1e-5)


def of_memory(names: Names) -> None:
    whole = names["x"].compute()
    edges = parconv.gaussian_gradient_magnitude(parconv.gaussian(whole, 2, boundary="mirror"), 1)
    assert names["steepest"] == pytest.approx(edges.max(), rel=1e-5)
    mean = parconv.conv2d(whole, np.ones((3, 3)), mode="same", where=whole > 0.1)
    np.testing.assert_allclose(names["bright"].compute(), mean, rtol=1e-5)


def of_clusters(names: Names) -> None:
    assert names["mean"] == pytest.approx(0.5, abs=1e-3)
    right = parconv.conv2d(names["f"], parconv.filters.gaussian_taps(2))
    assert names["found"].tobytes() == right.tobytes()


def of_labels(names: Names) -> None:
    heights, means = names["heights"], names["means"]
    assert names["smooth"].attrs == names["steep"].attrs == {"units": "m"}
    np.testing.assert_array_equal(means.x, heights.x[1:-1:3])
    np.testing.assert_allclose(means[0, 0, 0], heights[0, :3, :3].mean(), rtol=1e-5)


CHECKS: dict[str, Callable[[Names], None]] = {
    "README.md": of_the_readme,
    "docs/index.md": lambda names: np.testing.assert_equal(names["smooth"].dtype, np.float32),
    "docs/tour.md": of_the_tour,
    "docs/howto/filters.md": of_filters,
    "docs/howto/borders.md": of_borders,
    "docs/howto/types.md": of_types,
    "docs/howto/missing.md": of_missing,
    "docs/howto/colour.md": of_colour,
    "docs/howto/volumes.md": of_volumes,
    "docs/howto/layers.md": of_layers,
    "docs/howto/chains.md": of_chains,
    "docs/howto/threads.md": of_threads,
    "docs/howto/log.md": of_log,
    "docs/howto/measure.md": of_measuring,
    "docs/howto/notebooks.md": of_notebooks,
    "docs/howto/memory.md": of_memory,
    "docs/howto/cluster.md": of_clusters,
    "docs/howto/labels.md": of_labels,
    "docs/streaming.md": of_streams,
    "docs/howto/stores.md": of_stores,
    "docs/migration.md": of_migration,
    "docs/migration/scipy.md": of_scipy,
    "docs/migration/opencv.md": of_opencv,
    "docs/migration/astropy.md": of_astropy,
    "docs/migration/skimage.md": of_skimage,
    "docs/migration/dask_image.md": of_dask,
}
NEEDED = {
    "dask_image": ("dask.array",), "memory": ("dask.array",), "cluster": ("distributed",),
    "labels": ("xarray",), "stores": ("zarr", "rasterio"),
}  # fmt: skip
with_examples = [page for page in PAGES if blocks(page, "python")]


def test_every_page_with_examples_has_a_check() -> None:
    assert {name_of(page) for page in with_examples} == set(CHECKS)


@pytest.mark.parametrize("page", with_examples, ids=name_of)
def test_the_examples_run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for module in NEEDED.get(page.stem, ()):
        pytest.importorskip(module)
    names = run(page)
    told = capsys.readouterr().out
    CHECKS[name_of(page)](names)
    assert ("explain()" in read(page)) <= ("direct" in told or "chunks" in told or not told)


def test_the_arrays_of_the_api_are_these() -> None:
    found = doctest.testfile(
        str(DOCS / "api" / "arrays.rst"), module_relative=False, globs={"parconv": parconv}
    )
    assert found.attempted == 4
    assert found.failed == 0


def calls() -> list[tuple[str, str]]:
    """Another library's call and ours, as the pages of who comes from there have them."""
    pattern = r"^\| `((?:scipy|skimage|cv2|torch)\.[^`]+)` \| `([^`]+)`"
    pages = sorted((DOCS / "migration").glob("*.md"))
    return [row for page in pages for row in re.findall(pattern, read(page), flags=re.M)]


@pytest.mark.parametrize(("theirs", "ours"), calls())
def test_what_other_calls_become(theirs: str, ours: str) -> None:
    library = theirs.partition(".")[0]
    top = pytest.importorskip(library)
    for part in {"scipy": ("signal", "ndimage"), "skimage": ("filters",)}.get(library, ()):
        import_module(f"{library}.{part}")
    rng = np.random.default_rng(3)
    f, g = rng.random((40, 50), np.float32), rng.standard_normal((3, 5)).astype(np.float32)
    x, w = rng.random((2, 3, 9, 8), np.float32), rng.standard_normal((4, 3, 3, 3), np.float32)
    c, b = rng.random((20, 30, 3), np.float32), (f * 255).astype(np.uint8)
    given = {"f": f, "g": g, "x": x, "w": w, "c": c, "b": b}
    foreign = given if library != "torch" else {k: top.from_numpy(v) for k, v in given.items()}
    right = np.asarray(eval(theirs, {library: top, **foreign}))
    found = eval(ours, {**{name: getattr(parconv, name) for name in parconv.__all__}, **given})
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


def test_the_pages_name_several_libraries() -> None:
    names = {theirs.partition(".")[0] for theirs, _ in calls()}
    assert names == {"scipy", "skimage", "cv2", "torch"}


# --- what is told to type ------------------------------------------------------------------------


@pytest.mark.parametrize("page", [README, CONTRIBUTING], ids=name_of)
def test_ci_runs_the_pages_test_command(page: Path) -> None:
    found = re.search(r"python3 -m pip install (-e '\.\[test\]') && (pytest -n auto)", read(page))
    assert found
    install, tests = found.groups()
    script = read(ROOT / ".ci/run")
    assert f"{install}\n" in script
    assert script.rstrip().endswith(tests)


def typed() -> set[tuple[str, str]]:
    """Commands that pages tell to type: their names, and the rest of the line."""
    lines = [line for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    lines += [code for page in PAGES for code in re.findall(r"`(parconv [^`]+)`", read(page))]
    return {found for line in lines for found in re.findall(r"(?:^|&& )parconv (\w+)(.*)", line)}


def test_commands_and_their_options_exist() -> None:
    from typer.main import get_command

    from parconv.cli import app

    commands: dict[str, Any] = vars(get_command(app))["commands"]
    told = typed()
    assert {"demo", "apply", "race", "doctor", "asm"} <= {name for name, _ in told}
    for name, rest in told:
        assert name in commands
        group = vars(commands[name]).get("commands") or {"": commands[name]}
        parameters = [each for command in group.values() for each in command.params]
        known = {option for parameter in parameters for option in parameter.opts}
        assert set(re.findall(r"--[a-z]+", rest.partition("#")[0])) <= known, name


# --- links ---------------------------------------------------------------------------------------


def heading(line: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-")


def links() -> list[tuple[Path, str]]:
    found = [(page, link) for page in PAGES for link in LINK.findall(read(page))]
    return [(page, link) for page, link in found if "://" not in link and not link.endswith(MADE)]


def test_links_lead_somewhere() -> None:
    """To files of this repository, and to their headings; pictures too."""
    assert len(links()) > 100
    for page, link in links():
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), (name_of(page), link)
        headings = re.findall(r"^#+ (.*)$", read(target), flags=re.M) if anchor else ()
        assert not anchor or anchor in map(heading, headings), (name_of(page), link)


def test_the_pictures_are_shown() -> None:
    shown = {Path(link).name for page in PAGES for link in LINK.findall(read(page))}
    pictures = {path.name for path in (ROOT / "benchmarks/pictures").glob("*.png")}
    assert pictures
    assert pictures <= shown


def reached() -> set[Path]:
    """All that the start page leads to by lists of pages, as Sphinx reads them."""
    found, new = set(), {DOCS / "index.md"}
    while new:
        found |= new
        new = {
            (page.parent / line).resolve().with_suffix(".md")
            for page in new
            for block in re.findall(r"^```\{toctree\}\n(.*?)^```", read(page), flags=re.M | re.S)
            for line in block.split()
            if not line.startswith(":") and not line.endswith(("gallery/index", "api/index"))
        } - found
    return found


def test_every_page_is_reached() -> None:
    assert {page for page in PAGES if page.is_relative_to(DOCS)} == reached()
    linked = {(ROOT / link).resolve() for link in LINK.findall(read(README)) if "://" not in link}
    assert {CONTRIBUTING, DOCS / "index.md", DOCS / "performance.md"} <= linked


@every_page
def test_files_that_pages_name_exist(page: Path) -> None:
    """Or, of a path with a blank in capitals, nothing is said."""
    pattern = r"`((?:parconv|tests|benchmarks|docs|\.ci)/[\w./-]+)`"
    for path in re.findall(pattern, read(page)):
        if not re.search(r"NAME|DATE", path):
            assert (ROOT / path).exists(), path


# --- tables --------------------------------------------------------------------------------------


def test_the_tables_of_speed_are_those_of_the_records() -> None:
    page = read(DOCS / "performance.md")
    assert tables.filled(page) == page
    for table in tables.TABLES.values():
        assert f"`benchmarks/{table.record}`" in page


def test_the_command_writes_the_tables(tmp_path: Path) -> None:
    page = read(DOCS / "performance.md")
    empty = re.sub(r"(<!-- table: \w+ -->\n).*?(<!-- end -->)", r"\1\2", page, flags=re.S)
    assert len(empty) < len(page) // 2
    (tmp_path / "page.md").write_text(empty, encoding="utf-8")
    assert main(["tables", "--page", str(tmp_path / "page.md")]) == 0
    assert read(tmp_path / "page.md") == page
    (tmp_path / "page.md").write_text("no place for a table", encoding="utf-8")
    assert main(["tables", "--page", str(tmp_path / "page.md")]) == 2


def test_the_readmes_rows_are_those_of_the_records() -> None:
    races = [table for table in tables.TABLES.values() if table.record.startswith("race/")]
    known = {
        tables.line(cells) for table in races for cells in tables.short(tables.record_of(table))
    }
    rows = re.findall(r"^\| \d.*\|$", read(README), flags=re.M)
    assert set(rows) <= known
    assert 5 <= len(rows) <= 10
    slower = [row for row in rows if re.search(r"\| 0\.\d\d[^|]*\|$", row)]
    assert len(slower) >= 3, "where parconv is slower is told, too"


def test_the_layers_are_those_of_the_rule() -> None:
    page = read(DOCS / "architecture.md")
    rows = [set(re.findall(r"`(\w+)`", row)) for row in re.findall(r"^\| (`[^|]+) \|", page, re.M)]
    assert rows == [layer for layer in LAYERS if layer != {"__main__"}]


@pytest.mark.parametrize(
    "names", [{row.name for row in METHODS}, set(STRATEGIES)], ids=["methods", "strategies"]
)
def test_methods_and_strategies_are_explained(names: set[str]) -> None:
    explained = re.findall(r"^\| `(\w+)` \|", read(DOCS / "semantics.md"), flags=re.M)
    assert names <= set(explained)


# --- size ----------------------------------------------------------------------------------------


def test_the_readme_is_short() -> None:
    assert README.stat().st_size <= 10_000


def test_the_source_distribution_holds_the_pages() -> None:
    import tomllib

    project = tomllib.loads(read(ROOT / "pyproject.toml"))
    included = set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
    assert {"docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= included
