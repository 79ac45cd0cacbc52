"""One thread that reads ahead or writes behind while the calling thread computes."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any

NAME = "parconv-stream"


class Helper:
    """Runs ``work`` on what it is asked, in order, on a thread that ends with the ``with`` block.

    It ends with the first error too.  Queues written in C are all that is shared: an interrupt
    cannot leave them locked.  Where the system has no thread left, whoever wants an answer works.
    """

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self._asked: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=NAME, daemon=True)
        self._alone = False

    def __enter__(self) -> "Helper":
        try:
            self._thread.start()
        except RuntimeError:  # can't start new thread
            self._alone = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        try:
            self._stop()
        finally:  # an interrupt may strike the first time
            self._stop()

    def ask(self, *arguments: Any) -> None:
        self._asked.put(arguments)

    def answer(self) -> Any:
        """To the oldest question not yet answered; raises what the work raised."""
        if self._alone:
            return self._work(*self._asked.get())  # type: ignore[misc]
        result, error = self._answers.get()
        if error is not None:
            raise error
        return result

    def _serve(self) -> None:
        for arguments in iter(self._asked.get, None):
            try:
                self._answers.put((self._work(*arguments), None))
            except BaseException as error:
                self._answers.put((None, error))
                return

    def _stop(self) -> None:
        """Return when all that was asked is done and the thread is gone."""
        self._asked.put(None)
        with suppress(RuntimeError):  # a forgotten generator, collected on this very thread
            self._thread.join()


def ahead(
    read: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], reads: int = 1
) -> Generator[Any, None, None]:
    """What ``read`` answers to each job until it answers None; the next ones are read meanwhile.

    By so many threads.  The answer before the last one is its reader's again.
    """
    with ExitStack() as stack:
        helpers = [stack.enter_context(Helper(read)) for _ in range(reads)]
        turns, asked = itertools.cycle(helpers), deque[Helper]()
        for job in jobs:
            helper = next(turns)
            helper.ask(*job)
            asked.append(helper)
            if len(asked) > reads:
                answer = asked.popleft().answer()
                if answer is None:
                    return
                yield answer
        while asked and (answer := asked.popleft().answer()) is not None:
            yield answer
