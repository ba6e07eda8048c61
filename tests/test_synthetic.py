"""The embedded faces: their table, their pictures, and whether one can learn from them."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.synthetic.faces import (
    ATTRIBUTES,
    PHOTO,
    SHAPE,
    face_attributes,
    render_faces,
    sample_faces,
)

LFW_NAMES = """
    Male, Youth, Senior, Black Hair, Blond Hair, Brown Hair, Gray Hair, Bald, Eyeglasses,
    Sunglasses, Mustache, Smiling, Frowning, Chubby, Harsh Lighting, Outdoor, Receding Hairline,
    Bangs, Bushy Eyebrows, Narrow Eyes, Big Nose, Big Lips, Mouth Closed, Mouth Slightly Open,
    No Beard, Wearing Hat, Rosy Cheeks, Pale Skin, 5 o' Clock Shadow, Wearing Lipstick
"""


@pytest.fixture(scope="module")
def faces():
    return sample_faces(400, seed=1)


@pytest.fixture(scope="module")
def photos(faces):
    return render_faces(faces)


def change(faces, name):
    """Largest change of a pixel's channels from no to full strength: int (n, 64, 64)."""
    low = render_faces(faces.assign(**{name: -1.0}))
    high = render_faces(faces.assign(**{name: 1.0}))
    return np.abs(high.astype(int) - low).max(axis=-1)


def test_table_has_lfws_form(faces):
    assert faces.shape == (400, len(ATTRIBUTES) + len(SHAPE) + len(PHOTO))
    assert faces.index.names == ["person", "imagenum"] and faces.index.is_unique
    assert list(faces.index[3:5]) == [("Synthetic Person 0001", 4), ("Synthetic Person 0002", 1)]
    assert sorted(ATTRIBUTES) == sorted(name.strip() for name in LFW_NAMES.split(","))


def test_attributes_are_the_parameters(faces):
    attributes = face_attributes(faces)
    assert tuple(attributes) == ATTRIBUTES and attributes.index.equals(faces.index)
    assert (attributes.dtypes == np.float32).all()
    assert attributes.abs().max().max() <= 1
    pd.testing.assert_series_equal(attributes["Smiling"], faces["Smiling"].astype(np.float32))
    prevalence = (attributes > 0).mean()
    assert prevalence.between(0.005, 0.98).all(), prevalence


def test_people_are_plausible(faces):
    men = faces[faces["Male"] > 0]
    for name in ("Bald", "Mustache", "Receding Hairline", "5 o' Clock Shadow"):
        assert men[name].gt(0).sum() == faces[name].gt(0).sum() > 0
    assert faces.loc[faces["No Beard"] < 0, "Male"].gt(0).all()
    assert faces.loc[faces["Wearing Lipstick"] > 0, "Male"].lt(0).all()
    hair = faces[["Black Hair", "Blond Hair", "Brown Hair", "Gray Hair"]]
    assert (hair > 0).sum(axis=1).max() == 1
    assert faces["Senior"].corr(faces["Gray Hair"]) > 0.4


def test_a_person_keeps_the_shape_and_changes_the_photo(faces):
    distinct = faces.groupby("person").nunique()
    lasting = [*SHAPE, "Male", "Senior", "Mustache", "Blond Hair", "Eyeglasses", "Chubby"]
    assert (distinct[lasting] == 1).all(axis=None)
    assert (distinct[["Smiling", "yaw", "light_x", "image_seed"]] == 4).all(axis=None)
    assert faces["person_seed"].nunique() == 100


def test_last_person_may_have_fewer_photos():
    assert list(sample_faces(5, images_per_person=3).groupby("person").size()) == [3, 2]


def test_seed_decides(faces, photos):
    pd.testing.assert_frame_equal(faces, sample_faces(400, seed=1))
    assert (render_faces(faces.iloc[:40]) == photos[:40]).all()
    assert (render_faces(sample_faces(40, seed=2)) != photos[:40]).mean() > 0.9


def test_photos_have_range_and_contrast(photos):
    assert photos.shape == (400, 64, 64, 3) and photos.dtype == np.uint8
    assert photos.min() < 20 and photos.max() == 255
    assert 80 < photos.mean() < 150
    assert photos.std(axis=(1, 2)).min() > 10  # no flat picture
    assert photos.std(axis=0).min() > 10  # no pixel that never changes


def test_a_photo_does_not_depend_on_its_neighbours(faces, photos):
    shuffled = np.random.default_rng(0).permutation(60)
    assert (render_faces(faces.iloc[shuffled]) == photos[shuffled]).all()
    assert (render_faces(faces.iloc[[7]])[0] == photos[7]).all()
    assert render_faces(faces.iloc[:0]).shape == (0, 64, 64, 3)


@pytest.mark.parametrize("dimx, dimy", [(32, 32), (128, 128), (40, 56)])
def test_other_sizes_show_the_same_faces(faces, photos, dimx, dimy):
    other = render_faces(faces.iloc[:8], dimx=dimx, dimy=dimy)
    assert other.shape == (8, dimy, dimx, 3)
    coarse = photos[:8].reshape(8, 8, 8, 8, 8, 3).mean(axis=(2, 4))
    rows, columns = np.arange(8) * dimy // 8, np.arange(8) * dimx // 8
    means = np.add.reduceat(np.add.reduceat(other.astype(float), rows, 1), columns, 2)
    assert np.abs(means / (dimx * dimy / 64) - coarse).mean() < 2
    assert render_faces(faces.iloc[:2], dimx=8, dimy=9).shape == (2, 9, 8, 3)


def test_smile_changes_the_mouth_and_leaves_the_rest(faces):
    changed = change(faces.iloc[:200], "Smiling")
    assert (changed > 8).mean(axis=(1, 2)).min() > 0.03  # everybody visibly smiles
    mouth = changed[:, 44:58, 14:50].mean()
    assert mouth > 5 * changed[:, :30].mean()
    assert changed[:, 34:].sum() > 0.75 * changed.sum()
    assert not changed[:, :8].any()  # hair, forehead, top of the background
    assert not changed[:, :40, [0, -1]].any()


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_each_attribute_shows(faces, name):
    several = faces[(faces["Sunglasses"] < 0) & (faces["Wearing Hat"] < 0)].iloc[:24]
    changed = change(several, name)
    assert (changed > 8).mean() > 0.01
    assert np.median((changed > 8).sum(axis=(1, 2))) > 20  # pixels of 4096


def test_smiles_can_be_learnt():
    faces = sample_faces(2000)
    codes = render_faces(faces, 32, 32).reshape(2000, -1) / np.float32(255)
    smiling = faces["Smiling"] > 0
    train, test = slice(0, 1600), slice(1600, None)  # four photos a person: nobody is in both
    model = make_pipeline(
        PCA(64, svd_solver="randomized", random_state=0), StandardScaler(), LogisticRegression()
    )
    assert model.fit(codes[train], smiling[train]).score(codes[test], smiling[test]) > 0.9


def test_400_photos_are_quick(faces):
    start = time.process_time()
    render_faces(faces)
    assert time.process_time() - start < 3  # seconds; about 0.6 on one slow core


@pytest.mark.parametrize("bad", [{"n": 0}, {"n": 2.5}, {"images_per_person": -1}])
def test_bad_counts_are_named(bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got {value}"):
        sample_faces(**bad)


@pytest.mark.parametrize("bad", [{"dimx": 7}, {"dimy": 0}, {"dimx": 64.0}])
def test_bad_sizes_are_named(faces, bad):
    name, value = next(iter(bad.items()))
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least 8, got {value}"):
        render_faces(faces, **bad)


def test_bad_columns_are_named(faces):
    with pytest.raises(ValueError, match="has no Smiling, yaw$"):
        render_faces(faces.drop(columns=["Smiling", "yaw"]))
    with pytest.raises(ValueError, match="has no Smiling$"):
        face_attributes(faces.drop(columns="Smiling"))
    with pytest.raises(ValueError, match=r"faces\['Bald'\] must be in \[-1, 1\], got 2"):
        render_faces(faces.assign(Bald=2.0))
    with pytest.raises(ValueError, match=r"faces\['yaw'\] must be finite, got nan"):
        render_faces(faces.assign(yaw=np.nan))
