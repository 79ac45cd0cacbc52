"""Streams: the bits of `conv2d`, from and into everything, in bounded memory, taken up again."""

import errno
import itertools
import json
import os
import shutil
import signal
import sys
import threading

import numpy as np
import pytest

import parconv
from parconv import cli
from parconv.experiments import streaming
from parconv.streaming import blocks, cut, helper, journal, memory, newfile, plan, rates, sinks
from parconv.streaming.question import Question

BORDERS = ("constant", "edge", "symmetric", "mirror", "wrap")
SAME = {"mode": "same", "boundary": "mirror"}


@pytest.fixture(autouse=True)
def _no_thread_survives():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == helper.NAME]


@pytest.fixture
def path(tmp_path):
    """Where results go."""
    return tmp_path / "out.npy"


def image(shape, dtype="float32", seed=0):
    return (100 * np.random.default_rng(seed).random(shape)).astype(dtype)


def taps(*shape):
    return (3 * np.random.default_rng(9).standard_normal(shape)).astype("float32")


def saved(folder, array):
    """The array as a memory map."""
    np.save(folder / "f.npy", array)
    return np.load(folder / "f.npy", mmap_mode="r")


def for_rows(f, g, height, **question):
    """Memory for chunks of so many rows."""
    asked = Question(f.shape, f.dtype.newbyteorder("="), g, question)
    return plan.needed(asked, 1, min(height, asked.rows))


def for_items(f, g, count, **question):
    """Memory for chunks of so many items."""
    return plan.needed(Question(f.shape, f.dtype, g, question), count, None)


def same_bits(result, expected):
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    assert np.array(result).tobytes() == expected.tobytes()


# --- rows of images that do not fit --------------------------------------------------------------

SHAPES = {
    "odd": ((61, 40), (5, 5)),
    "tall": ((61, 40), (4, 1)),
    "flat": ((30, 40), (1, 6)),
    "taller than the image": ((9, 40), (13, 3)),
    "larger than the image": ((5, 7), (23, 30)),
}


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(
    ("mode", "name"),
    [
        case
        for case in itertools.product(["valid", "same", "full"], SHAPES)
        if case != ("valid", "taller than the image")  # where neither covers the other
    ],
)
def test_rows_have_the_whole_images_borders(tmp_path, path, border, mode, name):
    shape, size = SHAPES[name]
    f, g = saved(tmp_path, image(shape)), taps(*size)
    question = {"mode": mode, "boundary": (border, "edge"), "cval": 7.5, "method": "direct"}
    expected = parconv.conv2d(f, g, **question)
    for height in (1, 2, 7, 30):
        limit = for_rows(f, g, height, **question)
        assert parconv.plan_stream(f, g, memory=limit, **question).memory <= limit
        same_bits(parconv.stream(f, g, path, memory=limit, **question), expected)


QUESTIONS = (
    {"stride": 2, "mode": "same"},
    {"stride": (3, 1), "dilation": (2, 3), "mode": "full", "boundary": "wrap"},
    {"origin": (1, -1), "mode": "same", "boundary": "symmetric"},
    {"padding": ((60, 9), (0, 2)), "boundary": "constant", "cval": -3},
    {"padding": ((6, 9), (0, 2)), "boundary": "mirror", "correlate": True},
    {"dtype": "complex128", "mode": "same", "boundary": ("wrap", "constant")},
    {"accumulate": "float64", "mode": "same"},
)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: next(iter(question)))
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16", "complex64", ">f8"])
def test_rows_answer_every_question(tmp_path, path, question, dtype):
    f, g = saved(tmp_path, image((50, 33), dtype)), taps(5, 3)
    function = parconv.correlate2d if "correlate" in question else parconv.conv2d
    rest = {name: value for name, value in question.items() if name != "correlate"}
    limit = for_rows(f, g, 9, **question)
    assert parconv.plan_stream(f, g, memory=limit, **question).number > 1
    result = parconv.stream(f, g, path, memory=limit, **question)
    same_bits(result, function(f, g, **rest))


@pytest.mark.parametrize("method", ["separable", "rows", "box", "windows", "dot"])
def test_rows_by_every_exact_method(tmp_path, path, method):
    dtype = "float32" if method in ("separable", "rows", "windows") else "uint8"
    g = np.outer(taps(7), taps(5)) if method in ("separable", "rows") else np.full((7, 5), 2)
    f = saved(tmp_path, image((90, 70), dtype))
    try:
        expected = parconv.conv2d(f, g, method=method, **SAME)
    except ValueError as error:
        pytest.skip(str(error))
    limit = for_rows(f, g, 13, method=method, **SAME)
    same_bits(parconv.stream(f, g, path, memory=limit, method=method, **SAME), expected)


def test_transforms_begin_anew_in_each_chunk(tmp_path, path):
    """So they agree within their bound, and NaN reaches no further than the filter."""
    f, g = image((300, 280)), taps(15, 15)
    f[100, 50] = np.nan
    expected = parconv.conv2d(f.astype("float64"), g, method="direct", **SAME)
    f = saved(tmp_path, f)
    limit = for_rows(f, g, 77, method="fft", **SAME)
    result = parconv.stream(f, g, path, memory=limit, method="fft", **SAME)
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    bound = 1e-6 * 100 * np.abs(g).sum()
    assert np.nanmax(np.abs(result - expected)) < bound


AXES = {
    "colour": ((40, 33, 3), (0, 1)),
    "planes": ((3, 40, 33), (1, 2)),
    "between": ((40, 3, 33), (0, 2)),
    "turned": ((33, 3, 40), (2, 0)),
}


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("size", [(3, 5), (4, 3, 5)], ids=["filter", "bank"])
def test_rows_along_any_axis(tmp_path, path, name, size):
    shape, axes = AXES[name]
    f, g = saved(tmp_path, image(shape)), taps(*size)
    question = {"axes": axes, "mode": "same", "boundary": "edge"}
    expected = parconv.conv2d(f, g, **question)
    for height in (1, 8, 19):
        limit = for_rows(f, g, height, **question)
        assert parconv.plan_stream(f, g, memory=limit, **question).per_chunk[1]
        same_bits(parconv.stream(f, g, path, memory=limit, **question), expected)


# --- batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(3, 5), (4, 3, 5), (4, 6, 3, 5)], ids=len)
@pytest.mark.parametrize("count", [1, 3, 10])
def test_batches_are_cut_along_their_first_axis(tmp_path, path, size, count):
    shape = (10, 6, 21, 18) if len(size) == 4 else (10, 21, 18)
    f, g = saved(tmp_path, image(shape)), taps(*size)
    limit = for_items(f, g, count, **SAME)
    assert parconv.plan_stream(f, g, memory=limit, **SAME).per_chunk == (count, None)
    same_bits(parconv.stream(f, g, path, memory=limit, **SAME), parconv.conv2d(f, g, **SAME))


def test_channels_are_no_batch(tmp_path, path):
    f, g = saved(tmp_path, image((6, 40, 30))), taps(6, 6, 3, 3)
    assert parconv.plan_stream(((7, *f.shape), "float32"), g).items == 7
    limit = for_rows(f, g, 9, **SAME)
    assert parconv.plan_stream(f, g, memory=limit, **SAME).per_chunk == (1, 8)
    same_bits(parconv.stream(f, g, path, memory=limit, **SAME), parconv.conv2d(f, g, **SAME))


def test_small_images_share_a_chunk():
    found = parconv.plan_stream(((10_000, 28, 28), "float32"), taps(5, 5), **SAME)
    assert found.per_chunk[0] * 2 * 28 * 28 * 4 <= plan.CHUNK
    assert found.per_chunk[0] > 9000


# --- sources and outputs -------------------------------------------------------------------------


class Stored:
    """What Zarr and HDF5 offer: a shape, a dtype, slices; and no more."""

    def __init__(self, array):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, index):
        return self._array[index].copy()

    def __setitem__(self, index, value):
        self._array[index] = value


def _views(folder):
    """An image of shape (6, 30, 20), as everything that a source may be."""
    f = image((6, 30, 20))
    np.save(folder / "f.npy", f)
    f.tofile(folder / "f.raw")
    np.save(folder / "wide.npy", np.repeat(np.repeat(f, 2, 1), 2, 2))
    np.save(folder / "fortran.npy", np.asfortranarray(f))
    np.save(folder / "swapped.npy", f.astype(">f4"))
    changed = np.memmap(folder / "f.raw", "f4", "c", shape=f.shape)
    wide = np.load(folder / "wide.npy", mmap_mode="r")
    moved = np.load(folder / "f.npy", mmap_mode="r")
    (folder / "f.npy").rename(folder / "elsewhere.npy")
    np.save(folder / "f.npy", f)
    return {
        "path": str(folder / "f.npy"),
        "map": np.load(folder / "f.npy", mmap_mode="r"),
        "written map": np.load(folder / "f.npy", mmap_mode="r+"),
        "raw map": np.memmap(folder / "f.raw", "f4", "r", shape=f.shape),
        "offset": np.memmap(folder / "f.raw", "f4", "r", 4 * 600, (5, 30, 20)),
        "part": np.load(folder / "f.npy", mmap_mode="r")[1::2, 3:, :17],
        "every other row": wide[:, ::2, :20],
        "every other column": wide[:, ::2, ::2],
        "backwards": np.load(folder / "f.npy", mmap_mode="r")[::-1, ::-1],
        "fortran": np.load(folder / "fortran.npy", mmap_mode="r"),
        "swapped": np.load(folder / "swapped.npy", mmap_mode="r"),
        "copy on write": changed,
        "moved away": moved,
        "array": f,
        "view": f[:, ::-1, ::2],
        "swapped array": f.astype(">f4"),
        "stored": Stored(f),
    }


VIEWS = (
    "path", "map", "written map", "raw map", "offset", "part", "every other row",
    "every other column", "backwards", "fortran", "swapped", "copy on write", "moved away", "array",
    "view", "swapped array", "stored",
)  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_every_source(tmp_path, path, name):
    source, g = _views(tmp_path)[name], taps(3, 3)
    if name in ("copy on write", "written map"):
        source[2] = 7  # of which the file does not know yet
    whole = np.load(source) if name == "path" else source[:]
    expected = parconv.conv2d(whole, g, **SAME)
    for limit in (for_items(whole, g, 2, **SAME), for_rows(whole, g, 8, **SAME)):
        same_bits(parconv.stream(source, g, path, memory=limit, **SAME), expected)
        same_bits(
            parconv.stream(source, g, np.empty_like(expected), memory=limit, **SAME), expected
        )


def _outputs(folder, shape):
    raw = np.memmap(folder / "out.raw", "f4", "w+", 64, (2, *shape))
    strided = np.lib.format.open_memmap(folder / "part.npy", "w+", "f4", (*shape[:2], 2 * shape[2]))
    swapped = np.lib.format.open_memmap(folder / "swapped.npy", "w+", ">f4", shape)
    return {
        "map": raw[1],
        "strided": strided[..., ::2],
        "columns": strided[..., : shape[2]],
        "swapped": swapped,
        "array": np.full(shape, np.nan, "f4"),
        "backwards": np.full(shape, np.nan, "f4")[::-1, :, ::-1],
        "stored": Stored(np.full(shape, np.nan, "f4")),
    }


@pytest.mark.parametrize(
    "name", ["map", "strided", "columns", "swapped", "array", "backwards", "stored"]
)
@pytest.mark.parametrize("cut_rows", [False, True], ids=["items", "rows"])
def test_every_output(tmp_path, name, cut_rows):
    f, g = image((6, 30, 20)), taps(3, 3)
    out = _outputs(tmp_path, f.shape)[name]
    limit = (for_rows if cut_rows else for_items)(f, g, 2, **SAME)
    result = parconv.stream(f, g, out, memory=limit, **SAME)
    assert result is out  # of a store nothing is read
    np.testing.assert_array_equal(out[:], parconv.conv2d(f, g, **SAME))
    assert not list(tmp_path.glob("*" + journal.SUFFIX))


def test_without_output_results_are_yielded(tmp_path):
    f, g = saved(tmp_path, image((7, 30, 20))), taps(3, 3)
    expected = parconv.conv2d(f, g, **SAME)
    for source in (f, np.array(f), list(f), iter(f), Stored(f)):
        found = parconv.stream(source, g, memory=for_items(f, g, 2, **SAME), **SAME)
        assert iter(found) is found
        same_bits(np.array(list(found)), expected)


def test_nobody_has_to_take_all_results(tmp_path):
    f = saved(tmp_path, image((7, 30, 20)))
    found = parconv.stream(f, taps(3, 3), memory=for_items(f, taps(3, 3), 1))
    next(found)
    assert [thread for thread in threading.enumerate() if thread.name == helper.NAME]
    del found  # and its thread with it
    parconv.stream(f, taps(3, 3))  # not begun at all


# --- iterables -----------------------------------------------------------------------------------


def _reusing(f):
    """As readers of video do: each frame in the memory of the one before."""
    frame = np.empty_like(f[0])
    for one in f:
        frame[...] = one
        yield frame


@pytest.mark.parametrize("count", [1, 2, 7])
def test_iterables(path, count):
    f, g = image((7, 30, 20)), taps(3, 3)
    expected, limit = parconv.conv2d(f, g, **SAME), for_items(f, g, count, **SAME)
    same_bits(parconv.stream(_reusing(f), g, path, memory=limit, **SAME), expected)
    same_bits(parconv.stream(list(f), g, path, memory=limit, **SAME), expected)
    out = np.zeros((9, 30, 20), "f4")
    same_bits(parconv.stream(_reusing(f), g, out, memory=limit, **SAME), expected)
    assert not out[7:].any()


def test_items_may_be_colour_or_batches(path):
    f, g = image((5, 30, 20, 3)), taps(3, 3)
    expected = parconv.conv2d(f, g, axes=(1, 2), **SAME)
    same_bits(parconv.stream(iter(f), g, path, axes=(0, 1), **SAME), expected)
    f, g = image((5, 4, 2, 9, 8)), taps(6, 1, 3, 3)
    expected = np.stack([parconv.conv2d(batch, g, groups=2) for batch in f])
    told = Stop()
    for source in (iter(f), list(f)):
        same_bits(parconv.stream(source, g, path, groups=2, progress=told), expected)
    assert told.told == [(expected.nbytes, None), (expected.nbytes, expected.nbytes)]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (np.zeros((30, 21), "f4"), r"item 3 has shape \(30, 21\).*first has \(30, 20\)"),
        (np.zeros((30, 20), "f8"), "item 3 has .*float64.*alike"),
    ],
)
def test_items_must_be_alike(path, bad, told):
    items = [*image((3, 30, 20)), bad]
    with pytest.raises(ValueError, match=told):
        parconv.stream(iter(items), taps(3, 3), path)


@pytest.mark.parametrize("kind", [np.asarray, Stored])
def test_more_items_than_room(kind):
    with pytest.raises(ValueError, match="room for 2 items"):
        parconv.stream(iter(image((3, 30, 20))), taps(3, 3), kind(np.empty((2, 28, 18), "f4")))


# --- taken up again ------------------------------------------------------------------------------


class Stop:
    """A progress callback that interrupts after so many chunks, and counts them."""

    def __init__(self, after=1 << 30, error=KeyboardInterrupt):
        self.after, self.error, self.told = after, error, []

    def __call__(self, done, total):
        self.told.append((done, total))
        if len(self.told) == self.after:
            raise self.error()


@pytest.fixture
def computed(monkeypatch):
    """Chunks, as they are written."""
    found, write = [], sinks.Sink.write
    monkeypatch.setattr(
        sinks.Sink, "write", lambda self, *rest: (found.append(rest[0]), write(self, *rest))[1]
    )
    return found


@pytest.fixture(autouse=True)
def _interruptible():
    """A process that was started in the background ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _ctrl_c():
    signal.raise_signal(signal.SIGINT)
    return AssertionError("the signal was not heard")


@pytest.mark.parametrize("cut_rows", [False, True], ids=["items", "rows"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, _ctrl_c])
def test_goes_on_where_it_stopped(tmp_path, path, computed, error, cut_rows):
    f, g = saved(tmp_path, image((10, 30, 20))), taps(3, 3)
    limit = for_rows(f, g, 15, **SAME) if cut_rows else for_items(f, g, 1, **SAME)
    number = parconv.plan_stream(f, g, memory=limit, **SAME).number
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        parconv.stream(f, g, path, memory=limit, progress=Stop(3, error), **SAME)
    first = len(computed)
    assert 3 <= first < number
    assert not path.exists()
    assert np.load(_partial(path)).shape == (0, 30, 20)  # nobody takes it for the whole
    again = Stop()
    result = parconv.stream(f, g, path, memory=limit, progress=again, **SAME)
    same_bits(result, parconv.conv2d(f, g, **SAME))
    assert len(computed) == len(set(computed)) == number
    assert again.told[-1] == (result.nbytes, result.nbytes)
    assert [done for done, _ in again.told] == sorted({done for done, _ in again.told})
    assert sorted(os.listdir(tmp_path)) == ["f.npy", "out.npy"]


def test_the_last_chunk_of_an_iterable_may_be_shorter(path, computed):
    f, g = image((7, 30, 20)), taps(3, 3)
    limit = for_items(f, g, 3, **SAME)
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(iter(f), g, path, memory=limit, progress=Stop(3), **SAME)
    same_bits(parconv.stream(iter(f), g, path, memory=limit, **SAME), parconv.conv2d(f, g, **SAME))
    assert len(set(computed)) == 3


def test_iterables_are_read_again_but_not_computed(path, computed):
    f, g = image((10, 30, 20)), taps(3, 3)
    limit = for_items(f, g, 1, **SAME)
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(iter(f), g, path, memory=limit, progress=Stop(6), **SAME)
    first = len(computed)
    f[4] += 1  # from here on nothing counts
    result = parconv.stream(iter(f), g, path, memory=limit, **SAME)
    same_bits(result, parconv.conv2d(f, g, **SAME))
    assert computed[first:] == [cut.Chunk((at, at + 1)) for at in range(4, 10)]


def _left(tmp_path, path, **others):
    """An output that was interrupted after three chunks of ten; its source, filter and memory."""
    f, g = saved(tmp_path, image((10, 30, 20))), taps(3, 3)
    limit = for_items(f, g, 1, **SAME)
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(f, g, path, memory=limit, progress=Stop(3), **SAME, **others)
    return f, g, limit


def _newer(f):
    os.utime(f.filename, ns=(1, 1))


def _saved_over(path):
    with open(path, "wb") as file:  # the same file
        np.save(file, np.zeros((10, 30, 20), "f2"))


def _truncated(path):
    np.lib.format.open_memmap(path, "w+", "f4", (0, 30, 20))
    os.truncate(path, 128 + 10 * 30 * 20 * 4)


def _copied(path):
    """As large, with the same bytes: another file nevertheless."""
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


CHANGES = {
    "source": lambda f, path: _newer(f),
    "output deleted": lambda f, path: _partial(path).unlink(),
    "output saved over": lambda f, path: _saved_over(_partial(path)),
    "output emptied": lambda f, path: _truncated(_partial(path)),
    "output replaced": lambda f, path: _copied(_partial(path)),
    "journal damaged": lambda f, path: _journal(path).write_text("{"),
    "journal empty": lambda f, path: _journal(path).write_text(""),
    "journal deleted": lambda f, path: _journal(path).unlink(),
    "journal nested": lambda f, path: _journal(path).write_text("[" * 100_000),
    "chunks nested": lambda f, path: _after_the_head(path, "[" * 100_000),
    "chunks of numbers": lambda f, path: _after_the_head(path, "7\n7\n"),
}


def _after_the_head(path, text):
    head = _journal(path).read_text().splitlines()[0]
    _journal(path).write_text(f"{head}\n{text}")


def _journal(path):
    return path.with_name(path.name + journal.SUFFIX)


def _partial(path):
    return path.with_name(path.name + newfile.SUFFIX)


@pytest.mark.parametrize("name", CHANGES)
def test_begins_anew_where_something_changed(tmp_path, path, computed, name):
    f, g, limit = _left(tmp_path, path)
    CHANGES[name](f, path)
    computed.clear()
    result = parconv.stream(f, g, path, memory=limit, **SAME)
    same_bits(result, parconv.conv2d(f, g, **SAME))
    assert len(computed) == 10


@pytest.mark.parametrize(
    "change", [{"mode": "full"}, {"memory": 1 << 30}, {"g": taps(3, 3) + 1}, {"resume": False}]
)
def test_begins_anew_for_another_question(tmp_path, path, computed, change):
    f, g, limit = _left(tmp_path, path)
    computed.clear()
    asked = {"g": g, "memory": limit, **SAME, **change}
    result = parconv.stream(f, out=path, **asked)
    expected = parconv.conv2d(f, asked["g"], mode=asked["mode"], boundary="mirror")
    same_bits(result, expected)
    asked.pop("resume", None)
    assert len(computed) == parconv.plan_stream(f, **asked).number


def test_without_resume_nothing_is_left(tmp_path, path):
    _left(tmp_path, path)
    assert sorted(os.listdir(tmp_path)) == ["f.npy", "out.npy.partial", "out.npy.progress"]
    _left(tmp_path, path, resume=False)
    assert sorted(os.listdir(tmp_path)) == ["f.npy"]


def test_half_a_line_is_not_counted(tmp_path, path, computed):
    f, g, limit = _left(tmp_path, path)
    text = _journal(path).read_text()
    assert json.loads(text.splitlines()[0])["method"] == "direct"
    _journal(path).write_text(text[: text.rindex('"')])
    computed.clear()
    same_bits(parconv.stream(f, g, path, memory=limit, **SAME), parconv.conv2d(f, g, **SAME))
    assert len(computed) == 10 - (len(text.splitlines()) - 2)


@pytest.mark.parametrize("again", ["r+", "w+"])
def test_a_callers_map_goes_on_unless_made_anew(tmp_path, path, computed, again):
    f, g = saved(tmp_path, image((10, 30, 20))), taps(3, 3)
    limit = for_items(f, g, 1, **SAME)
    out = np.lib.format.open_memmap(path, "w+", "f4", f.shape)
    with pytest.raises(KeyboardInterrupt):
        parconv.stream(f, g, out, memory=limit, progress=Stop(6), **SAME)
    del out
    computed.clear()
    out = np.lib.format.open_memmap(path, again, "f4", f.shape)
    same_bits(parconv.stream(f, g, out, memory=limit, **SAME), parconv.conv2d(f, g, **SAME))
    assert len(computed) < 10 if again == "r+" else len(computed) == 10


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        ({"source": 3}, TypeError, "source is a int"),
        ({"source": []}, ValueError, "source has no items"),
        ({"source": np.array(["a"])}, TypeError, "source has dtype"),
        ({"source": np.zeros((30, 20))}, ValueError, "out=None"),
        ({"source": "no.npy"}, OSError, "no.npy"),
        ({"out": 3}, TypeError, "out is a int"),
        ({"out": np.empty((3, 28, 18), "f8")}, TypeError, "out has dtype float64"),
        ({"out": np.empty((3, 28, 17), "f4")}, ValueError, r"result has shape \(3, 28, 18\)"),
        ({"out": Stored(np.empty((3, 28, 17), "f4"))}, ValueError, "result has shape"),
        ({"out": Stored(np.empty((3, 28, 18)))}, TypeError, "out has dtype float64"),
        ({"memory": 100}, ValueError, "one row of the result need .* pass more"),
        ({"memory": 1e9}, TypeError, "memory=1000000000.0"),
        ({"mode": "some"}, ValueError, "mode='some'"),
        ({"g": taps(2)}, ValueError, "g has shape"),
        ({"g": ((3, 3), "float32")}, TypeError, "g is not an array"),
        ({"frobnicate": 1}, TypeError, "frobnicate"),
        ({"source": iter(image((3, 30, 20))), "memory": 100}, ValueError, "one item need"),
    ],
    ids=lambda value: None,
)
def test_wrong_arguments(path, arguments, kind, told):
    asked = {"source": image((3, 30, 20)), "g": taps(3, 3), **arguments}
    with pytest.raises(kind, match=told):
        parconv.stream(**asked)
    assert not path.exists()


def test_a_result_never_overwrites_its_source(tmp_path):
    f = saved(tmp_path, image((3, 30, 20)))
    before = np.array(f)
    for out in (f.filename, np.load(f.filename, mmap_mode="r+")):
        with pytest.raises(ValueError, match="out is the file of source"):
            parconv.stream(f, taps(3, 3), out, **SAME)
    with pytest.raises(ValueError, match="shares its memory"):
        parconv.stream(before, taps(3, 3), before[:], **SAME)
    assert (f == before).all()


def test_no_space_is_found_before_the_work(path, monkeypatch):
    usage = type(shutil.disk_usage("."))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10000, 1000, 9000))
    with pytest.raises(OSError, match="9,000 are free") as caught:
        parconv.stream(image((6, 30, 20)), taps(3, 3), path)
    assert caught.value.errno == errno.ENOSPC
    assert not path.exists()


def test_errors_of_readers_and_writers_reach_the_caller(path):
    class Broken(Stored):
        def __getitem__(self, index):
            if index[0].start == 2:
                raise OSError("unreadable")
            return super().__getitem__(index)

        def __setitem__(self, index, value):
            if index[0].start == 2:
                raise OSError("unwritable")
            super().__setitem__(index, value)

    f, g = image((9, 30, 20)), taps(3, 3)
    limit = for_items(f, g, 1, **SAME)
    with pytest.raises(OSError, match="unreadable"):
        parconv.stream(Broken(f), g, path, memory=limit, **SAME)
    with pytest.raises(OSError, match="unwritable"):
        parconv.stream(f, g, Broken(np.empty_like(f)), memory=limit, **SAME)

    def frames():
        yield from f[:4]
        raise RuntimeError("no signal")

    with pytest.raises(RuntimeError, match="no signal"):
        parconv.stream(frames(), g, path, memory=limit, **SAME)
    with pytest.raises(RuntimeError, match="no signal"):
        list(parconv.stream(frames(), g, memory=limit, **SAME))


def test_a_file_that_shrinks(tmp_path, path):
    """A memory map would kill the process here."""
    f, g = saved(tmp_path, image((9, 30, 20))), taps(3, 3)

    def shrink(done, total):
        os.truncate(source, 2000)

    source, limit = f.filename, for_items(f, g, 1, **SAME)
    del f  # pytest would show what no longer is there, should this fail
    with pytest.raises(OSError, match=r"ends .* bytes early.*f\.npy"):
        parconv.stream(source, g, path, memory=limit, progress=shrink, **SAME)


# --- memory, time --------------------------------------------------------------------------------


SIZES = ((512, 28, 28), (64, 516, 516), (3, 4100, 4100), (20000, 3000))


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("limit", [10_000_000, 50_000_000, 1 << 30])
def test_buffers_keep_within_memory(dtype, limit):
    for shape in SIZES:
        found = parconv.plan_stream((shape, dtype), taps(5, 5), memory=limit, **SAME)
        for chunk in itertools.islice(found.chunks(), 3):
            one = found.question.plan(chunk)
            assert 2 * one.problem.bytes + one.workspace <= found.memory <= limit


def test_blocks_are_used_again(tmp_path, path, monkeypatch):
    """Two for reading and two for writing, whatever the number of chunks."""
    taken, on_page = [], blocks.on_page
    monkeypatch.setattr(blocks, "on_page", lambda n: (taken.append(n), on_page(n))[1])
    f, g = saved(tmp_path, image((20, 30, 20))), taps(3, 3)
    parconv.stream(f, g, path, memory=for_items(f, g, 1, **SAME), **SAME)
    assert sorted(filter(None, taken)) == [30 * 20 * 4] * 4


def test_usual_memory_is_a_share_of_what_is_free(tmp_path, monkeypatch):
    assert 0 < memory.usual() <= memory.USUAL
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    for version in (
        "memory.max memory.current",
        "memory/memory.limit_in_bytes memory/memory.usage_in_bytes",
    ):
        for name, number in zip(version.split(), (5000, 1000), strict=True):
            (tmp_path / name).write_text(f"{number}\n")
        assert memory.usual() == 1000
        for name in version.split():
            (tmp_path / name).write_text("max\n")
        assert memory.usual() > 1000


def test_the_studys_batch_is_planned_without_running_it(monkeypatch):
    monkeypatch.setattr(rates, "load", lambda: rates.Rates(2e9, 1e9))
    found = parconv.plan_stream(((512, 4100, 4100), "float32"), ((5, 5), "float32"), mode="same")
    assert found.number == 512
    assert found.memory < 300_000_000
    assert found.file_seconds() == pytest.approx(34.42688 * 1.5)
    text = found.explain()
    assert "512 chunks of 1 item" in text
    assert "34,426,880,000 bytes read, 34,426,880,000 written" in text
    assert "reading and writing 51.6 s" in text
    monkeypatch.setattr(rates, "load", lambda: None)
    assert "`parconv files` measures" in found.explain()


def test_an_iterators_plan_needs_its_items_shape():
    with pytest.raises(TypeError, match="pass \\(shape, dtype\\)"):
        parconv.plan_stream(iter(image((3, 30, 20))), taps(3, 3))
    found = parconv.plan_stream(list(image((3, 30, 20))), taps(3, 3))
    assert found.items == 3


def test_rates_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "path", lambda: tmp_path / "files.json")
    assert rates.load() is None
    rates.remember(rates.Rates(3e9, 1.5e9))
    assert rates.load() == rates.Rates(3e9, 1.5e9)
    rates.remember(rates.Rates(0, 1))
    assert rates.load() is None


# --- the commands --------------------------------------------------------------------------------


def test_the_experiment_streams_under_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "path", lambda: tmp_path / "rates.json")
    monkeypatch.setattr(streaming, "SPARE", 0)
    folder = tmp_path / "files"
    folder.mkdir()
    mib = 1 << 20
    found = streaming.measure(16 * mib, 64 * mib, 512 * mib, folder, rounds=1)
    assert found.ratio > 0
    assert found.enforced == (sys.platform == "linux")
    assert found.to_json()["limit"] == 512 * mib
    assert rates.load().seconds(1, 1) > 0
    assert not list(folder.iterdir())


def test_the_experiment_streams_a_store(tmp_path, monkeypatch):
    pytest.importorskip("zarr")
    monkeypatch.setattr(rates, "path", lambda: tmp_path / "rates.json")
    monkeypatch.setattr(streaming, "SPARE", 0)
    found = streaming.measure(4 << 20, 64 << 20, 1 << 30, tmp_path, rounds=1, store=".zarr")
    assert found.ratio > 0
    assert found.to_json()["store"] == ".zarr"
    for wrong in ("zarr", ".png"):
        with pytest.raises(ValueError, match="pass the suffix"):
            streaming.measure(4 << 20, 64 << 20, 1 << 30, tmp_path, rounds=1, store=wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["rates.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_the_experiments_limit_is_one(tmp_path):
    with pytest.raises(ChildProcessError, match="plain ended with status"):
        streaming.measure(16 << 20, 64 << 20, 1 << 20, tmp_path, rounds=1)


def test_commands(tmp_path, capsys):
    f = image((6, 30, 20), "uint8")
    np.save(tmp_path / "f.npy", f)
    names = [str(tmp_path / name) for name in ("f.npy", "out.npy")]
    asked = ["--kernel", "gaussian:1", "--memory", "8", "--dtype", "uint8"]
    assert cli.main(["stream", *names, *asked]) == 0
    same_bits(np.load(names[1]), parconv.gaussian(f, 1, boundary="mirror", dtype="uint8"))
    asked = ["--shape", "512x4100x4100", "--kernel", "5x5", "--stream", "64"]
    assert cli.main(["explain", *asked]) == 0
    assert "chunks of" in capsys.readouterr().out
    assert cli.main(["stream", "no.npy", names[1], "--kernel", "box:3"]) == 2
    assert "no.npy" in capsys.readouterr().err


# --- empty ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 30, 20), (4, 30, 0), (4, 0, 20)])
def test_nothing_to_do(path, shape):
    f, g = np.zeros(shape, "f4"), taps(3, 3)
    expected = parconv.conv2d(f, g, mode="same")
    same_bits(parconv.stream(f, g, path, mode="same"), expected)
    same_bits(np.load(path), expected)
    assert len(list(parconv.stream(f, g, mode="same"))) == shape[0]
