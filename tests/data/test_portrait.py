"""A photograph of one's own: the face is found and framed, or it is said why not."""

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from helpers.data.portrait import cut_face


def plainest(frames):
    """In place of the distance from face space: how far a frame is from a medium grey."""
    return np.abs(frames.astype(float) - 128).mean((1, 2, 3))


def test_a_face_is_found_in_a_picture_its_bytes_and_its_file(tmp_path):
    photo = astronaut()[:300, 60:360]
    face = cut_face(photo, plainest)
    assert face.shape == (64, 64, 3) and face.dtype == np.uint8
    path = tmp_path / "ich ä.png"
    Image.fromarray(photo).save(path)
    for same in (path, str(path), path.read_bytes()):
        assert np.array_equal(cut_face(same, plainest), face)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((200, 200, 3), np.uint8), "no face was found in this picture: take a photo from"),
        (np.zeros((9, 9, 3), np.uint8), "no face was found"),
        (np.tile(astronaut()[:300, 60:360], (1, 2, 1)), "2 faces were found .*cut out one of them"),
        (np.zeros((200, 200, 3)), "photo must be uint8 of shape"),
        (b"<html>", "cannot be read as a picture .*HEIC"),
    ],
)
def test_what_has_no_face_or_several_is_refused(photo, message):
    with pytest.raises(ValueError, match=message):
        cut_face(photo, plainest)


def test_a_photo_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nobody.jpg"):
        cut_face(str(tmp_path / "nobody.jpg"), plainest)
