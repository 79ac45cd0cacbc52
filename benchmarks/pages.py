"""The history pages: asv's own, which open without a network, and a summary."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import listing, runner, summary

HTML = runner.ROOT / ".asv" / "html"
SCRIPTS = runner.ROOT / ".asv" / "scripts"
# What asv 0.6's pages load from the web, or the nearest version that the npm registry has.
PACKAGES = (
    "jquery@3.3.1", "flot@0.8.3", "flot-orderbars@1.0.0", "stupid-table-plugin@1.1.3",
    "blueimp-md5@2.19.0", "bootstrap@3.1.1",
)  # fmt: skip
SUMMARY = "summary.html"
_REMOTE = re.compile(r'(src|href)="https://[^"]*/([^"/]+)"[^>]*?(></script>|>)')
_LAST_LINK = '<li id="nav-li-regressions"><a href="#/regressions">Regressions</a></li>'


def check(results: Path) -> None:
    """ValueError where nothing was recorded."""
    if not (results / "benchmarks.json").is_file():
        raise ValueError(
            f"results is {results}: nothing was recorded there (see the command history)"
        )


def publish(results: Path = runner.HISTORY, html: Path = HTML, scripts: Path | None = None) -> Path:
    """Make the pages of all results in ``results``; returns the one to open.

    Parameters
    ----------
    results, html : Path
        Folders to read and to write.
    scripts : Path, optional
        A folder with the scripts of asv's pages, see `local_scripts`; None leaves them on the web,
        where five other sites must answer.

    Examples
    --------
    >>> publish()  # doctest: +SKIP
    PosixPath('.asv/html/summary.html')
    """
    check(results)
    with tempfile.TemporaryDirectory(prefix="parconv-history-") as folder:
        shown = listing.prepared(results, Path(folder) / "results")
        with runner.configuration(shown, html) as path:
            runner.asv("publish", "--config", str(path), "--no-pull")
    index = html / "index.html"
    page = index.read_text(encoding="utf-8")
    if scripts is not None:
        page = _REMOTE.sub(lambda match: _local(match, scripts, html), page)
    link = f'{_LAST_LINK}\n        <li><a href="{SUMMARY}">Summary</a></li>'
    index.write_text(page.replace(_LAST_LINK, link), encoding="utf-8")
    (html / SUMMARY).write_text(summary.page(results), encoding="utf-8")
    return html / SUMMARY


def local_scripts(folder: Path = SCRIPTS) -> Path:
    """Get the scripts of asv's pages from the npm registry, unless ``folder`` has them."""
    if (folder / "node_modules").is_dir():
        return folder
    command = ["npm", "install", "--silent", "--no-save", "--prefix", str(folder), *PACKAGES]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        message = (
            f"the scripts of asv's pages need npm and its registry: {error}; --online makes pages "
            "that load them from the web"
        )
        raise ValueError(message) from None
    return folder


def _local(match: re.Match[str], scripts: Path, html: Path) -> str:
    """The script from this site; one that we do not have stays where it is."""
    attribute, name, end = match.groups()
    bare = re.sub(r"-[\d.]+\.", ".", name)
    for candidate in (bare, bare.replace(".min.", ".")):
        for found in scripts.rglob(candidate):
            (html / "scripts").mkdir(exist_ok=True)
            shutil.copy(found, html / "scripts")
            return f'{attribute}="scripts/{candidate}"{end}'
    return str(match.group())
