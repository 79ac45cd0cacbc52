"""Which outputs a tap meets inside the image.  Pure arithmetic."""

from ...problem.problem import Problem


def met(problem: Problem, axis: int) -> list[int]:
    """For each tap of an axis, first and stop of the outputs for which it is inside the image."""
    stride, outputs = problem.stride[axis], problem.plane[axis]
    found = []
    for tap in range(problem.filter[axis]):
        beyond = problem.lead[axis] - tap * problem.dilation[axis]
        ends = beyond, beyond + problem.plane_in[axis]
        found += [min(max(-(-end // stride), 0), outputs) for end in ends]
    return found


def share(problem: Problem, axis: int) -> float:
    """Of products along an axis, those of taps inside the image."""
    of = met(problem, axis)
    return (sum(of[1::2]) - sum(of[::2])) / (problem.filter[axis] * problem.plane[axis])


def square_share(problem: Problem) -> float:
    """Of all products, those of taps inside the image, as if rows were as columns are.

    So that it does not matter how many rows there are.
    """
    return share(problem, 1) ** (2 if problem.filter[0] > 1 else 1)


def is_inside(problem: Problem, axis: int) -> bool:
    """Whether no tap leaves the image along an axis."""
    return met(problem, axis) == [0, problem.plane[axis]] * problem.filter[axis]


def bordered_by_zeros(problem: Problem, axis: int) -> bool:
    """Whether zeros lie beyond the ends of an axis, or nothing does, since no tap leaves it."""
    if problem.boundary[axis] == "constant" and problem.cval == 0:
        return True
    return is_inside(problem, axis)
