"""The embedded faces: their table and their pictures."""

import numpy as np
import pandas as pd
import pytest

from helpers.synthetic.faces import ATTRIBUTES, SHAPE, face_attributes, render_faces, sample_faces


@pytest.fixture(scope="module")
def table():
    return sample_faces(400, seed=1)


def change(faces, name):
    """Largest change of a pixel's channels from no to full strength: int (n, 64, 64)."""
    low = render_faces(faces.assign(**{name: -1.0}))
    high = render_faces(faces.assign(**{name: 1.0}))
    return np.abs(high.astype(int) - low).max(axis=-1)


def test_the_table_has_lfws_form_and_its_attributes_are_the_parameters(table):
    assert table.index.names == ["person", "imagenum"] and table.index.is_unique
    assert list(table.index[3:5]) == [("Synthetic Person 0001", 4), ("Synthetic Person 0002", 1)]
    attributes = face_attributes(table)
    assert tuple(attributes) == ATTRIBUTES and attributes.index.equals(table.index)
    assert (attributes.dtypes == np.float32).all() and attributes.abs().max().max() <= 1
    pd.testing.assert_series_equal(attributes["Smiling"], table["Smiling"].astype(np.float32))
    assert (attributes > 0).mean().between(0.005, 0.98).all()


def test_a_person_keeps_the_shape_and_changes_the_photo(table):
    distinct = table.groupby("person").nunique()
    lasting = [*SHAPE, "Male", "Senior", "Mustache", "Blond Hair", "Eyeglasses", "Bald"]
    assert (distinct[lasting] == 1).all(axis=None)
    assert (distinct[["Smiling", "yaw", "light_x", "image_seed"]] == 4).all(axis=None)


def test_the_seed_decides_and_a_photo_does_not_depend_on_its_neighbours(table):
    pd.testing.assert_frame_equal(table, sample_faces(400, seed=1))
    photos = render_faces(table.iloc[:40])
    assert photos.shape == (40, 64, 64, 3) and photos.dtype == np.uint8
    assert (render_faces(table.iloc[39:19:-1]) == photos[39:19:-1]).all()
    assert (render_faces(sample_faces(40, seed=2)) != photos).mean() > 0.9
    wide = render_faces(table.iloc[:2], dimx=40, dimy=56)
    assert wide.shape == (2, 56, 40, 3)
    assert np.abs(wide.mean((1, 2)) - photos[:2].mean((1, 2))).max() < 2  # the same faces


def test_a_smile_changes_the_mouth_and_leaves_the_rest(table):
    changed = change(table.iloc[:100], "Smiling")
    assert (changed > 8).mean(axis=(1, 2)).min() > 0.03  # everybody visibly smiles
    assert changed[:, 44:58, 14:50].mean() > 5 * changed[:, :30].mean()
    assert not changed[:, :8].any()  # hair, forehead, top of the background


def test_each_attribute_shows(table):
    several = table[(table["Sunglasses"] < 0) & (table["Wearing Hat"] < 0)].iloc[:8]
    for name in ATTRIBUTES:
        assert np.median((change(several, name) > 8).sum(axis=(1, 2))) > 20, name
