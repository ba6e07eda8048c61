"""Labeled Faces in the Wild: where it is found, where it is had from, what is made of it."""

import hashlib
import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.data.attributes import read_attributes
from helpers.data.downloads import download
from helpers.data.photos import ARCHIVES, photo_name, read_photos

# The mirror and the SHA-256 that scikit-learn uses (sklearn/datasets/_lfw.py). Nobody offers the
# deep-funneled photos without an account.
FUNNELED_URL = "https://ndownloader.figshare.com/files/5976015"
FUNNELED_SHA256 = "b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a"
RAW_URL = "https://ndownloader.figshare.com/files/5976018"
RAW_SHA256 = "055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0"
TABLE = "lfw_attributes.txt"
TABLE_ROWS = 13143
TABLE_URL = f"https://www.cs.columbia.edu/CAVE/databases/pubfig/download/{TABLE}"
HOW = "Get it with: python get_dataset.py, or set DATA_DIR to a folder that has it."


def find_or_download(data_dir, names, attrs_name, raw):
    """Find the photos and the attribute table; download what is missing.

    Parameters
    ----------
    data_dir : Path
    names : dict of list of str: by kind of photos, best first, what their folder may be called
    attrs_name : str
    raw : bool, which photos to download

    Returns
    -------
    kind, path of the photos (a folder or an archive), path of the table

    Raises
    ------
    FileNotFoundError : if something is missing and there is no way to download it.
    ConnectionError : if the download fails.
    """
    places = [data_dir, data_dir / "lfw_home"]  # scikit-learn's own folder
    found = _find_photos(places, names)
    if not found:
        kind, archive = ("lfw", "lfw.tgz") if raw else ("lfw_funneled", "lfw-funneled.tgz")
        url, sha256 = (RAW_URL, RAW_SHA256) if raw else (FUNNELED_URL, FUNNELED_SHA256)
        first = names[next(iter(names))][0]
        missing = f"no LFW photos in {data_dir} (looked for {first}/, {first}{ARCHIVES[0]}, ...)"
        _download(missing, url, data_dir / archive, f"sha256:{sha256}")
        found = kind, data_dir / archive
    tables = [place / attrs_name for place in places]
    table = next((path for path in tables if path.is_file()), tables[0])
    if table.is_dir():
        raise ValueError(f"{table} is a folder, it must be the attribute table. Remove it. {HOW}")
    if not table.exists():
        missing = f"no {attrs_name} in {data_dir}"
        if attrs_name != TABLE:
            raise FileNotFoundError(f"{missing}. {HOW}")
        _download(missing, TABLE_URL, table, check=_check_table)
    return *found, table


def _find_photos(places, names):
    for kind, folders in names.items():
        for path in (place / folder for folder in folders for place in places):
            for candidate in (path / path.name, path):  # Kaggle's archive nests the folder
                if candidate.is_dir() and any(entry.is_dir() for entry in os.scandir(candidate)):
                    return kind, candidate
            for suffix in ARCHIVES:
                archive = path.with_name(path.name + suffix)
                if archive.is_file():
                    return kind, archive
    return None


def _download(missing, *args, **kwargs):
    try:
        download(*args, **kwargs)
    except ConnectionError as error:
        raise ConnectionError(f"{missing}, and {error}. {HOW}") from None
    except OSError as error:
        raise FileNotFoundError(f"{missing}, and it cannot be put there: {error}. {HOW}") from error


def _check_table(path):
    """The table's publisher gives no hash. Without its last line end, the last number is cut."""
    whole = Path(path).read_bytes().endswith(b"\n")
    if not whole or len(read_attributes(path)) != TABLE_ROWS:
        raise ValueError(f"{path} is not whole")


def fingerprint(path):
    """What changes when the file or the folder of people does: names, size, times."""
    if path.is_file():
        return [str(path), path.stat().st_size, path.stat().st_mtime_ns]
    people = sorted((entry.name, entry.stat().st_mtime_ns) for entry in os.scandir(path))
    digest = hashlib.sha256(json.dumps(people).encode()).hexdigest()
    return [str(path), digest, path.stat().st_mtime_ns]


def build(folder, photos, table, crop, size):
    """Join the photos and the attribute table on person and image number.

    Writes `folder`/photos.npy and returns the rows of the table that have a photo, with the report.
    """
    attrs = read_attributes(table)
    rows = {photo_name(*photo): row for row, photo in enumerate(attrs.index)}
    if len(rows) < len(attrs):
        raise ValueError(f"{table} lists a person both with spaces and with underscores.")
    with open(folder / "photos.npy", "w+b") as file:
        array = RowFile(file, (len(attrs), size[1], size[0], 3))
        found, skipped, without_row = read_photos(photos, rows, crop, size, array.write)
        array.keep(found)
    report = {
        "photos": str(photos),
        "attributes": str(table),
        "rows_without_photo": int((~found).sum()),
        "photos_without_row": without_row,
        "skipped": skipped,
    }
    return attrs[found], report


class RowFile:
    """A uint8 array in a .npy file, whose rows are written in any order.

    No memory map: on a full disk, writing to a map kills the process instead of raising OSError.
    """

    def __init__(self, file, shape):
        self.file, self.shape = file, shape
        self.start, self.row_bytes = self._write_header(shape[0]), math.prod(shape[1:])

    def write(self, row, pixels):
        if pixels.dtype != np.uint8 or pixels.shape != self.shape[1:]:  # would spill into others
            raise ValueError(f"a row must be uint8 {self.shape[1:]}, got {pixels.shape}")
        self._seek(row)
        self.file.write(pixels.tobytes())

    def keep(self, chosen):
        """Leave out all other rows."""
        for new, old in enumerate(np.flatnonzero(chosen)):
            if new != old:
                self._seek(old)
                pixels = self.file.read(self.row_bytes)
                self._seek(new)
                self.file.write(pixels)
        self.file.truncate(self.start + int(chosen.sum()) * self.row_bytes)
        self._write_header(int(chosen.sum()))

    def _seek(self, row):
        self.file.seek(self.start + int(row) * self.row_bytes)

    def _write_header(self, count):  # numpy leaves room in it for the number of rows to change
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *self.shape[1:])}
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, header)
        return self.file.tell()


def save_attributes(folder, attrs, about):
    """Write a table of `read_attributes`, and `about` (what JSON can hold), without pickling."""
    person, imagenum = zip(*attrs.index, strict=True)
    np.savez(
        folder / "attrs.npz", scores=attrs.to_numpy(np.float32), imagenum=np.int64(imagenum),
        person=np.array(person, str), columns=np.array(attrs.columns, str), about=json.dumps(about),
    )  # fmt: skip


def load_attributes(folder):
    with np.load(folder / "attrs.npz", allow_pickle=False) as saved:
        index = pd.MultiIndex.from_arrays(
            [saved["person"], saved["imagenum"]], names=["person", "imagenum"]
        )
        attrs = pd.DataFrame(saved["scores"], index=index, columns=saved["columns"])
        attrs.attrs.update(json.loads(str(saved["about"])))
    return attrs
