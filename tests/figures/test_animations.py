"""Quick pictures and films: what is drawn, and what is on disk."""

import numpy as np
import torch
from PIL import Image, ImageSequence

from helpers.figures.animations import PAUSE, STEP, page, save_film


def test_a_page_shows_every_image_in_its_place():
    grey = torch.tensor([0.0, 0.5])[:, None, None, None].repeat(1, 1, 8, 8)
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None].repeat(3, 1, 8, 8)
    picture = page([grey, red], [["a", "b"], []], size=40)
    assert picture.size == (4 + 3 * 44, 4 + 44 + 20 + 44)
    pixels = np.asarray(picture)
    assert pixels[24, 24].tolist() == [0, 0, 0] and pixels[24, 68].tolist() == [128] * 3
    assert pixels[90, 24].tolist() == pixels[90, 112].tolist() == [255, 0, 0]
    assert pixels[24, 112].tolist() == [255] * 3  # paper where there is no image
    assert pixels[45:67, 4:44].min() < 100  # the caption's ink


def test_a_film_plays_forth_and_back_and_what_does_not_move_does_not_flicker(tmp_path):
    faces = torch.rand(2, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    shades = torch.linspace(0, 1, 5).tolist()
    frames = [page([faces[:1], faces[1:] * t], [["still"], ["moves"]], 64) for t in shades]
    path = tmp_path / "new" / "film.gif"
    save_film(frames, path)
    assert [file.name for file in path.parent.iterdir()] == ["film.gif"]
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        played = [(f.convert("RGB"), f.info["duration"]) for f in ImageSequence.Iterator(film)]
    assert [duration for _, duration in played] == [PAUSE, *[STEP] * 3, PAUSE, *[STEP] * 3]
    pixels = [np.asarray(picture).astype(int) for picture, _ in played]
    for shown, i in zip(pixels, [0, 1, 2, 3, 4, 3, 2, 1], strict=True):
        errors = [abs(shown - np.asarray(frame)).mean() for frame in frames]
        assert np.argmin(errors) == i and errors[i] < 8
        assert np.array_equal(shown[:72], pixels[0][:72]) and shown[0, 0].min() > 250
