"""Quick pictures and animations: what is drawn, and what is on disk."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from helpers.figures.animations import PAUSE, STEP, eased, page, save_film


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


@pytest.fixture
def frames():
    faces = torch.rand(2, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    return [page([faces[:1], faces[1:] * t], [["still"], ["moves"]], 64) for t in eased(5).tolist()]


def test_an_animation_plays_forth_and_back(frames, tmp_path):
    path = tmp_path / "new" / "film.gif"
    save_film(frames, path)
    assert [file.name for file in path.parent.iterdir()] == ["film.gif"]
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        played = [(f.convert("RGB"), f.info["duration"]) for f in ImageSequence.Iterator(film)]
    assert [duration for _, duration in played] == [PAUSE, *[STEP] * 3, PAUSE, *[STEP] * 3]
    order = [0, 1, 2, 3, 4, 3, 2, 1]
    for (picture, _), i in zip(played, order, strict=True):
        pixels = np.asarray(picture).astype(int)
        errors = [abs(pixels - np.asarray(frame)).mean() for frame in frames]
        assert np.argmin(errors) == i and errors[i] < 8
        assert (pixels[0, 0] == 255).all()  # the paper is white
        assert len(picture.getcolors(10**6)) <= 256


def test_what_does_not_move_does_not_flicker(frames, tmp_path):
    save_film(frames, tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        stills = [np.asarray(f.convert("RGB"))[:72] for f in ImageSequence.Iterator(film)]
    assert all(np.array_equal(still, stills[0]) for still in stills)


def test_a_film_that_looks_the_same_is_left_as_it_is(frames, tmp_path):
    path = tmp_path / "film.gif"
    save_film(frames, path)
    before = path.stat().st_mtime_ns
    save_film((frame.point(lambda value: max(0, value - 1)) for frame in frames), path)
    assert path.stat().st_mtime_ns == before
    save_film(frames[::-1], path)
    assert path.stat().st_mtime_ns > before


def test_frames_that_are_alike_are_shown_longer(frames, tmp_path):
    path, frames = tmp_path / "film.gif", [frames[0], *frames, frames[-1]]
    save_film(frames, path)
    with Image.open(path) as film:
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    assert durations == [PAUSE + STEP, *[STEP] * 3, PAUSE + 2 * STEP, *[STEP] * 4]
