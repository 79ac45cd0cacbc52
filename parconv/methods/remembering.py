"""Answers that are arrays, remembered up to so many bytes."""

from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Generic, TypeVar

from ..problem.dtypes import Array

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer", bound=Array | tuple[Array, ...])
TABLE_BYTES = 1 << 24  # of tables about problems, with a number for each tap or so
MOST = 256  # answers: adding up their bytes takes 15 microseconds


class Remembered(Generic[Question, Answer]):
    """`functools.lru_cache` for arrays, bounded by their bytes.

    A table of a large filter takes megabytes, and there is one for each shape of an image.
    """

    def __init__(self, make: Callable[[Question], Answer], most: int) -> None:
        self._make: Callable[[Question], Answer] = make
        self._most = most
        self._known: dict[Question, Answer] = {}
        update_wrapper(self, make)

    def __call__(self, question: Question) -> Answer:
        answer = self._known.get(question)
        if answer is None:
            answer = self._make(question)
            self._remember(question, answer)
        return answer

    def _remember(self, question: Question, answer: Answer) -> None:
        room = self._most - nbytes(answer)
        others = [*self._known.values()]  # at one stroke: other threads add to them
        if len(others) >= MOST or sum(map(nbytes, others)) > room:
            self.cache_clear()
        if room >= 0:
            self._known[question] = answer

    def cache_clear(self) -> None:
        """Forget all."""
        self._known.clear()


def remembered(
    most: int,
) -> Callable[[Callable[[Question], Answer]], Remembered[Question, Answer]]:
    """Remember a function's answers, ``most`` bytes of them in all.

    Examples
    --------
    >>> import numpy as np
    >>> squares = remembered(1 << 20)(lambda n: np.arange(n) ** 2)
    >>> squares(4) is squares(4)
    True
    """
    return lambda make: Remembered(make, most)


def nbytes(answer: Array | tuple[Array, ...]) -> int:
    """Of an array, or of several."""
    return sum(each.nbytes for each in (answer if isinstance(answer, tuple) else (answer,)))
