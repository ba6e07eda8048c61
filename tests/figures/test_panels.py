"""The panels: their callbacks are driven as a browser would."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from helpers.figures.panels import digit_machine, face_editor

FACE, NUMBER = 4, 3  # numbers of their codes


@pytest.fixture
def decoded():
    """The codes that a panel has asked to be decoded, and a decoder of faces and one of digits."""
    asked = []

    def faces(z):
        asked.append(z)
        return torch.sigmoid(z).mean(1)[:, None, None, None].expand(-1, 3, 16, 16)

    def digits(z, labels):
        asked.append((z, labels))
        shade = torch.sigmoid(z).mean(1) * (labels + 1) / 10
        return shade[:, None, None, None].expand(-1, 1, 8, 8)

    return asked, faces, digits


@pytest.fixture
def editor(decoded):
    directions = {"smile": torch.tensor([1.0, 0, 0, 0]), "years": torch.tensor([0, 2.0, 0, 0])}
    codes = torch.arange(3.0)[:, None].repeat(1, FACE)
    return face_editor(decoded[1], torch.rand(3, 3, 16, 16), codes, directions, {"smile": 1.0})


@pytest.fixture
def machine(decoded):
    directions = {"slant": torch.tensor([1.0, 0, 0])}
    return digit_machine(decoded[2], torch.eye(2, NUMBER), directions)


def shown(panel):
    return np.asarray(Image.open(io.BytesIO(panel.picture.value)).convert("RGB"))


def test_a_slider_moves_the_code_and_the_picture(editor, decoded):
    asked = decoded[0]
    assert asked[-1].tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]]
    before = editor.picture.value
    editor.controls["years"].value = -1.5
    assert asked[-1].tolist() == [[0, 0, 0, 0], [1, -3, 0, 0]]
    assert editor.picture.value != before
    editor.controls["face"].value = 3
    assert asked[-1].tolist() == [[2, 2, 2, 2], [3, -1, 2, 2]]
    assert editor.message.value == ""


def test_a_number_is_written_in_one_hand(machine, decoded):
    machine.controls["number"].value = "1789"
    machine.controls["hand"].value = 2
    machine.controls["slant"].value = 0.5
    machine.controls["digit"].value = 3
    codes, labels = decoded[0][-1]
    assert labels.tolist() == [3, 1, 7, 8, 9] and labels.dtype == torch.int64
    assert codes.tolist() == [[0.5, 1, 0]] * 5
    assert shown(machine).shape[1] > shown(machine).shape[0]


@pytest.mark.parametrize("typed", ["12a4", "½²", "٣", "<script>", "   ", "1" * 13])
def test_what_cannot_be_written_is_said_in_the_panel(machine, typed):
    before = machine.picture.value
    machine.controls["number"].value = typed
    said = machine.message.value
    assert "number must be of 1 to 12 digits, such as 1789, got" in said and "<" not in said
    assert machine.picture.value == before
    machine.controls["number"].value = " 42 "
    assert machine.message.value == "" and machine.picture.value != before


def test_a_decoder_that_fails_is_said_in_the_panel():
    def decode(z):
        if z[1, 0] > 1:
            raise RuntimeError("out of memory\nand a page more of it")
        return torch.zeros(len(z), 3, 8, 8)

    directions = {"smile": torch.ones(FACE)}
    panel = face_editor(decode, torch.rand(1, 3, 8, 8), torch.zeros(1, FACE), directions)
    panel.controls["smile"].value = 1.5
    assert panel.message.value == "out of memory"


def test_where_no_kernel_runs_a_picture_takes_its_place(editor):
    data, metadata = editor._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    picture = base64.b64decode(data["image/jpeg"])
    assert picture == editor.picture.value and len(picture) < 100_000
    assert metadata["image/jpeg"]["alt"] == editor.alt and editor.alt in data["text/plain"]
