"""Drawings of networks, with the sizes of what flows through them."""

import matplotlib.pyplot as plt

from helpers.figures.plots import STYLE


def unet_drawing(width=16, latent_dim=128, size=64):
    """The UNet of the notebooks as a Figure: its levels' sizes, skips, and where a code enters.

    `width` are the channels at half the `size` of the image in pixels; they double downwards.
    """
    left = [(0, 0, f"input\n3 x {size} x {size}")]
    for i, x in enumerate((0.95, 1.9, 2.85, 4.2)):
        left.append((x, -1 - i, f"{width << i} x {size >> i + 1} x {size >> i + 1}"))
    right = [(8.4, 0, f"input + change\n3 x {size} x {size}")]
    right += [(8.4 - x, y, words) for x, y, words in left[1:]]
    down = ["convolution, stride 2"] + 3 * ["pooling, two convolutions"]
    up = ["transposed convolution,\nconvolution"] + 3 * [
        "transposed convolution,\ntwo convolutions"
    ]
    skips = ["skip: concatenated, and added"] + 3 * ["skip: concatenated"]
    box = {"boxstyle": "round,pad=0.5", "edgecolor": "#0072b2", "facecolor": "#e8f1f8"}
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(9.5, 4.6), layout="constrained")
        ax.set(xlim=(-0.9, 9.3), ylim=(-5.3, 0.4), title="A UNet: channels x height x width")
        ax.set_axis_off()

        def arrow(start, end, words, shift=0.0, gap=20, line="-"):
            look = {"arrowstyle": "-|>", "color": "#555555", "linestyle": line}
            ax.annotate("", end[:2], start[:2], arrowprops=look | {"shrinkA": gap, "shrinkB": gap})
            x, y = (start[0] + end[0]) / 2 + shift, (start[1] + end[1]) / 2
            side = "left" if shift > 0 else "right" if shift else "center"
            ax.text(x, y, words, ha=side, va="center" if shift else "bottom", fontsize=8)

        for i in range(4):
            arrow(left[i], left[i + 1], down[i], shift=-0.25)
            arrow(right[i + 1], right[i], up[i], shift=0.3)
            arrow(left[i], right[i], skips[i], gap=48, line="--")
        code = (4.2, -5, f"code: {latent_dim}")
        arrow(code, left[4], "linear, added", shift=0.15, gap=13)
        for x, y, words in {*left, *right, code}:
            ax.text(x, y, words, ha="center", va="center", bbox=box)
    return fig
