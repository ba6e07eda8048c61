"""Every figure's look, in one place."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython import get_ipython
from IPython.display import Image as IPythonImage
from IPython.display import display
from matplotlib.ticker import PercentFormatter
from PIL import Image

from helpers.system import validation
from helpers.system.files import replacing
from helpers.system.processes import is_first

DPI = 150
SHOWN_WIDTH = 800  # pixels, in the notebook
MAX_BYTES = 480_000
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
}


def image_grid(rows, title, row_labels=None, column_labels=None, notes=None, cell=0.9):
    """A grid of images, labelled.

    Parameters
    ----------
    rows : sequence of float tensors (n, C, H, W) in [0, 1], one a row of the grid
    title : str, says what is compared
    row_labels, column_labels : sequences of str, or None
    notes : sequence of sequences of str, the words under each image, or None
    cell : float, an image's side in inches

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, or there are fewer labels or notes
        than images.
    """
    _check_grid(rows, title, row_labels, column_labels, notes, cell)
    columns = max(len(row) for row in rows)
    left = 0.16 + 0.075 * max(map(_longest_line, row_labels)) if row_labels else 0.1
    note = 0.17 if notes else 0.0
    head = 0.36 + 0.16 * title.count("\n")
    top = 0.05 + (0.19 * (1 + max(c.count("\n") for c in column_labels)) if column_labels else 0)
    width = left + columns * (cell + 0.05) + 0.1
    height = head + top + len(rows) * (cell + 0.05 + note) + 0.05
    with plt.rc_context(STYLE):
        fig = plt.figure(figsize=(width, height))
        fig.text(0.5, 1 - 0.08 / height, title, ha="center", va="top", fontsize=10, weight="bold")
        for r, images in enumerate(rows):
            y = height - head - top - (r + 1) * (cell + 0.05 + note) + note + 0.05
            for c, image in enumerate(images):
                x = left + c * (cell + 0.05)
                ax = fig.add_axes((x / width, y / height, cell / width, cell / height))
                show_image(ax, image)
                if notes:
                    ax.text(0.5, -0.03, notes[r][c], transform=ax.transAxes, ha="center", va="top",
                            fontsize=7)  # fmt: skip
                if column_labels and r == 0:
                    ax.set_title(column_labels[c], fontsize=8, pad=3)
            if row_labels:
                fig.text((left - 0.08) / width, (y + cell / 2) / height, row_labels[r],
                         ha="right", va="center", fontsize=8.5)  # fmt: skip
    return fig


def show_image(ax, image):
    """Draw a float tensor (C, H, W) in [0, 1] on `ax`, without axes; C is 1 or 3.

    Raises
    ------
    TypeError, ValueError : if it is no such image, or a value is NaN.
    """
    validation.kinds(plt.Axes, "Axes of Matplotlib", ax=ax)
    validation.tensors("C H W", any_device=True, image=image)
    if image.shape[0] not in (1, 3):
        raise ValueError(f"image must have 1 or 3 channels, got {validation.describe(image)}")
    pixels = image.detach().float().clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    ax.imshow(pixels.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="lanczos")
    ax.set_axis_off()


def curves(
    histories,
    title,
    ylabel="loss",
    columns=("train_loss", "val_loss"),
    line=None,
    scale="log",
):
    """Learning curves of one or several trainings.

    Parameters
    ----------
    histories : dict of name -> DataFrame as `fit` returns it, one to seven
    title, ylabel : str
    columns : one to three of a history's columns to draw: solid, dashed, dotted
    line : (name, value) of a level to compare with, or None
    scale : "log" or "linear", of the loss's axis

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, or a history has no such column.
    """
    _check_curves(histories, title, ylabel, columns, line)
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
        for colour, (name, history) in zip(COLOURS, histories.items(), strict=False):
            for column, style in zip(columns, ("-", "--", ":"), strict=False):
                what = column.replace("_", " ").replace("val", "held-out")
                label = f"{name}: {what}" if name else what
                ax.plot(history["epoch"], history[column], style, color=colour, label=label)
        if line is not None:
            ax.axhline(line[1], color="black", linestyle="-.", linewidth=1, label=line[0])
        ax.set(title=title, xlabel="epoch", ylabel=ylabel, yscale=scale)
        ax.legend(fontsize=8)
    return fig


def frontiers(tables, title, x_columns, y, label):
    """What each method pays, in several currencies, for the same success.

    Parameters
    ----------
    tables : dict of name -> DataFrame, a row a setting, in order; one to seven
    title : str
    x_columns : the columns that say what it costs, a panel each
    y : the column that says how well it works, in shares of 1
    label : the column whose values are written beside the last method's points

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError : if an argument is none of these, or a table has no such column.
    """
    validation.texts(title=title, y=y, label=label)
    if not isinstance(x_columns, (tuple, list)) or not x_columns:
        raise ValueError(
            f"x_columns must be a list of columns, got {validation.describe(x_columns)}"
        )
    if not isinstance(tables, dict) or not 1 <= len(tables) <= len(COLOURS):
        raise ValueError(f"tables must be a dict of 1 to {len(COLOURS)} DataFrames")
    for name, table in tables.items():
        validation.kinds(pd.DataFrame, "a dict of DataFrames", tables=table)
        for column in (*x_columns, y, label):
            if column not in table:
                raise ValueError(
                    f"x_columns, y and label must be columns of all tables, {name!r} has no "
                    f"{column!r}"
                )
    with plt.rc_context(STYLE):
        fig, axes = plt.subplots(
            1, len(x_columns), figsize=(3.6 * len(x_columns), 3.4), sharey=True, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for ax, x in zip(axes[0], x_columns, strict=True):
            for colour, marker, (name, table) in zip(
                COLOURS, "osD^vPX", tables.items(), strict=False
            ):
                ax.plot(table[x], table[y], marker=marker, color=colour, label=name, markersize=4)
            for _, row in table.iterrows():
                ax.annotate(f"{row[label]:g}", (row[x], row[y]), fontsize=6, color=colour,
                            xytext=(3, -7), textcoords="offset points")  # fmt: skip
            ax.set(xlabel=x)
        fig.suptitle(title, fontsize=10, weight="bold")
        axes[0, 0].set(ylabel=y)
        axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1))
        axes[0, -1].legend(fontsize=8, loc="lower right")
    return fig


def by_latent_dim(errors, title, yardstick="PCA"):
    """Held-out errors by the length of the code, and as shares of one method's.

    Parameters
    ----------
    errors : dict of name -> dict of latent_dim (int, or a str of one) -> error above 0; one to
        seven names, all with the same latent_dim
    title : str
    yardstick : str, the name that the others are divided by

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError : if an argument is none of these.
    """
    validation.texts(title=title, yardstick=yardstick)
    validation.kinds(dict, "a dict of dicts", errors=errors)
    if not 1 <= len(errors) <= len(COLOURS) or yardstick not in errors:
        raise ValueError(
            f"errors must be of {yardstick!r} and up to six others, got {list(errors)}"
        )
    for name, found in errors.items():
        validation.kinds(dict, "a dict of latent_dim -> error", **{f"errors[{name!r}]": found})
        if not found or found.keys() != errors[yardstick].keys():
            raise ValueError(
                f"errors[{name!r}] must have the latent_dim {list(errors[yardstick])}, "
                f"got {list(found)}"
            )
        for size, error in found.items():
            validation.numbers(1e-30, np.inf, **{f"errors[{name!r}][{size!r}]": error})
    sizes = [int(size) for size in errors[yardstick]]
    with plt.rc_context(STYLE):
        fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
        for (name, found), marker in zip(errors.items(), "osD^vPX", strict=False):
            shares = [error / errors[yardstick][size] for size, error in found.items()]
            left.plot(sizes, list(found.values()), marker=marker, label=name)
            right.plot(sizes, shares, marker=marker)
        left.set(yscale="log", ylabel="test MSE")
        right.set(ylabel=f"test MSE, share of {yardstick}'s")
        for ax in (left, right):
            ax.set(xscale="log", xlabel="numbers in the code")
            ax.set_xticks(sizes, [str(size) for size in sizes])
            ax.minorticks_off()
        left.legend()
        fig.suptitle(title, weight="bold")
    return fig


def save(fig, path):
    """Write a figure as a PNG of 150 dpi and at most 256 colours, and show it.

    The palette keeps a page of faces under 500 kB; it is dithered where there is room for that.
    What a notebook shows, and keeps, is a smaller JPEG of the same picture, so that the notebook
    stays under 3 MB. Of several processes only the first does anything.

    Raises
    ------
    TypeError : if it is no figure, or no path.
    OSError : if it cannot be written; what was there before is still there.
    """
    validation.kinds(plt.Figure, "a Figure of Matplotlib", fig=fig)
    validation.paths(path=path)
    if not is_first():
        plt.close(fig)
        return
    buffer = io.BytesIO()
    fig.savefig(buffer, dpi=DPI, format="png")
    plt.close(fig)
    picture = Image.open(buffer).convert("RGB")
    every_third = Image.fromarray(np.asarray(picture)[::3, ::3])  # as good, and ten times as fast
    colours = every_third.quantize(256, kmeans=2)
    palette = np.array(colours.getpalette()).reshape(-1, 3)
    palette[palette.sum(1).argmax()] = 255  # k-means has made the paper a little grey
    colours.putpalette(palette.flatten().tolist())
    dithered = picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG)
    with replacing(path) as part:
        dithered.save(part, optimize=True)
        if part.stat().st_size > MAX_BYTES:
            plain = picture.quantize(palette=colours, dither=Image.Dither.NONE)
            plain.save(part, optimize=True)
    _show(picture, path)


def show_saved(path):
    """Show a figure that an earlier run saved, as `save` would have shown it.

    Raises
    ------
    TypeError : if it is no path.
    FileNotFoundError : if there is none.
    """
    validation.paths(path=path)
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no figure {path}: run the cell that draws it")
    with Image.open(path) as picture:
        _show(picture.convert("RGB"), path)


def _show(picture, path):
    if get_ipython() is None:
        return
    shown = io.BytesIO()
    picture.thumbnail((SHOWN_WIDTH, 10 * SHOWN_WIDTH), Image.Resampling.LANCZOS)
    picture.save(shown, format="jpeg", quality=82)
    display(IPythonImage(shown.getvalue(), format="jpeg", alt=Path(path).stem))


def _check_grid(rows, title, row_labels, column_labels, notes, cell):
    validation.texts(title=title)
    validation.numbers(0.1, 20, cell=cell)
    kinds = (list, tuple, torch.Tensor)
    if not isinstance(rows, kinds) or not len(rows) or not all(
        isinstance(row, kinds) and len(row) for row in rows
    ):  # fmt: skip
        raise ValueError(f"rows must hold rows of images, got {validation.describe(rows)}")
    lengths = [len(row) for row in rows]
    for name, labels, count in (
        ("row_labels", row_labels, len(rows)),
        ("column_labels", column_labels, lengths[0]),
    ):
        if labels is not None and not _are_texts(labels, count):
            wanted = f"{name} must be at least {count} of str, or None"
            raise ValueError(f"{wanted}, got {validation.describe(labels)}")
    if notes is not None:
        fit = isinstance(notes, (list, tuple)) and len(notes) >= len(rows)
        if not fit or not all(map(_are_texts, notes, lengths)):
            raise ValueError(
                f"notes must be a str for each of {lengths} images, or None, "
                f"got {validation.describe(notes)}"
            )


def _are_texts(labels, count):
    try:
        return len(labels) >= count and all(isinstance(label, str) for label in labels)
    except TypeError:
        return False


def _check_curves(histories, title, ylabel, columns, line):
    validation.texts(title=title, ylabel=ylabel)
    validation.kinds(dict, "a dict of DataFrames", histories=histories)
    if not 1 <= len(histories) <= len(COLOURS):
        raise ValueError(f"histories must be 1 to {len(COLOURS)}, got {len(histories)}")
    validation.kinds((tuple, list), "a tuple of names of columns", columns=columns)
    if not 1 <= len(columns) <= 3:
        raise ValueError(f"columns must be 1 to 3, got {len(columns)}")
    for name, history in histories.items():
        validation.kinds(pd.DataFrame, "a DataFrame", **{f"histories[{name!r}]": history})
        missing = [column for column in ("epoch", *columns) if column not in history]
        if missing:
            raise ValueError(f"histories[{name!r}] must have the columns {missing}, got "
                             f"{list(history)}")  # fmt: skip
    if line is not None:
        validation.kinds(tuple, "(name, value) or None", line=line)
        if len(line) != 2:
            raise ValueError(f"line must be (name, value) or None, got {line!r}")
        validation.texts(**{"line[0]": line[0]})
        validation.numbers(-np.inf, np.inf, **{"line[1]": line[1]})


def _longest_line(text):
    return max(len(line) for line in text.split("\n"))
