"""What caller and workers do, compiled: they claim bands, and wait for one another as in `sleep`.

A call is a slot of the board.  Its caller opens it, rings the bell and computes; a worker that sees
it takes a seat and claims bands too.  The caller closes it when no band is left and waits for
those that are inside: never for one that has not come.  Nobody needs the interpreter for any of it.
"""

from ...codegen import jit
from . import board as b
from .atomic import add, ask1, ask2, load, pause, store, swap
from .floats import mode, set_mode
from .record import MAPS, call, run_maps, run_planes, worker_scratch, write
from .sleep import TURNS, is_over, now, rest, rouse, spin

# A call's own words, which Python keeps between two looks at the signals.  BAND: the next one of a
# call alone, else how many the caller filled.  Then what Python tells: seats for workers, the
# caller's bands between two looks, whether sleepers are woken.
PLACE, BAND, COUNTED, BEGAN, LACKING, HELPERS, PACE, WAKES, CALL_WORDS = range(9)
NOWHERE, ALONE = -1, -2  # places

FINISHED = 1 << 62  # no band has this number
# The caller spins for bands under way as long as a band takes, within these limits, ns.  Whoever is
# inside longer has lost its core: then the caller sleeps, for its own may be the one to be had.
LEAST_PATIENCE, MOST_PATIENCE = 30_000, 1_000_000
REMEMBERS = 32  # helped calls over which the loss is averaged
# A wait counts as no longer, ns: some turns of the scheduler.  Who was stopped for a second, by a
# signal or with the machine, would else be shy of help for two hundred calls of 10 ms.
MOST_LOSS = 20_000_000


# --- workers -------------------------------------------------------------------------------------


def serve(board, member):
    """The life of a worker."""
    at = b.FIRST_MEMBER + member * b.MEMBER
    if not swap(board, at + b.STATE, b.ABSENT, b.UP):
        return
    add(board, b.AWAKE, 1)
    while board[b.STOP] == 0:
        heard = load(board, b.BELL)
        helped = True
        while helped:
            helped = False
            for slot in range(b.SLOTS):
                if join(board, b.FIRST_SLOT + slot * b.SLOT):
                    helped = True
        if spin(board, b.BELL, heard, board[b.SPIN]):
            rest(board, at, heard)
    add(board, b.AWAKE, -1)
    store(board, at + b.STATE, b.ABSENT)


@jit.jit()
def join(board, slot):
    """Help a call that is open and has bands left; whether a band was filled."""
    ticket = load(board, slot + b.TICKET)
    if ticket % 2 == 0 or load(board, slot + b.NEXT) >= board[slot + b.COUNT]:
        return False
    helped = False
    add(board, slot + b.INSIDE, 1)
    if load(board, slot + b.TICKET) == ticket:
        seat = add(board, slot + b.TAKEN, 1)
        if seat < board[slot + b.SEATS]:
            rouse(board, slot)
            helped = labour(board, slot, seat + 1)
    if add(board, slot + b.INSIDE, -1) == 1 and swap(board, slot + b.WAITS, 1, 0):
        ask1(board[b.RELEASE], board[slot + b.DOOR])
    return helped


@jit.jit()
def labour(board, slot, worker):
    """Bands until there are none, in the caller's floating-point mode; whether there was one."""
    own, helped = mode(), False
    set_mode(board[slot + b.MODE])
    band = add(board, slot + b.NEXT, 1)
    while band < board[slot + b.COUNT]:
        if board[slot + b.AXES] == MAPS:
            run_maps(board, slot + b.ARRAYS, board[slot + b.KERNEL], worker, band)
        else:
            run_planes(board, slot + b.ARRAYS, board[slot + b.KERNEL], worker, band)
        helped = True
        band = add(board, slot + b.NEXT, 1)
    set_mode(own)
    return helped


# --- the caller ----------------------------------------------------------------------------------


def lead(kernel, f, taps, fill, out, layout, scratch, bands, board, own):
    """Fill bands, with workers where there are some; whether there are bands left.

    The same call goes on when it is made again; `close` ends it anywhere.
    """
    if own[COUNTED] == 0:
        begin(board, own)
        if own[PLACE] >= 0:
            slot = own[PLACE]
            write(board, slot + b.ARRAYS, f, taps, fill, out, layout, scratch, bands)
            board[slot + b.AXES] = f.ndim
            publish(board, slot, kernel, bands.shape[0])
    slot, count, mine = own[PLACE], bands.shape[0], worker_scratch(scratch, 0)
    if slot == ALONE:
        first = own[BAND]
        last, most = first + 1, min(first + own[PACE], count)
        while last < most and bands[last, 0] == bands[last - 1, 1]:
            last += 1
        call(kernel, f, taps, fill, out, layout, mine, bands[first, 0], bands[last - 1, 1])
        own[BAND] = last
        if last < count:
            return True
        end(board, own)
        return False
    for _ in range(own[PACE]):
        band = add(board, slot + b.NEXT, 1)
        if band >= count:
            end(board, own)
            return False
        call(kernel, f, taps, fill, out, layout, mine, bands[band, 0], bands[band, 1])
        own[BAND] += 1
    return True


@jit.jit()
def begin(board, own):
    """Count the call, and find it a slot where somebody may help."""
    own[COUNTED], own[BEGAN] = 1, now(board)
    callers = add(board, b.CALLERS, 1) + 1
    own[PLACE], own[BAND] = ALONE, 0
    own[LACKING] = own[WAKES] != 0 and board[b.STARTED] < own[HELPERS]
    helpers = min(own[HELPERS], board[b.CORES] - callers)
    if helpers <= 0 or (own[WAKES] == 0 and load(board, b.AWAKE) == 0):
        return
    for place in range(b.SLOTS):
        slot = b.FIRST_SLOT + place * b.SLOT
        if swap(board, slot + b.OWNED, 0, 1):
            own[PLACE] = slot
            board[slot + b.SEATS] = helpers
            wanted = max(0, helpers - load(board, b.AWAKE)) if own[WAKES] else 0
            store(board, slot + b.WANTED, wanted)
            return


@jit.jit()
def publish(board, slot, kernel, count):
    """Open the call: from here on workers may come."""
    board[slot + b.KERNEL], board[slot + b.COUNT] = kernel, count
    board[slot + b.MODE] = mode()
    store(board, slot + b.TAKEN, 0)
    store(board, slot + b.NEXT, 0)
    add(board, slot + b.TICKET, 1)
    add(board, b.BELL, 1)
    rouse(board, slot)


@jit.jit()
def end(board, own):
    """No band is handed out any more, and none is under way when this returns."""
    if own[PLACE] >= 0:
        slot = own[PLACE]
        store(board, slot + b.NEXT, FINISHED)
        add(board, slot + b.TICKET, 1)
        lost = wait(board, slot, (now(board) - own[BEGAN]) // max(own[BAND], 1))
        if load(board, slot + b.TAKEN) > 0:
            board[b.LOSS] += (min(lost, MOST_LOSS) - board[b.LOSS]) // REMEMBERS
        store(board, slot + b.OWNED, 0)
    own[PLACE] = NOWHERE
    if own[COUNTED]:
        own[COUNTED] = 0
        add(board, b.CALLERS, -1)


@jit.jit()
def wait(board, slot, patience):
    """Until no worker is inside; ns beyond all patience."""
    end = now(board) + min(max(patience, LEAST_PATIENCE), MOST_PATIENCE)
    turns, slept = 0, False
    while load(board, slot + b.INSIDE) > 0:
        pause()
        turns += 1
        if turns % TURNS == 0 and is_over(board, end, turns):
            slept = True
            store(board, slot + b.WAITS, 1)
            if load(board, slot + b.INSIDE) == 0 and swap(board, slot + b.WAITS, 1, 0):
                break
            ask2(board[b.ACQUIRE], board[slot + b.DOOR], 1)
    return now(board) - end if slept else 0


def close(board, own):
    """End a call that was interrupted; one that ended is left alone."""
    end(board, own)
