"""Pictures: one reader for LFW's and for one's own; all of a folder, or straight out of an archive.

Nothing is ever unpacked, so that no name in an archive leads anywhere.
"""

import contextlib
import errno
import io
import os
import re
import tarfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import count, islice
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

NOT_READ = {".heic", ".heif", ".jxl", ".dng"}  # telephones' own formats: named, as unreadable
SIZE = (64, 64)  # of the faces that come out
MOST_BYTES = 64 << 20  # of a picture in an archive: one that is made to do harm claims more
BATCH = 64  # pictures in memory at once


def read_picture(source):
    """A PIL image in RGB, upright, 16 bits scaled to 8, on white where it is transparent.

    `source` is a path, a binary file or bytes. A ValueError says why it cannot be read.
    """
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            ImageOps.exif_transpose(image, in_place=True)
            if image.mode[0] in "IF":  # convert() would clip instead of scale
                values = np.asarray(image, np.float32)
                tops = [65535] if ";16" in image.mode else [1, 255, 65535, values.max()]
                top = next(top for top in tops if top >= values.max())
                image = Image.fromarray(np.uint8(np.maximum(values, 0) * (255 / top)))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image.load()
            return image if image.mode == "RGB" else image.convert("RGB")
    except UnidentifiedImageError:  # its message names an object
        raise ValueError("no picture of a format that is read") from None
    except Exception as error:  # on damaged files, decoders raise all kinds
        if isinstance(error, OSError) and error.errno:  # no such file, or it may not be read
            raise
        raise ValueError(str(error)) from error


def read_photos(path, frame):
    """All photos of a folder or an archive, cut by `frame` and resized, in parallel.

    Returns uint8 arrays (64, 64, 3) by `photo_name`, of the photos of the size that most of the
    first ones have, and why others were not used, by their paths. `frame` says of that size which
    box to cut from them.
    """
    files, skipped, cuts, box = pictures(path), {}, {}, None
    with (
        tqdm(desc=f"reading {path.name}", unit=" photos", leave=False, disable=None) as bar,
        ThreadPoolExecutor() as pool,
    ):
        while batch := dict(islice(files, BATCH)):
            photos = list(pool.map(read_or_say, batch.values()))
            bar.update(len(photos))
            sizes = Counter(photo.size for photo in photos if not isinstance(photo, str))
            if box is None and sizes:
                ((common, _),) = sizes.most_common(1)
                box = frame(common)
            for file, photo in zip(batch, photos, strict=True):
                if isinstance(photo, str):
                    skipped[file] = photo
                elif photo.size == common:
                    cuts[file] = np.asarray(photo.crop(box).resize(SIZE))
                else:
                    skipped[file] = "{}x{} pixels, most are {}x{}".format(*photo.size, *common)
    photos = {}
    for file, name in names_of(cuts).items():
        if name is None or name in photos:
            skipped[file] = f"another {name[0]}, {name[1]}" if name else "in no person's folder"
        else:
            photos[name] = cuts[file]
    if not photos:
        why = "".join(f"; {file}: {why}" for file, why in islice(skipped.items(), 1))
        raise ValueError(
            f"{path} has no photo that can be used (expected Some_Name/Some_Name_0001.jpg, or "
            f"pictures of any name in each person's folder; {len(skipped)} were unusable{why})"
        )
    return photos, skipped


def read_or_say(source):
    """As `read_picture`; or, as a str, why it cannot be read."""
    try:
        return read_picture(source)
    except (ValueError, OSError) as error:
        return str(error)


def photo_name(person, imagenum):
    """What a photo is called on disk: "Aaron Eckhart", 1 -> ("Aaron_Eckhart", 1)."""
    return unicodedata.normalize("NFC", person).replace(" ", "_"), int(imagenum)


def names_of(files):
    """The `photo_name` of each file: as it is called, or numbered within a person's folder."""
    folders = {file: PurePosixPath("/", file).parent for file in files}
    top = len(PurePosixPath(os.path.commonpath(folders.values())).parts) if folders else 0
    names, numbers = {}, defaultdict(lambda: count(1001))  # above LFW's: none gets their scores
    for file, folder in folders.items():
        people = [photo_name(part, 0)[0] for part in folder.parts[top:]]
        match = re.fullmatch(r"(.+)_(\d{1,9})", PurePosixPath(file).stem)
        names[file] = photo_name(*match.groups()) if match else None
        if people and (not match or names[file][0] not in people):
            names[file] = people[0], None
    taken = set(names.values())
    for file, name in names.items():
        if name and name[1] is None:
            numbered = ((name[0], number) for number in numbers[name[0]])
            names[file] = next(candidate for candidate in numbered if candidate not in taken)
    return names


def pictures(path):
    """Each picture of a folder or an archive, as (path within, content as bytes or path)."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            name = as_text(file.relative_to(path).as_posix())
            if is_picture(name) and file.is_file():
                yield name, file
        return
    try:
        for name, size, read in (zip_members if zipfile.is_zipfile(path) else tar_members)(path):
            if is_picture(name := as_text(name)):
                if size > MOST_BYTES:
                    raise ValueError(f"{name} is over {MOST_BYTES:,} bytes")
                yield name, read()
    except Exception as error:  # on damage, gzip, tarfile and zipfile raise all kinds
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault: not found, not allowed
        why = str(error).split("\n")[0]
        words = f"{path} is cut off or damaged ({why}). Move it away, and get it anew."
        raise ValueError(words) from error


def zip_members(path):
    """(name, size, function that reads it) of each file."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename
            with contextlib.suppress(UnicodeError):  # UTF-8 that is not said to be
                name = name.encode("cp437").decode()
            yield name, member.file_size, partial(archive.read, member)


def tar_members(path):
    """As `zip_members`; each file must be read before the next one is asked for."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isreg():
                yield member.name, member.size, archive.extractfile(member).read
        while rest := archive.fileobj.read(1 << 20):  # to the end, where gzip's checksum is
            if rest.strip(b"\0"):
                raise tarfile.ReadError("a header is damaged")  # tarfile stops without a word


def is_picture(name):
    """Whether a file is one by its name; what begins with a dot, and macOS's copies, are none."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
    return not hidden and PurePosixPath(name).suffix.lower() in suffixes()


@cache
def suffixes():
    Image.init()
    read = {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    return read | NOT_READ


def as_text(name):
    """A file's name as text: what is no UTF-8 is taken for Latin-1, backslashes for slashes."""
    name = name.encode("utf-8", "surrogateescape")
    try:
        return name.decode().replace("\\", "/")
    except UnicodeDecodeError:
        return name.decode("latin-1").replace("\\", "/")
