"""What a layer of a model remembers of its latest call, for the next like it."""

from typing import Any

import torch

from ...codegen.digest import WORD_BYTES, digest
from ...problem.dtypes import Array
from ...runtime.strategies.team import NOTHING, Memory
from ...runtime.watch import Watch, inside, watch
from . import engine, teamwork
from .arrays import array_of, is_last
from .geometry import layer

KINDS = torch.float32, torch.float64
ORDERS = {False: torch.contiguous_format, True: torch.channels_last}
# Weights of so many bytes that stayed what they were for so many calls are watched: fewer are read
# in the time of asking, and once they change the first write to each page costs.
WATCHED_BYTES, STAYED = 1 << 16, 3
Words = tuple[Any, ...]  # stride, padding, dilation, groups and border, as the layer has them


class Weights:
    """A layer's parameter, and whether it is what it was.

    torch counts what writes to it, but not what writes through ``.data`` or NumPy.  So unless they
    are ``frozen`` all numbers are looked at in each call, too; those of large weights that stayed
    the same for some calls only where the system says that somebody wrote there.
    """

    def __init__(self, parameter: Any, frozen: bool) -> None:
        self._parameter, self._version = parameter, parameter._version
        self._lying = array_of(parameter)  # its memory is nobody else's while this is alive
        self._form = parameter.shape, parameter.stride()
        self._place, self._calls = self._lying.ctypes.data, 0
        start, stop = self._place, self._place + self._lying.nbytes
        first, last = inside(self._lying)
        self._edges = (_memory(start, min(first, stop)), _memory(max(last, first), stop))
        self._whole = NOTHING if frozen else _memory(start, stop)
        self.content = digest(*self._whole)
        self._watch: Watch | None = None
        self._times: int | None = None  # that somebody wrote, when all was found as it was
        self._beside = self._of_edges()

    def _of_edges(self) -> list[int]:
        """The digests of what lies beside whole pages."""
        return [digest(*edge) for edge in self._edges]

    def is_of(self, parameter: Any) -> bool:
        """Whether torch says so: `content` is the digest of what is `unseen` besides."""
        same = parameter is self._parameter and parameter._version == self._version
        same = same and parameter.data_ptr() == self._place
        return bool(same and (parameter.shape, parameter.stride()) == self._form)

    def unseen(self) -> tuple[Memory, int | None]:
        """What is to be looked at, if it is not known to be as it was; and for `found_same`."""
        if self._whole == NOTHING:
            return NOTHING, None
        self._calls += 1
        if self._calls == STAYED and self._lying.nbytes >= WATCHED_BYTES:
            self._watch = watch(self._lying)
        times = self._watch.times() if self._watch else None
        still = times is not None and times == self._times and self._of_edges() == self._beside
        return NOTHING if still else self._whole, times

    def found_same(self, times: int | None) -> None:
        """All was looked at after ``times``, and is what it was.

        Told only then: a call that fails before must not let the next believe that it looked, nor
        may another thread's call meanwhile.
        """
        self._times = times


def _memory(start: int, stop: int) -> Memory:
    return start, (stop - start) // WORD_BYTES


class Latest:
    """A call without gradients, and the plan and the prepared weights that answered it."""

    def __init__(self, x: Any, w: Any, b: Any, words: Words, frozen: bool) -> None:
        self.words, self.shape, self.steps, self.kind = words, x.shape, x.stride(), x.dtype
        self.last, self.threads = is_last(x), teamwork.threads()
        self.weights, self.bias = Weights(w, frozen), _content(b)
        asked, added = layer(2, tuple(w.shape[2:]), *words[:-1]), None if b is None else array_of(b)
        maps = maps_of(x, self.last)
        self.plan, self.taps = engine.planned(maps, array_of(w), added, asked, self.last, words[-1])
        first, *others = self.plan.problem.shape
        self.result = (first, *others[-1:], *others[:-1]) if self.last else (first, *others)

    def __reduce__(self) -> Any:
        return _nothing, ()

    def answer(self, x: Any, w: Any, b: Any, words: Words) -> Any:
        """The layer's maps if the call is like the latest, else None."""
        if x.shape != self.shape or x.stride() != self.steps or x.dtype is not self.kind:
            return None
        if words != self.words or teamwork.threads() != self.threads or type(x) is not torch.Tensor:
            return None
        if not self.weights.is_of(w) or _content(b) != self.bias:
            return None
        order = ORDERS[self.last]
        out = torch.empty(self.result, dtype=self.kind, memory_format=order, device=x.device)
        maps = maps_of(x, self.last), maps_of(out, self.last)
        unseen, times = self.weights.unseen()
        found = teamwork.looked(self.plan, self.taps, *maps, unseen)
        if unseen == NOTHING:
            return out
        if found != self.weights.content:
            return None
        self.weights.found_same(times)
        return out


def latest_of(x: Any, w: Any, b: Any, words: Words, frozen: bool) -> Latest | None:
    """What to remember of a call: nothing unless it is of usual numbers, axes and weights."""
    usual = x.dim() == w.dim() == 4 and x.dtype in KINDS and type(x) is torch.Tensor
    whole = x.is_contiguous() or is_last(x)
    lies = w.is_contiguous() or is_last(w)
    known = type(w) is torch.nn.Parameter and not w.is_inference() and lies
    able = usual and whole and known and x.numel()
    return Latest(x, w, b, words, frozen) if able else None


def maps_of(x: Any, last: bool) -> Array:
    """Its numbers as our layers take them."""
    found = x.detach().resolve_neg()
    result: Array = (found.permute(0, 2, 3, 1) if last else found).numpy()
    return result


def _content(bias: Any) -> bytes | None:
    return None if bias is None else array_of(bias).tobytes()


def _nothing() -> None:
    """What a copy or a pickle of a layer remembers."""
