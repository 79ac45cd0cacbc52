"""Our own threads and the calling one."""

import threading
from contextlib import suppress
from typing import Any

from ..crew import ALL, NOBODY, Terms, crew, patience
from .serial import serial, unhelped
from .shift import Shift
from .work import Arrays, Work, keep, taken_scratch


def threads(work: Work, arrays: Arrays) -> None:
    """Our own threads and the calling one; safe in every process and nesting."""
    if work.kernels.obstacle:
        return _by_python(work, arrays)
    members = crew()
    offer = members.offers(work.terms)
    if offer == NOBODY:
        unhelped(work, arrays)
        return members.rest()
    scratch = taken_scratch(work, work.threads)
    members.run(work.kernels.led, (*arrays, scratch, work.table), work.terms, offer == ALL)
    if members.lost:  # a signal's handler forked, and this is the child
        serial(work, arrays)
    keep(work, scratch)
    return members.rest()


def wakes_or_not(kernels: Any, terms: Terms) -> str:
    """Whether threads that sleep will come, which a run decides."""
    if terms.eager:
        return ""
    return (
        f" (those that sleep are woken for {1e3 * patience():.2g} ms of work and more, "
        f"of which this is about {1e-6 * terms.takes:.2g})"
    )


def _by_python(work: Work, arrays: Arrays) -> None:
    """Kernels that compiled code cannot call; without the threads that the system refuses."""
    shift, scratch = Shift(work, arrays), work.new_scratch(work.threads)

    def labour() -> None:
        with suppress(RuntimeError):
            for part in scratch[1:]:
                threading.Thread(target=shift.help, args=(part,), daemon=True).start()
        shift.drain(scratch[0])

    shift.run(labour)
