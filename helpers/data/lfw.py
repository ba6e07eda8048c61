"""Labeled Faces in the Wild: where it is found, where it is had from, what is made of it."""

import hashlib
import json
import os
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.data.attributes import read_attributes
from helpers.data.downloads import download
from helpers.data.photos import ARCHIVES, count_photos, has_photos, listing, photo_name, read_photos

PHOTOS = 13_233  # in each of the archives
TABLE = "lfw_attributes.txt"
TABLE_ROWS = 13_143
HOW = "Get it with: python get_dataset.py, or set DATA_DIR to a folder that has it."
KINDS = {  # how the photos are aligned, best first, and what their folder or archive is called
    "lfw-deepfunneled": "lfw-deepfunneled",
    "lfw_funneled": "lfw-funneled",
    "lfw": "lfw",
}
# Folders and archives that hold those: scikit-learn's, torchvision's, and Kaggle's.
AROUND = {"lfwhome", "lfwpy", "lfwdataset", "archive"}
KAGGLE = Path("/kaggle/input")
COPY = re.compile(r"[ _-]*(\(\d+\)|copy)$")


class Source(NamedTuple):
    """Where something is had from, without an account."""

    what: str  # a kind of photos, or the attribute table
    url: str
    file: str  # what it is called in the data folder
    known_hash: str | None
    megabytes: tuple  # at least, at most


# The release of the course whose homework this is; torchvision (datasets/lfw.py) publishes the MD5
# of its archives. The mirror on figshare and its SHA-256 are scikit-learn's (datasets/_lfw.py).
COURSE = "https://github.com/hse-aml/intro-to-dl/releases/download/v0.4"
FIGSHARE = "https://ndownloader.figshare.com/files"
SOURCES = (
    Source("lfw-deepfunneled", f"{COURSE}/lfw-deepfunneled.tgz", "lfw-deepfunneled.tgz",
           "md5:68331da3eb755a505a502b5aacb3c201", (90, 130)),
    Source("lfw-deepfunneled",
           "https://www.kaggle.com/api/v1/datasets/download/jessicali9530/lfw-dataset",
           "lfw-deepfunneled.zip", None, (90, 150)),
    Source("lfw_funneled", f"{FIGSHARE}/5976015", "lfw-funneled.tgz",
           "sha256:b47c8422c8cded889dc5a13418c4bc2abbda121092b3533a83306f90d900100a", (220, 260)),
    Source("lfw", f"{FIGSHARE}/5976018", "lfw.tgz",
           "sha256:055f7d9c632d7370e6fb4afc7468d40f970c34a80d4c6f50ffec63f5a8d536c0", (160, 200)),
    Source(TABLE, f"https://www.cs.columbia.edu/CAVE/databases/pubfig/download/{TABLE}", TABLE,
           None, (4, 50)),
    Source(TABLE, f"{COURSE}/{TABLE}", TABLE, None, (4, 50)),
)  # fmt: skip


def plain(name):
    """A name without its suffix, case, hyphens and "(1)": systems and browsers vary these."""
    name = name.lower()
    for suffix in (*ARCHIVES, ".txt"):
        name = name.removesuffix(suffix)
    return re.sub(r"[ _-]", "", COPY.sub("", name))


KNOWN = {*map(plain, KINDS.values()), *AROUND}  # other names are of somebody's own photos


def find_photos(data_dir, names):
    """The kind and the path of the best aligned photos, a folder or an archive; None without any.

    `names` says by kind, the best first, what their folder or archive may be called.
    """
    kinds = {plain(Path(name).name): kind for kind, name in names.items()}
    folders = [*places(data_dir), *((data_dir / name).parent for name in names.values())]
    found = {}
    for path in [data_dir, *(p for folder in dict.fromkeys(folders) for p in entries(folder))]:
        name = plain(path.name)
        if path.is_file() and name in kinds and path.name.lower().endswith(ARCHIVES):
            found.setdefault(kinds[name], path)
        elif path.is_file() and name in AROUND and path.suffix.lower() == ".zip":
            found.setdefault(kind_inside(path, kinds), path)
        elif path.is_dir() and name in kinds:
            for folder in [path, *entries(path)]:  # Kaggle's archive nests the folder
                if plain(folder.name) in kinds and has_photos(folder):
                    found.setdefault(kinds[plain(folder.name)], folder)
    return next(((kind, found[kind]) for kind in names if kind in found), None)


def places(data_dir):
    """The folders to look into."""
    around = [folder for folder in entries(data_dir) if plain(folder.name) in AROUND]
    return [data_dir, *around, *entries(KAGGLE)]


def entries(folder):
    """What is in a folder: folders first, then files, those with the shortest names first."""
    try:
        inside = sorted(os.scandir(folder), key=lambda e: (e.is_file(), len(e.name), e.name))
    except OSError:  # no folder, or closed
        return []
    return [Path(entry) for entry in inside]


def kind_inside(path, kinds):
    """The kind of the photos in an archive that is not named after them."""
    try:
        with zipfile.ZipFile(path) as archive:
            folders = {part for name in archive.namelist() for part in name.split("/")[:-1]}
    except (zipfile.BadZipFile, OSError):
        return next(iter(kinds.values()))  # whoever reads it will say that it is damaged
    inside = {plain(folder) for folder in folders}
    return next((kind for name, kind in kinds.items() if name in inside), None)


def download_photos(data_dir, names):
    """Download the photos of the best kind that can be had; as `find_photos`."""
    missing = (
        f"no LFW photos in {data_dir} (looked for a folder or an archive named "
        f"{' or '.join(names.values())}; found {listing(data_dir)})"
    )
    if not all(plain(name) in KNOWN for name in names.values()):
        raise FileNotFoundError(f"{missing}. {HOW}")
    best = [kind for kind in names if kind != "lfw"] or ["lfw"]  # raw ones only if asked for
    source = first_that_answers(missing, [s for s in SOURCES if s.what in best], data_dir)
    return source.what, data_dir / source.file


def find_or_download_table(data_dir, attrs_name, photos):
    """The path of the attribute table."""
    if (data_dir / attrs_name).is_dir():
        words = "is a folder, it must be the attribute table. Move it away."
        raise ValueError(f"{data_dir / attrs_name} {words} {HOW}")
    inside = [path for place in [*places(data_dir), photos.parent] for path in entries(place)]
    for path in [data_dir / attrs_name, *inside]:
        right = plain(path.name) == plain(Path(attrs_name).name)
        if right and path.suffix.lower() == Path(attrs_name).suffix.lower() and path.is_file():
            return path
    missing = f"no {attrs_name} in {data_dir} (found {listing(data_dir)})"
    if attrs_name != TABLE or plain(photos.name) not in KNOWN:
        raise FileNotFoundError(f"{missing}. {HOW}")
    first_that_answers(missing, [source for source in SOURCES if source.what == TABLE], data_dir)
    return data_dir / TABLE


def first_that_answers(missing, sources, data_dir):
    """Download from the first of the sources that has what is expected.

    FileNotFoundError if it cannot be put into `data_dir`; ConnectionError if none has it.
    """
    failures = []
    for source in sources:
        check = {TABLE: check_table, "lfw-deepfunneled.zip": check_zip}.get(source.file)
        try:
            download(source.url, data_dir / source.file, source.known_hash, check)
            return source
        except ConnectionError as error:
            failures.append(str(error))
        except OSError as error:
            words = f"{missing}, and it cannot be put there: {error}. {HOW}"
            raise FileNotFoundError(words) from error
    raise ConnectionError(f"{missing}, and {'; '.join(failures)}. {HOW}")


def check_table(path):
    """The table's publisher gives no hash. Without its last line end, the last number is cut."""
    whole = Path(path).read_bytes().endswith(b"\n")
    if not whole or len(read_attributes(path)) != TABLE_ROWS:
        raise ValueError(f"{path} is not whole")


def check_zip(path):
    """Kaggle gives no hash either."""
    if count_photos(Path(path)) != PHOTOS:
        raise ValueError(f"{path} is not the data set")


def fingerprint(path):
    """What changes when the file or the folder of people does; not when a photo is overwritten."""
    if path is None:
        return None
    if path.is_file():
        return [str(path), path.stat().st_size, path.stat().st_mtime_ns]
    people = sorted((entry.name, entry.stat().st_mtime_ns) for entry in os.scandir(path))
    digest = hashlib.sha256(json.dumps(people).encode()).hexdigest()
    return [str(path), digest, path.stat().st_mtime_ns]


def build(folder, path, table, crop, size, kind):
    """Join the photos and the attribute table on person and image number, and keep them.

    Without a table (None), or where it has no row for any of them, all photos are taken, and there
    are no attributes.
    """
    attrs = read_attributes(table) if table else None
    photos, skipped = read_photos(path, crop, size)
    own = attrs is not None and photos.keys().isdisjoint(photo_name(*row) for row in attrs.index)
    if own or attrs is None:
        people = [(person.replace("_", " "), imagenum) for person, imagenum in sorted(photos)]
        index = pd.MultiIndex.from_tuples(people, names=["person", "imagenum"])
        attrs = pd.DataFrame(index=index)
    names = [photo_name(*row) for row in attrs.index]
    if len(set(names)) < len(names):
        raise ValueError(f"{table} lists a person both with spaces and with underscores.")
    found = np.array([name in photos for name in names])
    array = np.empty((found.sum(), size[1], size[0], 3), np.uint8)
    for i, row in enumerate(np.flatnonzero(found)):
        array[i] = photos.pop(names[row])
    save_photos(folder, array)
    report = {
        "photos": str(path), "attributes": str(table) if table else None, "skipped": skipped,
        "rows_without_photo": int((~found).sum()), "photos_without_row": len(photos),
        "of_others": own,
    }  # fmt: skip
    save_attributes(folder, attrs[found], {"source": kind, "report": report})


def save_photos(folder, photos):
    """As `np.save`, of which one cannot tell that the disk is full."""
    with open(folder / "photos.npy", "wb") as file:
        header = np.lib.format.header_data_from_array_1_0(photos)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(photos.data)


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
