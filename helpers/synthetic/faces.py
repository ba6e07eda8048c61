"""The embedded stand-in for the faces: people who do not exist, sampled and drawn on the spot.

Every face is a row of parameters. Attributes bear LFW's names and are themselves parameters of the
drawing, so they are known exactly and can be changed one at a time.
"""

import numpy as np
import pandas as pd

from helpers.synthetic.render import draw

ATTRIBUTES = (
    "Male", "Senior", "Blond Hair", "Bald", "Bangs", "Eyeglasses", "Sunglasses", "Mustache",
    "Smiling", "Frowning", "Mouth Slightly Open", "Wearing Hat",
)  # fmt: skip
SHAPE = (
    "person_seed", "skin_tone", "face_width", "jaw_width", "face_length", "eye_size", "eye_colour",
    "brow_width", "nose_length", "nose_width", "mouth_width", "lips", "hair_tone", "hair_length",
    "hair_volume", "hair_part", "hair_wave",
)  # fmt: skip
PHOTO = (
    "image_seed", "yaw", "pitch", "roll", "scale", "shift_x", "shift_y", "outdoor", "harsh_light",
    "light_x", "light_y", "light_warmth", "exposure",
)  # fmt: skip
PHOTOS_EACH = 4  # of a person
CHUNK = 32  # images drawn at once: their planes stay in the processor's cache


def sample_faces(n=1600, seed=42):
    """Draw the parameters of `n` faces, four of each person.

    Returns a DataFrame (n, 42), indexed by (person, imagenum) as LFW's attributes are. Columns
    named as in LFW (`ATTRIBUTES`) are scores in [-1, 1]: -1 is absent, 1 is full strength, and
    above 0 the attribute counts as present. The others are shape (`SHAPE`, equal for all images of
    a person) and photo (`PHOTO`: angles in radians, lengths in half image widths).
    """
    rng = np.random.default_rng(seed)
    image = np.arange(n)
    person = image // PHOTOS_EACH
    people = _sample_people(rng, person[-1] + 1)
    faces = {name: values[person] for name, values in people.items()}
    faces.update(_sample_photos(rng, faces, n))
    names = [f"Synthetic Person {number + 1:04d}" for number in person], image % PHOTOS_EACH + 1
    index = pd.MultiIndex.from_arrays(names, names=["person", "imagenum"])
    return pd.DataFrame(faces, index=index)[[*ATTRIBUTES, *SHAPE, *PHOTO]]


def face_attributes(faces):
    """The attribute scores of sampled faces, in the form of LFW's: float32 in [-1, 1]."""
    return faces[list(ATTRIBUTES)].astype(np.float32)


def render_faces(faces, dimx=64, dimy=64):
    """Draw faces of `sample_faces`, RGB, uint8 (N, dimy, dimx, 3); the same give the same pixels.

    `render_faces(faces.assign(Smiling=1.0))` is every face with a full smile, all else equal.
    """
    parameters = {name: faces[name].to_numpy(np.float32) for name in (*SHAPE, *PHOTO)}
    for name in ATTRIBUTES:  # the drawing wants strengths in [0, 1]
        parameters[name] = faces[name].to_numpy(np.float32) / 2 + 0.5
    photos = np.empty((len(faces), dimy, dimx, 3), np.uint8)
    for start in range(0, len(faces), CHUNK):
        rows = slice(start, start + CHUNK)
        chunk = {name: values[rows, None, None] for name, values in parameters.items()}
        photos[rows] = draw(chunk, dimx, dimy)
    return photos


def _score(rng, present, low, absent=-1.0):
    """From `low` to 1 where present."""
    return np.where(present, rng.uniform(low, 1, len(present)), absent)


def _sample_people(rng, count):
    """Shape and lasting attributes, with the correlations of real people."""

    def chance(probability):
        return rng.random(count) < probability

    male = chance(0.6)
    age = 15 + 65 * rng.beta(1.6, 2.2, count)  # years
    senior = np.clip((age - 52) / 16, -1, 1)
    tone = rng.beta(1.1, 1.9, count)  # 0 is the lightest skin, 1 the darkest
    bald = male & chance(np.clip((age - 30) / 90, 0, 0.4))
    blond = chance(0.3 - 0.3 * tone)
    people = {name: np.clip(rng.normal(0, 0.5, count), -1, 1) for name in SHAPE}
    return people | {
        "person_seed": rng.random(count),
        "skin_tone": tone,
        "eye_colour": np.where(tone > 0.5, 0.25, 1.0) * rng.random(count),
        "hair_tone": rng.random(count) * (1 - 0.7 * tone),
        "hair_length": np.where(male, 0.35 * rng.beta(1, 6, count), rng.beta(2, 1.2, count)),
        "hair_volume": rng.beta(2, 2, count),
        "Male": np.where(male, 1, -1) * rng.uniform(0.5, 1, count),
        "Senior": senior,
        "Blond Hair": _score(rng, blond, 0.3),
        "Bald": _score(rng, bald, 0.5),
        "Bangs": _score(rng, ~bald & chance(np.where(male, 0.12, 0.35)), 0.3),
        "Mustache": _score(rng, male & chance(0.25), 0.4),
        "Eyeglasses": _score(rng, chance(0.16 + 0.14 * (senior > 0)), 0.4),
    }


def _sample_photos(rng, faces, n):
    """What changes from one picture of a person to the next."""

    def chance(probability):
        return rng.random(n) < probability

    def normal(spread, limit):
        return np.clip(rng.normal(0, spread, n), -limit, limit)

    smiles = chance(0.5)
    opened = chance(0.25 + 0.3 * smiles)
    return {
        "Smiling": _score(rng, smiles, 0.3, absent=-rng.uniform(0.3, 1, n)),
        "Frowning": _score(rng, ~smiles & chance(0.4), 0.3),
        "Mouth Slightly Open": _score(rng, opened, 0.3, absent=-rng.uniform(0.3, 1, n)),
        "Wearing Hat": _score(rng, chance(0.07), 0.6),
        "Sunglasses": _score(rng, chance(0.03) & (faces["Eyeglasses"] < 0), 0.5),
        "image_seed": rng.random(n),
        "yaw": normal(0.12, 0.35),
        "pitch": normal(0.045, 0.12),
        "roll": normal(0.025, 0.08),
        "scale": 1.08 + normal(0.02, 0.06),
        "shift_x": normal(0.012, 0.03),
        "shift_y": normal(0.012, 0.03),
        "outdoor": _score(rng, chance(0.35), 0.7, absent=0.1),
        "harsh_light": _score(rng, chance(0.25), 0.6, absent=0.2),
        "light_x": rng.uniform(-1, 1, n),
        "light_y": rng.uniform(-0.9, 0.1, n),
        "light_warmth": normal(0.6, 1),
        "exposure": 1.15 * np.exp(normal(0.2, 0.6)),
    }
