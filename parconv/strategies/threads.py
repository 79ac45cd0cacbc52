"""Our own threads and the calling one."""

from functools import partial

from ..crew import crew
from .shift import Shift
from .work import Arrays, Work


def threads(work: Work, arrays: Arrays) -> None:
    """Our own threads and the calling one; safe in every process and nesting."""
    shift, scratch = Shift(work, arrays), work.new_scratch(work.threads)
    helpers = [partial(shift.help, part) for part in scratch[1:]]

    def labour() -> None:
        crew().begin(helpers)
        shift.drain(scratch[0])

    shift.run(labour)
