"""Figures: what is drawn, and what is on disk."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from helpers.figures import plots
from helpers.figures.plots import DPI, curves, image_grid, save, show_image


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
    return [ax.images[0].get_array() for ax in fig.axes if ax.images]


def texts(fig):
    return [t.get_text() for t in fig.findobj(plt.Text) if t.get_text()]


def test_a_grid_shows_every_image_and_every_label(images):
    fig = image_grid(
        [images[:4], images[4:7]],
        "what is compared",
        row_labels=["input", "recon"],
        column_labels=list("abcd"),
        notes=[["1 dB"] * 4, ["2 dB"] * 3],
    )
    shown = drawn_images(fig)
    assert len(shown) == 7
    assert np.allclose(shown[0], images[0].permute(1, 2, 0))
    assert np.allclose(shown[4], images[4].permute(1, 2, 0))
    expected = {"what is compared", "input", "recon", *"abcd", "1 dB", "2 dB"}
    assert expected <= set(texts(fig))


def test_no_word_is_cut_off_and_no_panels_overlap(images):
    fig = image_grid([images] * 2, "title", row_labels=["a long label of\ntwo lines", "short"])
    fig.canvas.draw()
    width, height = fig.canvas.get_width_height()
    for text in fig.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    boxes = [ax.get_position() for ax in fig.axes]
    assert not any(
        a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1
        for i, a in enumerate(boxes)
        for b in boxes[:i]
    )


def test_grey_images_and_values_out_of_range_can_be_shown():
    _, ax = plt.subplots()
    show_image(ax, torch.tensor([[[-1.0, 0.5], [0.25, 7.0]]], requires_grad=True))
    assert np.array_equal(ax.images[0].get_array(), [[0, 0.5], [0.25, 1]])


def test_curves_are_those_of_the_history():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [4.0, 2.0], "val_loss": [5.0, 3.0]})
    ax = curves({"VAE": history}, "title", line=("PCA", 2.5)).axes[0]
    train, held_out, level = ax.lines
    assert list(train.get_ydata()) == [4, 2] and list(held_out.get_ydata()) == [5, 3]
    assert set(level.get_ydata()) == {2.5}
    assert ax.get_xlabel() == "epoch" and ax.get_yscale() == "log"
    assert [t.get_text() for t in ax.get_legend().get_texts()][1] == "VAE: held-out loss"


def test_a_figure_is_saved_small_and_true_and_closed(images, tmp_path):
    fig = image_grid([images[:4]], "title")
    size = tuple(round(inches * DPI) for inches in fig.get_size_inches())
    path = tmp_path / "new" / "figure.png"
    save(fig, path)
    assert not plt.get_fignums()
    assert path.stat().st_size < 500_000
    assert [file.name for file in path.parent.iterdir()] == ["figure.png"]
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(float)
        assert all(abs(a - b) <= 1 for a, b in zip(image.size, size, strict=True))
    assert (pixels[0, 0] == 255).all()  # white, in a dark theme too
    ax = fig.axes[0].get_window_extent()
    scale = DPI / fig.dpi
    middle = pixels[size[1] - int(ax.y1 * scale) : size[1] - int(ax.y0 * scale)]
    middle = middle[:, int(ax.x0 * scale) : int(ax.x1 * scale)]
    expected = 255 * images[0].mean((1, 2)).numpy()
    assert middle.mean((0, 1)) == pytest.approx(expected, abs=3)  # the palette shifts no colour


def test_the_same_figure_is_the_same_file(images, tmp_path):
    for name in ("first", "again"):
        save(image_grid([images[:3]], "title"), tmp_path / f"{name}.png")
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "again.png").read_bytes()


def test_frontiers_draw_each_method_against_each_cost():
    table = pd.DataFrame({"t": [1, 2], "cost": [0.1, 0.3], "other": [3.0, 5.0], "won": [0.4, 0.9]})
    fig = plots.frontiers({"a": table, "b": table * 2}, "Two", ("cost", "other"), "won", "t")
    assert [ax.get_xlabel() for ax in fig.axes] == ["cost", "other"]
    assert fig.axes[0].get_ylabel() == "won"
    assert [list(line.get_xdata()) for line in fig.axes[1].lines] == [[3.0, 5.0], [6.0, 10.0]]
    assert [text.get_text() for text in fig.axes[0].texts] == ["2", "4"]
