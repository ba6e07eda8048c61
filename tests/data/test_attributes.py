"""The attribute table: what is read, what is refused, and which labels are sure."""

import re

import numpy as np
import pandas as pd
import pytest
from lfw_on_disk import ATTRIBUTES, PHOTOS, lay_out, scores, table_text

from get_dataset import fetch_dataset
from helpers.data.attributes import read_attributes, sure_labels


def read(tmp_path, content):
    path = tmp_path / "table.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_attributes(path)


def test_line_ends_byte_order_marks_and_order_of_columns_are_no_matter(tmp_path):
    text = table_text()
    attrs = read(tmp_path, text)
    last = text.splitlines()[-1].split("\t")
    assert attrs.index[-1] == (last[0], int(last[1])) and list(attrs.index) == PHOTOS
    assert list(attrs) == ATTRIBUTES and set(attrs.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(attrs.iloc[-1], np.float32(last[2:]))
    bare = text.removeprefix("# a comment\n#\t")
    lines = [line.split("\t") for line in text.splitlines()[1:]]
    lines[0] = lines[0][1:]  # without the "#" a header has as many cells as a row
    moved = ["\t".join(reversed(cells)) for cells in lines]
    for other in (
        b"\xef\xbb\xbf" + bare.replace("\n", "\r\n").encode() + b"\r\n",
        text.replace("\n", "\r"),  # as old Macs write
        text.removesuffix("\n"),
        "#\t" + "\n".join(moved),
    ):
        pd.testing.assert_frame_equal(read(tmp_path, other)[ATTRIBUTES], attrs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("\tSmiling", "\tSmirking"), "line 2: no column.* Smiling"),
        (lambda text: text.split("\n", 2)[2], "no column named .*person"),
        (lambda text: "<!DOCTYPE html><html>404</html>", "no column named .*person"),
        (lambda text: text.replace("\t", ","), "no column named"),
        (lambda text: "", "no column named"),
        (lambda text: "\n".join(text.split("\n")[:2]), "no attribute table"),
        (lambda text: text[: len(text) - 60], "line 15: .* must be a number"),
        (lambda text: text.replace("Simone\t1\t", "Simone\t1\t0.5\t"), "line 13, saw 12"),
        (lambda text: text + text.split("\n")[2], r"line 16: .*Ada Lovelace.* in a line above"),
        (lambda text: text.replace("Simone\t1", "Simone\tone"), "line 13: imagenum .* 'one'"),
        (lambda text: text.replace("Simone\t1", "Simone\t1.5"), "line 13: imagenum .* '1.5'"),
        (lambda text: text.replace("Simone\t1\t", "Simone\t1\tnan#"), "line 13: Male .*nan#"),
        (lambda text: text.replace("Simone\t1\t", "Simone\t1\t9e999"), "line 13: Male must be"),
        (lambda text: re.sub("(Simone\t1\t)[^\t]*", r"\1", text), "Male must .* got ''"),
        (lambda text: text.encode("latin-1"), "no text in UTF-8"),
        (lambda text: text.encode("utf-16"), "no text in UTF-8"),
    ],
)
def test_a_damaged_line_is_named_and_the_table_is_left(tmp_path, change, message):
    path = lay_out(tmp_path, "lfw").with_name("lfw_attributes.txt")
    content = change(table_text())
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message) as error:
        fetch_dataset(data_dir=tmp_path)
    assert str(path) in str(error.value) and path.read_bytes() == before


def binarised(values):
    """As the published table was made: 1 for the surest two thirds of a column's positives."""
    result = np.full(values.shape, -1.0)
    for column in range(values.shape[1]):
        positive = np.flatnonzero(values[:, column] > 0)
        surest = positive[np.argsort(values[positive, column])][int(np.ceil(len(positive) / 3)) :]
        result[surest, column] = 1
    return result


def test_a_real_valued_table_and_its_binarised_twin_give_the_same_labels(tmp_path):
    photos = [(f"Person {i}", 1) for i in range(400)]
    values = scores(400)
    values[:, 3] = -np.abs(values[:, 3])  # nobody has it
    real = read(tmp_path, table_text(photos, values))
    twin = read(tmp_path, table_text(photos, binarised(values)))
    labels = sure_labels(real)
    pd.testing.assert_frame_equal(labels, sure_labels(twin))
    assert set(labels.dtypes) == {np.dtype(bool)} and list(labels) == ATTRIBUTES
    share = labels.sum() / (real > 0).sum()
    assert share.drop(ATTRIBUTES[3]).between(0.64, 0.68).all()
    assert not labels[ATTRIBUTES[3]].any()
    pd.testing.assert_frame_equal(sure_labels(twin), twin > 0)
    assert sure_labels(pd.DataFrame(index=range(3))).shape == (3, 0)
