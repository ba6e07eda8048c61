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
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")
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


def name_in(file):
    """The `photo_name` of a file, by its path; None if it is no photo."""
    match = PHOTO.fullmatch(PurePosixPath(file).name)
    return photo_name(*match.groups()) if match else None


def read_photos(path, crop, size):
    """Read, crop and resize all photos of a folder or an archive, in parallel.

    Returns uint8 arrays (dimy, dimx, 3) by `photo_name`, of the photos of the most frequent size,
    and why others were not used, by their paths. `crop` and `size` as `fetch_dataset` has them.
    """
    paths, sizes, photos, skipped = {}, {}, {}, {}

    def contents():
        for file, content in members(path):
            name = name_in(file)
            if name in paths:
                skipped[file] = f"the same photo as {paths[name]}"
            elif isinstance(content, bytes) and name and len(content) > MAX_PHOTO_BYTES:
                skipped[file] = f"over {MAX_PHOTO_BYTES:,} bytes"
            elif name:
                paths[name] = file
                yield name, content

    bar = tqdm(desc=f"reading {path.name}", unit=" photos", leave=False, disable=None)
    with bar, ThreadPoolExecutor(THREADS) as pool:
        for batch in mapped(pool, partial(decode_all, crop=crop, size=size), contents()):
            for name, photo_size, pixels in batch:
                if isinstance(pixels, Exception):
                    skipped[paths[name]] = f"{type(pixels).__name__}: {pixels}"
                else:
                    sizes[name], photos[name] = photo_size, pixels
            bar.update(len(batch))
    if not photos:
        reasons = "".join(f"; {file}: {why}" for file, why in list(skipped.items())[:1])
        raise ValueError(
            f"{path} has no photo that can be used (expected Some_Name/Some_Name_0001.jpg in it; "
            f"{len(skipped)} were unusable{reasons})"
        )
    common = Counter(sizes.values()).most_common(1)[0][0]
    if common[0] <= 2 * crop[0] or common[1] <= 2 * crop[1]:
        raise ValueError(
            f"dx={crop[0]}, dy={crop[1]} must leave something of the photos, which are "
            f"{common[0]}x{common[1]} in {path}. Use smaller dx and dy."
        )
    for name, other in sizes.items():
        if other != common:
            skipped[paths[name]] = "{}x{} pixels, most are {}x{}".format(*other, *common)
            del photos[name]
    return photos, skipped


def mapped(pool, function, items):
    """Like `pool.map` over batches of the items, but never more than a few batches ahead."""
    pending = deque()
    while batch := list(itertools.islice(items, BATCH)):
        pending.append(pool.submit(function, batch))
        if len(pending) > 2 * THREADS:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def decode_all(photos, crop, size):
    decoded = []
    for row, content in photos:
        try:
            decoded.append((row, *decode(content, crop, size)))
        except UnidentifiedImageError:  # its message names an object
            decoded.append((row, None, ValueError("no JPEG or PNG")))
        except Exception as error:  # on damaged files, decoders raise all kinds
            decoded.append((row, None, error))
    return decoded


def decode(content, crop, size):
    """Size of the photo, and its pixels after cropping and resizing; None if nothing is left."""
    content = io.BytesIO(content) if isinstance(content, bytes) else content
    with Image.open(content, formats=("JPEG", "PNG")) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"over {MAX_PIXELS:,} pixels")
        photo = upright_rgb(image)
    (dx, dy), (width, height) = crop, photo.size
    if width <= 2 * dx or height <= 2 * dy:
        return photo.size, None
    return photo.size, np.asarray(photo.crop((dx, dy, width - dx, height - dy)).resize(size))


def upright_rgb(image):
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits: convert() would clip instead of scale
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def members(path):
    """All files of a folder or an archive, as (path within, content as bytes or path).

    Nothing is ever unpacked, so that no member's path leads anywhere.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield file.relative_to(path).as_posix(), file
        return
    total = 0
    try:
        archive = zip_members(path) if path.suffix.lower() == ".zip" else tar_members(path)
        for count, (name, size, read) in enumerate(archive, start=1):
            total += size
            if count > MAX_MEMBERS or size > MAX_BYTES or total > MAX_TOTAL_BYTES:
                raise ValueError(
                    f"refused at {name!r}: at most {MAX_MEMBERS:,} files of {MAX_BYTES:,} bytes "
                    f"are read, {MAX_TOTAL_BYTES:,} bytes together"
                )
            yield name, read()
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault: not found, not allowed
        raise ValueError(
            f"{path} is cut off or damaged ({error}). Move it away, and get it anew."
        ) from error


def zip_members(path):
    """(name, size, function that reads it) of each file."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield member.filename, member.file_size, partial(archive.read, member)


def tar_members(path):
    """As `zip_members`; each file must be read before the next one is asked for."""
    with open(path, "rb") as start:
        packed = start.read(2) == b"\x1f\x8b"  # some browsers unpack it, and keep the name
    with (
        gzip.open(path) if packed else open(path, "rb") as file,
        tarfile.open(fileobj=file, mode="r|", bufsize=1 << 18, tarinfo=StrictHeader) as tar,
    ):
        for member in tar:
            if member.isreg():
                yield member.name, member.size, tar.extractfile(member).read
            tar.members.clear()  # tarfile would keep them all
        while rest := file.read(1 << 20):  # to the end, where gzip's checksum is
            yield "padding", len(rest), bytes


class StrictHeader(tarfile.TarInfo):
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


def count_photos(path):
    """How many photos an archive has; each is read, so that its checksum is compared."""
    return len({name_in(file) for file, _ in members(path)} - {None})


def has_photos(folder):
    """Whether photos lie in a folder or in one of its folders."""
    return any(PHOTO.fullmatch(path.name) for level in ("*", "*/*") for path in folder.glob(level))


def listing(folder):
    """What is in a folder, for a message: a few names."""
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.glob("[!.]*"))
    more = [f"{len(names) - 8:,} more"] if len(names) > 8 else []
    return ", ".join([*names[:8], *more]) or "nothing"
