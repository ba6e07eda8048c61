"""Reading the photos of LFW in parallel: from a folder, or straight out of an archive."""

import errno
import gzip
import io
import itertools
import os
import re
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

ARCHIVES = (".tgz", ".tar.gz", ".zip")  # all have checksums: damage does not go unseen
PHOTO = re.compile(r"([^.].*)_(\d{1,9})\.(?:jpe?g|png)", re.IGNORECASE)
THREADS = min(8, os.cpu_count() or 1)
BATCH = 32  # photos that a thread decodes in one go
# Far above any set of faces, and small enough to stop an archive that is made to fill the memory.
MAX_MEMBERS = 1_000_000
MAX_BYTES = 16 << 20
MAX_PHOTO_BYTES = 1 << 20
MAX_TOTAL_BYTES = 16 << 30
MAX_PIXELS = 16_000_000
DAMAGED = (  # what gzip, tarfile and zipfile raise, and what they let pass that breaks on damage
    gzip.BadGzipFile, zlib.error, EOFError, tarfile.TarError, zipfile.BadZipFile, RuntimeError,
    struct.error, OverflowError, ValueError,
)  # fmt: skip


def photo_name(person, imagenum):
    """What a photo is called on disk: "Aaron Eckhart", 1 -> ("Aaron_Eckhart", 1)."""
    return unicodedata.normalize("NFC", person).replace(" ", "_"), int(imagenum)


def read_photos(path, rows, crop, size, write):
    """Read, crop and resize photos with Pillow, each into the row of its name.

    Parameters
    ----------
    path : path of a folder or an archive with Some_Name/Some_Name_0001.jpg below it
    rows : dict of int by `photo_name`
    crop : (dx, dy), pixels to cut off at the left and right, at the top and bottom
    size : (dimx, dimy), width and height to resize to
    write : callable(row, pixels), takes uint8 (dimy, dimx, 3), in any order of rows

    Returns
    -------
    found : bool array (len(rows),): the rows that have a photo
    skipped : dict of str: why a photo that has a row was not used, by its path
    without_row : int, number of photos that have no row

    Raises
    ------
    ValueError : if the archive is damaged or not to be trusted, or no photo can be used.
    """
    path = Path(path)
    sizes = np.zeros((len(rows), 2), np.int32)
    names, skipped, without_row = {}, {}, 0

    def photos():
        nonlocal without_row
        for name, content in _members(path):
            match = PHOTO.fullmatch(PurePosixPath(name).name)
            row = rows.get(photo_name(*match.groups())) if match else None
            if row is None:
                without_row += bool(match)
            elif row in names:
                skipped[name] = f"the same photo as {names[row]}"
            elif isinstance(content, bytes) and len(content) > MAX_PHOTO_BYTES:
                skipped[name] = f"over {MAX_PHOTO_BYTES:,} bytes"
            else:
                names[row] = name
                yield row, content

    bar = tqdm(total=len(rows), desc=f"reading {path.name}", unit=" photos", leave=False,
               disable=None)  # fmt: skip
    with bar, ThreadPoolExecutor(THREADS) as pool:
        for batch in _mapped(pool, partial(_decode_all, crop=crop, size=size), photos()):
            for row, photo_size, pixels in batch:
                if isinstance(pixels, Exception):
                    skipped[names[row]] = f"{type(pixels).__name__}: {pixels}"
                    continue
                sizes[row] = photo_size
                if pixels is not None:
                    write(row, pixels)
            bar.update(len(batch))
    return _usable(path, sizes, names, skipped, crop), skipped, without_row


def _mapped(pool, function, items):
    """Like `pool.map` over batches of the items, but never more than a few batches ahead."""
    pending = deque()
    while batch := list(itertools.islice(items, BATCH)):
        pending.append(pool.submit(function, batch))
        if len(pending) > 2 * THREADS:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _usable(path, sizes, names, skipped, crop):
    """The rows whose photo has the size that most have; the others are added to `skipped`."""
    if not sizes.any():
        reasons = "".join(f"; {name}: {reason}" for name, reason in list(skipped.items())[:1])
        raise ValueError(
            f"{path} has no photo that fits a row of the attributes (expected to find"
            f" Some_Name/Some_Name_0001.jpg in it; {len(skipped)} were unusable{reasons})"
        )
    common = Counter(map(tuple, sizes[sizes.any(axis=1)].tolist())).most_common(1)[0][0]
    if common[0] <= 2 * crop[0] or common[1] <= 2 * crop[1]:
        raise ValueError(
            f"dx={crop[0]}, dy={crop[1]} must leave something of the photos, which are"
            f" {common[0]}x{common[1]} in {path}. Use smaller dx and dy."
        )
    found = (sizes == common).all(axis=1)
    for row in np.flatnonzero(sizes.any(axis=1) & ~found):
        skipped[names[row]] = "{}x{} pixels, most are {}x{}".format(*sizes[row], *common)
    return found


def _decode_all(photos, crop, size):
    decoded = []
    for row, content in photos:
        try:
            decoded.append((row, *_decode(content, crop, size)))
        except UnidentifiedImageError:  # its message names an object
            decoded.append((row, None, ValueError("no JPEG or PNG")))
        except Exception as error:  # on damaged files, decoders raise all kinds
            decoded.append((row, None, error))
    return decoded


def _decode(content, crop, size):
    """Size of the photo, and its pixels after cropping and resizing; None if nothing is left."""
    content = io.BytesIO(content) if isinstance(content, bytes) else content
    with Image.open(content, formats=("JPEG", "PNG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"over {MAX_PIXELS:,} pixels")
        photo = _upright_rgb(image)
    (dx, dy), (width, height) = crop, photo.size
    if width <= 2 * dx or height <= 2 * dy:
        return photo.size, None
    return photo.size, np.asarray(photo.crop((dx, dy, width - dx, height - dy)).resize(size))


def _upright_rgb(image):
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits: convert() would clip instead of scale
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def _members(path):
    """All files of a folder or an archive, as (path within, content as bytes or path)."""
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            folders.sort()
            for name in sorted(files):
                file = Path(folder, name)
                yield file.relative_to(path).as_posix(), file
        return
    try:
        yield from _zip_members(path) if path.suffix == ".zip" else _tar_members(path)
    except _Refused:
        raise
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault: not found, not allowed
        raise ValueError(
            f"{path} is cut off or damaged ({error}). Delete it and get it anew."
        ) from error


def _tar_members(path):
    guard = _Guard(path)
    with (
        gzip.open(path) as file,
        tarfile.open(fileobj=file, mode="r|", bufsize=1 << 18, tarinfo=_StrictHeader) as tar,
    ):
        for member in tar:
            guard.check(member.name, member.size)
            if member.isreg():
                yield member.name, tar.extractfile(member).read()
            tar.members.clear()  # tarfile would keep them all
        while rest := file.read(1 << 20):  # to the end, where gzip's checksum is
            guard.check("padding", len(rest))


class _StrictHeader(tarfile.TarInfo):
    """tarfile stops without a word at a damaged header, as if the archive ended there."""

    @classmethod
    def frombuf(cls, buf, encoding, errors):
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # the regular end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
        if header.size > MAX_BYTES:  # here, as tarfile reads some members by itself
            raise tarfile.ReadError(f"{header.name!r} is over {MAX_BYTES:,} bytes")
        return header


def _zip_members(path):
    with zipfile.ZipFile(path) as archive:
        guard = _Guard(path)
        for member in archive.infolist():
            guard.check(member.filename, member.file_size)
            if not member.is_dir():
                yield member.filename, archive.read(member)


class _Refused(ValueError):
    """An archive that is not damaged, but not to be trusted."""


class _Guard:
    """Refuses archives that were made to do harm. Nothing is unpacked, so nothing could escape."""

    def __init__(self, path):
        self.path, self.count, self.bytes = path, 0, 0

    def check(self, name, size):
        self.count += 1
        self.bytes += size
        parts = re.split(r"[/\\]", name)
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise _Refused(f"{self.path} is not to be trusted: {name!r} points outside of it.")
        if self.count > MAX_MEMBERS or size > MAX_BYTES or self.bytes > MAX_TOTAL_BYTES:
            raise _Refused(
                f"{self.path} is refused at {name!r}: at most {MAX_MEMBERS:,} files of"
                f" {MAX_BYTES:,} bytes are read, {MAX_TOTAL_BYTES:,} bytes together."
            )
