"""Every figure's look, in one place (digits' colours: maps.py); and how it gets to the disk.

Whatever draws returns the Matplotlib Figure. Images are float tensors (n, C, H, W) in [0, 1], with
C 1 or 3; rows, titles, labels and sides in inches (`cell`) mean the same in all functions.
"""

import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython import get_ipython
from IPython.display import Image as IPythonImage
from IPython.display import display
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from PIL import Image

from helpers.analysis.metrics import psnr
from helpers.system.files import replacing
from helpers.system.processes import is_main_process

DPI = 95
SHOWN_WIDTH = 800  # pixels, in the notebook
SAME = 3  # of 255: a difference that cannot be seen
SPECKS = 20  # pixels that may differ by more
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vPX"
SEEN = (
    "axes",
    "errorbar",
    "figure",
    "font",
    "grid",
    "hatch",
    "image",
    "legend",
    "lines",
    "markers",
    "mathtext",
    "patch",
    "path",
    "savefig",
    "scatter",
    "text",
    "xtick",
    "ytick",
)
# Whatever the reader's own style is: Matplotlib's defaults of all that is seen, and ours
STYLE = {k: v for k, v in matplotlib.rcParamsDefault.items() if k.split(".")[0] in SEEN} | {
    "figure.facecolor": "white", "savefig.facecolor": "white",
    "font.size": 9, "axes.titlesize": 10, "figure.titlesize": 10, "figure.titleweight": "bold",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3,
    "legend.frameon": False, "axes.prop_cycle": plt.cycler(color=COLOURS),
}  # fmt: skip
GAP = 0.05  # inches between the images of a grid
FILLS = ("full", "none", "left")  # of the markers of the first, second and third column
FEW = 40  # points that a curve is marked at
TRAINING = " (training)"  # what ends the name of an error on the training data


def image_grid(rows, title, row_labels=None, column_labels=None, notes=None, cell=0.9):
    """A grid of images, a tensor (n, C, H, W) a row, labelled.

    `notes` are the words under each image, a sequence of str a row.
    """
    lines = [line for label in row_labels or () for line in label.split("\n")]
    left = 0.16 + 0.075 * max(map(len, lines)) if row_labels else 0.1
    head = 0.36 + 0.16 * title.count("\n")
    if column_labels:
        head += 0.19 * (1 + max(label.count("\n") for label in column_labels))
    has_words = [any(words) for words in notes] if notes else [False] * len(rows)
    tops = np.cumsum([head, *(cell + GAP + 0.17 * noted for noted in has_words)])
    width = left + max(map(len, rows)) * (cell + GAP) + 0.1
    height = tops[-1] + GAP
    with plt.rc_context(STYLE):
        fig = plt.figure(figsize=(width, height))
        fig.suptitle(title, y=1 - 0.08 / height)
        ax = fig.add_axes((0, 0, 1, 1))  # in inches from the upper left corner
        for r, (y, images) in enumerate(zip(tops[:-1], rows, strict=True)):
            for c, image in enumerate(images):
                x = left + c * (cell + GAP)
                show_image(ax, image, extent=(x, x + cell, y + cell, y))
                if has_words[r]:
                    ax.text(x + cell / 2, y + cell + 0.03, notes[r][c], ha="center", va="top",
                            fontsize=7)  # fmt: skip
                if column_labels and r == 0:
                    ax.text(x + cell / 2, y - 0.04, column_labels[c], ha="center", va="bottom",
                            fontsize=8)  # fmt: skip
            if row_labels:
                ax.text(left - 0.08, y + cell / 2, row_labels[r], ha="right", va="center",
                        fontsize=8.5)  # fmt: skip
        ax.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    return fig


def face_rows(rows, title, against=None, column_labels=None, cell=0.9):
    """Rows of the same faces by different models: a dict of label -> images.

    With the originals, `against`, the PSNR in dB is written under each image of all other rows.
    """
    notes = against if against is None else [decibels(row, against) for row in rows.values()]
    return image_grid(list(rows.values()), title, list(rows), column_labels, notes, cell)


def two_rows(images, title, against=None):
    """Up to sixteen images in two rows; with the originals `against`, their PSNR under them."""
    images = images[:16]
    half = (len(images) + 1) // 2
    words = [] if against is None else decibels(images, against[: len(images)])
    return image_grid(images.split(half), title, notes=[words[:half], words[half:]])


def decibels(images, originals):
    """The PSNR of each image in words, or empty words where the images are the originals."""
    if torch.equal(images, originals):
        return [""] * len(images)
    return [f"{value:.1f} dB" for value in psnr(images, originals)]


def show_image(ax, image, extent=None):
    """Draw an image (C, H, W) on `ax`, without axes; `extent` as Matplotlib's imshow takes it."""
    pixels = image.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    ax.imshow(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=1,
              interpolation="lanczos", extent=extent)  # fmt: skip
    ax.set_axis_off()


def curves(histories, title, ylabel="loss", columns=("train_loss", "val_loss"), line=None,
           scale="log"):  # fmt: skip
    """Learning curves of up to seven trainings: a dict of name -> DataFrame as `fit` returns it.

    Of each, one to three `columns` are drawn: solid, dashed, dotted; over "step" where there is no
    "epoch". `line`, (name, value), is a level to compare with; `scale` is "log" or "linear".
    """
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
        for colour, (name, history) in zip(COLOURS, histories.items(), strict=False):
            x = "epoch" if "epoch" in history else "step"
            marker = "o" if len(history) <= FEW else None
            for column, style, fill in zip(columns, ("-", "--", ":"), FILLS, strict=False):
                what = column.replace("_", " ").replace("val", "validation")
                label = f"{name}: {what}" if name else what
                ax.plot(history[x], history[column], style, color=colour, label=label,
                        marker=marker, markersize=4, fillstyle=fill)  # fmt: skip
        if line is not None:
            ax.axhline(line[1], color="black", linestyle="-.", linewidth=1, label=line[0])
        ax.set(title=title, xlabel=x, ylabel=ylabel, yscale=scale)
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if scale == "log":
            readable_ticks(ax)
        ax.legend(fontsize=8)
    return fig


def readable_ticks(ax):
    """Ticks of a logarithmic y axis as plain numbers, however few decades it spans."""
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(
        MaxNLocator(6) if high < 10 * low else LogLocator(subs=(1.0, 2.0, 5.0), numticks=12)
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.minorticks_off()


def by_latent_dim(errors, title):
    """Errors by the length of the code, and the test errors as shares of PCA's.

    `errors` is a dict of up to seven names, "PCA" among them, -> dict of latent_dim (int, or a str
    of one) -> error. "NAME (training)" is drawn dashed in the colour of NAME, in the left panel.
    """
    sizes = [int(size) for size in errors["PCA"]]
    names = [name for name in errors if not name.endswith(TRAINING)]
    with plt.rc_context(STYLE):
        fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        for name, found in errors.items():
            i = names.index(name.removesuffix(TRAINING))
            look = {"marker": MARKERS[i], "color": COLOURS[i], "markersize": 5}
            values = list(found.values())
            if name in names:
                left.plot(sizes, values, label=name, **look)
                right.plot(sizes, np.divide(values, list(errors["PCA"].values())), **look)
            else:
                left.plot(sizes, values, "--", label=name, fillstyle="none", **look)
        left.set(yscale="log", ylabel="MSE")
        right.set(ylabel="test MSE, share of PCA's")
        readable_ticks(left)
        for ax in (left, right):
            ax.set(xscale="log", xlabel="latent_dim")
            ax.set_xticks(sizes, [str(size) for size in sizes])
            ax.xaxis.set_minor_locator(plt.NullLocator())
        left.legend(fontsize=8)
        fig.suptitle(title)
    return fig


def write_figure(fig, path):
    """Write a figure as a PNG, show it in the notebook, and close it.

    A file that looks the same is left as it is, so that a run which changes nothing writes
    nothing. The notebook shows, and keeps, a smaller JPEG. The figure's title is the alternative
    text, in the notebook and in the PNG. Of several processes only the first does anything.
    """
    if is_main_process():
        title = title_of(fig) or Path(path).stem
        png = io.BytesIO()
        with plt.rc_context(STYLE):  # ticks take their colours only now
            fig.savefig(png, dpi=DPI, metadata={"Title": title})
        picture = Image.open(png).convert("RGB")
        if not looks_like(path, picture):
            with replacing(path) as part:
                part.write_bytes(png.getvalue())
        show(picture, title)
    plt.close(fig)


def show_saved(path):
    """Show a figure that an earlier run wrote, as `write_figure` would have shown it."""
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no figure {path}: run the cell that draws it")
    with Image.open(path) as picture:
        show(picture.convert("RGB"), picture.info.get("Title", Path(path).stem))


def title_of(fig):
    """The title of a figure, or of its first axes, on one line; empty where there is none."""
    titles = (fig.get_suptitle(), *(ax.get_title() for ax in fig.axes))
    return " ".join(next(filter(None, titles), "").split())


def looks_like(path, picture):
    """Whether the file at `path` shows what `picture` does, to the eye."""
    try:
        with Image.open(path) as file:
            before = np.asarray(file.convert("RGB"), np.int16)
    except (OSError, ValueError, SyntaxError):  # not there, or damaged: Pillow raises all of these
        return False
    after = np.asarray(picture, np.int16)
    return before.shape == after.shape and (
        np.count_nonzero((abs(before - after) > SAME).any(2)) <= SPECKS
    )


def show(picture, alt):
    if get_ipython() is None:
        return
    shown = io.BytesIO()
    picture.thumbnail((SHOWN_WIDTH, 10 * SHOWN_WIDTH), Image.Resampling.LANCZOS)
    picture.save(shown, format="jpeg", quality=75)
    display(IPythonImage(shown.getvalue(), format="jpeg", alt=alt))
