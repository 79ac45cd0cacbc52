"""Distrusts the studies' inputs: files, shapes and ranges."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from parconv.experiments import inputs
from parconv.experiments.studies import STUDIES


def idx(images: np.ndarray) -> bytes:
    return b"\0\0\x08\x03" + np.array(images.shape, ">u4").tobytes() + images.tobytes()


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_digits_of_a_file_repeat(tmp_path: Path, suffix: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28)).astype(np.uint8)
    content = idx(images)
    path = tmp_path / f"train-images-idx3-ubyte{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    for given in (path, tmp_path):
        digits = inputs.mnist_like(5, given)
        assert digits.dtype == np.float32
        np.testing.assert_array_equal(digits, np.resize(images, (5, 28, 28)) / np.float32(255))


def test_other_files_are_refused(tmp_path: Path) -> None:
    whole = idx(np.zeros((2, 28, 28), np.uint8))
    for name, content in {"short": whole[:-1], "labels": b"\0\0\x08\x01" + whole[4:]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is no IDX file"):
            inputs.mnist_like(1, tmp_path / name)
    with pytest.raises(ValueError, match="holds none of train-images"):
        inputs.mnist_like(1, tmp_path)


def test_digits_of_scikit_learn_keep_their_pixels() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    small = datasets.load_digits().images / 16
    digits = inputs.mnist_like(len(small) + 1)
    assert digits.shape == (len(small) + 1, 28, 28)
    corners = np.ix_(range(len(small)), (0, 27), (0, 27))
    np.testing.assert_allclose(digits[corners], small[np.ix_(range(len(small)), (0, 7), (0, 7))])
    assert 0 <= digits.min() <= digits.max() <= 1
    np.testing.assert_array_equal(digits[-1], digits[0])


@pytest.mark.parametrize("name", ["batch28", "batch516", "image4100"])
def test_the_studies_have_images_of_integers_and_weights_of_their_bound(name: str) -> None:
    """As in the study: 0 <= f < 256, and sqrt(6) / sqrt(K + K + 1) for the K x K weights."""
    f, g = STUDIES[name].shortened(1e7).make()
    assert f.dtype == g.dtype == np.float32
    assert (f == np.rint(f)).all()
    assert (f.min(), f.max()) == (0, 255)
    assert 0.8 * 0.7385 < abs(g).max() <= 0.7386


def test_weights_are_uniform_within_the_limit() -> None:
    weights = inputs.study_weights((640, 5, 7))
    limit = np.sqrt(6 / 13)
    assert abs(weights).max() <= limit
    assert abs(weights).max() > 0.99 * limit
    assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
