"""The history of speed: its results, asv's pages in a browser, the summary, and the comparison."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import keep_picture, served, until

from benchmarks import charts, comparison, listing, pages, results, runner, summary
from benchmarks.__main__ import main
from benchmarks.comparison import Change, compared
from benchmarks.results import Value

SCALING = "bench_scaling.Scaling.time_scaling"
COMMITS = 6  # that the pages show, at least


# --- the pages, in a browser -------------------------------------------------------------------


def _known(commit: str) -> bool:
    try:
        runner.git("merge-base", "--is-ancestor", commit, "HEAD")
    except (ValueError, OSError):
        return False
    return True


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What asv's pages load from the web."""
    pytest.importorskip("asv", reason="asv is not installed")
    try:
        return pages.local_scripts(tmp_path_factory.mktemp("scripts"))
    except ValueError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def kept() -> Path:
    """The folder with the measured history, if git knows its commits."""
    found = results.commits(runner.HISTORY)
    assert len(found) >= COMMITS, "benchmarks/history: too few commits were measured"
    if sum(_known(commit.commit) for commit in found) < COMMITS:
        pytest.skip("this checkout lacks the commits of benchmarks/history: git fetch --unshallow")
    return runner.HISTORY


@pytest.fixture(scope="module")
def site(kept: Path, scripts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """asv's pages and the summary, made from the history that is kept here."""
    html = tmp_path_factory.mktemp("pages") / "html"
    pages.publish(kept, html, scripts)
    return html


@pytest.fixture
def slower_site(kept: Path, scripts: Path, tmp_path: Path) -> Path:
    """The same, had the kernel become half as fast again with the last three commits."""
    history = tmp_path / "history"
    shutil.copytree(kept, history)
    for commit in results.commits(history)[-3:]:
        (path,) = history.glob(f"*/{commit.commit[:8]}-*.json")
        record = json.loads(path.read_text(encoding="utf-8"))
        found = record["results"]["bench_kernel.Kernel.time_kernel"]
        found[0] = [value and 1.5 * value for value in found[0]]
        path.write_text(json.dumps(record), encoding="utf-8")
    pages.publish(history, tmp_path / "html", scripts)
    return tmp_path / "html"


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with served(site) as found:
        yield found


POINTS = "$('#main-graph').data('plot').getData().map(s => s.data.filter(p => p && p[1]).length)"


def test_the_scaling_graph_shows_the_commits(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/index.html#{SCALING}")
    until(browser, "window.$ && $('#main-graph').data('plot')")
    assert max(browser.execute_script(f"return {POINTS}")) >= COMMITS
    assert browser.execute_script("return $('#main-graph canvas')[0].width") > 0
    keep_picture(browser, "history-scaling-commits", tmp_path)


def test_the_scaling_graph_has_a_thread_axis(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/index.html#{SCALING}?x-axis=threads")
    until(browser, "window.$ && $('#main-graph').data('plot')")
    ticks = "$('#main-graph').data('plot').getAxes().xaxis.ticks.map(t => t.label)"
    assert {1, 2} <= set(map(float, browser.execute_script(f"return {ticks}")))
    assert max(browser.execute_script(f"return {POINTS}")) >= 2
    keep_picture(browser, "history-scaling-threads", tmp_path)


REGRESSIONS = "#regressions-body table tbody tr"


def test_the_list_of_regressions_is_drawn(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/index.html#/regressions")
    assert until(browser, "window.$ && $('#regressions-body table thead').length") >= 1
    keep_picture(browser, "history-regressions", tmp_path)


def test_a_slower_kernel_is_listed(browser: Any, slower_site: Path, tmp_path: Path) -> None:
    with served(slower_site) as address:
        browser.get(f"{address}/index.html#/regressions")
        assert until(browser, f"window.$ && $('{REGRESSIONS}').length") >= 1
        text = browser.execute_script(f"return $('{REGRESSIONS}').text()")
    assert "bench_kernel.Kernel.time_kernel" in text
    keep_picture(browser, "history-slower-kernel", tmp_path)


def test_the_summary_is_linked_and_drawn(browser: Any, address: str, tmp_path: Path) -> None:
    browser.get(f"{address}/index.html")
    assert until(browser, "document.querySelector('a[href=\"summary.html\"]') !== null")
    browser.get(f"{address}/summary.html")
    assert until(browser, "document.querySelectorAll('svg').length") == 2
    assert browser.execute_script("return document.querySelector('svg').clientWidth") > 100
    keep_picture(browser, "summary", tmp_path)


# --- the summary ---------------------------------------------------------------------------------

COLUMNS = ["result", "params", "version", "started_at", "duration", "samples"]
THREADS = ["1", "2", "4"]
STRATEGIES = ["'prange'", "'threads'"]


def _record(folder: Path, commit: str, date: int, rows: dict[str, Any]) -> None:
    """A file as asv 0.6 writes it; asv leaves out what a row lacks at its end."""
    machine = folder / "somewhere"
    machine.mkdir(parents=True, exist_ok=True)
    record = {
        "commit_hash": commit,
        "date": date,
        "params": {"machine": "somewhere"},
        "result_columns": COLUMNS,
        "results": rows,
    }
    (machine / f"{commit[:8]}-env.json").write_text(json.dumps(record), encoding="utf-8")
    (machine / "machine.json").write_text('{"machine": "somewhere"}', encoding="utf-8")


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two commits; four threads were one too many, and one case failed."""
    folder = tmp_path / "history"
    nan = float("nan")
    for date, commit, scale in ((1, "a" * 40, 1.0), (2, "b" * 40, 0.5)):
        times = [scale * seconds for seconds in (8.0, 8.0, 4.0, 5.0, nan, nan)]
        scaling = [times, [THREADS, STRATEGIES, ["'7x7'"]], "1"]
        big = [[scale, 2 * scale, None], [["1"], ["'3x3'", "'7x7'", "'15x15'"], ["'float32'"]]]
        _record(folder, commit, date, {SCALING: scaling, summary.BIG: big})
    return folder


def test_results_tell_what_was_not_measured(recorded: Path) -> None:
    first, second = results.commits(recorded)
    assert (first.commit[0], second.commit[0], first.machine) == ("a", "b", "somewhere")
    assert len(first.series(SCALING)) == 4
    assert first.values[f"{SCALING}(4, 'prange', '7x7')"].number is None
    assert second.values[f"{SCALING}(2, 'threads', '7x7')"] == Value(("2", "threads", "7x7"), 2.5)


def test_the_summary_holds_everything_itself(recorded: Path) -> None:
    page = summary.page(recorded)
    assert page.count("<svg") == 2
    assert "currentColor" in page
    assert charts.INK not in page
    assert "bbbbbbbb" in page
    for link in ("index.html#/regressions", f"index.html#{SCALING}"):
        assert f'href="{link}' in page
    inside = page.replace("http://www.w3.org/", "").replace("http://purl.org/", "")
    inside = inside.replace("http://creativecommons.org/", "").replace(
        "https://matplotlib.org/", ""
    )
    assert "http" not in inside, "no external resource"


def test_the_summary_shows_the_newest_race_of_each_kind(recorded: Path) -> None:
    reports = (runner.ROOT / "benchmarks" / "race").glob("*.json")
    newest = {path.stem.lstrip("0123456789-"): path for path in sorted(reports)}
    page = summary.page(recorded)
    assert len(newest) >= 3
    for path in newest.values():
        assert path.name in page
        for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
            ours = row["results"][0]["reused"]["median"]
            assert row["workload"]["name"] in page
            assert summary._short(1e3 * ours) in page


def test_a_newer_race_takes_the_place_of_one_of_its_kind(recorded: Path, tmp_path: Path) -> None:
    races = tmp_path / "race"
    races.mkdir()
    for name in ("2026-01-02-auto-here", "2026-03-04-auto-here", "2025-05-06-here"):
        report = {"versions": {}, "rows": [], "machine": {"cpu": name, "target": "", "cores": 2}}
        (races / f"{name}.json").write_text(json.dumps(report), encoding="utf-8")
    page = summary.page(recorded, races=races)
    assert page.count("<h2>Race: ") == 2
    assert page.index("2026-03-04-auto-here") < page.index("2025-05-06-here")
    assert "2026-01-02" not in page


def test_losses_are_marked() -> None:
    """Of a workload that loses with one of its thread counts, too."""

    def row(name: str, threads: int, ratio: float | None) -> dict[str, Any]:
        return {
            "workload": {"name": name}, "threads": threads, "ratio": {"reused": ratio},
            "percent_of_limit": {"reused": 50.0},
            "results": [{"name": "parconv", "reused": {"median": 1e-3}}],
        }  # fmt: skip

    rows = [row("won", 1, 1.5), row("won", 2, 1.0), row("lost", 1, 2.0), row("lost", 2, 0.96)]
    _, *found = summary._race_rows([*rows, row("alone", 1, None)], ["parconv"])
    assert [cells[0][0] for cells in found] == ["won", "lost", "alone"]
    assert [(cells[1][1], cells[2][1]) for cells in found] == [
        ("win", "win"), ("loss", "loss"), ("win", "win"),
    ]  # fmt: skip
    assert found[1][2][0] == "2 / 0.96"


# --- what asv's pages list -----------------------------------------------------------------------


def test_only_what_was_measured_is_listed(recorded: Path) -> None:
    known = {
        SCALING: {"params": [THREADS, [*STRATEGIES, "'joblib'"], ["'7x7'"]], "name": SCALING},
        "bench_gone.Gone.time_gone": {"params": [["1"]], "name": "never measured"},
        "version": 2,
    }
    found = listing.listed(known, results.commits(recorded))
    assert [*found] == [SCALING, "version"]
    assert found[SCALING]["params"] == [["1", "2"], STRATEGIES, ["'7x7'"]]
    assert found[SCALING]["pretty_name"].startswith("Scaling.time_scaling: How does time fall")


def test_every_benchmark_has_a_description() -> None:
    """That of its class, not of its module alone."""
    told = listing.descriptions()
    assert {name.split(".")[0] for name in told} == {
        path.stem for path in (runner.ROOT / "benchmarks").glob("bench_*.py")
    }
    for name, text in told.items():
        assert len(text.partition("  ")[2]) > 10, name


def test_the_pages_list_what_was_measured(site: Path) -> None:
    index = json.loads((site / "index.json").read_text(encoding="utf-8"))
    scaling = index["benchmarks"][SCALING]
    counts = {
        params[0] for commit in results.commits(runner.HISTORY)
        for params, _ in commit.series(SCALING)
    }  # fmt: skip
    assert {value.strip("'") for value in scaling["params"][0]} == counts


def test_the_summary_shows_the_fastest_function_of_a_library() -> None:
    times = {"opencv": 3e-3, "opencv-own": 2e-3, "scipy": 9e-3, "torch": None}
    results = [
        {"name": name, "reused": seconds and {"median": seconds}} for name, seconds in times.items()
    ]
    found = [summary._milliseconds({"results": results}, name) for name in ("opencv", "torch")]
    assert found == ["2", ""]


def test_the_summary_says_what_all_rows_say_together() -> None:
    least = {"value": 1.52, "row": "big 3x3, threads 1"}
    report = {"summary": {"all": {"mean_ratio": 4.6, "least_ratio": least}}}
    assert summary._together(report).endswith("4.6; the least is 1.5 (big 3x3, threads 1).")
    assert summary._together({}) == ""


def test_the_summary_embeds_the_roofline(recorded: Path, tmp_path: Path) -> None:
    assert "parconv roofline makes" in summary.page(recorded, pictures=tmp_path)
    (tmp_path / "roofline.png").write_bytes(b"\x89PNG")
    assert "data:image/png;base64,iVBORw==" in summary.page(recorded, pictures=tmp_path)


def test_the_summary_without_a_race(recorded: Path, tmp_path: Path) -> None:
    assert "No report yet: parconv race --json" in summary.page(recorded, races=tmp_path)


def test_the_summary_without_matplotlib(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = summary.page(recorded)
    assert page.count(summary.NO_MATPLOTLIB.split("(")[0]) == 2
    assert "<table>" in page


def test_the_summary_of_other_benchmarks(tmp_path: Path) -> None:
    _record(tmp_path, "c" * 40, 1, {"bench_small.Stack.time_stack": [[1.0], [["'3x3'"]], "1"]})
    page = summary.page(tmp_path)
    assert f"Commit cccccccc has no results of {SCALING}" in page
    assert f"No results of {summary.BIG}" in page


def test_scripts_of_the_pages_are_local(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert not [line for line in page.splitlines() if "script src=" in line and "https:" in line]


# --- the comparison ------------------------------------------------------------------------------


def _turns(*seconds: float) -> Value:
    """Three samples a turn, of which one was disturbed."""
    samples = [sample for s in seconds for sample in (s, s * 1.01, s * 3)]
    return Value((), sorted(samples)[len(samples) // 2], tuple(samples))


STEADY = _turns(1.0, 1.02, 0.98, 1.01)


@pytest.mark.parametrize(
    ("head", "slower", "faster"),
    [
        pytest.param(_turns(1.3, 1.33, 1.27, 1.31), True, False, id="30 % more"),
        pytest.param(_turns(1.01, 1.0, 0.99, 1.02), False, False, id="the same"),
        pytest.param(_turns(1.1, 1.12, 1.08, 1.1), False, False, id="below the factor"),
        pytest.param(_turns(2.0, 1.0, 0.97, 1.0), False, False, id="one turn disturbed"),
        pytest.param(_turns(1.9, 1.9, 0.9, 0.9), False, False, id="turns disagree"),
        pytest.param(_turns(0.7, 0.72, 0.7, 0.69), False, True, id="30 % less"),
    ],
)
def test_what_counts_as_slower(head: Value, slower: bool, faster: bool) -> None:
    found = compared("case", STEADY, head, rounds=4)
    assert (found.slower(comparison.FACTOR), found.faster(comparison.FACTOR)) == (slower, faster)


def test_a_drift_of_the_clock_is_no_change() -> None:
    drift = (1.0, 1.1, 1.2, 1.4)
    found = compared("case", _turns(*drift), _turns(*(1.01 * s for s in drift)), rounds=4)
    assert found.ratio == pytest.approx(1.01)


def test_values_without_samples_are_compared_as_they_are() -> None:
    found = compared("case", Value((), 2.0), Value((), 3.0), rounds=4)
    assert found.ratios == (1.5,)


def test_changes_are_those_that_both_commits_measured(recorded: Path) -> None:
    found = comparison.changes(*results.commits(recorded), rounds=1)
    assert len(found) == 4 + 2
    assert {change.ratio for change in found} == {0.5}


@pytest.fixture
def repository() -> None:
    """What needs commits is skipped where there are none, as in an unpacked source archive."""
    try:
        runner.git("rev-parse", "HEAD")
    except (ValueError, OSError) as error:
        pytest.skip(f"no git repository: {error}")


@pytest.fixture
def measured(repository: None, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stands for asv: the head is slow in two cases, in one of them only the first time."""
    runs: list[list[str]] = []
    monkeypatch.setattr(runner, "twin_of", lambda commit: commit)

    def measure(pair: Any, bench: list[str], rounds: int) -> list[Change]:
        runs.append(bench)
        first = len(runs) == 1
        return [Change("k(1)", (1.3,) * rounds), Change("k(2)", (1.4 if first else 1.0,) * rounds)]

    monkeypatch.setattr(comparison, "_measured", measure)
    return runs


def test_only_a_confirmed_change_counts(
    measured: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "HEAD", "HEAD"]) == 1
    assert measured == [[comparison.BENCH], [r"^k\(1\)$", r"^k\(2\)$"]]
    told = capsys.readouterr().out
    assert "k(1)  SLOWER (again: 1.30)" in told
    assert "k(2)  not confirmed" in told
    assert "1 of 2 slower" in told


def test_nothing_slower_ends_well(
    measured: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "HEAD", "HEAD", "--factor", "1.5"]) == 0
    assert len(measured) == 1
    assert "nothing is slower (factor 1.5)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["compare", "HEAD", "no-such-commit"], "'no-such-commit' names no commit here"),
        (["compare", "HEAD", "HEAD", "--factor", "0.9"], "factor is 0.9"),
        (["publish", "--results", "no-such-folder"], "nothing was recorded there"),
        (["history", "no-such-commit"], "'no-such-commit' names no commit here"),
    ],
)
def test_mistakes_are_told(
    repository: None, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert line in capsys.readouterr().err


def test_a_missing_asv_is_told(
    repository: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "asv.machine", None)
    assert main(["history", "HEAD"]) == 2
    assert "asv is not installed" in capsys.readouterr().err


def test_a_twin_has_the_same_files(
    repository: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    (tmp_path / "file").write_text("text", encoding="utf-8")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "first"]):
        runner.git(*command)
    head = runner.commit_of("HEAD")
    twin = runner.twin_of(head)
    assert twin != head
    assert runner.git("diff", head, twin) == ""
    assert runner.git("rev-parse", "HEAD") == head
