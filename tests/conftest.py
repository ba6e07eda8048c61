"""What the tests of the face notebooks share."""

import pytest

from helpers.synthetic import render_faces, sample_faces
from helpers.training import to_tensor

pytest.register_assert_rewrite("face_models")


@pytest.fixture(scope="session")
def faces():
    """64 generated faces, uint8 (64, 3, 64, 64)."""
    return to_tensor(render_faces(sample_faces(64, seed=1)))
