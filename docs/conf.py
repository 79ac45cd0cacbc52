"""How Sphinx builds these pages: ``sphinx-build -nW docs build/site``.

``-D plot_gallery=0`` leaves the gallery's scripts unexecuted.  Nothing is fetched: where other
libraries explain their names stands in ``inventories``, those that docstrings and pages use.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the sources beside these pages
os.environ.setdefault("PARCONV_WISDOM", "off")  # examples show what everybody gets

import parconv  # noqa: E402

project = "parconv"
author = "The parconv developers"
copyright = f"2026, {author}"  # noqa: A001
release = version = parconv.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["examples", "pictures", "api/*.inc"]
templates_path = ["_templates"]
default_role = "py:obj"
nitpicky = True

# --- prose ---------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
copybutton_exclude = ".linenos, .gp, .go"

# Pages of the repository's root, by the names that they have here.
ROOTS = {
    "CHANGELOG.md": "changes.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "../index.md",
    "SECURITY.md": "security.md",
}


def from_the_root(app: Any, path: Path, page: str, content: list[str]) -> None:
    """Links of a page that lies in the root, seen from ``docs/project``."""

    def moved(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        return f"]({ROOTS.get(target) or target.replace('docs/', '../', 1)}{anchor})"

    content[0] = re.sub(r"\]\(([\w./]+\.md)(#[\w-]+)?\)", moved, content[0])


# --- names ---------------------------------------------------------------------------------------

autodoc_typehints = "none"  # NumPy's words for them fill a page; docstrings tell types
autosummary_generate = True
autosummary_context = {  # of classes, what users call and look at
    "called": {
        "parconv.Chain": "__call__, explain, workspace",
        "parconv.Outer": "",
        "parconv.Plan": "__call__, bind, measure, tune, asm, explain, predict, cost, workspace",
        "parconv.StreamPlan": "explain, chunks, number, memory, bytes_in, bytes_out",
        "parconv.VolumePlan": "__call__, bind, measure, explain, cost, workspace",
        "parconv.compat.Installed": "remove",
    }
}
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False  # the pages of classes list their methods themselves
HOMES = {
    "astropy": "https://docs.astropy.org/en/stable/",
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "skimage": "https://scikit-image.org/docs/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
intersphinx_mapping = {name: (home, f"inventories/{name}.txt") for name, home in HOMES.items()}

# --- pictures and examples -----------------------------------------------------------------------

plot_basedir = str(HERE / "pictures")
plot_formats = [("svg", 100)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_rcparams = {"savefig.bbox": "tight", "font.size": 10}
plot_apply_rcparams = True
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py",
    "backreferences_dir": "api/backreferences",
    "doc_module": ("parconv",),
    "reference_url": {"parconv": None},
    "within_subsection_order": "FileNameSortKey",
    "min_reported_time": 3,
    "write_computation_times": False,  # a page that loads scripts from the web
    "show_memory": False,
    "abort_on_example_error": True,
    "copyfile_regex": r"$^",
}

# --- the look ------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"parconv {release}"
html_show_sourcelink = False
html_sidebars = {page: [] for page in ("index", "install", "performance", "semantics", "tour")}
html_theme_options = {
    "logo": {"text": "parconv"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}


def setup(app: Any) -> None:
    app.connect("include-read", from_the_root)
