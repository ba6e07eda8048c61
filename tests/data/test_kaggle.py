"""Kaggle's zip of the photographs is as good as the archive they come from."""

import itertools
import os
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lfw_on_disk import pack

from get_dataset import ROOT, fetch_dataset

DATA_DIR = Path(os.environ.get("DATA_DIR") or ROOT / "data")
REAL = DATA_DIR / "lfw-deepfunneled.tgz"


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="no LFW in DATA_DIR")
def test_the_photos_of_kaggle_s_zip_are_those_of_the_archive(tmp_path):
    with tarfile.open(REAL) as tar:
        some = itertools.islice((m for m in tar if m.name.endswith(".jpg")), 300)
        photos = {m.name.split("/", 1)[1]: tar.extractfile(m).read() for m in some}
    nested = {f"lfw-deepfunneled/lfw-deepfunneled/{name}": data for name, data in photos.items()}
    tables = {"lfw_allnames.csv": b"name,images\n", "people.csv": b"name,images\nAJ_Cook,1\n"}
    loaded = []
    for where, files, top in (
        ("lfw-deepfunneled.tgz", photos, None),
        ("archive.zip", nested | tables, ""),
    ):
        folder = tmp_path / where.split(".")[0]
        folder.mkdir()
        pack(folder / where, files, top)
        (folder / "lfw_attributes.txt").symlink_to(DATA_DIR / "lfw_attributes.txt")
        loaded.append(fetch_dataset(data_dir=folder, source="lfw"))
    (of_tgz, tgz_attrs), (of_zip, zip_attrs) = loaded
    assert len(of_tgz) > 250 and of_tgz.std() > 30
    np.testing.assert_array_equal(of_zip, of_tgz)
    pd.testing.assert_frame_equal(zip_attrs, tgz_attrs, check_flags=False)
    assert zip_attrs.attrs["data"] == tgz_attrs.attrs["data"]
    assert zip_attrs.attrs["report"]["photos"].endswith("archive.zip")
