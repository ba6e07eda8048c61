"""The attribute table of LFW: 73 scores a photo, by the classifiers of Kumar et al. (ICCV 2009)."""

import csv
import unicodedata
from functools import partial

import numpy as np
import pandas as pd

NEEDED = {"person", "imagenum", "Male", "Smiling", "Frowning", "Eyeglasses", "Mustache", "Senior"}


def read_attributes(path):
    """Read `lfw_attributes.txt`, with real-valued or with binarised scores.

    It is tab-separated, in UTF-8: comment lines, a header line "#<TAB>person<TAB>imagenum...",
    then a line a photo. Returns a DataFrame (n, 73) of float32, in the file's order, indexed by
    (person, imagenum). A ValueError names the line that is wrong.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = enumerate((line.strip("#\t\n").split("\t") for line in file), start=1)
            number, columns = next((line for line in lines if "person" in line[1]), (0, []))
        if missing := NEEDED.difference(columns):
            raise ValueError(f"line {number}: no column named {', '.join(sorted(missing))}")
        cells = pd.read_csv(
            path, sep="\t", encoding="utf-8-sig", header=None, skiprows=number, dtype=str,
            skip_blank_lines=False, keep_default_na=False, quoting=csv.QUOTE_NONE,
        )  # fmt: skip
        if cells.shape[1] != len(columns):
            raise ValueError(
                f"line {number + 1}: {cells.shape[1]} columns, expected {len(columns)}"
            )
        cells.index += number + 1  # the lines' numbers
        return _as_numbers(cells.set_axis(columns, axis=1).fillna(""))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no attribute table: it is no text in UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{path} is no attribute table, or damaged: {error}") from None


def _as_numbers(cells):
    """The scores in a table of texts; a ValueError names the line that is wrong."""
    cells = cells[(cells != "").any(axis=1)]
    values = cells.drop(columns="person").apply(pd.to_numeric, errors="coerce")
    wrong = ~(values.abs() < np.finfo(np.float32).max)  # not NaN either
    wrong["imagenum"] |= values["imagenum"] % 1 != 0
    if wrong.any(axis=None):
        line, name = wrong.stack().idxmax()
        raise ValueError(f"line {line}: {name} must be a number, got {cells[name][line]!r}")
    people = cells["person"].str.strip().map(partial(unicodedata.normalize, "NFC"))
    index = pd.MultiIndex.from_arrays([people, values.pop("imagenum").astype(int)])
    if (twice := index.duplicated()).any():
        line = cells.index[twice.argmax()]
        raise ValueError(f"line {line}: {index[twice.argmax()]} is in a line above, too")
    return values.astype(np.float32).set_axis(index.set_names(["person", "imagenum"]))


def sure_labels(attrs):
    """Which attributes are surely there, from real-valued or from binarised scores alike.

    In a binarised table, 1 stands for the surest two thirds of the positive scores and -1 for all
    others, the unsure included. In a real-valued one, the lower third of a column's positive scores
    is left out here: both tables give the same labels.

    `attrs` is the whole DataFrame of scores, since a column's third depends on its rows; the labels
    are a DataFrame of bool like it.
    """
    positive = attrs.where(attrs > 0)
    binarised = positive.max() == positive.min()
    least = positive.quantile(1 / 3).where(~binarised, 0)
    return attrs > least
