"""The command line on real files: what it writes, what it refuses, and that it refuses cleanly."""

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray
from typer.testing import CliRunner

import parconv
from parconv import cli, images
from parconv.experiments import inputs
from parconv.filters import gaussian_factors
from parconv.images import filter_text, formats

SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
COMMANDS = (
    "demo", "apply", "stream", "explain", "race", "doctor", "warmup", "tune", "roofline",
    "ceilings", "perf", "asm", "experiment", "files",
)  # fmt: skip

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command in a directory of its own; return status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(Path(parconv.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_any_terminal_and_code_page_will_do(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A race of half an hour ended in an error where its summary had a character too many."""
    script = (
        "import sys; from parconv import cli; from parconv.cli import app;"
        "app.command('tell')(lambda: print('80 \u2265 70'));"
        "sys.exit(cli.main(['tell']))"
    )
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = python("-c", script, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "80 ? 70\n"


def picture(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    values = np.random.default_rng(7).random(shape)
    return (values * 200 if np.dtype(dtype).kind == "u" else values).astype(dtype)


def save(path: Path, image: NDArray[Any]) -> None:
    """Through the libraries themselves, not through the code under test."""
    if path.suffix == ".npy":
        np.save(path, image)
    elif path.suffix == ".tiff":
        tifffile.imwrite(path, image)
    else:
        PIL.Image.fromarray(image).save(path)


def load(path: Path) -> NDArray[Any]:
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    if path.suffix == ".tiff":
        return np.asarray(tifffile.imread(path))
    with PIL.Image.open(path) as opened:
        return np.asarray(opened)


def convolved(plane: NDArray[Any], g: NDArray[Any]) -> NDArray[np.float64]:
    """Same size, border ``mirror``, odd filter, float64: one weight at a time."""
    padded = np.pad(plane.astype(float), [(n // 2, n // 2) for n in g.shape], mode="reflect")
    total = np.zeros(plane.shape)
    for i, j in np.ndindex(*g.shape):
        total += g[-1 - i, -1 - j] * padded[i : i + plane.shape[0], j : j + plane.shape[1]]
    return total


def expected(image: NDArray[Any], g: Any) -> NDArray[Any]:
    g = np.asarray(g)
    if image.ndim == 3 and image.shape[-1] in (3, 4):
        planes = [convolved(image[..., c], g) for c in range(image.shape[-1])]
        total = np.stack(planes, axis=-1)
    elif image.ndim == 3:
        total = np.stack([convolved(plane, g) for plane in image])
    else:
        total = convolved(image, g)
    if image.dtype.kind in "ui":
        limits = np.iinfo(image.dtype)
        return np.clip(np.rint(total), limits.min, limits.max).astype(image.dtype)
    return total.astype(image.dtype)


@pytest.mark.parametrize(
    ("source", "target", "shape", "dtype"),
    [
        ("in.png", "out.png", (24, 31), "uint8"),
        ("in.png", "out.png", (24, 31), "uint16"),
        ("in.png", "out.tiff", (24, 31, 3), "uint8"),
        ("in.png", "out.png", (24, 31, 3), "uint8"),
        ("in.jpg", "out.png", (24, 31), "uint8"),
        ("in.jpeg", "out.npy", (24, 31, 3), "uint8"),
        ("in.tiff", "out.tiff", (24, 31), "uint8"),
        ("in.tiff", "out.tiff", (24, 31, 3), "uint16"),
        ("in.tiff", "out.tiff", (5, 24, 31), "float32"),
        ("in.tiff", "out.npy", (24, 31), "float64"),
        ("in.npy", "out.npy", (24, 31), "int32"),
        ("in.npy", "out.npy", (5, 24, 31), "uint8"),
        ("in.npy", "out.tiff", (24, 31), ">u2"),
        ("in.npy", "out.npy", (24, 31), "float16"),
    ],
)
def test_apply_keeps_dtype_and_filters_every_plane(
    run: Run, tmp_path: Path, source: str, target: str, shape: tuple[int, ...], dtype: str
) -> None:
    save(tmp_path / source, picture(shape, dtype))
    image = load(tmp_path / source)  # JPEG has changed it
    assert run("apply", source, target, "--kernel", "sharpen") == (0, "", "")
    result = load(tmp_path / target)
    assert result.dtype == image.dtype.newbyteorder("=")
    tolerance = {"float16": 2e-3, "float32": 1e-5}.get(dtype, 1e-12)
    np.testing.assert_allclose(result, expected(image, SHARPEN), rtol=tolerance, atol=tolerance)


def test_apply_writes_jpeg(run: Run, tmp_path: Path) -> None:
    photo = inputs.photograph()[:64, :80].astype(np.uint8)
    save(tmp_path / "in.png", photo)
    assert run("apply", "in.png", "out.jpg", "--kernel", "gaussian:2") == (0, "", "")
    result = load(tmp_path / "out.jpg")
    assert result.dtype == np.uint8
    smooth = expected(photo, gaussian_factors(2)).astype(float)
    assert np.abs(result - smooth).max() <= 16  # JPEG loses some; a wrong filter loses more


def test_apply_rounds_to_the_nearest_integer(run: Run, tmp_path: Path) -> None:
    image = picture((40, 33), "uint8")
    save(tmp_path / "in.png", image)
    assert run("apply", "in.png", "out.png", "--kernel", "gaussian:1.3")[0] == 0
    difference = load(tmp_path / "out.png").astype(int) - expected(image, gaussian_factors(1.3))
    assert np.abs(difference).max() <= 1  # a float32 sum may fall on the other side of a half
    assert np.mean(difference != 0) < 0.01


@pytest.mark.parametrize("channels", [2, 4])
def test_apply_leaves_alpha_alone(run: Run, tmp_path: Path, channels: int) -> None:
    image = picture((20, 21, channels), "uint8")
    save(tmp_path / "in.png", image)
    assert run("apply", "in.png", "out.png", "--kernel", "box:3") == (0, "", "")
    result = load(tmp_path / "out.png")
    np.testing.assert_array_equal(result[..., -1], image[..., -1])
    assert (result[..., 0] != image[..., 0]).any()


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("direction", ["--convolve", "--correlate"])
def test_apply_passes_its_options_on(run: Run, tmp_path: Path, mode: str, direction: str) -> None:
    image = picture((12, 13), "float64")
    g = np.arange(6.0).reshape(2, 3)
    save(tmp_path / "in.npy", image)
    save(tmp_path / "g.npy", g)
    border = ("--boundary", "constant", "--cval", "2.5", "--threads", "1", "--strategy", "serial")
    options = ("--mode", mode, direction, *border, "--method", "direct")
    assert run("apply", "in.npy", "out.npy", "--kernel", "g.npy", *options) == (0, "", "")
    function = parconv.conv2d if direction == "--convolve" else parconv.correlate2d
    wanted = function(image, g, mode=mode, boundary="constant", cval=2.5, method="direct")
    np.testing.assert_array_equal(load(tmp_path / "out.npy"), wanted)


def test_apply_may_replace_its_own_input(run: Run, tmp_path: Path) -> None:
    image = picture((24, 31), "uint8")
    save(tmp_path / "in.png", image)
    assert run("apply", "in.png", "in.png", "--kernel", "sharpen") == (0, "", "")
    np.testing.assert_array_equal(load(tmp_path / "in.png"), expected(image, SHARPEN))


def test_sobel_is_positive_where_it_grows_brighter(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "in.npy", np.tile(np.arange(9.0), (7, 1)))
    assert run("apply", "in.npy", "out.npy", "--kernel", "sobel-x")[0] == 0
    assert (load(tmp_path / "out.npy")[:, 1:-1] == 8).all()


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("missing.png", "out.png", "--kernel", "box:3"), "missing.png"),
        (("broken.png", "out.png", "--kernel", "box:3"), "cannot read image broken.png"),
        (("broken.tiff", "out.png", "--kernel", "box:3"), "cannot read image broken.tiff"),
        (("broken.npy", "out.npy", "--kernel", "box:3"), "cannot read image broken.npy"),
        (("cut.png", "out.png", "--kernel", "box:3"), "cannot read image cut.png"),
        (("pickled.npy", "out.npy", "--kernel", "box:3"), "cannot read image pickled.npy"),
        (("text.npy", "out.npy", "--kernel", "box:3"), "text.npy is <U"),
        (("line.npy", "out.npy", "--kernel", "box:3"), "line.npy is float64 of shape (4,)"),
        (("deep.png", "out.png", "--kernel", "box:3"), "16-bit colour"),
        (("in.png", "out.gif", "--kernel", "box:3"), "suffix '.gif'"),
        (("in.txt", "out.png", "--kernel", "box:3"), "suffix '.txt'"),
        (("in.png", "nowhere/out.png", "--kernel", "box:3"), "no directory nowhere"),
        (("in.png", "folder.png", "--kernel", "box:3"), "is a directory"),
        (("float.npy", "out.png", "--kernel", "box:3"), "PNG cannot hold float64"),
        (("alpha.png", "out.jpg", "--kernel", "box:3"), "JPEG cannot hold uint8"),
        (("alpha.png", "out.png", "--kernel", "box:3", "--mode", "valid"), "alpha"),
        (("in.png", "out.png", "--kernel", "blur"), "filter 'blur' is not known"),
        (("in.png", "out.png", "--kernel", "box:three"), "'three' is not an integer"),
        (("in.png", "out.png", "--kernel", "box:0"), "size=0"),
        (("in.png", "out.png", "--kernel", "box:99999999"), "99999999 taps"),
        (("in.png", "out.png", "--kernel", "gaussian:-1"), "sigma=-1"),
        (("in.png", "out.png", "--kernel", "gaussian:nan"), "sigma=nan"),
        (("in.png", "out.png", "--kernel", "[[1, 2], [3]]"), "equally long rows"),
        (("in.png", "out.png", "--kernel", "[[1, 2"), "equally long rows"),
        (("in.png", "out.png", "--kernel", "[[]]"), "2-D array of numbers"),
        (("in.png", "out.png", "--kernel", "[1, 2]"), "2-D array of numbers"),
        (("in.png", "out.png", "--kernel", "[['a']]"), "2-D array of numbers"),
        (("in.png", "out.png", "--kernel", "[[__import__('os')]]"), "equally long rows"),
        (("in.png", "out.png", "--kernel", "none.npy"), "none.npy"),
        (("in.png", "out.png", "--kernel", "broken.npy"), "broken.npy is not a .npy array"),
        (("in.png", "out.png"), "--kernel"),
        (("in.png",), "Missing"),
        (("in.png", "out.png", "--kernel", "box:3", "--mode", "some"), "some"),
        (("in.png", "out.png", "--kernel", "box:3", "--boundary", "reflect"), "reflect"),
        (("in.png", "out.png", "--kernel", "box:3", "--threads", "0"), "threads"),
        (("in.png", "out.png", "--kernel", "box:3", "--threads", "two"), "--threads"),
        (("in.png", "out.png", "--kernel", "box:3", "--strategy", "fast"), "fast"),
        (("in.png", "out.png", "--kernel", "box:3", "--method", "magic"), "magic"),
        (("in.png", "out.png", "--kernel", "box:3", "--colour"), "--colour"),
    ],
)
def test_apply_refuses_in_one_line_and_writes_nothing(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], fragment: str
) -> None:
    make_bad_files(tmp_path)
    save(tmp_path / "in.png", picture((9, 9), "uint8"))
    save(tmp_path / "out.png", picture((3, 3), "uint8"))
    before = contents(tmp_path)
    status, out, err = run("apply", *arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"parconv: .+\n", err), err
    assert fragment in err
    assert contents(tmp_path) == before


def make_bad_files(folder: Path) -> None:
    for name in ("broken.png", "broken.tiff", "broken.npy"):
        (folder / name).write_bytes(b"not an image")
    (folder / "in.txt").write_text("text")
    (folder / "folder.png").mkdir()
    save(folder / "whole.png", picture((30, 30), "uint8"))
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:300])
    np.save(folder / "pickled.npy", np.array([[None]]), allow_pickle=True)
    np.save(folder / "text.npy", np.array([["a", "b"]]))
    np.save(folder / "line.npy", np.ones(4))
    np.save(folder / "float.npy", np.ones((4, 4)))
    save(folder / "alpha.png", picture((8, 8, 4), "uint8"))
    header = bytearray((folder / "alpha.png").read_bytes())
    header[24] = 16  # bits per channel
    (folder / "deep.png").write_bytes(header)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def test_failure_while_writing_leaves_the_old_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(file: Any, image: NDArray[Any]) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    png = dataclasses.replace(formats.FORMATS[".png"], encode=full_disk)
    monkeypatch.setattr(formats, "FORMATS", {**formats.FORMATS, ".png": png})
    save(tmp_path / "in.png", picture((9, 9), "uint8"))
    save(tmp_path / "out.png", picture((3, 3), "uint8"))
    before = contents(tmp_path)
    status, _, err = run("apply", "in.png", "out.png", "--kernel", "box:3")
    assert (status, err) == (2, "parconv: [Errno 28] No space left on device\n")
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("mode", "shape"), [("P", (10, 12, 3)), ("CMYK", (10, 12, 4)), ("1", (10, 12))]
)
def test_unusual_pixels_become_colours_or_gray(
    tmp_path: Path, mode: str, shape: tuple[int, ...]
) -> None:
    path = tmp_path / ("in.jpg" if mode == "CMYK" else "in.png")
    PIL.Image.fromarray(picture((10, 12, 3), "uint8")).convert(mode).save(path)
    image = images.read(path)[0].pixels
    assert image.shape == shape
    assert image.dtype == np.uint8


def test_explain_within_a_tolerance(run: Run) -> None:
    layer = ("--shape", "8x32x28x28", "--kernel", "32x32x3x3", "--boundary", "constant")
    for tolerance, method in (("1e-5", "winograd"), ("1e-9", "channels")):
        status, out, err = run("explain", *layer, "--tolerance", tolerance)
        assert (status, err) == (0, "")
        assert f"method     {method}:" in out


def test_explain_prints_the_plan(run: Run) -> None:
    status, out, err = run("explain", "--shape", "64x80", "--kernel", "7x5", "--threads", "1")
    assert (status, err) == (0, "")
    plan = parconv.plan2d(
        ((64, 80), "float32"), ((7, 5), "float32"), mode="same", boundary="mirror", threads=1
    )
    assert out == plan.explain() + "\n"


def test_explain_takes_filters_by_name_and_axes(run: Run) -> None:
    """The filters of `apply`, whose taps tell what a shape does not."""
    f, question = ((300, 200, 3), "float32"), {"mode": "same", "boundary": "mirror"}
    shape = ("explain", "--shape", "300x200x3", "--axes", "0,1", "--threads", "1")
    status, out, err = run(*shape, "--kernel", "gaussian:2")
    plan = parconv.plan2d(f, parconv.filters.gaussian_taps(2), axes=(0, 1), threads=1, **question)
    assert (status, out, err) == (0, plan.explain() + "\n", "")
    assert plan.method in ("rows", "separable")
    status, out, _ = run(*shape, "--kernel", "17x17")
    unseen = "unknown: pass the filter, not its shape"
    assert (status, out.count(unseen)) == (0, 7)
    assert run("explain", "--shape", "9x9", "--axes=-2,-1", "--kernel", "[[1, 2]]")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("--shape", f"{10**19}x9", "--kernel", "7x7"), f"shape is '{10**19}x9': pass positive"),
        (("--shape", f"{10**17}x9", "--kernel", "7x7"), "a shape holds integers from 0 to"),
        (("--shape", "64x64", "--kernel", f"{10**17}x1"), "a shape holds integers from 0 to"),
        (("--shape", "64x64", "--kernel", f"{10**12}x{10**12}"), "that a memory can hold"),
        (("--shape", "64x64", "--kernel", "k" * 90_000), "kkk ... kkk"),
        (("--shape", "64x64", "--kernel", "7" * 90_000), "777 ... 777"),
        (("--shape", "64x64", "--kernel", "gaussian"), "filter 'gaussian' is not known"),
        (("--shape", "64x64", "--kernel", "7x7", "--mode", "m" * 5000), "mmm ... mmm"),
        (("--shape", "64x64", "--kernel", "7x7", "--axes", "0"), "axes is '0': pass two integers"),
        (("--shape", "64x64", "--kernel", "7x7", "--axes", "0,5"), "axes=(0, 5) is out of range"),
        (("--shape", "4096", "--kernel", "7x7"), "shape is '4096'"),
        (("--shape", "64x0", "--kernel", "7x7"), "shape is '64x0'"),
        (("--shape", "64,64", "--kernel", "7x7"), "shape is '64,64'"),
        (("--shape", "64x64", "--kernel", "7x-7"), "kernel is '7x-7'"),
        (("--shape", "64x64", "--kernel", "7x7", "--dtype", "float31"), "float31"),
        (("--shape", "64x64", "--kernel", "7x7", "--mode", "some"), "some"),
        (("--shape", "64x64"), "--kernel"),
    ],
)
def test_explain_refuses_in_one_line(run: Run, arguments: tuple[str, ...], fragment: str) -> None:
    status, out, err = run("explain", *arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"parconv: .+\n", err), err
    assert fragment in err


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("race", "--only", "nothing"), "matches no workload"),
        (("race", "--peers", "opencv,matlab"), "'matlab' is not known"),
        (("race", "--threads", "1,x"), "threads is '1,x'"),
        (("race", "--repeats", "0", "--only", "small"), "repeats 0"),
        (("race", "--shape", "40x50"), "--shape and --kernel are one convolution"),
        (("race", "--shape", "40x50", "--kernel", "3x3", "--only", "big"), "one of the two"),
        (("race", "--shape", "40x50", "--kernel", "3x3", "--random", "3"), "is no draw, no burst"),
        (("race", "--shape", "40x50", "--kernel", "cross"), "filter 'cross' is not known"),
        (("tune", "big", "--shape", "40x50", "--kernel", "3x3"), "one of the three"),
        (("race", "--json", "nowhere/race.json"), "no directory nowhere"),
        (("demo", "--output", "nowhere/demo.png"), "no directory nowhere"),
        (("demo", "--output", "demo.svg"), "ends in .png"),
        (("demo", "--size", "0"), "size is 0"),
        (("frobnicate",), "frobnicate"),
        (("--frobnicate",), "--frobnicate"),
    ],
)
def test_other_commands_refuse_in_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], fragment: str
) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"parconv: .+\n", err), err
    assert fragment in err
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: parconv {command}" in result.output


def test_help_version_and_nothing_at_all(run: Run) -> None:
    assert run("--version") == (0, f"parconv {parconv.__version__}\n", "")
    status, out, err = run()
    assert (status, err) == (0, "")
    places = [out.index(f"\n  {command} ") for command in COMMANDS]
    assert places == sorted(places), "in the order of use"


@pytest.mark.parametrize("group", [(), ("cache",), ("wisdom",)])
def test_summaries_of_commands_are_whole_at_80_columns(group: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.app, group, env={"COLUMNS": "80"}, terminal_width=80)
    assert result.exit_code == 0
    commands = result.output.partition("Commands:")[2].strip().splitlines()
    assert len(commands) > 1
    assert not [line for line in commands if "..." in line or len(line) > 80]


def test_a_shells_completion(tmp_path: Path) -> None:
    """As bash asks for it: the words so far, and the place of the one to complete."""
    asked = {"_PARCONV_COMPLETE": "complete_bash", "COMP_WORDS": "parconv ra", "COMP_CWORD": "1"}
    code = f"import os; os.environ.update({asked}); from parconv.cli import main; main()"
    result = python("-c", code, cwd=tmp_path)
    assert result.stdout.split() == ["race"], result.stderr


def test_module_runs_and_fails_with_status_two(tmp_path: Path) -> None:
    save(tmp_path / "in.png", picture((9, 9), "uint8"))
    good = python("-m", "parconv", "apply", "in.png", "out.png", "--kernel", "box:3", cwd=tmp_path)
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    assert load(tmp_path / "out.png").shape == (9, 9)
    bad = python("-m", "parconv", "apply", "no.png", "new.png", "--kernel", "box:3", cwd=tmp_path)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert re.fullmatch(r"parconv: .*no\.png.*\n", bad.stderr)
    assert not (tmp_path / "new.png").exists()


def test_without_typer_one_line_says_what_to_install(tmp_path: Path) -> None:
    hide = "import sys; sys.modules['typer'] = None; from parconv.cli import main; main()"
    result = python("-c", hide, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "parconv's command line needs `pip install parconv[cli]`\n"


def test_help_does_not_wait_for_numba(tmp_path: Path) -> None:
    look = (
        "import sys; from parconv.cli import main; main(['--help']); print('numba' in sys.modules)"
    )
    assert python("-c", look, cwd=tmp_path).stdout.endswith("False\n")


def test_filters_by_name() -> None:
    gaussian = filter_text.parse("gaussian:2")
    assert gaussian.shape == (17, 17)
    assert gaussian.sum() == pytest.approx(1)
    np.testing.assert_allclose(gaussian[8, 10] / gaussian[8, 8], np.exp(-0.5))
    np.testing.assert_array_equal(filter_text.parse("box:4"), np.full((4, 4), 1 / 16))
    np.testing.assert_array_equal(filter_text.parse("random:15"), filter_text.parse("random:15"))
    np.testing.assert_array_equal(filter_text.parse("sobel-y"), filter_text.parse("sobel-x").T)
    np.testing.assert_array_equal(filter_text.parse(" [[1, 0.5]]"), [[1, 0.5]])
    assert filter_text.parse("laplace").sum() == 0
    assert filter_text.parse("sharpen").sum() == 1
    assert filter_text.named("gaussian:600").shape == (4801, 4801)


def test_changing_a_named_filter_changes_no_later_one() -> None:
    filter_text.parse("sobel-x")[:] = 0
    assert filter_text.parse("sobel-x").any()
