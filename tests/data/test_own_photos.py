"""Pictures that are not LFW's: read in any format, under any name, or named; never passed over."""

import io
import os

import numpy as np
import pytest
from lfw_on_disk import JPEGS, PHOTOS, encoded, expected, jpeg, lay_out, picture
from PIL import Image, PngImagePlugin

from get_dataset import fetch_dataset
from helpers.data.photos import read_picture


def people(name, content):
    """Eight faces of three people, in a folder each."""
    return {f"Person {i // 3}/{name.format(i=i)}": content(i) for i in range(8)}


def loaded(path):
    return fetch_dataset(data_dir=path, source="lfw")


# ---- Formats, names, places


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("webp", "WEBP"), ("PNG", "PNG"), ("bmp", "BMP"), ("tif", "TIFF"), ("GIF", "GIF"),
     ("jfif", "JPEG"), ("jp2", "JPEG2000"), ("ppm", "PPM"), ("tga", "TGA"), ("avif", "AVIF")],
)  # fmt: skip
@pytest.mark.parametrize("where", ["lfw-deepfunneled", "lfw-deepfunneled.zip"])
def test_any_format_of_pillow_s_is_read(tmp_path, where, suffix, kind):
    if kind == "AVIF":
        pytest.importorskip("PIL._avif")
    files = people(f"IMG_20{{i}}.{suffix}", lambda i: encoded(picture(i), kind))
    lay_out(tmp_path, where, files, table="")
    photos, attrs = loaded(tmp_path)
    assert len(photos) == len(files) and attrs.index.get_level_values("person").nunique() == 3
    right = [expected(encoded(picture(i), "PNG")) for i in (0, 1, 2)]
    assert np.abs(photos[:3].astype(int) - right).mean() < 12


@pytest.mark.parametrize(
    "name", ["{i}.jpg", "IMG_{i}.jpg", "DSC {i} (1).JPG", "Person_{i}.jpg", "été_{i}.jpg"]
)
@pytest.mark.parametrize("top", ["", "my faces/", "a/b/c/"])
def test_any_name_in_a_person_s_folder(tmp_path, name, top):
    files = people(name, jpeg)
    lay_out(tmp_path, "lfw-deepfunneled.zip", files, table="", top=top)
    photos, attrs = loaded(tmp_path)
    assert attrs.attrs["report"]["skipped"] == {}
    counts = attrs.index.get_level_values("person").value_counts()
    assert len(photos) == 8 and dict(counts) == {"Person 0": 3, "Person 1": 3, "Person 2": 2}


def test_numbers_of_names_stay_and_others_take_the_free_ones(tmp_path):
    names = ["Ada_2.jpg", "b.webp", "a.png", "sub/c.jpg", "Ada_0004.jpg"]
    kinds = {"webp": "WEBP", "png": "PNG", "jpg": "JPEG"}
    files = {f"Ada/{n}": encoded(picture(i), kinds[n.split(".")[1]]) for i, n in enumerate(names)}
    lay_out(tmp_path, "lfw", files | {"Bob/Bob_1.jpg": jpeg(9), "no one.jpg": jpeg(7)}, table="")
    _, attrs = loaded(tmp_path)
    assert [*attrs.index] == [("Ada", i) for i in (2, 4, 1001, 1002, 1003)] + [("Bob", 1)]
    assert attrs.attrs["report"]["skipped"] == {"no one.jpg": "in no person's folder"}


@pytest.mark.parametrize(
    "name", ["my_faces/Ada/1.webp", "faces.rar", "Ada/1.jpg", "me.PNG", "f.7z"]
)
def test_what_is_under_no_name_that_is_looked_for_is_named(tmp_path, capsys, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(jpeg(1))
    (tmp_path / "MNIST").mkdir()
    with pytest.raises(ConnectionError, match="no LFW photos"):
        loaded(tmp_path)
    (note,) = capsys.readouterr().out.splitlines()
    assert name.split("/")[0] in note and "lfw-deepfunneled/" in note and "MNIST" not in note


@pytest.mark.parametrize("name", ["Ada/1.heic", "Ada/1.mov", "Ada.txt", "Ada/2019/1.jxl"])
def test_a_folder_of_the_right_name_without_a_picture_is_not_replaced(tmp_path, name):
    lay_out(tmp_path, "lfw-deepfunneled", {name: b"something"})
    with pytest.raises(ValueError, match="lfw-deepfunneled has no photo that can be used"):
        fetch_dataset(data_dir=tmp_path)


def test_a_picture_of_another_name_gets_nobody_s_scores(tmp_path, capsys):
    """Not those of a photo that is missing; and that it is left out is said."""
    files = dict(list(JPEGS.items())[1:])
    own = {f"Ada Lovelace/selfie {i}.jpg": jpeg(i, (250, 250)) for i in range(91)}
    lay_out(tmp_path, "lfw", files | own)
    _, attrs = fetch_dataset(data_dir=tmp_path)
    assert list(attrs.index) == PHOTOS[1:]
    assert "1 rows of" in (out := capsys.readouterr().out) and "no usable photo" in out
    lay_out(tmp_path, "lfw", JPEGS)
    fetch_dataset(data_dir=tmp_path)
    assert "91 photos in" in capsys.readouterr().out


# ---- Separators and encodings


@pytest.mark.parametrize(
    "where", ["lfw-deepfunneled.zip", "archive.zip", "lfw.tar", "lfw_funneled"]
)
def test_backslashes_keep_the_attributes(tmp_path, where):
    """As PowerShell 5 packs them; or unpacked, as files with backslashes in their names."""
    files = {f"lfw-deepfunneled/{name}".replace("/", "\\"): data for name, data in JPEGS.items()}
    lay_out(tmp_path, where, files, top="")
    photos, attrs = fetch_dataset(data_dir=tmp_path, source="lfw")
    assert list(attrs.index) == PHOTOS and attrs.shape[1] == 9


@pytest.mark.skipif(os.name == "nt", reason="Windows' names are text")
@pytest.mark.parametrize("where", ["lfw", "lfw.tgz"])
def test_names_in_latin_1_are_read_and_can_be_printed(tmp_path, capsys, where):
    latin = {os.fsdecode(name.encode("latin-1")): data for name, data in JPEGS.items()}
    broken = os.fsdecode("José/José_0001.jpg".encode("latin-1"))
    lay_out(tmp_path, where, latin | {broken: b"no picture"})
    photos, attrs = fetch_dataset(data_dir=tmp_path, source="lfw")
    assert list(attrs.index) == PHOTOS
    assert "José/José_0001.jpg" in capsys.readouterr().out.encode().decode()


# ---- Sizes


@pytest.mark.parametrize("size", [(182, 182), (96, 112), (160, 160), (64, 64), (500, 400)])
def test_photos_of_another_size_are_not_cut_down_to_skin(tmp_path, capsys, size):
    files = people("{i}.png", lambda i: encoded(picture(i, size), "PNG"))
    lay_out(tmp_path, "lfw-deepfunneled", files, table="")
    photos, _ = loaded(tmp_path)
    short, (width, height) = min(size), size
    left, top = (width - short) // 2, (height - short) // 2
    box = (left, top, width - left, height - top)
    for i in (0, 1, 2):
        right = np.asarray(picture(i, size).crop(box).resize((64, 64)))
        np.testing.assert_array_equal(photos[i], right)
    assert "{}x{} pixels, not 250x250".format(*size) in capsys.readouterr().out


# ---- Modes: one reader for LFW's photos and for one's own


RAMP = np.tile(np.linspace(0, 1, 64), (64, 1))
RED = Image.new("RGB", (64, 64), (200, 30, 60))


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.fromarray(np.uint16(RAMP * 65535)), "PNG"),
        (Image.fromarray(np.uint16(RAMP * 65535)), "TIFF"),
        (Image.fromarray(np.int32(RAMP * 65535)), "TIFF"),
        (Image.fromarray(np.float32(RAMP)), "TIFF"),
        (Image.fromarray(np.float32(RAMP * 255)), "TIFF"),
        (Image.fromarray(np.uint8(RAMP * 255)), "PNG"),
    ],
)
def test_grey_of_any_depth_is_scaled(image, kind):
    read = np.asarray(read_picture(encoded(image, kind)))
    assert read.shape == (64, 64, 3)
    assert np.abs(read[..., 0] - RAMP * 255).max() <= 1.5


def test_palette_alpha_cmyk_and_turned_pictures():
    clear = RED.convert("RGBA")
    clear.putalpha(Image.new("L", (64, 64), 0))
    assert np.asarray(read_picture(encoded(clear, "PNG"))).min() == 255  # white, not what is hidden
    palette = RED.quantize(4)
    for image, kind in ((palette, "PNG"), (palette, "GIF"), (RED.convert("RGBA"), "WEBP"),
                        (RED.convert("CMYK"), "JPEG"), (RED.convert("CMYK"), "TIFF")):  # fmt: skip
        read = np.asarray(read_picture(encoded(image, kind))).reshape(-1, 3)
        assert np.abs(read.mean(0) - (200, 30, 60)).max() < 12, (image.mode, kind)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    upright = picture(3, (60, 40))
    for kind in ("PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        turned = encoded(upright.rotate(90, expand=True), kind, exif=exif, **options)
        np.testing.assert_array_equal(np.asarray(read_picture(turned)), np.asarray(upright))


def test_what_cannot_be_read_says_why_in_one_line(tmp_path):
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * (2 << 20), zip=True)
    for content, why in (
        (encoded(RED, "PNG", pnginfo=text), "too large"), (b"<html>", "no picture"),
        (b"", "no picture"), (jpeg(1)[:2000], "truncated"), (encoded(RED, "WEBP")[:60], "."),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=why) as error:
            read_picture(content)
        assert "\n" not in str(error.value) and "BytesIO" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="nobody.jpg"):
        read_picture(tmp_path / "nobody.jpg")
    assert read_picture(io.BytesIO(jpeg(1))).size == (250, 250)
