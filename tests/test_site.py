"""Distrusts the built site: warnings, pages of names, links, what a browser shows of it."""

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from browsing import keep_picture, served, until

import parconv

ROOT = Path(__file__).parent.parent
NEEDED = ("myst_parser", "numpydoc", "pydata_sphinx_theme", "sphinx", "sphinx_copybutton",
          "sphinx_design", "sphinx_gallery")  # fmt: skip
MADE = shutil.ignore_patterns("gallery", "generated", "backreferences", "sg_execution_times.rst")
WITHOUT = "__version__", "filters", "chunked"  # names of other names
NAMES = [f"parconv.{name}" for name in parconv.__all__ if name not in WITHOUT]
CHUNKED = [
    *(f"parconv.chunked.dask.{name}" for name in ("conv2d", "correlate2d", "apply")),
    *(f"parconv.chunked.xarray.{name}" for name in ("conv2d", "correlate2d", "Accessor")),
]
TAPS = [name for name in parconv.filters.__all__ if name not in parconv.__all__]
ARRAYS = [name for name in TAPS if name.isupper()]
OF_FILTERS = [f"parconv.filters.{name}" for name in TAPS if name not in ARRAYS]
COMPAT = "astropy", "ndimage", "opencv", "signal", "skimage", "torch"
CLASSES = {"Chain": "explain", "Plan": "bind explain predict", "StreamPlan": "explain chunks",
           "VolumePlan": "bind explain"}  # fmt: skip
METHODS = [f"parconv.{name}.{one}" for name, own in CLASSES.items() for one in own.split()]
# Not asked of docstrings: where the quotes stand; more than a summary; other names to see.  Of
# classes that functions make nobody calls the constructor.
NOT_ASKED = {"GL01", "GL02", "ES01", "SA01"}
NOT_OF_CLASSES, NOT_OF_METHODS = {"PR01"}, {"EX01"}

pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, away from the checkout, in which a build would leave files."""
    for name in NEEDED:
        pytest.importorskip(name, reason=f"{name} is not installed: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=MADE)
    for part in ("benchmarks/pictures", "tests/reliability"):
        shutil.copytree(ROOT / part, folder / part)
    for page in (*ROOT.glob("*.md"), *ROOT.glob("*.cff")):
        shutil.copy(page, folder)
    return folder


def build(copied: Path, *options: str) -> Path:
    """As CONTRIBUTING tells; a warning is an error."""
    html = copied / "site"
    command = [sys.executable, "-m", "sphinx", "-nW", "--keep-going", *options, "docs", str(html)]
    run = subprocess.run(command, cwd=copied, capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stderr
    return html


@pytest.fixture(scope="module")
def site(copied: Path) -> Path:
    return build(copied, "-D", "plot_gallery=0")


# --- what a page holds ---------------------------------------------------------------------------


class _Page(HTMLParser):
    """Its links, the places in it that links may name, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.places.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in ("script", "img") and "src" in found:
            self.loads.append(found["src"])
        if tag == "link" and "stylesheet" in found.get("rel", ""):
            self.loads.append(found["href"])


@cache
def read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def pages(site: Path) -> Iterator[Path]:
    return (path for path in site.rglob("*.html") if "_static" not in path.parts)


def test_links_within_the_site_are_unbroken(site: Path) -> None:
    looked = 0
    for path in pages(site):
        for link in read(path).links:
            address, _, place = link.partition("#")
            if "://" in address or address.startswith("mailto:"):
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            assert target.is_file(), (path.relative_to(site), link)
            if place and target.suffix == ".html":
                assert unquote(place) in read(target).places, (path.relative_to(site), link)
            looked += 1
    assert looked > 5000


def test_what_pages_load_is_beside_them(site: Path) -> None:
    loads = {(path, one.partition("?")[0]) for path in pages(site) for one in read(path).loads}
    assert len(loads) > 500
    for path, address in loads:
        assert "://" not in address, (path.relative_to(site), address)
        assert (path.parent / unquote(address)).is_file(), (path.relative_to(site), address)


# --- the API -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, *OF_FILTERS, *CHUNKED, "parconv.compat.install"])
def test_a_public_name_has_a_page_with_an_example(site: Path, name: str) -> None:
    page = site / "api" / "generated" / f"{name}.html"
    text = page.read_text(encoding="utf-8")
    assert name in read(page).places
    assert "Examples" in text
    assert "&gt;&gt;&gt; " in text


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_has_a_place_with_an_example(site: Path, name: str) -> None:
    page = site / "api" / "arrays.html"
    assert f"parconv.filters.{name}" in read(page).places
    assert page.read_text(encoding="utf-8").count("&gt;&gt;&gt; ") == len(ARRAYS)


@pytest.mark.parametrize("name", COMPAT)
def test_a_module_of_other_names_lists_them_all(site: Path, name: str) -> None:
    page = site / "api" / "generated" / f"parconv.compat.{name}.html"
    if name == "torch":
        pytest.importorskip("torch")
    module = importlib.import_module(f"parconv.compat.{name}")
    functions = {one for one in module.__all__ if callable(getattr(module, one))}
    assert len(functions) > 4
    assert {f"parconv.compat.{name}.{one}" for one in functions} <= read(page).places


def test_names_lead_to_the_gallery(site: Path) -> None:
    """Of those that scripts use."""
    scripts = "".join(one.read_text() for one in (ROOT / "docs" / "examples").glob("*.py"))
    used = {name for name in NAMES if re.search(rf"{re.escape(name)}\(", scripts)}
    assert len(used) > 10
    for name in used:
        page = site / "api" / "generated" / f"{name}.html"
        assert any("/gallery/" in link for link in read(page).links), name


def findings(name: str, ignored: set[str]) -> list[Any]:
    from numpydoc.validate import validate

    return [error for error in validate(name)["errors"] if error[0] not in NOT_ASKED | ignored]


@pytest.mark.parametrize(
    "name", [*NAMES, *OF_FILTERS, *CHUNKED, "parconv.compat.install", *METHODS]
)
def test_numpydoc_finds_nothing(name: str) -> None:
    pytest.importorskip("numpydoc", reason="numpydoc is not installed: pip install '.[docs]'")
    last = name.rpartition(".")[2]
    ignored = NOT_OF_METHODS if name in METHODS else NOT_OF_CLASSES if last in CLASSES else set()
    assert not findings(name, ignored)


# --- in a browser --------------------------------------------------------------------------------


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with served(site) as found:
        yield found


def titles(browser: Any) -> str:
    return str(browser.execute_script("return document.querySelector('h1').textContent"))


def test_the_start_page_leads_on(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/index.html")
    assert titles(browser).startswith("parconv")
    assert until(browser, "document.querySelectorAll('.sd-card').length") == 4
    assert until(browser, "document.querySelector('button.copybtn') !== null")
    keep_picture(browser, "site-start", tmp_path)
    browser.execute_script("document.querySelector('.sd-card a[href*=\"tour\"]').click()")
    assert until(browser, "document.title.startsWith('Five minutes')")
    keep_picture(browser, "site-tour", tmp_path)


def test_the_gallery_has_its_cards(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/gallery/index.html")
    count = len(list((ROOT / "docs" / "examples").glob("*.py")))
    assert until(browser, "document.querySelectorAll('.sphx-glr-thumbcontainer').length") == count
    loaded = "[...document.images].every(one => one.complete && one.naturalWidth > 0)"
    assert until(browser, loaded)
    keep_picture(browser, "site-gallery", tmp_path)


def test_a_script_s_page_links_its_names(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/gallery/edges.html")
    link = 'a[href*="parconv.sobel.html"]'
    assert until(browser, f"document.querySelector('.highlight {link}') !== null")
    assert until(browser, "document.querySelector('a[download][href$=\".ipynb\"]') !== null")
    keep_picture(browser, "site-script", tmp_path)
    browser.execute_script(f"document.querySelector('.highlight {link}').click()")
    assert until(browser, "document.querySelector('[id=\"parconv.sobel\"]') !== null")
    keep_picture(browser, "site-name", tmp_path)


def test_the_search_finds_a_name(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/search.html?q=gaussian_laplace")
    found = "document.querySelectorAll('#search-results a[href*=\"gaussian_laplace\"]').length"
    assert until(browser, found) >= 1
    keep_picture(browser, "site-search", tmp_path)


# --- all of it -----------------------------------------------------------------------------------


@pytest.mark.soak
def test_the_gallery_is_executed(copied: Path) -> None:
    """Each script's own picture, in place of the one that stands for none."""
    html = build(copied)
    thumbnails = [one.read_bytes() for one in (html / "_images").glob("sphx_glr_*_thumb.png")]
    assert len(set(thumbnails)) == len(list((ROOT / "docs" / "examples").glob("*.py")))
