"""A photograph of one's own, cut as the training faces are."""

import os
from functools import cache

import numpy as np
from PIL import Image
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from helpers.data.photos import read_picture

SIZE = 64  # pixels, of the face that comes out
LONGEST = 800  # pixels, of the picture in which the face is looked for
SMALLEST = 60  # pixels, of a face in that picture
# In LFW's photos of 250 pixels this detector's box is 114 wide, and the training faces are the 90
# pixels in the middle: measured on 60 photos, the centres within 2 pixels of each other
INNER = 90 / 114
ZOOMS = (0.9, 1.0, 1.1, 1.2)  # of the frame that is tried, and its shifts in widths of the box
SHIFTS = (-0.04, 0.0, 0.04)


def cut_face(photo, error):
    """Find the face in a photograph and cut it as the faces of the course are cut.

    The face is found by a boosted cascade on local binary patterns, scikit-image's (after Viola &
    Jones, 2001), and framed where `error` is smallest: its distance from face space (Turk &
    Pentland, 1991). The photograph is turned upright as its EXIF data say. Nothing is stored.

    `photo` is the path of a picture, its bytes, or a uint8 array (H, W, 3); `error` says of uint8
    arrays (N, 64, 64, 3) how unlike the training faces each is: (N,). Returns uint8 (64, 64, 3). A
    ValueError says that it is no picture that can be read, or has no face, several, or a small one.
    """
    name = os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else "this picture"
    try:
        path = os.path.expanduser(photo) if isinstance(photo, str) else photo
        of_array = isinstance(photo, np.ndarray)
        picture = Image.fromarray(photo).convert("RGB") if of_array else read_picture(path)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name} cannot be read as a picture ({error}). Save it anew as JPEG or PNG, of at "
            "most 100 million pixels; HEIC, a telephone's own format, is not read"
        ) from None
    found = find_faces(picture)
    if not found:
        raise ValueError(
            f"no face was found in {name}: take a photo from the front, upright, or cut it so that "
            f"the face fills a third of its width, and is at least {SMALLEST} pixels wide"
        )
    if len(found) > 1:
        raise ValueError(f"{len(found)} faces were found in {name}: cut out one of them")
    x, y, side = found[0]
    frames = np.stack([
        cut(picture, x + dx * side, y + dy * side, zoom * INNER * side)
        for zoom in ZOOMS for dx in SHIFTS for dy in SHIFTS
    ])  # fmt: skip
    return frames[np.argmin(error(frames))]


def cut(picture, x, y, side):
    """The square of `side` around (x, y), moved where a part of it lies outside the picture."""
    side = min(side, *picture.size)
    left, top = (
        min(max(0, centre - side / 2), length - side)
        for centre, length in zip((x, y), picture.size, strict=True)
    )
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS, box=box))


def find_faces(picture):
    """Middle and side (x, y, side) of the faces in a PIL image, the largest first; none overlap."""
    shrunk = picture.copy()
    shrunk.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    if min(shrunk.size) < SMALLEST:
        return []
    boxes = detector().detect_multi_scale(
        np.asarray(shrunk), scale_factor=1.1, step_ratio=1, min_size=(SMALLEST, SMALLEST),
        max_size=shrunk.size[::-1],
    )  # fmt: skip
    found = []
    for box in sorted(boxes, key=lambda box: -box["width"]):
        side = box["width"]
        x, y = box["c"] + side / 2, box["r"] + side / 2
        apart = [abs(x - a) > s / 2 or abs(y - b) > s / 2 for a, b, s in found]
        if all(apart) and (not found or side > 0.7 * found[0][2]):
            found.append((x, y, side))
    return [tuple(value * picture.width / shrunk.width for value in face) for face in found]


@cache
def detector():
    return Cascade(lbp_frontal_face_cascade_filename())
