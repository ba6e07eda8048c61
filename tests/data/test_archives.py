"""Archives that are damaged, or made to do harm: refused in a sentence, and nothing is written."""

import gzip
import io
import os
import tarfile
import zipfile

import numpy as np
import pytest
from lfw_on_disk import JPEGS, PHOTOS, all_there, jpeg, lay_out, photo_path
from PIL import Image

from get_dataset import fetch_dataset
from helpers.data import photos as reading


def test_archive_cut_off_or_none_at_all(tmp_path):
    noise = np.random.default_rng(0).bytes(5000)
    for where in ("lfw.tgz", "lfw.zip", "archive.zip"):
        path = lay_out(tmp_path / where, where)
        whole = path.read_bytes()
        html = b"<!DOCTYPE html><html>Sign in to download</html>"
        cut = [whole[: int(len(whole) * share)] for share in (0.0, 0.3, 0.97)]
        for content in (html, noise, gzip.compress(noise), *cut):
            path.write_bytes(content)
            with pytest.raises(ValueError, match=f"{where} is cut off or damaged .* Move it away"):
                fetch_dataset(data_dir=tmp_path / where, use_raw=where.startswith("lfw"))
            assert path.read_bytes() == content


@pytest.mark.parametrize("damage", ["flip a bit of a header", "cut between members", "checksum"])
def test_damage_that_tarfile_passes_over(tmp_path, damage):
    path = lay_out(tmp_path, "lfw.tgz")
    content = bytearray(gzip.decompress(path.read_bytes()))
    header = content.index(b"lfw/Grace_Hopper")
    if damage.startswith("flip"):
        content[header + 150] ^= 1
    elif damage.startswith("cut"):
        del content[header:]
    else:
        content += bytes(-len(content) % (1 << 18))  # whole blocks: nothing else reads to the end
    packed = bytearray(gzip.compress(content))
    packed[-8] ^= damage == "checksum"
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="cut off or damaged"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
def test_paths_that_escape_lead_nowhere(tmp_path, where):
    names = ["../../evil_1.jpg", f"{tmp_path}/evil_2.jpg", "a/../../evil_3.jpg"]
    lay_out(tmp_path / "data", where, JPEGS | dict.fromkeys(names, b"x"), top="")
    all_there(*fetch_dataset(data_dir=tmp_path / "data"))
    assert not list(tmp_path.rglob("*evil*"))


def test_links_are_not_followed(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(jpeg(99))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, "zip"):
        where = "lfw.zip" if kind == "zip" else "lfw.tgz"
        path = lay_out(tmp_path / str(kind), where, dict(list(JPEGS.items())[1:]))
        name, target = "lfw/" + photo_path(*PHOTOS[0]), str(tmp_path / "secret.jpg")
        if kind == "zip":
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, 0o120777 << 16
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(link, target)
        else:
            packed = io.BytesIO(gzip.decompress(path.read_bytes()))
            with tarfile.open(fileobj=packed, mode="a") as archive:
                link = tarfile.TarInfo(name)
                link.type, link.linkname = kind, target
                archive.addfile(link)
            path.write_bytes(gzip.compress(packed.getvalue()))
        _, attrs = fetch_dataset(data_dir=tmp_path / str(kind))
        assert PHOTOS[0] not in attrs.index and len(attrs) == len(PHOTOS) - 1


def test_a_zip_with_a_password(tmp_path):
    path = lay_out(tmp_path, "lfw.zip")
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):  # the flag of all members
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            content[start + place] |= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="lfw.zip is cut off or damaged .*(encrypted|password)"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
def test_bombs(tmp_path, monkeypatch, where):
    lay_out(tmp_path, where, JPEGS | {"zeros.bin": bytes(17 << 20)})
    with pytest.raises(ValueError, match="zeros.bin.* 16,777,216 bytes"):
        fetch_dataset(data_dir=tmp_path)
    lay_out(tmp_path, where)
    for limit, value, words in (("MAX_MEMBERS", 5, "at most 5 files"),
                                ("MAX_TOTAL_BYTES", 30_000, "30,000 bytes together")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(reading, limit, value)
            with pytest.raises(ValueError, match=f"refused at .*{words}"):
                fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("header", ["size", "GNU.sparse.realsize"])
def test_a_tar_that_claims_a_giant(tmp_path, header):
    """A header of a few bytes that stands for a terabyte of zeros."""
    path = lay_out(tmp_path, "lfw.tgz")
    packed = io.BytesIO(gzip.decompress(path.read_bytes()))
    with tarfile.open(fileobj=packed, mode="a", format=tarfile.PAX_FORMAT) as archive:
        giant = tarfile.TarInfo("lfw/giant.bin")
        giant.pax_headers = {header: str(1 << 40)}
        if header != "size":
            giant.pax_headers |= {
                "GNU.sparse.map": f"0,0,{1 << 40},0", "GNU.sparse.size": str(1 << 40),
                "GNU.sparse.major": "0", "GNU.sparse.minor": "1",
            }  # fmt: skip
        archive.addfile(giant)
    path.write_bytes(gzip.compress(packed.getvalue()))
    with pytest.raises(ValueError, match="refused at 'lfw/giant.bin'|is cut off or damaged"):
        fetch_dataset(data_dir=tmp_path)


def test_a_tar_of_headers_upon_headers(tmp_path):
    """Each long name announces the next: what reads them goes deeper and deeper."""
    path = lay_out(tmp_path, "lfw.tgz")
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 2
    block = name.tobuf(tarfile.GNU_FORMAT) + b"a\0" + bytes(510)
    path.write_bytes(gzip.compress(3000 * block + gzip.decompress(path.read_bytes())))
    with pytest.raises(ValueError, match="is cut off or damaged"):
        fetch_dataset(data_dir=tmp_path)


def test_photo_twice_and_no_faces_at_all(tmp_path):
    name = photo_path(*PHOTOS[0])
    lay_out(tmp_path, "lfw.tgz", {f"again/{name}": jpeg(77)} | JPEGS)
    _, attrs = fetch_dataset(data_dir=tmp_path)
    assert attrs.attrs["report"]["skipped"] == {
        f"lfw/{name}": f"the same photo as lfw/again/{name}"
    }
    lay_out(tmp_path, "lfw.tgz", {"notes.txt": b"hello"})
    with pytest.raises(ValueError, match="no photo that can be used"):
        fetch_dataset(data_dir=tmp_path)
    lay_out(tmp_path, "lfw.tgz", {name: b"hello"})
    with pytest.raises(ValueError, match="1 were unusable; .*_0001.jpg: .*no JPEG or PNG"):
        fetch_dataset(data_dir=tmp_path)


# ---- Damage drawn at random

SMALL = {photo_path(*photo): jpeg(i, (40, 40)) for i, photo in enumerate(PHOTOS)}
CROP = {"dx": 4, "dy": 4, "dimx": 16, "dimy": 16}
RIGHT = {
    name: np.asarray(Image.open(io.BytesIO(content)).crop((4, 4, 36, 36)).resize((16, 16)))
    for name, content in zip(PHOTOS, SMALL.values(), strict=True)
}


def damaged(content, rng):
    """`content` as a bad disk, a bad cable or a bad day might leave it."""
    a, b = sorted(int(i) for i in rng.integers(0, len(content), 2))
    length = int(rng.integers(1, 200))
    flipped = bytes([content[a] ^ (1 << int(rng.integers(8)))])
    return [
        content[:a] + flipped + content[a + 1 :],
        content[:b] + rng.bytes(length) + content[b + length :],
        content[:a],
        content[:b] + content[b + length :],
        content[:b] + content[a : a + length] + content[b:],
        content[:b] + bytes(length) + content[b + length :],
        content + rng.bytes(length),
    ][rng.integers(7)]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip", "lfw", "table"])
def test_random_damage(tmp_path, where):
    """What is taken is right, and what is left out is said.

    A JPEG in a folder and the table have no checksum: a changed pixel or digit is not seen, but
    damage never reaches another photo, and no photo gets the scores of another.
    """
    folder = where == "lfw"
    path = lay_out(tmp_path, "lfw.tgz" if where == "table" else where, SMALL)
    path = path / photo_path(*PHOTOS[1]) if folder else path
    path = tmp_path / "lfw_attributes.txt" if where == "table" else path
    whole, rng, refused, left_out = path.read_bytes(), np.random.default_rng(1), 0, 0
    for i in range(80):
        path.write_bytes(damaged(whole, rng))
        os.utime(path.parents[1] if folder else path, ns=(0, i))  # else it is cached
        try:
            photos, attrs = fetch_dataset(data_dir=tmp_path, source="lfw", **CROP)
        except ValueError as error:
            assert path.name in str(error) and len(str(error)) < 700
            refused += 1
            continue
        left_out += len(photos) < len(PHOTOS)
        assert np.isfinite(attrs.to_numpy()).all() and attrs.index.is_unique
        for name, pixels in zip(attrs.index, photos, strict=True):
            if not folder or name != PHOTOS[1]:
                np.testing.assert_array_equal(pixels, RIGHT[name])
    assert refused == 0 < left_out if folder else 80 >= refused >= 40, (refused, left_out)
