"""A small LFW as it lies on disks: 13 photos of 8 people, their table, in folders and archives."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image

ATTRIBUTES = [
    "Male", "Senior", "Blond Hair", "Eyeglasses", "Mustache", "Smiling", "Frowning", "Wearing Hat",
    "5 o' Clock Shadow",
]  # fmt: skip

PEOPLE = {
    "Ada Lovelace": 3, "Alan Turing": 2, "Émilie du Châtelet": 1, "Grace Hopper": 2,
    "Jean-Luc O'Neil": 1, "Mary Ann Evans": 1, "Nina Simone": 1, "Zoë Saldaña-Perez": 2,
}  # fmt: skip
PHOTOS = [(person, i + 1) for person, count in PEOPLE.items() for i in range(count)]


def photo_path(person, imagenum):
    name = person.replace(" ", "_")
    return f"{name}/{name}_{imagenum:04d}.jpg"


def picture(seed, size=(250, 250)):
    rough = np.random.default_rng(seed).integers(0, 256, (10, 10, 3), np.uint8)
    return Image.fromarray(rough).resize(size)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpeg(seed, size=(250, 250)):
    return encoded(picture(seed, size), "JPEG")


JPEGS = {photo_path(*photo): jpeg(i) for i, photo in enumerate(PHOTOS)}


def expected(content):
    image = Image.open(io.BytesIO(content)).convert("RGB")
    return np.asarray(image.crop((80, 80, 170, 170)).resize((64, 64)))


def scores(count):
    return np.random.default_rng(0).normal(size=(count, len(ATTRIBUTES)))


def table_text(photos=PHOTOS, values=None):
    lines = ["# a comment", "\t".join(["#", "person", "imagenum", *ATTRIBUTES])]
    values = scores(len(photos)) if values is None else values
    for (person, imagenum), row in zip(photos, values, strict=True):
        lines.append("\t".join([person, str(imagenum), *map(repr, row.tolist())]))
    return "\n".join(lines) + "\n"


def pack(path, files=JPEGS, top=None):
    """Write an archive; its suffix, in any case, says of which kind."""
    name = path.name.lower()
    top = f"{name.split('.')[0]}/" if top is None else top
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for file, content in files.items():
                archive.writestr(f"{top}{file}", content)
        return
    mode = "w" if name.endswith(".tar") else "w:gz"
    options = {} if mode == "w" else {"compresslevel": 1}
    with tarfile.open(path, mode, **options) as archive:
        for file, content in files.items():
            member = tarfile.TarInfo(f"{top}{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def lay_out(data_dir, where, files=JPEGS, table=None, top=None):
    """Put photos and the table into `data_dir`, as the folder or the archive `where`."""
    path = data_dir / where
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.lower().endswith((".zip", ".tgz", ".tar.gz", ".tar")):
        pack(path, files, top)
    else:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    text = table_text() if table is None else table
    if text:
        (data_dir / "lfw_attributes.txt").write_text(text, encoding="utf-8")
    return path


def all_there(photos, attrs):
    assert list(attrs.index) == PHOTOS
    for i, content in enumerate(JPEGS.values()):
        np.testing.assert_array_equal(photos[i], expected(content))
