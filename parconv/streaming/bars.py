"""Bars for whoever asks for progress and has no use for numbers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

Progress = Callable[[int, int | None], object]


@contextmanager
def shown(progress: Any) -> Iterator[Progress | None]:
    """The function to tell; a bar on standard error for True, by rich or tqdm."""
    if progress is not True:
        yield progress or None
    elif find_spec("rich"):
        with _rich() as tell:
            yield tell
    elif find_spec("tqdm"):
        with _tqdm() as tell:
            yield tell
    else:
        raise ModuleNotFoundError(
            "progress=True needs rich or tqdm: install one, or pass a function of (done, total)"
        )


@contextmanager
def _rich() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _tqdm() -> Iterator[Progress]:
    from tqdm.auto import tqdm

    with tqdm(unit="B", unit_scale=True) as bar:

        def tell(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield tell
