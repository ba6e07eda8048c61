"""Archives that are damaged, or made to do harm: refused in a sentence, and nothing is written."""

import gzip
import io
import tarfile

import numpy as np
import pytest
from lfw_on_disk import JPEGS, PHOTOS, all_there, jpeg, lay_out, photo_path

from get_dataset import fetch_dataset
from helpers.data import photos as reading


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.tar", "lfw.zip"])
def test_archive_cut_off_or_none_at_all(tmp_path, where):
    noise = np.random.default_rng(0).bytes(5000)
    path = lay_out(tmp_path, where)
    whole = path.read_bytes()
    html = b"<!DOCTYPE html><html>Sign in to download</html>"
    cut = [whole[: int(len(whole) * share)] for share in (0.0, 0.3, 0.8)]
    for content in (html, noise, gzip.compress(noise), *cut):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{where} is cut off or damaged .* Move it away"):
            fetch_dataset(data_dir=tmp_path)
        assert path.read_bytes() == content


@pytest.mark.parametrize("damage", ["a bit of a header", "checksum", "password"])
def test_damage_that_its_reader_passes_over(tmp_path, damage):
    path = lay_out(tmp_path, "lfw.zip" if damage == "password" else "lfw.tgz")
    content = bytearray(path.read_bytes())
    if damage == "password":
        for signature, place in ((b"PK\1\2", 8), (b"PK\3\4", 6)):  # the flag of all members
            start = -1
            while (start := content.find(signature, start + 1)) >= 0:
                content[start + place] |= 1
    elif damage == "checksum":
        content[-8] ^= 1
    else:
        tar = bytearray(gzip.decompress(content))
        tar[tar.index(b"lfw/Grace_Hopper") + 150] ^= 1
        content = gzip.compress(tar)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is cut off or damaged"):
        fetch_dataset(data_dir=tmp_path)


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
def test_names_and_links_that_escape_lead_nowhere(tmp_path, where):
    (tmp_path / "secret.jpg").write_bytes(jpeg(99))
    names = ["../../evil_1.jpg", f"{tmp_path}/evil_2.jpg", "a/../../evil_3.jpg", "..\\evil_4.jpg"]
    rest = dict(list(JPEGS.items())[1:])
    path = lay_out(tmp_path / "data", where, rest | dict.fromkeys(names, b"x"), top="")
    if where == "lfw.tgz":
        packed = io.BytesIO(gzip.decompress(path.read_bytes()))
        with tarfile.open(fileobj=packed, mode="a") as archive:
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                link = tarfile.TarInfo(photo_path(*PHOTOS[0]))
                link.type, link.linkname = kind, str(tmp_path / "secret.jpg")
                archive.addfile(link)
        path.write_bytes(gzip.compress(packed.getvalue()))
    before = sorted((tmp_path / "data").rglob("*"))
    photos, attrs = fetch_dataset(data_dir=tmp_path / "data")
    assert PHOTOS[0] not in attrs.index and len(attrs) == len(PHOTOS) - 1
    assert sorted((tmp_path / "data").rglob("*")) == before and not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("where", ["lfw.tgz", "lfw.zip"])
def test_a_picture_that_claims_to_be_a_giant_is_not_read(tmp_path, monkeypatch, where):
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    lay_out(tmp_path, where, JPEGS | {"notes.bin": bytes(2 << 20)})  # no picture: passed over
    all_there(*fetch_dataset(data_dir=tmp_path))
    lay_out(tmp_path, where, JPEGS | {"A_B/A_B_1.png": bytes(2 << 20)})
    with pytest.raises(ValueError, match="A_B_1.png is over 1,048,576 bytes"):
        fetch_dataset(data_dir=tmp_path)
