"""The attribute table of LFW: 73 scores a photo, by the classifiers of Kumar et al. (ICCV 2009)."""

import math
import re
import unicodedata

import numpy as np
import pandas as pd

from helpers.system import validation

ATTRIBUTES = (
    "Male", "Asian", "White", "Black", "Baby", "Child", "Youth", "Middle Aged", "Senior",
    "Black Hair", "Blond Hair", "Brown Hair", "Bald", "No Eyewear", "Eyeglasses", "Sunglasses",
    "Mustache", "Smiling", "Frowning", "Chubby", "Blurry", "Harsh Lighting", "Flash",
    "Soft Lighting", "Outdoor", "Curly Hair", "Wavy Hair", "Straight Hair", "Receding Hairline",
    "Bangs", "Sideburns", "Fully Visible Forehead", "Partially Visible Forehead",
    "Obstructed Forehead", "Bushy Eyebrows", "Arched Eyebrows", "Narrow Eyes", "Eyes Open",
    "Big Nose", "Pointy Nose", "Big Lips", "Mouth Closed", "Mouth Slightly Open",
    "Mouth Wide Open", "Teeth Not Visible", "No Beard", "Goatee", "Round Jaw", "Double Chin",
    "Wearing Hat", "Oval Face", "Square Face", "Round Face", "Color Photo", "Posed Photo",
    "Attractive Man", "Attractive Woman", "Indian", "Gray Hair", "Bags Under Eyes",
    "Heavy Makeup", "Rosy Cheeks", "Shiny Skin", "Pale Skin", "5 o' Clock Shadow",
    "Strong Nose-Mouth Lines", "Wearing Lipstick", "Flushed Face", "High Cheekbones",
    "Brown Eyes", "Wearing Earrings", "Wearing Necktie", "Wearing Necklace",
)  # fmt: skip


def read_attributes(path):
    """Read `lfw_attributes.txt`, with real-valued or with binarised scores.

    It is tab-separated, in UTF-8: comment lines, a header line "#<TAB>person<TAB>imagenum...",
    then a line a photo. Columns are found by their names. Returns a DataFrame (n, 73) of float32,
    columns in the order of `ATTRIBUTES`, rows in the file's, indexed by (person, imagenum).
    A ValueError names the line that is wrong.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = enumerate(file, start=1)
            rows = dict(_rows(path, _header(path, lines), lines))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no attribute table: it is no text in UTF-8") from error
    if not rows:
        raise ValueError(f"{path} has a header but no rows")
    index = pd.MultiIndex.from_tuples(rows, names=["person", "imagenum"])
    return pd.DataFrame(np.stack(list(rows.values())), index=index, columns=list(ATTRIBUTES))


def sure_labels(attrs):
    """Which attributes are surely there, from real-valued or from binarised scores alike.

    In a binarised table, 1 stands for the surest two thirds of the positive scores and -1 for all
    others, the unsure included. In a real-valued one, the lower third of a column's positive scores
    is left out here: both tables give the same labels.

    `attrs` is the whole DataFrame of scores, since a column's third depends on its rows; the labels
    are a DataFrame of bool like it.
    """
    validation.kinds(pd.DataFrame, "a DataFrame of scores", attrs=attrs)
    positive = attrs.where(attrs > 0)
    binarised = positive.max() == positive.min()
    least = positive.quantile(1 / 3).where(~binarised, 0)
    return attrs > least


def _header(path, lines):
    """The names of the columns."""
    for number, line in lines:
        columns = line.lstrip("#").strip().split("\t")
        if "person" not in columns or "imagenum" not in columns:
            continue
        missing = [name for name in ATTRIBUTES if name not in columns]
        if missing:
            raise ValueError(f"{path}, line {number}: no column named {missing[:5]}")
        if len(set(columns)) < len(columns):
            raise ValueError(f"{path}, line {number}: two columns have the same name")
        return columns
    raise ValueError(f"{path} is no attribute table: no line names person and imagenum")


def _rows(path, columns, lines):
    """The photo and its scores, line by line."""
    line_of = {}
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}, line {number}:"
        cells = line.strip("\n").split("\t")
        if len(cells) != len(columns):
            raise ValueError(f"{where} {len(cells)} columns, expected {len(columns)}")
        row = dict(zip(columns, cells, strict=True))
        person = unicodedata.normalize("NFC", row["person"].strip())
        if not person or not re.fullmatch(r" *[0-9]{1,9} *", row["imagenum"]):
            got = f"got {row['person']!r} and {row['imagenum']!r}"
            raise ValueError(f"{where} expected a person and an image number, {got}")
        photo = person, int(row["imagenum"])
        if photo in line_of:
            raise ValueError(f"{where} {photo} is in line {line_of[photo]} too. Delete one line.")
        line_of[photo] = number
        scores = np.array([_number(row[name]) for name in ATTRIBUTES])
        valid = np.abs(scores) < np.finfo(np.float32).max  # not NaN either
        if not valid.all():
            name = ATTRIBUTES[valid.argmin()]
            raise ValueError(f"{where} {name} must be a finite number, got {row[name]!r}")
        yield photo, scores.astype(np.float32)


def _number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan
