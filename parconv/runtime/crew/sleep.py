"""How threads wait for one another: they spin for a while, then sleep until somebody wakes them."""

from ...codegen import jit
from . import board as b
from .atomic import add, address, ask1, ask2, ask3, load, pause, read_clock, store, swap

TURNS = 64  # of a loop that waits, between two looks at the clock
TURNS_WITHOUT_CLOCK = 4000
STEPS = 8  # parts of a sleeper's delay by which what the board keeps of it changes
AT_ONCE = 2  # sleepers that one thread wakes; each of them wakes as many


@jit.jit()
def now(board):
    """Nanoseconds; 0 where the system has no clock for compiled code."""
    if board[b.CLOCK] == 0:
        return 0
    return read_clock(board[b.CLOCK], board[b.CLOCK_ID], board[b.TICK])


@jit.jit()
def is_over(board, end, turns):
    """Whether it is later than ``end``, or were so many turns where there is no clock."""
    return now(board) > end if board[b.CLOCK] else turns > TURNS_WITHOUT_CLOCK


@jit.jit()
def spin(board, at, value, patience):
    """Wait while the word is ``value``, for so long; whether it still is."""
    end, turns = now(board) + patience, 0
    while load(board, at) == value:
        pause()
        turns += 1
        if turns % TURNS == 0 and is_over(board, end, turns):
            return True
    return False


@jit.jit()
def rest(board, at, heard):
    """Sleep until somebody wakes us; not at all if the bell rang meanwhile."""
    add(board, b.AWAKE, -1)
    store(board, at + b.STATE, b.RESTING)
    if load(board, b.BELL) != heard and swap(board, at + b.STATE, b.RESTING, b.UP):
        add(board, b.AWAKE, 1)
        return
    ask2(board[b.ACQUIRE], board[at + b.BED], 1)
    note(board, now(board) - board[at + b.CALLED])
    if board[at + b.BARRED]:
        ask3(board[b.MOVE], 0, b.MASK_BYTES, address(board, at + b.HOME))


@jit.jit()
def note(board, late):
    """A delay more, of which the board keeps about the median: single ones are far longer."""
    step = board[b.LATE] // STEPS
    board[b.LATE] += step if late > board[b.LATE] else -step


@jit.jit()
def rouse(board, slot):
    """Wake some of the sleepers whom the call still wants."""
    member = 0
    for _ in range(AT_ONCE):
        if add(board, slot + b.WANTED, -1) <= 0:
            return
        while member < board[b.MEMBERS]:
            at = b.FIRST_MEMBER + member * b.MEMBER
            member += 1
            if load(board, at + b.STATE) == b.RESTING and swap(
                board, at + b.STATE, b.RESTING, b.UP
            ):
                wake(board, at)
                break


@jit.jit()
def wake(board, at):
    """Wake a sleeper, away from our own core.

    Linux wakes a thread on its waker's core where no other looks free, as no halted core of a
    virtual machine does: the two then take turns on one core for many calls.
    """
    add(board, b.AWAKE, 1)
    board[at + b.BARRED] = bar(board, at)
    board[at + b.CALLED] = now(board)
    ask1(board[b.RELEASE], board[at + b.BED])


@jit.jit()
def bar(board, at):
    """Keep a sleeper from our core; whether that was done, and is to be undone when it wakes."""
    if board[b.MOVE] == 0 or board[b.CORE] == 0 or board[at + b.THREAD] == 0:
        return 0
    if ask3(board[b.READ_CORES], 0, b.MASK_BYTES, address(board, at + b.HOME)) < 0:
        return 0
    core, others = ask1(board[b.CORE], 0), 0
    for word in range(b.LINE):
        bits = board[at + b.HOME + word]
        if word == core // 64:
            bits &= ~(1 << core % 64)
        board[at + b.AWAY + word] = bits
        others |= bits
    if others == 0:
        return 0
    moved = ask3(board[b.MOVE], board[at + b.THREAD], b.MASK_BYTES, address(board, at + b.AWAY))
    return 1 if moved == 0 else 0
