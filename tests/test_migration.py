"""The lists of calls that tables of docs/migration.md are made of: their form, not their times."""

from importlib import import_module

import numpy as np
import pytest

from benchmarks.migration import LIBRARIES, Case, calls, check, rows, shown

SIGNS = Case("sobel", "one plane", (np.arange(20.0).reshape(4, 5),))


@pytest.mark.parametrize("name", LIBRARIES)
def test_every_call_is_one_of_ours(name):
    library = LIBRARIES[name]
    try:
        cases = [*library.listed()]
    except ImportError as error:
        pytest.skip(str(error))
    ours = import_module(library.ours)
    assert cases
    assert all(callable(getattr(ours, case.name)) for case in cases)
    assert len({(case.name, case.told) for case in cases}) == len(cases)


def test_results_are_compared_before_anything_is_timed(monkeypatch):
    pytest.importorskip("scipy")
    library = LIBRARIES["ndimage"]
    theirs, ours = (call() for call in calls(SIGNS, library))
    check(SIGNS, theirs, ours)
    for wrong in (ours + 1e-3, ours[1:], ours.astype(np.float32)):
        with pytest.raises(AssertionError):
            check(SIGNS, theirs, wrong)
    monkeypatch.setattr("benchmarks.migration.ndimage.cases", lambda: iter([SIGNS]))
    monkeypatch.setattr("benchmarks.migration.PAUSE", 0)
    head, row = rows("ndimage")
    assert "scipy.ndimage | parconv" in head
    assert row.startswith("| `sobel` | one plane | ")


@pytest.mark.parametrize(
    ("number", "text"), [(0.1234, "0.12"), (5.678, "5.7"), (12.3, "12"), (345.6, "346")]
)
def test_times_have_two_digits_or_more(number, text):
    assert shown(number) == text
