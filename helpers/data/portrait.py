"""A photograph of one's own, cut as the training faces are."""

import io
import math
import os
from functools import cache

import numpy as np
from PIL import Image, ImageOps
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

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
    picture = read_picture(photo)
    shrunk = picture.copy()
    shrunk.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    found = find_faces(np.asarray(shrunk))
    if not found:
        smallest = math.ceil(SMALLEST * picture.width / shrunk.width)
        raise ValueError(
            f"no face was found in {name_of(photo)}: take a photo from the front, upright, in "
            f"which the face is at least {smallest} pixels wide"
        )
    if len(found) > 1:
        raise ValueError(f"{len(found)} faces were found in {name_of(photo)}: cut out one of them")
    x, y, side = (value * picture.width / shrunk.width for value in found[0])
    frames = np.stack([
        cut(picture, x + (0.5 + dx) * side, y + (0.5 + dy) * side, zoom * INNER * side)
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


def read_picture(photo):
    """A PIL image in RGB, upright."""
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
            raise ValueError(
                f"photo must be uint8 of shape (H, W, 3), got {photo.dtype} of {photo.shape}"
            )
        return Image.fromarray(photo)
    source = io.BytesIO(photo) if isinstance(photo, bytes) else os.path.expanduser(photo)
    try:
        with Image.open(source) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        if getattr(error, "errno", None) is not None:  # no such file, or it may not be read
            raise
        raise ValueError(
            f"{name_of(photo)} cannot be read as a picture ({error}). Save it as JPEG or PNG, of "
            "at most 100 million pixels; HEIC, a telephone's own format, is not read"
        ) from None


def find_faces(pixels):
    """Boxes (x, y, side) of the faces in uint8 (H, W, 3), the largest first; none overlap."""
    if min(pixels.shape[:2]) < SMALLEST:
        return []
    boxes = detector().detect_multi_scale(
        pixels, scale_factor=1.1, step_ratio=1, min_size=(SMALLEST, SMALLEST),
        max_size=pixels.shape[:2],
    )  # fmt: skip
    boxes = sorted(((b["c"], b["r"], b["width"]) for b in boxes), key=lambda box: -box[2])
    found = []
    for x, y, side in boxes:
        apart = [abs(x - a + (side - s) / 2) > s / 2 or abs(y - b + (side - s) / 2) > s / 2
                 for a, b, s in found]  # fmt: skip
        if all(apart) and (not found or side > 0.7 * found[0][2]):
            found.append((x, y, side))
    return found


@cache
def detector():
    return Cascade(lbp_frontal_face_cascade_filename())


def name_of(photo):
    return os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else "this picture"
