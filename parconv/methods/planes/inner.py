"""The method that answers the planes of a bank, and what it is asked."""

from dataclasses import replace
from functools import lru_cache
from types import ModuleType

from ...problem.problem import Problem
from .. import direct, fft
from ..usual import bank_of, obstacle


def planes_of(problem: Problem, count: int) -> Problem:
    """The question of so many output planes."""
    return replace(
        problem,
        image=(count, *problem.plane_in),
        given=problem.filter,
        axes=(1, 2),
        bank=None,
        deep=bank_of(problem).inputs,
        reflect=False,
        traits=problem.traits._replace(bank=()),
    )


@lru_cache(maxsize=256)
def inner_of(problem: Problem) -> tuple[ModuleType, Problem]:
    """The faster method, the same whatever exact type integers are summed in, and its question.

    The direct method sees all planes, of which it streams more than fit the caches; fft one, for
    its tiles go by pairs that would reach into the next plane.
    """
    exact = problem.image_dtype.kind in "biu" and problem.filter_dtype.kind in "biu"
    one, everything = planes_of(problem, 1), planes_of(problem, count_of(problem))
    transformed = not (exact or one.deep > 1 or obstacle(fft, one) or fft.unasked(one))
    if transformed and fft.cost(one) < direct.cost(one):
        return fft, one
    return direct, everything


def questions_of(problem: Problem) -> list[Problem]:
    """One for each filter, where the taps of one cancel; else one for all."""
    question, members = inner_of(problem)[1], problem.traits.bank
    if not (members and problem.rounded):
        return [question]
    return [replace(question, traits=traits, reflect=problem.reflect) for traits in members]


def count_of(problem: Problem) -> int:
    """Output planes."""
    return problem.maps[0] * problem.maps[1]
