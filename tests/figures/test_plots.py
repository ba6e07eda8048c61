"""Figures: what is drawn, and what is on disk."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from helpers.analysis.metrics import psnr
from helpers.figures import plots
from helpers.figures.drawings import unet_drawing
from helpers.figures.maps import draws_and_codes
from helpers.figures.plots import DPI, curves, face_rows, image_grid, show_saved, write_figure


@pytest.fixture(autouse=True)
def no_window():
    backend = plt.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


@pytest.fixture(scope="module")
def images():
    """As smooth as faces are."""
    coarse = torch.rand(8, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=(64, 64), mode="bicubic").clamp(0, 1)


def drawn_images(fig):
    return [image.get_array() for ax in fig.axes for image in ax.images]


def texts(fig):
    return [t.get_text() for t in fig.findobj(plt.Text) if t.get_text()]


def test_a_grid_shows_every_image_and_every_label(images):
    fig = image_grid([images[:4], images[4:7]], "what is compared", row_labels=["input", "recon"],
                     column_labels=list("abcd"), notes=[["1 dB"] * 4, ["2 dB"] * 3])  # fmt: skip
    shown = drawn_images(fig)
    assert len(shown) == 7 and np.allclose(shown[4], images[4].permute(1, 2, 0))
    assert {"what is compared", "input", "recon", *"abcd", "1 dB", "2 dB"} <= set(texts(fig))


def test_no_word_is_cut_off_and_no_images_overlap(images):
    fig = image_grid([images] * 2, "title", row_labels=["a long label of\ntwo lines", "short"],
                     notes=[["28.1 dB"] * 8, [""] * 8])  # fmt: skip
    fig.canvas.draw()
    width, height = fig.canvas.get_width_height()
    for text in (*fig.texts, *fig.axes[0].texts):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    boxes = [image.get_window_extent() for image in fig.axes[0].images]
    assert len(boxes) == 16 and not any(
        a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1
        for i, a in enumerate(boxes)
        for b in boxes[:i]
    )


def test_rows_of_faces_have_their_psnr_but_for_the_originals(images):
    worse = (images + 0.1).clamp(0, 1)
    fig = face_rows({"photo": images[:3], "ours": worse[:3]}, "title", images[:3])
    expected = [f"{value:.1f} dB" for value in psnr(worse[:3], images[:3])]
    assert [text for text in texts(fig) if text.endswith("dB")] == expected
    assert {"photo", "ours", "title"} <= set(texts(fig))
    assert not any("dB" in text for text in texts(face_rows({"a": images}, "title")))


def test_curves_are_those_of_the_history():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [4.0, 2.0], "val_loss": [5.0, 3.0]})
    ax = curves({"VAE": history}, "title", line=("PCA", 2.5)).axes[0]
    train, validation, level = ax.lines
    assert list(train.get_ydata()) == [4, 2] and list(validation.get_ydata()) == [5, 3]
    assert set(level.get_ydata()) == {2.5}
    assert ax.get_xlabel() == "epoch" and ax.get_yscale() == "log"
    assert [t.get_text() for t in ax.get_legend().get_texts()][1] == "VAE: validation loss"


def test_a_figure_is_written_in_true_colour_and_closed(images, tmp_path):
    fig = image_grid([images[:4]], "title")
    size = tuple(round(inches * DPI) for inches in fig.get_size_inches())
    x0, x1, y1, y0 = (DPI * edge for edge in fig.axes[0].images[0].get_extent())
    path = tmp_path / "new" / "figure.png"
    write_figure(fig, path)
    assert not plt.get_fignums()
    assert [file.name for file in path.parent.iterdir()] == ["figure.png"]
    with Image.open(path) as image:
        assert image.info["Title"] == "title"
        assert all(abs(a - b) <= 1 for a, b in zip(image.size, size, strict=True))
        pixels = np.asarray(image.convert("RGB")).astype(float)
    assert (pixels[0, 0] == 255).all()  # white, in a dark theme too
    found = pixels[round(y0) + 1 : round(y1) - 1, round(x0) + 1 : round(x1) - 1].mean((0, 1))
    assert found == pytest.approx(255 * images[0, :, 1:-1, 1:-1].mean((1, 2)).numpy(), abs=2)


@pytest.mark.parametrize("style", ["dark_background", "Solarize_Light2", "ggplot", "fast"])
def test_the_readers_style_does_not_change_our_figures(images, tmp_path, style):
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [4.0, 2.0], "val_loss": [5.0, 3.0]})
    labels = torch.arange(50) % 10
    codes = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    figures = (
        lambda: curves({"VAE": history}, "title"),
        lambda: image_grid([images[:3]], "title", ["faces"], list("abc")),
        lambda: draws_and_codes(codes, codes, labels, "title"),
        unet_drawing,
    )
    pixels = []
    for used in ("default", style):
        with plt.style.context(used):
            for i, figure in enumerate(figures):
                write_figure(figure(), tmp_path / used / f"{i}.png")
        pixels.append(
            [np.asarray(Image.open(path)) for path in sorted((tmp_path / used).iterdir())]
        )
    assert all(map(np.array_equal, *pixels))


def test_the_drawing_has_the_sizes_of_each_level():
    words = texts(unet_drawing(width=8, latent_dim=32))
    for level in ("8 x 32 x 32", "16 x 16 x 16", "32 x 8 x 8"):
        assert words.count(level) == 2
    assert {"64 x 4 x 4", "code: 32", "input\n3 x 64 x 64"} <= set(words)
    assert sum(word.startswith("skip") for word in words) == 4


def test_a_figure_replaces_another_only_where_it_looks_different(images, tmp_path):
    path = tmp_path / "figure.png"
    write_figure(image_grid([images[:3]], "title"), path)
    before = path.stat().st_mtime_ns
    write_figure(image_grid([(images[:3] + 0.002).clamp(0, 1)], "title"), path)
    assert path.stat().st_mtime_ns == before
    write_figure(image_grid([images[:3]], "another title"), path)
    changed = path.stat().st_mtime_ns
    assert changed > before
    path.write_bytes(path.read_bytes()[:1000])  # damaged
    write_figure(image_grid([images[:3]], "another title"), path)
    Image.open(path).load()


def test_a_notebook_shows_a_small_picture_with_the_title_as_its_text(images, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(plots, "get_ipython", lambda: "a notebook")
    monkeypatch.setattr(plots, "display", shown.append)
    path = tmp_path / "figure.png"
    write_figure(image_grid([images] * 3, "what is\ncompared"), path)
    show_saved(path)
    assert len(shown) == 2
    for picture in shown:
        data, metadata = picture._repr_jpeg_()
        assert metadata["alt"] == "what is compared"
        assert len(data) < 300_000
    with pytest.raises(FileNotFoundError, match="run the cell that draws it"):
        show_saved(tmp_path / "none.png")
