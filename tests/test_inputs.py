"""Distrusts the studies' inputs: their values and ranges."""

import numpy as np
import pytest

from parconv.experiments import inputs
from parconv.experiments.studies import STUDIES


@pytest.mark.parametrize("name", ["batch28", "batch516", "image4100"])
def test_the_studies_have_images_of_integers_and_weights_of_their_bound(name: str) -> None:
    """As in the study: 0 <= f < 256, and sqrt(6) / sqrt(K + K + 1) for the K x K weights."""
    f, g = STUDIES[name].shortened(1e7).arrays()
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
