"""The embedded stand-in for the faces: people who do not exist, sampled and drawn on the spot.

Every face is a row of parameters. Attributes bear LFW's names and are themselves parameters of the
drawing, so they are known exactly and can be changed one at a time.
"""

import numpy as np
import pandas as pd

from helpers.synthetic.render import draw
from helpers.system.memory import keep_freed_memory

ATTRIBUTES = (
    "Male", "Youth", "Senior", "Black Hair", "Blond Hair", "Brown Hair", "Gray Hair", "Bald",
    "Eyeglasses", "Sunglasses", "Mustache", "Smiling", "Frowning", "Chubby", "Harsh Lighting",
    "Outdoor", "Receding Hairline", "Bangs", "Bushy Eyebrows", "Narrow Eyes", "Big Nose",
    "Big Lips", "Mouth Closed", "Mouth Slightly Open", "No Beard", "Wearing Hat", "Rosy Cheeks",
    "Pale Skin", "5 o' Clock Shadow", "Wearing Lipstick",
)  # fmt: skip
SHAPE = (
    "person_seed", "skin_tone", "skin_warmth", "face_width", "jaw_width", "face_length",
    "eye_spacing", "eye_size", "eye_tilt", "eye_colour", "brow_height", "brow_arch",
    "nose_length", "mouth_width", "mouth_height", "hair_length", "hair_volume", "hair_part",
    "hair_wave",
)  # fmt: skip
PHOTO = (
    "image_seed", "yaw", "pitch", "roll", "scale", "shift_x", "shift_y", "gaze",
    "light_x", "light_y", "light_warmth", "exposure",
)  # fmt: skip
PHOTOS_EACH = 4  # of a person
CHUNK = 32  # images drawn at once: their planes stay in the processor's cache


def sample_faces(n=1600, seed=42):
    """Draw the parameters of `n` faces, four of each person.

    Returns a DataFrame (n, 61), indexed by (person, imagenum) as LFW's attributes are. Columns
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
    names = [f"Synthetic Person {number + 1:04d}" for number in person]
    index = pd.MultiIndex.from_arrays(
        [names, image % PHOTOS_EACH + 1], names=["person", "imagenum"]
    )
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
    parameters["Beard"] = 1 - parameters["No Beard"]
    photos = np.empty((len(faces), dimy, dimx, 3), np.uint8)
    keep_freed_memory()
    for start in range(0, len(faces), CHUNK):
        rows = slice(start, start + CHUNK)
        chunk = {name: values[rows, None, None] for name, values in parameters.items()}
        photos[rows] = draw(chunk, dimx, dimy)
    return photos


def _sample_people(rng, count):
    """Shape and lasting attributes, with the correlations of real people."""

    def chance(probability):
        return rng.random(count) < probability

    def score(present, low=0.3):
        return np.where(present, rng.uniform(low, 1, count), -1.0)

    def normal(mean=0.0, spread=0.5):
        return np.clip(rng.normal(mean, spread, count), -1, 1)

    male = chance(0.6)
    age = 15 + 65 * rng.beta(1.6, 2.2, count)  # years
    senior = np.clip((age - 52) / 16, -1, 1)
    tone = rng.beta(1.1, 1.9, count)  # 0 is the lightest skin, 1 the darkest
    bald = male & chance(np.clip((age - 30) / 90, 0, 0.4))
    receding = male & ~bald & chance(np.clip((age - 20) / 80, 0.05, 0.6))
    beard = male & chance(0.2)
    people = {name: normal() for name in SHAPE}
    people |= {
        "person_seed": rng.random(count),
        "skin_tone": tone,
        "eye_colour": np.where(tone > 0.5, 0.25, 1.0) * rng.random(count),
        "hair_length": np.where(male, 0.35 * rng.beta(1, 6, count), rng.beta(2, 1.2, count)),
        "hair_volume": rng.beta(2, 2, count),
        "Male": np.where(male, 1, -1) * rng.uniform(0.5, 1, count),
        "Youth": np.clip((33 - age) / 14, -1, 1),
        "Senior": senior,
        "Bald": score(bald, 0.5),
        "Receding Hairline": score(receding),
        "Bangs": score(~bald & ~receding & chance(np.where(male, 0.12, 0.35))),
        "Bushy Eyebrows": normal(0.5 * male - 0.5),
        "Narrow Eyes": normal(-0.3),
        "Big Nose": normal(0.4 * male - 0.4 + 0.2 * senior),
        "Big Lips": normal(0.5 * tone - 0.4 * male),
        "Chubby": normal(-0.3),
        "No Beard": -score(beard),
        "5 o' Clock Shadow": score(male & ~beard & chance(0.35), 0.2),
        "Mustache": score((beard & chance(0.8)) | (male & chance(0.1)), 0.4),
        "Pale Skin": normal(0.5 - 3 * tone),
        "Rosy Cheeks": normal(-0.1 - 0.5 * male - 0.4 * tone),
        "Wearing Lipstick": score(~male & chance(0.45)),
        "Eyeglasses": score(chance(0.16 + 0.14 * (senior > 0)), 0.4),
    }
    return people | _sample_hair_colour(rng, senior, tone)


def _sample_hair_colour(rng, senior, tone):
    """Gray comes with age; all others are black, blond, brown or, with every score at -1, red."""
    count = len(tone)
    weights = [0.15 + 1.6 * tone, 0.35 - 0.4 * tone, 0.4 - 0.2 * tone, 0.08 - 0.08 * tone]
    limits = np.cumsum(np.maximum(weights, 0), axis=0)
    pick = (rng.random(count) * limits[-1] < limits).argmax(axis=0)
    pick[rng.random(count) < np.clip(0.5 * senior + 0.3, 0, 0.8)] = 4
    strength = rng.uniform(0.3, 1, count)
    places = {"Black Hair": 0, "Blond Hair": 1, "Brown Hair": 2, "Gray Hair": 4}
    return {name: np.where(pick == place, strength, -1.0) for name, place in places.items()}


def _sample_photos(rng, faces, n):
    """What changes from one picture of a person to the next."""

    def chance(probability):
        return rng.random(n) < probability

    def score(present, low=0.3, absent=-1.0):
        return np.where(present, rng.uniform(low, 1, n), absent)

    def normal(spread, limit):
        return np.clip(rng.normal(0, spread, n), -limit, limit)

    smiles = chance(0.5)
    smile = score(smiles, absent=-rng.uniform(0.3, 1, n))
    opened = score(chance(0.25 + 0.3 * smiles), absent=-rng.uniform(0.3, 1, n))
    return {
        "Smiling": smile,
        "Frowning": score(~smiles & chance(0.4)),
        "Mouth Slightly Open": opened,
        "Mouth Closed": -opened,
        "Wearing Hat": score(chance(0.07), 0.6),
        "Sunglasses": score(chance(0.03) & (faces["Eyeglasses"] < 0), 0.5),
        "Harsh Lighting": score(chance(0.25), absent=-rng.uniform(0.3, 1, n)),
        "Outdoor": score(chance(0.35), 0.5, absent=-rng.uniform(0.5, 1, n)),
        "image_seed": rng.random(n),
        "yaw": normal(0.12, 0.35),
        "pitch": normal(0.045, 0.12),
        "roll": normal(0.025, 0.08),
        "scale": 1.08 + normal(0.02, 0.06),
        "shift_x": normal(0.012, 0.03),
        "shift_y": normal(0.012, 0.03),
        "gaze": normal(0.5, 1),
        "light_x": rng.uniform(-1, 1, n),
        "light_y": rng.uniform(-0.9, 0.1, n),
        "light_warmth": normal(0.6, 1),
        "exposure": 1.15 * np.exp(normal(0.2, 0.6)),
    }
