"""A photograph of one's own: the face is found and framed, or it is said why not."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage.data import astronaut

from helpers.analysis.latent import predict
from helpers.data.portrait import cut_face
from helpers.data.tensors import to_tensor, to_unit
from helpers.notebooks import load_experiment
from helpers.synthetic.faces import render_faces, sample_faces

EYES = np.array([(16.5, 22.5), (47, 22)])  # (x, y) in the mean of LFW's training faces
# A drawn person who looks into the camera, nothing before the face
STILL = {
    "yaw": 0, "pitch": 0, "roll": 0, "shift_x": 0, "shift_y": 0, "scale": 1, "harsh_light": 0.2,
    "Eyeglasses": -1, "Sunglasses": -1, "Wearing Hat": -1, "Bangs": -1, "Smiling": -1,
    "Frowning": -1, "Mouth Slightly Open": -1, "Mustache": -1,
}  # fmt: skip


def jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def plainest(frames):
    """In place of the distance from face space: how far a frame is from a medium grey."""
    return np.abs(frames.astype(float) - 128).mean((1, 2, 3))


def test_a_face_is_found_in_a_picture_its_bytes_and_its_file(tmp_path):
    photo = astronaut()[:300, 60:360]
    face = cut_face(photo, plainest)
    assert face.shape == (64, 64, 3) and face.dtype == np.uint8
    path = tmp_path / "ich ä.png"
    Image.fromarray(photo).save(path)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown after a quarter turn clockwise
    Image.fromarray(photo).rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    for same in (path, str(path), path.read_bytes(), tmp_path / "turned.png"):
        assert np.array_equal(cut_face(same, plainest), face)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((200, 200, 3), np.uint8), "no face was found in this picture: take a photo from"),
        (np.zeros((9, 9, 3), np.uint8), "no face was found"),
        (np.zeros((900, 1600, 3), np.uint8), "a third of its width, and is at least 60 pixels"),
        (np.zeros((3000, 400, 3), np.uint8), "a third of its width, and is at least 60 pixels"),
        (np.tile(astronaut()[:300, 60:360], (1, 2, 1)), "2 faces were found .*cut out one of them"),
        (np.zeros((200, 200, 3)), "this picture cannot be read .*data type"),
        (b"<html>", "cannot be read as a picture .*HEIC"),
        (jpeg(astronaut())[:9000], "cannot be read as a picture .*truncated"),
    ],
)
def test_what_has_no_face_or_several_is_refused(photo, message):
    with pytest.raises(ValueError, match=message):
        cut_face(photo, plainest)


def test_a_photo_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nobody.jpg"):
        cut_face(str(tmp_path / "nobody.jpg"), plainest)


@pytest.fixture(scope="module")
def distance():
    """The distance from face space that the notebook has, of the published PCA."""
    face_space = load_experiment("fc_vanilla").pca.first(16)

    def distance(frames):
        x = to_unit(to_tensor(frames))
        lost = (predict(face_space, x) - x).square().mean((1, 2, 3))
        return (lost / x.var((1, 2, 3))).numpy()

    return distance


def off(portrait, eyes, place, distance, times=1):
    """How far the eyes come out from the training faces', in pixels: their middle, their distance.

    The portrait is pasted at (left, top, zoom) into a larger picture, its eyes are marked blue, and
    the picture is enlarged.
    """
    left, top, zoom = place
    size = round(portrait.width * zoom), round(portrait.height * zoom)
    picture = Image.new("RGB", (800, 600), (120, 130, 140))
    picture.paste(portrait.resize(size, Image.Resampling.BICUBIC), (left, top))
    for x, y in np.array(eyes) * zoom + (left, top):
        radius = zoom * (eyes[1][0] - eyes[0][0]) / 16
        box = x - radius, y - radius, x + radius, y + radius
        ImageDraw.Draw(picture).ellipse(box, (0, 0, 255))
    picture = picture.resize((800 * times, 600 * times))
    face = cut_face(np.asarray(picture), distance).astype(float)
    blue = np.maximum(face[..., 2] - face[..., :2].max(-1) - 60, 0)
    y, x = np.mgrid[:64, :64]
    marks = [np.where(half, blue, 0) for half in (x < 32, x >= 32)]
    found = np.array([[(m * x).sum() / m.sum(), (m * y).sum() / m.sum()] for m in marks])
    apart = np.ptp(found[:, 0]) - np.ptp(EYES[:, 0])
    return np.abs([*(found - EYES).mean(0), apart])


def test_drawn_faces_at_known_places_are_framed_as_the_training_faces(distance):
    """Drawn faces are of other proportions than people's, so it is the median that counts."""
    drawn = render_faces(sample_faces(12).assign(**STILL)[::4])
    eyes = [(32 - 10.24, 25.6), (32 + 10.24, 25.6)]
    places = [(40, 30, 2.0), (330, 150, 3.0), (90, 60, 5.0)]
    found = [off(Image.fromarray(face), eyes, at, distance) for face in drawn for at in places]
    assert (np.median(found, axis=0) < 3).all()


@pytest.mark.parametrize(("times", "most"), [(1, 3), (3, 4)])
@pytest.mark.parametrize("place", [(0, 0, 1.0), (20, 30, 0.7), (250, 280, 1.0)])
def test_the_astronaut_is_framed_as_the_training_faces(place, times, most, distance):
    eyes = [(203.5, 101), (246.5, 103.5)]
    assert (off(Image.fromarray(astronaut()[:300]), eyes, place, distance, times) < most).all()
