"""Labeled Faces in the Wild: where it is found, where it is had from, what is made of it."""

import contextlib
import hashlib
import json
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.data.attributes import read_attributes
from helpers.data.downloads import download
from helpers.data.photos import as_text, is_picture, photo_name, read_photos

LFW_SIZE, CROP = (250, 250), (80, 80)  # of LFW's photos, and what is cut off of them
TABLE = "lfw_attributes.txt"
TABLE_ROWS = 13_143
HOW = "Get it with: python get_dataset.py, or set DATA_DIR to a folder that has it."
# How the photos are aligned, best first, and what their folder or archive is called
KINDS = {"lfw-deepfunneled": "lfw-deepfunneled", "lfw_funneled": "lfw[_-]funneled", "lfw": "lfw"}
SUFFIX = r"\.tgz|\.tar\.gz|\.tar|\.zip"
COPY = r"( \(\d+\))?"  # browsers number a second download
# Below the data folder: scikit-learn's, torchvision's, Kaggle's by hand, by kaggle, by kagglehub
PLACES = ("lfw_home", "lfw-py", "archive", "lfw-dataset", "lfw-dataset/versions/*", "versions/*")
KAGGLES = ("archive.zip", "lfw-dataset.zip")  # with a folder of the deep-funneled photos in it
KAGGLE = Path("/kaggle/input")
MOUNTED = ("*", "d/*/*", "datasets/*/*")  # below it


class Source(NamedTuple):
    """Where something is had from, without an account."""

    what: str  # a kind of photos, or the attribute table
    url: str
    file: str  # what it is called in the data folder
    known_hash: str | None
    megabytes: int  # at least


# The release of the course whose homework this is; torchvision (datasets/lfw.py) publishes the MD5
# of its archives. The mirror on figshare and its SHA-256 are scikit-learn's (datasets/_lfw.py).
COURSE = "https://github.com/hse-aml/intro-to-dl/releases/download/v0.4"
FIGSHARE = "https://ndownloader.figshare.com/files"
CAVE = "https://www.cs.columbia.edu/CAVE/databases/pubfig/download"
SOURCES = (
    Source("lfw-deepfunneled", f"{COURSE}/lfw-deepfunneled.tgz", "lfw-deepfunneled.tgz",
           "md5:68331da3eb755a505a502b5aacb3c201", 90),
    Source("lfw_funneled", f"{FIGSHARE}/5976015", "lfw-funneled.tgz",
           "sha256:b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a", 220),
    Source(TABLE, f"{CAVE}/{TABLE}", TABLE, None, 4),
    Source(TABLE, f"{COURSE}/{TABLE}", TABLE, None, 4),
)  # fmt: skip


def find_photos(data_dir):
    """The kind and the path of the photos, a folder or an archive, after a download if need be."""
    found = {}
    for path in [*entries(data_dir, PLACES), *entries(KAGGLE, MOUNTED), data_dir]:
        found.setdefault(kind_of(path), path)
    for kind in KINDS:
        if kind in found:
            return kind, found[kind]
    if others := [path.name for path in entries(data_dir) if is_own(path)]:
        print(
            f"NOTE: {as_text(', '.join(others[:8]))} in {data_dir} is under no name that is looked "
            "for, and is not used: photos of your own belong into lfw-deepfunneled/Some_Name/ there"
        )
    looked_for = f"LFW photos (looked for a folder or an archive named {' or '.join(KINDS)})"
    source = first_that_answers(KINDS, data_dir, looked_for)
    return source.what, data_dir / source.file


def entries(root, places=()):
    """What lies in a folder and in places below it: folders first; of versions, the newest."""
    folders = [root]
    for place in places:
        folders += sorted(root.glob(place), key=lambda p: (len(p.name), p.name), reverse=True)
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):  # closed
            found += sorted(folder.glob("[!.]*"), key=lambda path: (path.is_file(), path.name))
    return found


def listing(folder):
    """What is in a folder, for a message: a few names."""
    names = [as_text(path.name) + "/" * path.is_dir() for path in entries(folder)]
    return ", ".join([*names[:8], *["..."] * (len(names) > 8)]) or "nothing"


def kind_of(path):
    """The kind of photos that a folder or an archive is named after; None for others."""
    name = path.name.lower()
    for kind, pattern in KINDS.items():
        if path.is_file() and re.fullmatch(f"{pattern}{COPY}({SUFFIX})", name):
            return kind
        if path.is_dir() and re.fullmatch(pattern, name):
            return kind if any(map(Path.is_file, path.rglob("[!.]*"))) else None
    if name in KAGGLES and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any("lfw-deepfunneled" in file for file in archive.namelist()):
                return "lfw-deepfunneled"
    return None


def is_own(path):
    """Whether it looks like photos of one's own, under a name that is not looked for."""
    if path.is_dir():
        return any(is_picture(file.name) for file in [*path.glob("*"), *path.glob("*/*")])
    return is_picture(path.name) or path.suffix.lower() in {".zip", ".tgz", ".tar", ".rar", ".7z"}


def find_table(data_dir, photos):
    """The path of the attribute table, after a download if need be."""
    around = [*entries(data_dir, PLACES), *entries(KAGGLE, MOUNTED), *entries(photos.parent)]
    for path in [data_dir / TABLE, *around]:
        if path.is_file() and re.fullmatch(rf"lfw_attributes{COPY}\.txt", path.name):
            return path
    return data_dir / first_that_answers([TABLE], data_dir, TABLE).file


def first_that_answers(what, data_dir, missing):
    """Download from the first source that has what is expected; ConnectionError if none has it."""
    failures = []
    for source in (source for kind in what for source in SOURCES if source.what == kind):
        check = check_table if source.what == TABLE else None
        try:
            download(source.url, data_dir / source.file, source.known_hash, check)
            return source
        except ConnectionError as error:
            failures.append(str(error))
    found = f"no {missing} in {data_dir} (found {listing(data_dir)})"
    raise ConnectionError(f"{found}, and {'; '.join(failures)}. {HOW}")


def check_table(path):
    """The table's publisher gives no hash. Without its last line end, the last number is cut."""
    whole = Path(path).read_bytes().endswith(b"\n")
    if not whole or len(read_attributes(path)) != TABLE_ROWS:
        raise ValueError(f"{path} is not whole")


def fingerprint(path):
    """What changes when a file does, or one in a folder."""
    files = sorted(path.rglob("*")) if path and path.is_dir() else [path] * bool(path)
    stats = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return [str(path), hashlib.sha256(json.dumps(stats).encode()).hexdigest()]


def build(folder, kind, path, table):
    """Join the photos and the attribute table on person and image number, and keep them.

    Without a table (None), or where it has no row for any of them, all photos are taken, and there
    are no attributes.
    """
    attrs = read_attributes(table) if table else None
    report = {"photos": as_text(str(path)), "attributes": table and as_text(str(table))}
    photos, report["skipped"] = read_photos(path, partial(frame, report))
    names = [photo_name(*row) for row in attrs.index] if table else []
    report["of_others"] = bool(table) and photos.keys().isdisjoint(names)
    if not table or report["of_others"]:
        names = sorted(photos)
        people = [(person.replace("_", " "), imagenum) for person, imagenum in names]
        attrs = pd.DataFrame(index=pd.MultiIndex.from_tuples(people, names=["person", "imagenum"]))
    found = [name in photos for name in names]
    report["rows_without_photo"] = found.count(False)
    report["photos_without_row"] = len(photos) - sum(found)
    photos = np.stack([photos[name] for name in names if name in photos])
    save(folder, photos, attrs[found], {"source": kind, "report": report})


def frame(report, size):
    """The box to cut out of photos: of another size than LFW's, the square in the middle."""
    (width, height), (dx, dy) = size, CROP
    if size != LFW_SIZE:
        report["size"] = size
        dx, dy = max(0, width - height) // 2, max(0, height - width) // 2
    return dx, dy, width - dx, height - dy


def save(folder, photos, attrs, about):
    """Write photos, their attributes, and `about` (what JSON can hold), without pickling."""
    with open(folder / "photos.npy", "wb") as file:  # np.save does not say that a disk is full
        header = np.lib.format.header_data_from_array_1_0(photos)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(photos.data)
    person, imagenum = zip(*attrs.index, strict=True)
    np.savez(
        folder / "attrs.npz", scores=attrs.to_numpy(np.float32), imagenum=np.int64(imagenum),
        person=np.array(person, str), columns=np.array(attrs.columns, str), about=json.dumps(about),
    )  # fmt: skip


def load(folder):
    """What `save` has written: the photos, mapped into memory, and the attributes."""
    with np.load(folder / "attrs.npz", allow_pickle=False) as saved:
        index = pd.MultiIndex.from_arrays(
            [saved["person"], saved["imagenum"]], names=["person", "imagenum"]
        )
        attrs = pd.DataFrame(saved["scores"], index=index, columns=saved["columns"])
        attrs.attrs.update(json.loads(str(saved["about"])))
    return np.load(folder / "photos.npy", mmap_mode="r", allow_pickle=False), attrs
